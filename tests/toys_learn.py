"""A block with 16 photosensors whose light is a formula, and pairs of pulses, for `learn`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CENTRES = np.array([(x, y) for y in (-9.0, -3.0, 3.0, 9.0) for x in (-9.0, -3.0, 3.0, 9.0)])

Scan = tuple[NDArray[np.integer], NDArray[np.float64], NDArray[np.int64]]


def scan(events: int = 3000, seed: int = 1) -> Scan:
    """Return charges (event, 16), positions (event, 3) in mm, and the position's number."""
    random = np.random.default_rng(seed)
    grid = np.array([(x, y) for x in np.arange(-8.0, 9.0, 2.0) for y in np.arange(-8.0, 9.0, 2.0)])
    group = random.integers(0, len(grid), events)
    depth = random.uniform(1.0, 9.0, events)
    distance = ((grid[group][:, None] - CENTRES) ** 2).sum(axis=2)
    height = (10.0 - depth)[:, None]
    light = height / (distance + height**2 + 4.0) ** 1.5
    mean = 4000.0 * light / light.sum(axis=1, keepdims=True)
    return random.poisson(mean), np.column_stack([grid[group], depth]), group


def pairs(events: int = 2000, seed: int = 1) -> Scan:
    """Return waveforms (event, 2, 40) at 1 ns, known differences in ns, and the offset's number."""
    random = np.random.default_rng(seed)
    offset = random.integers(0, 9, events)
    known = 0.05 * (offset - 4.0)
    start = random.uniform(12.0, 13.0, events)
    late = np.stack([start + known, start], axis=1) + random.normal(0.0, 0.02, (events, 2))
    since = np.arange(40.0) - late[:, :, None]
    after = np.clip(since, 0.0, None)
    pulse = np.where(since > 0, np.exp(-after / 20.0) - np.exp(-after / 1.5), 0.0)
    height = random.uniform(500.0, 700.0, (events, 2, 1))
    return (
        np.rint(100.0 + height * pulse + random.normal(0, 1.0, pulse.shape)).astype(int),
        known,
        offset,
    )
