"""What a file of events holds: columns with units and ranges, status, rate, typical pulses."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError
from pulsefront.estimators.pulses.chain import process_table, resolve
from pulsefront.estimators.pulses.settings import PulseSettings
from pulsefront.events.clock import SECONDS, time_column
from pulsefront.events.container import EventTable, Quantity
from pulsefront.events.readers.base import EventFile
from pulsefront.measured.pickoff import status_counts
from pulsefront.progress import Report, silent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ColumnSummary", "Inspection", "inspect_events"]

PULSES_SHOWN = 200


@dataclass(frozen=True)
class ColumnSummary:
    """One line of the data dictionary, with the shape per event and the range of the values."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    unit: str
    description: str
    lowest: float
    highest: float


@dataclass(frozen=True)
class Inspection:
    """What `inspect_events` found.

    Attributes
    ----------
    format, events
        Name of the format and number of events.
    columns
        The data dictionary with ranges.
    status
        Name of each flag → events, as read from the file.
    pulse_status
        The same after the first 200 pulses were measured, with the first 1/32 of the samples as
        baseline; empty without waveforms or where they are too short.
    rate_per_s
        Events per second from first to last, or None where the file holds no times.
    duration_s
        Time from first to last event.
    provenance
        What the file says about itself.
    figure
        Pulses: overlaid with their mean, typical and worst; None without waveforms.
    """

    format: str
    events: int
    columns: tuple[ColumnSummary, ...]
    status: dict[str, int]
    pulse_status: dict[str, int]
    rate_per_s: float | None
    duration_s: float | None
    provenance: dict[str, Any]
    figure: Figure | None


@dataclass
class _ColumnSeen:
    """A column in all chunks seen; NaN until there is a finite value."""

    shape: tuple[int, ...] = ()
    dtype: str = "?"
    lowest: float = np.nan
    highest: float = np.nan


@dataclass
class _Running:
    """What is kept of all chunks seen."""

    events: int = 0
    columns: dict[str, _ColumnSeen] = field(default_factory=dict)
    status: Counter[str] = field(default_factory=Counter)
    times: tuple[float, float] | None = None
    shown: list[EventTable] = field(default_factory=list)


def inspect_events(source: EventFile, *, report: Report = silent) -> Inspection:
    """Look through all events of *source*, a chunk at a time.

    Raises
    ------
    DataError
        The file is damaged before its first event.
    """
    seen = _Running()
    for table in source.reported(report):
        _take(seen, table)
    columns = tuple(
        _summary(name, quantity, seen.columns.get(name, _ColumnSeen()))
        for name, quantity in source.quantities.items()
    )
    duration = None if seen.times is None else seen.times[1] - seen.times[0]
    rate = (seen.events - 1) / duration if duration and seen.events > 1 else None
    pulse_status, figure = _pulses(seen.shown, source)
    return Inspection(
        source.format,
        seen.events,
        columns,
        seen.status,
        pulse_status,
        rate,
        duration,
        dict(source.provenance),
        figure,
    )


def _summary(name: str, quantity: Quantity, seen: _ColumnSeen) -> ColumnSummary:
    return ColumnSummary(
        name,
        seen.shape,
        seen.dtype,
        quantity.unit,
        quantity.description,
        seen.lowest,
        seen.highest,
    )


def _take(seen: _Running, table: EventTable) -> None:
    seen.events += len(table)
    seen.status.update(status_counts(table.status))
    for name, column in table.columns.items():
        one = seen.columns.setdefault(name, _ColumnSeen())
        one.shape, one.dtype = column.shape[1:], str(column.dtype)
        extremes = _range(column)
        if extremes is not None:
            # fmin and fmax pass over the NaN that stands for nothing seen.
            one.lowest = float(np.fmin(one.lowest, extremes[0]))
            one.highest = float(np.fmax(one.highest, extremes[1]))
    time = time_column(table.columns)
    extremes = None if time is None else _range(table[time])
    if time is not None and extremes is not None:
        first, last = extremes[0] * SECONDS[time], extremes[1] * SECONDS[time]
        before = seen.times or (first, last)
        seen.times = (min(before[0], first), max(before[1], last))
    if "waveform_adc" in table.columns and sum(map(len, seen.shown)) < PULSES_SHOWN:
        seen.shown.append(table.select(slice(PULSES_SHOWN)))


def _range(column: NDArray[Any]) -> tuple[float, float] | None:
    if column.dtype.kind == "f":
        column = column[np.isfinite(column)]
    if column.size == 0:
        return None
    return float(column.min()), float(column.max())


def _pulses(shown: list[EventTable], source: EventFile) -> tuple[dict[str, int], Figure | None]:
    """Return status counts and figure of the pulses, measured with settings that fit them."""
    if not shown or not sum(map(len, shown)):
        return {}, None
    from pulsefront.measured.figures import pulse_figure

    raw = EventTable.concatenate(shown).select(slice(PULSES_SHOWN))
    samples = raw["waveform_adc"].shape[-1]
    try:
        settings = PulseSettings(baseline_stop=max(samples // 32, 2), baseline_method="robust")
        measured = process_table(raw, resolve(settings, raw["waveform_adc"]))
    except ConfigError:
        return {}, None
    interval_ns = source.provenance.get("sample_interval_ns")
    return status_counts(measured.status), pulse_figure(raw, measured, interval_ns)
