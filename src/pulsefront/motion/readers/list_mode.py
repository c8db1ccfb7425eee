"""Traces out of list mode: lines of response, streamed into the sums of their intervals."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.events.container import EventTable
from pulsefront.events.readers.base import EventFile
from pulsefront.events.readers.siemens import reader as siemens
from pulsefront.motion.readers.accumulate import Accumulator
from pulsefront.motion.readers.elements import (
    SECTORS,
    ScannerElements,
    elements_of_petsird,
    elements_of_siemens,
    elements_of_table,
    sectors_of,
)
from pulsefront.motion.readers.tables import SECONDS, time_column
from pulsefront.motion.readers.units import factor_of
from pulsefront.motion.traces.sums import trace_from_sums
from pulsefront.motion.traces.trace import MotionTrace, TraceFinding
from pulsefront.progress import Report, silent

__all__ = ["ListModeSettings", "is_list_mode", "trace_of_list_mode"]

Floats = NDArray[np.float64]

ENDS = ("end_0_mm", "end_1_mm")
DIFFERENCES = {"time_difference_ps": 1.0, "time_difference_ns": 1e3}


@dataclass(frozen=True)
class ListModeSettings:
    """How list mode becomes a trace.

    Attributes
    ----------
    interval_s
        Length of an interval.
    field_mm
        Coincidences measured further from the axis are left out, delayed ones too: randoms lie
        everywhere, the patient does not.
    elements
        Table of the elements' centres, for files that name channels alone.
    tof
        Whether times of flight are used where there are some.
    """

    interval_s: float = 1.0
    field_mm: float = 300.0
    elements: Path | None = None
    tof: bool = True


def is_list_mode(file: EventFile) -> bool:
    """Return whether a file holds coincidences."""
    names = set(file.quantities)
    pairs = "channel" in names and bool(set(DIFFERENCES) & names)
    return set(ENDS) <= names or pairs or file.format == siemens.FORMAT


def trace_of_list_mode(
    file: EventFile, settings: ListModeSettings, *, report: Report = silent
) -> tuple[MotionTrace, tuple[float, ...]]:
    """Return the trace of list mode, and when its parts end.

    Memory is that of one chunk and of the intervals, however many events there are.

    Raises
    ------
    DataError
        Times or the places of the elements are not known, or no event can be used.
    """
    elements, lookup = _elements(file, settings)
    clock, seconds = _clock(file)
    difference = next((n for n in DIFFERENCES if n in file.quantities), None)
    if not settings.tof or (file.format == "petsird" and not _resolves(file)):
        difference = None
    to_ps = DIFFERENCES[difference] * factor_of(file, difference) if difference else 1.0
    to_mm = [1.0 if elements is not None else factor_of(file, name) for name in ENDS]
    found = Accumulator(
        settings.interval_s, settings.field_mm, SECTORS if elements is None else elements.views
    )
    for table in file.reported(report):
        if not len(table):
            continue
        time = np.asarray(table[clock], np.float64)
        time = (time if time.ndim == 1 else time.min(axis=1)) * seconds
        ends, pairs, view = _ends(table, elements, lookup, to_mm)
        tof = None if difference is None else np.asarray(table[difference], np.float64) * to_ps
        known = np.isfinite(time) & (table.status == 0)
        delayed = table.columns.get("delayed", np.zeros(len(table), np.bool_))
        found.add(
            time,
            ends,
            pairs,
            view,
            difference_ps=tof,
            delayed=np.asarray(delayed).astype(np.bool_),
            usable=known if tof is None else known & np.isfinite(tof),
        )
    return _finished(file, found, settings, tof=difference is not None)


def _finished(
    file: EventFile, found: Accumulator, settings: ListModeSettings, *, tof: bool
) -> tuple[MotionTrace, tuple[float, ...]]:
    count = found.intervals
    if count < 3 or not found.sums.place[:count, 0].any():
        raise DataError(
            "gives fewer than three intervals with coincidences in the field",
            file=file.path,
            value=count,
            remedy="a shorter --interval-s, or a larger --field-mm",
        )
    length = settings.interval_s
    outside, unusable, late, resets = found.counted.tolist()
    breaks = tuple(found.resets[: min(resets, len(found.resets))].tolist())
    end = count * length
    findings = [
        TraceFinding("clock reset", at, at, f"the clock starts anew; time runs on from {at:.6g} s")
        for at in breaks
    ]
    if late:
        findings.append(
            TraceFinding("times out of order", 0.0, end, f"{late:,} events are out of time by more "
                         "than 10 s; left out")
        )  # fmt: skip
    if unusable:
        findings.append(
            TraceFinding("bad events", 0.0, end, f"{unusable:,} events are flagged, or their "
                         "elements unknown; left out")
        )  # fmt: skip
    provenance = {
        **file.origin,
        "field_mm": settings.field_mm,
        "outside_the_field": outside,
        "time_of_flight": tof,
    }
    place = found.sums.place[:count]
    # The last interval may have only begun.
    trace = trace_from_sums(
        np.arange(count, dtype=np.float64) * length,
        np.full(count, length),
        place,
        delayed_known=bool(place[:, 7].any()),
        views=found.sums.views[:count],
        findings=tuple(findings),
        provenance=provenance,
    )
    return trace.select(slice(0, count - 1)), breaks


def _clock(file: EventFile) -> tuple[str, float]:
    """Return the column of times, and its unit in seconds."""
    if "block_start_ms" in file.quantities:
        return "block_start_ms", 1e-3
    name = time_column(file.quantities)
    if name is None:
        raise DataError(
            "holds no times",
            file=file.path,
            field="time_s",
            remedy=f"name it in the mapping file; it holds {', '.join(file.quantities)}",
        )
    return name, SECONDS[name.removeprefix("time_")] * factor_of(file, name)


def _resolves(file: EventFile) -> bool:
    """Return whether a PETSIRD file has bins of time of flight."""
    edges = file.provenance.get("tof_edges_mm") or [[[]]]
    return any(len(cell) > 2 for row in edges for cell in row)


def _elements(
    file: EventFile, settings: ListModeSettings
) -> tuple[ScannerElements | None, NDArray[np.int64] | None]:
    """Return the elements, and which row of theirs a channel has; None where events hold ends."""
    if set(ENDS) <= set(file.quantities):
        return None, None
    if settings.elements is not None:
        elements, channels = elements_of_table(settings.elements)
        lookup = np.full(int(channels.max(initial=0)) + 1, -1, np.int64)
        lookup[channels] = np.arange(len(channels))
        return elements, lookup
    if file.format == "petsird":
        elements = elements_of_petsird(file.path)
        return elements, np.arange(len(elements.place_mm))
    if file.format == siemens.FORMAT:
        elements = elements_of_siemens(file.path)
        return elements, np.arange(len(elements.place_mm))
    raise DataError(
        "does not say where its elements are",
        file=file.path,
        field="--elements",
        remedy="name a table with the columns channel, x_mm, y_mm, z_mm",
    )


def _ends(
    table: EventTable,
    elements: ScannerElements | None,
    lookup: NDArray[np.int64] | None,
    to_mm: list[float],
) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Return places of ends, (event, 2) which of them an event has, and the part of each."""
    count = len(table)
    if elements is None or lookup is None:
        places = [
            np.asarray(table[name], np.float64) * factor
            for name, factor in zip(ENDS, to_mm, strict=True)
        ]
        for name, place in zip(ENDS, places, strict=True):
            if place.shape != (count, 3):
                raise DataError("must have three columns", field=name, value=place.shape)
        ends = np.concatenate(places)
        pairs = np.stack([np.arange(count), np.arange(count) + count], axis=1)
        return ends, pairs, sectors_of(ends)
    channel = np.asarray(table["channel"], np.int64)
    inside = (channel >= 0) & (channel < len(lookup))
    pairs = np.where(inside, lookup[np.where(inside, channel, 0)], -1)
    return elements.place_mm, pairs, elements.view
