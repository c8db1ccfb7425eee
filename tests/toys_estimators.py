"""Small stand-ins for detectors, whose physics is simple enough to know the answer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsefront.events.container import EventTable, Quantity

PITCH_MM = 6.0
THICKNESS_MM = 16.0


def sensor_grid() -> NDArray[np.float64]:
    """Return the centres of 8 × 8 photosensors, (64, 2) mm."""
    centre = (np.arange(8) - 3.5) * PITCH_MM
    x, y = np.meshgrid(centre, centre, indexing="ij")
    return np.column_stack([x.ravel(), y.ravel()])


def light_fractions(position_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of photons per photosensor: a solid angle over a uniform floor."""
    distance = (THICKNESS_MM - position_mm[:, 2:]) + 1.0
    across = ((position_mm[:, None, :2] - sensor_grid()) ** 2).sum(axis=2)
    light = distance * (distance**2 + across) ** -1.5 + 2e-4
    return light / light.sum(axis=1, keepdims=True)


def light_scan(
    events: int, positions_mm: NDArray[np.float64], seed: int, photons: int = 3000
) -> tuple[NDArray[np.uint16], NDArray[np.float64]]:
    """Return charges (event, 64) and positions (event, 3) of a scan over stage positions."""
    random = np.random.default_rng(seed)
    stage = positions_mm[random.integers(0, len(positions_mm), events)]
    depth = random.uniform(0, THICKNESS_MM, events)
    position = np.column_stack([stage, depth])
    charges = random.poisson(photons * light_fractions(position))
    return charges.astype(np.uint16), position


def stage_grid(step_mm: float, reach_mm: float) -> NDArray[np.float64]:
    """Return the stage positions of a square scan, (position, 2) mm."""
    line = np.arange(-reach_mm, reach_mm + step_mm / 2, step_mm)
    x, y = np.meshgrid(line, line, indexing="ij")
    return np.column_stack([x.ravel(), y.ravel()])


def pulse_pairs(
    events: int,
    seed: int,
    *,
    interval_ns: float = 0.5,
    samples: int = 96,
    jitter_ns: float = 0.05,
    noise_adc: float = 2.0,
    spread: float = 0.0,
) -> tuple[NDArray[np.uint16], NDArray[np.float64]]:
    """Return waveforms (event, 2, sample) and the known t0 − t1 (event,) of stepped offsets."""
    random = np.random.default_rng(seed)
    known = random.choice(np.linspace(-0.6, 0.6, 7), events)
    start = 16 + random.uniform(0, interval_ns, events)
    arrival = np.column_stack([start + known / 2, start - known / 2])
    arrival += random.normal(0, jitter_ns / np.sqrt(2), (events, 2))
    time = np.arange(samples) * interval_ns
    since = np.maximum(time - arrival[:, :, None], 0)
    shape = (1 - np.exp(-since / 2.5)) ** 3 * np.exp(-since / 12.0)
    height = 1200 * np.exp(random.normal(0, spread, (events, 2, 1)))
    level = 100 + height * shape + random.normal(0, noise_adc, (events, 2, samples))
    return np.clip(np.rint(level), 0, 4095).astype(np.uint16), known


def light_events(count: int, seed: int = 7) -> EventTable:
    """Return light on 8 × 8 photosensors over a stage grid; no light map is traced for it."""
    charges, position = light_scan(count, stage_grid(6.0, 18.0), seed)
    columns = {
        # The detector counts photosensors along x first.
        "charge_adc": charges.reshape(-1, 8, 8).transpose(0, 2, 1).reshape(-1, 64),
        "stage_position_mm": position[:, :2].astype(np.float32),
        "first_interaction_mm": position.astype(np.float32),
        "depth_mm": position[:, 2].astype(np.float32),
        "grid_index": np.rint(position[:, :2] / 6.0).astype(np.int16),
        "element": np.zeros(len(charges), np.int16),
    }
    return EventTable(columns, {name: Quantity("1", name) for name in columns})
