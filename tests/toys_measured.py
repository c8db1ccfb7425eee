"""Hits and events with known gains and offsets planted in them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pulsefront.events.container import EventTable, Quantity
from pulsefront.events.readers.base import EventFile


def file_of(table: EventTable) -> EventFile:
    def stream(events: int) -> Iterator[EventTable]:
        for start in range(0, len(table), events):
            yield table.select(slice(start, start + events))

    return EventFile(Path("run"), "made", table.quantities, {"events": len(table)}, 40, stream)


def made(**columns: np.ndarray) -> EventTable:
    return EventTable(columns, {name: Quantity("1", name) for name in columns})


def sodium(random: np.random.Generator, events: int) -> np.ndarray:
    """Return energies in keV of a ²²Na source, 12 % FWHM at 511 keV."""
    line = np.where(random.random(events) < 0.8, 511.0, 1274.5)
    edge = np.where(line < 600, 340.7, 1061.7)
    energy = np.where(random.random(events) < 0.4, line, random.uniform(30, edge))
    return random.normal(energy, 0.12 / 2.355 * np.sqrt(511 * line))


GAINS = np.array([2.0, 1.7, 2.4, 1.1])


OFFSETS_NS = np.array([0.30, -0.10, -0.45, 0.25])


def hits(events: int = 60_000) -> EventTable:
    """Return coincidences of channels 0, 1 with channels 2, 3."""
    random = np.random.default_rng(3)
    channel = np.stack([random.integers(0, 2, events), random.integers(2, 4, events)], axis=1)
    energy = np.stack([sodium(random, events) for _ in range(2)], axis=1) / GAINS[channel]
    start = np.cumsum(random.integers(10**6, 10**7, events))[:, None]
    jitter = random.normal(0, 0.1, (events, 2))
    time = start + np.rint(1000 * (OFFSETS_NS[channel] + jitter)).astype(np.int64)
    return made(
        time_ps=time.astype(np.uint64),
        time_difference_ps=time[:, 0] - time[:, 1],
        energy=energy.astype(np.float32),
        channel=channel.astype(np.int32),
    )
