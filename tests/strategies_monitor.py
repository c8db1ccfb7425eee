"""Charges of a small block of photosensors, for tests of monitoring."""

from __future__ import annotations

import numpy as np

from pulsefront.fixed_point import Dense, FixedPointFormat, FixedPointModel, Input
from pulsefront.fixed_point.fold import Mirrors
from pulsefront.fixed_point.preparation import ChargePreparation
from pulsefront.monitor import Profile, WatchedEvents, make_profile

SIDE = 4
CHARGE = FixedPointFormat(14, 14, signed=False)


def charges(events: int, seed: int, gains=1.0, light: float = 1.0) -> np.ndarray:
    """Return integer charges (event, 16): light shared by the inverse square, counted."""
    rng = np.random.default_rng(seed)
    centres = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), -1).reshape(-1, 2)
    place = rng.uniform(-0.3, SIDE - 0.7, (events, 2))
    distance = ((place[:, np.newaxis] - centres) ** 2).sum(axis=2)
    shares = 1.0 / (0.5 + distance)
    photons = rng.normal(2000.0 * light, 80.0 * light, events)[:, np.newaxis]
    counted = rng.poisson(photons * shares / shares.sum(axis=1, keepdims=True))
    return np.rint(4.0 * counted * gains).astype(np.int64)


def narrow_charges(events: int, seed: int, gains=1.0) -> np.ndarray:
    """Return charges of light that falls off so fast that most photosensors see next to none."""
    rng = np.random.default_rng(seed)
    centres = np.stack(np.meshgrid(np.arange(SIDE), np.arange(SIDE)), -1).reshape(-1, 2)
    place = rng.uniform(-0.3, SIDE - 0.7, (events, 2))
    distance = ((place[:, np.newaxis] - centres) ** 2).sum(axis=2)
    return np.rint(rng.poisson(650.0 * np.exp(-distance)) * gains).astype(np.int64)


def batch(events: int = 5000, seed: int = 1, flagged: int = 0, **changes) -> WatchedEvents:
    """Return a batch of such charges with its spectrum."""
    found = charges(events, seed, **changes)
    sums = found.sum(axis=1).astype(np.float64)
    return WatchedEvents(found, {"photopeak": sums}, {"flagged events": (flagged, events)})


def folded_batch(events: int = 5000, seed: int = 1, **changes) -> WatchedEvents:
    """Return a batch whose inputs are folded and brought to one sum, as some studies read them."""
    found = charges(events, seed, **changes)
    prepared = ChargePreparation(14, 8192, Mirrors(SIDE, SIDE))
    sums = found.sum(axis=1).astype(np.float64)
    return WatchedEvents(prepared.apply(found), {"photopeak": sums}, charges=found)


def anger() -> FixedPointModel:
    """Return a network of two weighted sums."""
    weights = np.stack([np.arange(16) % SIDE, np.arange(16) // SIDE], axis=1)
    layer = Dense("position", ("charge",), weights, FixedPointFormat(3, 3))
    return FixedPointModel(
        name="anger",
        inputs=(Input("charge", (16,), CHARGE),),
        layers=(layer,),
        outputs=("position",),
    )


def profile(events: int = 20_000, seed: int = 0, **changes) -> Profile:
    """Return the profile of `anger` on such charges."""
    names = tuple(f"channel {k}" for k in range(16))
    return make_profile(
        anger(), batch(events, seed, **changes), input_names=names, output_names=("x", "y")
    )
