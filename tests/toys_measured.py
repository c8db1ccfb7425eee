"""Hits and events with known gains and offsets planted in them; small sets of scans."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from pulsefront.events.container import EventTable, Quantity
from pulsefront.events.readers.base import EventFile
from strategies_events import pulses, wavedump_bytes


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


def walking(events: int = 20_000) -> EventTable:
    """Return leading edges of two channels that walk by 2 and 1 ns over a factor of four."""
    random = np.random.default_rng(6)
    charge = np.stack([sodium(random, events) / gain for gain in (2.0, 1.5)], axis=1)
    charge = np.maximum(charge, 5.0)
    heights = charge * np.array([0.3, 0.5])
    late = np.array([2.0, 1.0]) * np.sqrt(60.0 / heights)
    times = random.normal(50, 5, (events, 1)) + random.normal(0, 0.05, (events, 2)) + late
    times += np.array([0.4, -0.2])
    return made(charge_adc=charge, amplitude_adc=heights, leading_edge_ns=times)


MAPPING = """
[columns.charge_adc]
source = "q*"
unit = "ADC counts"
description = "charge per photosensor"
"""


def position_set(folder: Path, *, runs: int = 3, size: int = 5, detectors: int = 1) -> Path:
    """Write a scan of size × size positions in every run, as CSV files and a manifest."""
    random = np.random.default_rng(0)
    (folder / "charges.toml").write_text(MAPPING)
    lines = ['kind = "position"', 'mapping = "charges.toml"']
    for run in range(runs):
        for ix in range(size):
            for iy in range(size):
                name = f"r{run}_{ix}_{iy}.csv"
                charges = random.integers(0, 4000, (4, 8))
                pd.DataFrame(charges, columns=[f"q{i}" for i in range(8)]).to_csv(
                    folder / name, index=False
                )
                lines += [
                    "[[scan]]",
                    f'files = ["{name}"]',
                    f"stage_position_mm = [{ix * 2.0 - 4}, {iy * 2.0 - 4}]",
                    "stage_uncertainty_mm = 0.02",
                    'source = "Na-22"',
                    "duration_s = 60",
                    f'detector_id = "block {run % detectors}"',
                    f'run = "run {run}"',
                ]
    path = folder / "manifest.toml"
    path.write_text("\n".join(lines))
    return path


def timing_set(folder: Path, offsets: tuple[float, ...] = (-5.0, 0.0, 5.0)) -> Path:
    """Write coincidences at stepped source offsets as WaveDump pairs and a CSV manifest."""
    lines = ["file,source_offset_mm,stage_uncertainty_mm,source,duration_s,detector_id,run"]
    for number, offset in enumerate(offsets):
        names = []
        for channel in (0, 1):
            name = f"o{number}_wave{channel}.dat"
            waves = pulses(6, seed=number).astype(np.uint16)
            (folder / name).write_bytes(wavedump_bytes(waves, channel=channel))
            names.append(name)
        lines.append(f"{names[0]}; {names[1]},{offset},0.1,Na-22,60,pair,run {number}")
    path = folder / "manifest.csv"
    path.write_text("\n".join(lines) + "\n")
    return path
