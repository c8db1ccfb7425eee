"""Small synthetic detectors for the tests of networks and search: no simulation needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def light_response(
    events: int, *, channels: int = 8, seed: int = 0, photons: float = 1500.0
) -> tuple[NDArray[np.uint16], NDArray[np.float64]]:
    """Return counts (event, channels²) and positions (event, xyz) of a toy monolithic crystal.

    Each photosensor sees the solid angle of an isotropic flash at (x, y, depth) in a
    50×50×16 mm block; photon numbers are Poisson.
    """
    random = np.random.default_rng(seed)
    position = np.stack(
        [
            random.uniform(-23, 23, events),
            random.uniform(-23, 23, events),
            np.minimum(random.exponential(11.5, events), 15.0),
        ],
        axis=1,
    )
    pitch = 50.0 / channels
    centre = (np.arange(channels) - (channels - 1) / 2) * pitch
    x = np.tile(centre, channels)
    y = np.repeat(centre, channels)
    height = 17.0 - position[:, 2:3]
    squared = (position[:, :1] - x) ** 2 + (position[:, 1:2] - y) ** 2 + height**2
    share = pitch**2 * height / (4 * np.pi * squared**1.5)
    energy = random.normal(1.0, 0.04, (events, 1))
    counts = random.poisson(photons * 4 * share * energy + 2.0)
    return np.clip(counts, 0, 4095).astype(np.uint16), position


@dataclass(frozen=True)
class Coincidences:
    """Aligned windows (event, 2, sample), coarse times (event, 2), known difference, all in ns."""

    windows: NDArray[np.uint16]
    coarse_ns: NDArray[np.float64]
    known_ns: NDArray[np.float64]
    offset: NDArray[np.int64]


def coincidences(
    events: int, *, samples: int = 12, seed: int = 0, interval_ns: float = 1.0
) -> Coincidences:
    """Return digitized bi-exponential pulses of a toy pair with a source at 9 offsets."""
    random = np.random.default_rng(seed)
    offset = random.integers(-4, 5, events)
    known = offset * 0.0667 * 2
    start = random.uniform(0.0, interval_ns, events) + 20.0 * interval_ns
    arrival = np.stack([start + known / 2, start - known / 2], axis=1)
    arrival += random.normal(0.0, 0.03, arrival.shape)
    grid = np.arange(48) * interval_ns
    since = np.clip(grid - arrival[..., None], 0.0, None)
    energy = random.normal(1.0, 0.05, (events, 2, 1))
    pulse = energy * (np.exp(-since / 40.0) - np.exp(-since / 3.0)) * 3000.0
    pulse = pulse + random.normal(0.0, 6.0, pulse.shape) + 200.0
    counts = np.clip(np.round(pulse), 0, 4095).astype(np.uint16)
    above = (counts > 400).argmax(-1)
    first = above - samples // 3
    windows = np.take_along_axis(counts, first[..., None] + np.arange(samples), axis=-1)
    return Coincidences(windows, above * interval_ns, known, offset)
