"""PETSIRD list mode: coincidences, or single hits, of a PET scanner, in the bins of the file.

Ids and bins are those of the file, to the bit. What a bin stands for is its centre: energies, and
the difference of times that a bin of time of flight means, (t₁ − t₂)·c/2 in mm. The time of a
coincidence is that of its block, in whole milliseconds.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.events.container import EventTable, Quantity, Status, mark
from pulsefront.events.light import LIGHT_MM_PER_NS
from pulsefront.events.readers.base import DataWarning, EventFile, ReadOptions, incomplete, left_out
from pulsefront.events.readers.petsird.blocks import (
    BROKEN,
    CLOSED,
    COUNT,
    ENDED,
    FULL,
    KIND,
    LEFT_OUT,
    SINGLE,
    START,
    walk,
)
from pulsefront.events.readers.petsird.header import PetsirdScanner, is_petsird, read_header
from pulsefront.events.readers.petsird.rows import Meaning, Rows, decode, room_for_rows

__all__ = ["FORMAT", "SINGLES", "open_file", "open_singles", "recognises"]

FORMAT = "petsird"
SINGLES = "petsird-singles"

LISTS = 4096
PS_PER_MM = 2e3 / LIGHT_MM_PER_NS
"""Difference of arrival times per mm from the middle: 2/c."""

_OF_BOTH = {
    "detection_bin": Quantity("1", "number of element and energy bin, as in the file"),
    "module_type": Quantity("1", "type of the module"),
    "channel": Quantity("1", "number of the element: of its type, module and place in it"),
    "energy_kev": Quantity("keV", "centre of the energy bin"),
}
_COINCIDENCES = {
    **_OF_BOTH,
    "tof_bin": Quantity("1", "bin of time of flight, as in the file"),
    "time_difference_ps": Quantity("ps", "time of side 0 minus side 1: centre of the bin"),
    "block_start_ms": Quantity("ms", "begin of the time block since the start"),
    "block_stop_ms": Quantity("ms", "end of the time block since the start"),
    "delayed": Quantity("1", "in a delayed window: a random coincidence"),
}
_HITS = {**_OF_BOTH, "time_ps": Quantity("ps", "time of the hit since the start")}


def recognises(head: bytes, path: Path) -> bool:  # noqa: ARG001
    """Return whether the file begins as binary PETSIRD does."""
    return is_petsird(head)


def open_file(path: Path, options: ReadOptions) -> EventFile:
    """Open coincidences, or single hits where the scanner stores no coincidences.

    Raises
    ------
    ToolMissing
        The package petsird is not installed.
    DataError
        The header is damaged, or of another version of PETSIRD.
    """
    scanner, begin = read_header(path)
    return _open(path, scanner, begin, options, singles=scanner.only_singles)


def open_singles(path: Path, options: ReadOptions) -> EventFile:
    """Open the single hits of a file that may hold coincidences too; errors as for `open_file`."""
    scanner, begin = read_header(path)
    return _open(path, scanner, begin, options, singles=True)


def _open(
    path: Path, scanner: PetsirdScanner, begin: int, options: ReadOptions, *, singles: bool
) -> EventFile:
    quantities = _HITS if singles else _COINCIDENCES
    name = SINGLES if singles else FORMAT
    provenance = {"format": name, "file": path.name, **_told(scanner)}

    def stream(events: int) -> Iterator[EventTable]:
        size = path.stat().st_size
        data = np.memmap(path, np.uint8, mode="r") if size else np.zeros(0, np.uint8)
        reading = _Reading(path, scanner, options, data, begin, singles=singles)
        empty = True
        for rows in reading.rows(events):
            columns, status = _columns(rows, singles=singles)
            yield EventTable(columns, quantities, status, provenance)
            empty = False
        if empty:
            columns, status = _columns(room_for_rows(0), singles=singles)
            yield EventTable(columns, quantities, status, provenance)
        reading.tell()

    return EventFile(path, name, quantities, provenance, 60, stream)


def _told(scanner: PetsirdScanner) -> dict[str, Any]:
    """Return what the header says, as plain values."""
    return {
        "scanner": scanner.model,
        "modules": [kind.modules for kind in scanner.types],
        "elements_per_module": [kind.elements for kind in scanner.types],
        "energy_edges_kev": [kind.energy_edges_kev.tolist() for kind in scanner.types],
        "tof_edges_mm": [[edges.tolist() for edges in row] for row in scanner.tof_edges_mm],
        "ctr_fwhm_mm": [list(row) for row in scanner.ctr_mm],
        "ctr_fwhm_ps": [[mm * PS_PER_MM for mm in row] for row in scanner.ctr_mm],
        **{f"{name}_event_policy": value for name, value in scanner.policies.items()},
    }


class _Reading:
    """One pass over the blocks of a file."""

    def __init__(
        self,
        path: Path,
        scanner: PetsirdScanner,
        options: ReadOptions,
        data: NDArray[np.uint8],
        begin: int,
        *,
        singles: bool,
    ) -> None:
        self.path = path
        self.options = options
        self.data = data
        self.begin = begin
        self.singles = singles
        self.types = len(scanner.types)
        self.meaning = _meaning(scanner)
        self.left_out = np.zeros(len(LEFT_OUT), np.int64)
        self.events, self.bad, self.others = 0, 0, 0
        self.backward, self.latest_ms = 0, 0

    def rows(self, events: int) -> Iterator[Rows]:
        """Yield the events of whole blocks, at most so many at a time.

        Raises
        ------
        TruncatedFile
            Not one whole block with events; or reading is strict and the file is cut or damaged.
        """
        lists = np.zeros((max(LISTS, self.types * (self.types + 2)), 7), np.int64)
        at, batch, why = self.begin, 0, FULL
        while why == FULL:
            at, batch, found, why = walk(self.data, at, batch, self.types, lists, self.left_out)
            here = lists[:found]
            if found:
                starts = np.concatenate([[self.latest_ms], here[:, START]])
                self.backward += int(np.count_nonzero(np.diff(starts) < 0))
                self.latest_ms = int(starts[-1])
            mine = (here[:, KIND] == SINGLE) == self.singles
            self.others += int(here[~mine, COUNT].sum())
            yield from self._decoded(np.ascontiguousarray(here[mine]), events)
        if why in (ENDED, BROKEN):
            problem = (
                "ends inside the time block, or without the mark of its end,"
                if why == ENDED
                else "is damaged (no time block)"
            )
            incomplete(
                self.path, self.options, byte_offset=at, events_kept=self.events, problem=problem
            )
        elif why == CLOSED and at < len(self.data):
            left_out(
                self.path,
                self.options,
                byte_offset=at,
                events_kept=self.events,
                problem=f"{len(self.data) - at} bytes behind the mark of its end, at byte {at}, "
                "are left out",
            )

    def _decoded(self, lists: NDArray[np.int64], events: int) -> Iterator[Rows]:
        which = 0
        while which < len(lists):
            rows = room_for_rows(min(events, int(lists[which:, COUNT].sum())))
            which, count = decode(self.data, lists, which, self.meaning, rows)
            self.events += count
            self.bad += int(np.count_nonzero(rows.bad))
            yield rows

    def tell(self) -> None:
        """Warn of what was left out, and of events that cannot be."""
        counts = dict(zip(LEFT_OUT, self.left_out.tolist(), strict=True))
        other = "coincidences" if self.singles else f"single hits (--format {SINGLES} takes them)"
        told = [f"{count:,} {name}" for name, count in {other: self.others, **counts}.items()
                if count]  # fmt: skip
        if told:
            warnings.warn(f"{self.path}: left out: {', '.join(told)}", DataWarning, stacklevel=3)
        if self.backward:
            warnings.warn(
                f"{self.path}: the time of the blocks runs backward {self.backward:,} time(s)",
                DataWarning,
                stacklevel=3,
            )
        if self.bad:
            warnings.warn(
                f"{self.path}: {self.bad:,} events have bins that the header does not have, or in "
                "the wrong order; they are flagged",
                DataWarning,
                stacklevel=3,
            )


def _columns(rows: Rows, *, singles: bool) -> tuple[dict[str, NDArray[Any]], NDArray[np.uint16]]:
    """Return the columns of events, and their status."""
    status = np.zeros(len(rows.tof), np.uint16)
    mark(status, rows.bad, Status.BAD_HEADER)
    both: dict[str, NDArray[Any]] = {
        "detection_bin": rows.bins,
        "module_type": rows.types,
        "channel": rows.element,
        "energy_kev": rows.energy_kev,
    }
    if singles:
        one = {name: values[:, 0] for name, values in both.items()}
        start_ps = rows.start_ms.astype(np.int64) * 1_000_000_000
        return {**one, "time_ps": start_ps + rows.tof}, status
    more: dict[str, NDArray[Any]] = {
        "tof_bin": rows.tof,
        "time_difference_ps": rows.difference_ps,
        "block_start_ms": rows.start_ms,
        "block_stop_ms": rows.stop_ms,
        "delayed": rows.delayed,
    }
    return {**both, **more}, status


def _meaning(scanner: PetsirdScanner) -> Meaning:
    """Return what the bins of a scanner stand for, as the kernels read it."""
    types = scanner.types
    count = len(types)
    tof_bins, first_tof = np.ones((2, count, count), np.int64)
    differences: list[NDArray[np.float64]] = []
    for i, row in enumerate(scanner.tof_edges_mm):
        for j, edges in enumerate(row):
            tof_bins[i, j], first_tof[i, j] = len(edges) - 1, sum(map(len, differences))
            differences.append((edges[1:] + edges[:-1]) / 2 * PS_PER_MM)
    elements = np.array([kind.modules * kind.elements for kind in types], np.int64)
    energies = np.array([kind.energy_bins for kind in types], np.int64)
    return Meaning(
        bins=np.array([kind.bins for kind in types], np.int64),
        energy_bins=energies,
        first_element=np.cumsum(elements) - elements,
        first_energy=np.cumsum(energies) - energies,
        tof_bins=tof_bins,
        first_tof=first_tof,
        energy_kev=np.concatenate([k.energy_centres_kev for k in types]).astype(np.float32),
        difference_ps=np.concatenate(differences),
    )
