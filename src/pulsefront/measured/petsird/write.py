"""Pairs of two detectors written as PETSIRD list mode, block by block.

Memory holds the pairs of one time block, of which there are at most `MOST_PER_BLOCK`: a fuller one
becomes several with the same interval. Intervals without a pair have no block.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import Detector
from pulsefront.errors import ConfigError, DataError
from pulsefront.events.clock import CLOCK_STRETCH
from pulsefront.events.container import EventTable
from pulsefront.events.readers.base import EventFile
from pulsefront.extras import require
from pulsefront.files import atomic_path
from pulsefront.measured.petsird.columns import (
    PairColumns,
    check_sides,
    elements_of,
    find_columns,
    only_first_hits,
    simulated_with,
)
from pulsefront.measured.petsird.scanner import LIGHT_MM_PER_PS, PairBins, header_of
from pulsefront.measured.petsird.settings import PetsirdSettings, bins_of, simulated_distance_mm
from pulsefront.progress import Report, silent

__all__ = ["PetsirdSummary", "write_petsird"]

MOST_PER_BLOCK = 100_000
DISORDER_MS = 10
LATEST_MS = (1 << 32) - 1


@dataclass
class PetsirdSummary:
    """What was written.

    Attributes
    ----------
    columns
        The columns that were used.
    bins
        Edges of the bins.
    events, blocks
        How many there are.
    left_out
        Reason → pairs.
    """

    columns: PairColumns
    bins: PairBins
    events: int = 0
    blocks: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


def write_petsird(
    source: EventFile,
    detectors: tuple[Detector, Detector],
    out: str | Path,
    settings: PetsirdSettings,
    *,
    report: Report = silent,
) -> PetsirdSummary:
    """Write the pairs of *source* to the file *out*, which appears whole or not at all.

    It is binary, or NDJSON where its name ends in ``.ndjson``. Of a coincidence side 1 stands
    first, as the order of detection bins asks for.

    Raises
    ------
    ToolMissing
        The package petsird is not installed.
    ConfigError
        Something that the file needs is not known, or does not fit the detectors.
    DataError
        The pairs lack energies, time differences or elements; their clock starts anew; or the
        source is damaged.
    """
    require("petsird", needed_for="writing PETSIRD")
    import petsird

    distance_mm = settings.distance_mm or simulated_distance_mm(source)
    columns = find_columns(
        source,
        energy=settings.energy_column,
        difference=settings.difference_column,
        energy_bins=settings.energy_bins,
    )
    if columns.time is None and settings.rate_per_s is None:
        raise ConfigError(
            "the pairs have no times",
            file=source.path,
            field="--rate-per-s",
            remedy="say at which rate they shall come",
        )
    check_sides(settings.channels, [d.crystal.element_count for d in detectors])
    summary = PetsirdSummary(columns, bins_of(source, settings, distance_mm))
    simulated = simulated_with(source.provenance) is not None
    header = header_of(
        detectors,
        summary.bins,
        distance_mm=distance_mm,
        ctr_fwhm_ps=settings.ctr_fwhm_ps,
        energy_resolution=settings.energy_resolution,
        only_pairs=simulated or "coincidence_window_ns" in source.provenance,
    )
    binary = Path(out).suffix != ".ndjson"
    writer_of = petsird.BinaryPETSIRDWriter if binary else petsird.NDJsonPETSIRDWriter
    writing = _Writing(source, detectors, settings, summary)
    with atomic_path(out) as temporary:
        with writer_of(str(temporary)) as writer:
            writer.write_header(header)
            writer.write_time_blocks(writing.blocks(report))
        if not summary.events:
            told = ", ".join(f"{count:,} {why}" for why, count in summary.left_out.items())
            raise DataError(
                "holds no pair to write",
                file=source.path,
                value=f"left out: {told}" if told else None,
            )
    return summary


class _Writing:
    """One pass over the pairs."""

    def __init__(
        self,
        source: EventFile,
        detectors: tuple[Detector, Detector],
        settings: PetsirdSettings,
        summary: PetsirdSummary,
    ) -> None:
        self.source = source
        self.settings = settings
        self.summary = summary
        self.elements = [detector.crystal.element_count for detector in detectors]
        self.alike = detectors[0] is detectors[1] or detectors[0] == detectors[1]
        self.read = 0
        self.latest = 0
        self.stretch: int | None = None
        self.waiting: list[NDArray[np.int64]] = []
        self.interval: int | None = None

    def blocks(self, report: Report) -> Iterator[Any]:
        """Yield time blocks as petsird writes them."""
        for table in self.source.reported(report):
            if len(table):
                yield from self._of(table)
        yield from self._close()

    def _of(self, table: EventTable) -> Iterator[Any]:
        intervals = self._intervals(table)
        pairs, kept = self._pairs(table)
        pairs, intervals = pairs[kept], intervals[kept]
        edges = [0, *(np.flatnonzero(np.diff(intervals)) + 1), len(intervals)]
        for start, stop in pairwise(edges):
            if start == stop:
                continue
            if int(intervals[start]) != self.interval:
                yield from self._close()
                self.interval = int(intervals[start])
            for begin in range(start, stop, MOST_PER_BLOCK):
                self.waiting.append(pairs[begin : min(begin + MOST_PER_BLOCK, stop)])
                if sum(map(len, self.waiting)) >= MOST_PER_BLOCK:
                    yield from self._close()

    def _intervals(self, table: EventTable) -> NDArray[np.int64]:
        """Return the number of the interval of each pair; it never falls."""
        self._check_stretch(table)
        time_ms = self.summary.columns.time_ms(table)
        if time_ms is None or self.settings.rate_per_s is not None:
            rate = self.settings.rate_per_s or 1.0
            time_ms = (1000 * (self.read + np.arange(len(table))) / rate).astype(np.int64)
        highest = np.maximum.accumulate(np.concatenate([[self.latest], time_ms]))[1:]
        back = highest - time_ms > DISORDER_MS
        if back.any() or time_ms.min() < 0 or highest[-1] > LATEST_MS - self.settings.block_ms:
            first = int(np.argmax(back | (time_ms < 0) | (highest > LATEST_MS)))
            raise DataError(
                "time runs backward, or beyond 49 days",
                file=self.source.path,
                field=f"{self.summary.columns.time} of pair {self.read + first}",
                value=f"{time_ms[first]} ms",
                remedy="write each run from a store of its own",
            )
        self.latest = int(highest[-1])
        self.read += len(table)
        return np.asarray(highest // self.settings.block_ms)

    def _check_stretch(self, table: EventTable) -> None:
        stretches = table.columns.get(CLOCK_STRETCH)
        if stretches is None or self.settings.rate_per_s is not None:
            return
        numbers = stretches.reshape(-1)
        first = int(numbers[0]) if self.stretch is None else self.stretch
        if (numbers != first).any():
            raise DataError(
                "the clock starts anew among the pairs",
                file=self.source.path,
                field=CLOCK_STRETCH,
                remedy="write each run from a store of its own, or say --rate-per-s",
            )
        self.stretch = first

    def _pairs(self, table: EventTable) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return (event, 3) detection bins of sides 1 and 0 and bin of time, and which are kept."""
        bins, columns = self.summary.bins, self.summary.columns
        energies = columns.energies_kev(table)
        energy = np.zeros((len(table), 2), np.int64)
        if energies is not None:
            energy = _bin_of(energies, bins.energy_kev)
        # Side 1 stands first in the file.
        tof = _bin_of(-columns.difference_ps(table) * LIGHT_MM_PER_PS / 2, bins.tof_mm)
        element = elements_of(table, self.settings.channels, self.elements, self.source)
        kept = np.ones(len(table), np.bool_)
        reasons = {
            "of further hits of the same groups": ~only_first_hits(table),
            "with flags": (table.status != 0) & (not self.settings.keep_flagged),
            "in other channels": (element < 0).any(axis=1),
            "outside the energies": (energy < 0).any(axis=1),
            "outside the time differences": tof < 0,
        }
        for why, out in reasons.items():
            if count := int(np.count_nonzero(kept & out)):
                self.summary.left_out[why] += count
            kept &= ~out
        # Equal detectors are modules 0 and 1 of one type.
        first = element[:, 1] + (self.elements[0] if self.alike else 0)
        number = bins.energies
        columns_ = (first * number + energy[:, 1], element[:, 0] * number + energy[:, 0], tof)
        return np.stack(columns_, axis=1), kept

    def _close(self) -> Iterator[Any]:
        """Yield the block that waits, if any."""
        if not self.waiting or self.interval is None:
            return
        import petsird

        rows = np.concatenate(self.waiting).tolist()
        self.waiting = []
        events = [petsird.CoincidenceEvent(detection_bins=[a, b], tof_idx=t) for a, b, t in rows]
        start = self.interval * self.settings.block_ms
        block = petsird.EventTimeBlock(
            time_interval=petsird.TimeInterval(start=start, stop=start + self.settings.block_ms),
            prompt_events=[[events]] if self.alike else [[[]], [events, []]],
        )
        self.summary.blocks += 1
        self.summary.events += len(rows)
        yield petsird.TimeBlock.EventTimeBlock(block)


def _bin_of(values: NDArray[np.float64], edges: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the bin of each value, −1 outside; compared with the edges that the file holds."""
    found = np.searchsorted(edges.astype(np.float64), values, side="right") - 1
    return np.asarray(np.where(found < len(edges) - 1, found, -1))
