"""Spots of light on an array of 8 × 8 photosensors, drawn without a simulation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["spots"]


def spots(
    events: int,
    seed: int,
    *,
    gains: NDArray[np.floating] | float = 1.0,
    light: float = 1.0,
    half_mm: float = 22.0,
) -> tuple[NDArray[np.uint16], NDArray[np.float64]]:
    """Return charges (event, 64) and the places of the light, (event, 2) in mm.

    Photons are Poisson numbers, of one count each; the light of an event varies by 3 %. A third of
    the events lose some of their energy. The source covers ± *half_mm*.
    """
    rng = np.random.default_rng(seed)
    centres = np.array([(x, y) for y in range(8) for x in range(8)]) * 6.0 - 21.0
    place = rng.uniform(-half_mm, half_mm, (events, 2))
    depth = rng.uniform(4, 14, (events, 1))
    square = ((place[:, None] - centres) ** 2).sum(axis=2)
    shape = (1 + square / depth**2) ** -1.5 + 0.05
    kept = np.where(rng.random((events, 1)) < 0.33, rng.uniform(0.5, 0.9, (events, 1)), 1.0)
    photons = 7800 * light * kept * rng.normal(1, 0.03, (events, 1))
    share = shape / shape.sum(axis=1, keepdims=True)
    charge = 1.0 * rng.poisson(photons * share) * gains + rng.normal(0, 3, (events, 64))
    return np.clip(charge + 0.5, 0, 4095).astype(np.uint16), place
