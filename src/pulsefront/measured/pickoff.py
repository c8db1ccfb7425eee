"""Pickoff of whole files: a table of pulse quantities, a summary and figures in one folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError, ToolMissing
from pulsefront.estimators.pulses.chain import PulseSettings, process_table, resolve
from pulsefront.events import store
from pulsefront.events.container import EventTable, Status
from pulsefront.events.readers.base import EventFile
from pulsefront.files import atomic_directory, write_json
from pulsefront.progress import Report, silent

__all__ = ["PickoffSummary", "TableFormat", "flatten", "pickoff", "status_counts"]

TableFormat = Literal["csv", "h5", "parquet"]
PICKOFFS = ("leading_edge", "constant_fraction")
PULSES_SHOWN = 200
DIFFERENCES_SHOWN = 1_000_000
SUMMARY = "summary.json"


@dataclass
class PickoffSummary:
    """What `pickoff` found.

    Attributes
    ----------
    events
        Number of events.
    channels
        Number of channels per event.
    status
        Name of each flag → events that carry it; ``"OK"`` → events without any.
    differences
        Pickoff → time of channel 0 minus time of channel 1, one per event without flags (and with
        both times), in ``time_unit``; empty for one channel.
    time_unit
        ``"ns"`` where the sampling interval is known, else ``"samples"``.
    """

    events: int = 0
    channels: int = 1
    status: dict[str, int] = field(default_factory=dict)
    differences: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    time_unit: str = "samples"

    def as_json(self) -> dict[str, Any]:
        """Return the summary as plain JSON values, units in the keys."""
        spread = {}
        for name, values in self.differences.items():
            if len(values):
                low, middle, high = np.percentile(values, [15.865, 50.0, 84.135])
                spread[name] = {
                    "events": len(values),
                    f"median_{self.time_unit}": float(middle),
                    f"central_68_percent_half_width_{self.time_unit}": float(high - low) / 2,
                }
        return {
            "events": self.events,
            "channels": self.channels,
            "events_by_status": self.status,
            "time_difference_channel_0_minus_1": spread,
        }


def pickoff(
    source: EventFile,
    out: str | Path,
    settings: PulseSettings | None = None,
    *,
    table_format: TableFormat = "csv",
    report: Report = silent,
) -> PickoffSummary:
    """Measure every pulse of *source* and write the folder *out*, which appears as a whole.

    It holds ``events.csv`` (or ``.h5``, ``.parquet``), ``data_dictionary.json``, ``summary.json``,
    ``pulses.png`` and, for two channels or more, ``time_differences.png``. Memory does not grow
    with the file but for the last figure's differences.

    Raises
    ------
    ConfigError
        The settings do not fit the waveforms, or *out* holds something else than an earlier
        pickoff.
    DataError
        The source holds no waveforms or is damaged.
    ToolMissing
        Parquet is asked for without pyarrow.
    PulsefrontError
        The folder cannot be written.
    """
    out = Path(out)
    if out.exists() and not (out / SUMMARY).is_file() and (out.is_file() or any(out.iterdir())):
        raise ConfigError(
            "exists and is not an earlier pickoff",
            file=out,
            field="--out",
            remedy="choose another folder or empty this one",
        )
    if "waveform_adc" not in source.quantities:
        raise DataError("holds no waveforms", file=source.path, field="waveform_adc")
    decided = settings or PulseSettings()
    summary = PickoffSummary()
    shown: list[EventTable] = []
    measured: list[EventTable] = []
    total = source.provenance.get("events") or 0

    def tables() -> Iterator[EventTable]:
        nonlocal decided
        for raw in source.chunks():
            if summary.events == 0:
                decided = resolve(decided, raw["waveform_adc"])
            table = process_table(raw, decided)
            if sum(map(len, shown)) < PULSES_SHOWN:
                shown.append(raw.select(slice(PULSES_SHOWN)))
                measured.append(table.select(slice(PULSES_SHOWN)))
            _count(summary, table)
            yield table
            report(summary.events, max(total, summary.events))

    with atomic_directory(out) as folder:
        dictionary = _write_tables(tables(), folder / f"events.{table_format}", table_format)
        if summary.events == 0:
            raise DataError("holds no events", file=source.path)
        write_json(folder / "data_dictionary.json", dictionary)
        content = {
            **summary.as_json(),
            "settings": decided.model_dump(mode="json"),
            "provenance": dict(source.provenance),
        }
        write_json(folder / SUMMARY, content)
        _write_figures(folder, shown, measured, summary, source)
    return summary


def status_counts(status: NDArray[np.uint16]) -> dict[str, int]:
    """Return how many events carry each flag, and under ``"OK"`` how many carry none."""
    counts = {"OK": int(np.count_nonzero(status == 0))}
    for flag in Status:
        if flag and (count := int(np.count_nonzero(status & np.uint16(flag)))):
            counts[str(flag.name)] = count
    return counts


def flatten(table: EventTable) -> dict[str, NDArray[Any]]:
    """Return one-dimensional columns: (event, channel) quantities get one column per channel."""
    columns: dict[str, NDArray[Any]] = {}
    for name, values in table.columns.items():
        if values.ndim == 1:
            columns[name] = values
        else:
            flat = values.reshape(len(values), -1)
            columns |= {f"{name}_{c}": flat[:, c] for c in range(flat.shape[1])}
    return {**columns, "status": table.status}


def _count(summary: PickoffSummary, table: EventTable) -> None:
    summary.events += len(table)
    for name, count in status_counts(table.status).items():
        summary.status[name] = summary.status.get(name, 0) + count
    if table["amplitude_adc"].ndim == 1 or table["amplitude_adc"].shape[1] < 2:
        return
    summary.channels = table["amplitude_adc"].shape[1]
    summary.time_unit = "ns" if "leading_edge_ns" in table.columns else "samples"
    good = table.status == 0
    for name in PICKOFFS:
        times = table[f"{name}_{summary.time_unit}"]
        difference = times[good, 0] - times[good, 1]
        known = summary.differences.get(name, np.zeros(0))
        both = np.concatenate([known, difference[np.isfinite(difference)]])
        summary.differences[name] = both[:DIFFERENCES_SHOWN]


def _write_tables(
    tables: Iterator[EventTable], path: Path, table_format: TableFormat
) -> dict[str, dict[str, str]]:
    dictionary: dict[str, dict[str, str]] = {}

    def noted() -> Iterator[EventTable]:
        for table in tables:
            if not dictionary:
                for name, quantity in table.quantities.items():
                    dictionary[name] = {
                        "unit": quantity.unit,
                        "description": quantity.description,
                    }
            yield table

    if table_format == "h5":
        store.write_stream(noted(), path)
    elif table_format == "csv":
        _write_csv(noted(), path)
    else:
        _write_parquet(noted(), path)
    flags = ", ".join(f"{flag.value} {flag.name}" for flag in Status if flag)
    dictionary["status"] = {"unit": "1", "description": f"sum of flags: {flags}"}
    return dictionary


def _write_csv(tables: Iterator[EventTable], path: Path) -> None:
    import pandas as pd

    with open(path, "w", encoding="utf-8", newline="") as file:
        for number, table in enumerate(tables):
            frame = pd.DataFrame(flatten(table))
            frame.to_csv(file, header=number == 0, index=False, float_format="%.9g")


def _write_parquet(tables: Iterator[EventTable], path: Path) -> None:
    try:
        pa = import_module("pyarrow")
        pq = import_module("pyarrow.parquet")
    except ImportError:
        raise ToolMissing(
            "pyarrow", needed_for="Parquet tables", install="pip install pyarrow, or use csv or h5"
        ) from None
    writer = None
    try:
        for table in tables:
            content = pa.table(flatten(table))
            writer = writer or pq.ParquetWriter(path, content.schema)
            writer.write_table(content)
    finally:
        if writer is not None:
            writer.close()


def _write_figures(
    folder: Path,
    shown: list[EventTable],
    measured: list[EventTable],
    summary: PickoffSummary,
    source: EventFile,
) -> None:
    from pulsefront.measured.figures import difference_figure, pulse_figure

    raw, table = EventTable.concatenate(shown), EventTable.concatenate(measured)
    interval_ns = source.provenance.get("sample_interval_ns")
    pulse_figure(raw, table, interval_ns).savefig(folder / "pulses.png", dpi=120)
    if summary.channels > 1:
        figure = difference_figure(summary.differences, summary.time_unit)
        figure.savefig(folder / "time_differences.png", dpi=120)
