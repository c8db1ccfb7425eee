"""Traces out of tables: somebody else's centroids, or rates, mapped by a TOML file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError
from pulsefront.events.container import EventTable
from pulsefront.events.readers.base import EventFile
from pulsefront.motion.readers.units import factor_of
from pulsefront.motion.traces.rows import order_rows
from pulsefront.motion.traces.trace import MotionTrace, TraceFinding, make_trace

__all__ = ["MAPPING_EXAMPLE", "guess_mapping", "is_trace_table", "time_column", "trace_of_table"]

Floats = NDArray[np.float64]

SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "ps": 1e-12}
CENTRE = "centre_mm"
OPTIONAL = ("counts", "trues", "randoms", "counts_per_s", "spread_mm", "error_mm", "duration_s",
            "bed", "views")  # fmt: skip

MAPPING_EXAMPLE = """\
# Which column of a trace is what. Give this file with --mapping.
# Needed: a time (time_s, time_ms, time_us, time_ns or time_ps), centre_mm, and counts.

[columns.time_ms]
source = "time"                       # begin of each interval
unit = "ms"
description = "begin of the interval"

[columns.centre_mm]
source = ["x", "y", "z"]              # centre of distribution
unit = "mm"
description = "centre of distribution"

[columns.counts]
source = "counts"                     # per interval; counts_per_s where the file holds rates
unit = "1"
description = "prompt coincidences"

# The unit is that of the numbers: times and lengths in others than the name says are converted.
# Known to the reader too: trues or randoms (per interval), spread_mm and error_mm (three columns
# each), duration_s, bed (number of the position), views (counts of several parts of the scanner).
"""


def time_column(names: Sequence[str] | Mapping[str, Any]) -> str | None:
    """Return the column of times, which carries its unit in its name; None where there is none."""
    return next((f"time_{unit}" for unit in SECONDS if f"time_{unit}" in names), None)


def is_trace_table(file: EventFile) -> bool:
    """Return whether a file holds a centre for each interval."""
    return CENTRE in file.quantities


def trace_of_table(file: EventFile) -> tuple[MotionTrace, tuple[float, ...]]:
    """Return the trace that a table holds, and when its parts end.

    Raises
    ------
    DataError
        A column is missing, or has another shape or unit than it must have.
    """
    table = file.read()
    name = time_column(table.columns)
    if name is None:
        raise _missing(file, "time_s", "time_ms, time_us, time_ns or time_ps will do as well")
    if not {"counts", "counts_per_s", "trues"} & set(table.columns):
        raise _missing(file, "counts", "counts_per_s or trues will do as well")
    time = np.asarray(table[name], np.float64) * SECONDS[name.removeprefix("time_")]
    time = time * factor_of(file, name)
    ordered = order_rows(time)
    if len(ordered.rows) < 3:
        raise DataError(
            "holds fewer than three intervals",
            file=file.path,
            field=name,
            value=len(ordered.rows),
            remedy="a trace needs a row per interval",
        )
    rows = ordered.rows
    begin = ordered.time_s - ordered.time_s[0]
    given = {key: _column(table, key, rows, file) for key in OPTIONAL if key in table.columns}
    duration = _durations(begin, ordered.interval_s, given)
    counts, randoms, findings = _counts(given, duration, begin)
    if float(time[rows[0]]) != 0.0:
        findings.append(
            TraceFinding("start", 0.0, 0.0, f"times are told from the first row, at "
                         f"{time[rows[0]]:.6g} s of the file")
        )  # fmt: skip
    shift = ordered.time_s[0]
    moved = tuple(
        TraceFinding(one.kind, one.start_s - shift, one.stop_s - shift, one.text)
        if one.kind != "not finite" else one
        for one in ordered.findings
    )  # fmt: skip
    trace = make_trace(
        begin,
        duration,
        counts,
        _three(_column(table, CENTRE, rows, file), CENTRE, file),
        randoms=randoms,
        spread_mm=_three(given["spread_mm"], "spread_mm", file) if "spread_mm" in given else None,
        error_mm=_three(given["error_mm"], "error_mm", file) if "error_mm" in given else None,
        views=given["views"].reshape(len(rows), -1) if "views" in given else None,
        bed=given["bed"].astype(np.int64) if "bed" in given else None,
        findings=(*moved, *findings),
        provenance=file.origin,
    )
    return trace, tuple(at - shift for at in ordered.breaks)


def _missing(file: EventFile, name: str, more: str) -> DataError:
    return DataError(
        "a trace needs this column",
        file=file.path,
        field=name,
        remedy=f"name it in the mapping file ({more}); it holds {', '.join(file.quantities)}",
    )


def _column(table: EventTable, name: str, rows: NDArray[np.intp], file: EventFile) -> Floats:
    values = np.asarray(table[name], np.float64)[rows]
    if values.ndim > 2:
        raise DataError("must be a number or a few per interval", file=file.path, field=name,
                        value=values.shape)  # fmt: skip
    return values * factor_of(file, name)


def _three(values: Floats, name: str, file: EventFile) -> Floats:
    if values.ndim == 1 and name != CENTRE:
        values = np.repeat(values[:, None], 3, axis=1)
    if values.ndim != 2 or values.shape[1] != 3:
        raise DataError(
            "must have three columns, for x, y and z",
            file=file.path,
            field=name,
            value=values.shape[1:],
            remedy="list three sources in the mapping file",
        )
    return values


def _durations(begin: Floats, interval: float, given: Mapping[str, Floats]) -> Floats:
    if "duration_s" in given:
        return given["duration_s"].astype(np.float64)
    # An interval ends where the next begins, but for holes.
    steps = np.append(np.diff(begin), interval)
    return np.asarray(np.minimum(steps, interval))


def _counts(
    given: Mapping[str, Floats], duration: Floats, begin: Floats
) -> tuple[Floats, Floats | None, list[TraceFinding]]:
    """Return counts and randoms per interval; numbers that cannot be become 0 and are told."""
    if "counts" in given:
        counts = given["counts"]
    elif "counts_per_s" in given:
        counts = given["counts_per_s"] * duration
    else:
        counts = given["trues"] + given.get("randoms", 0.0)
    randoms = given.get("randoms")
    if randoms is None and "trues" in given:
        randoms = counts - given["trues"]
    bad = ~np.isfinite(counts) | (counts < 0)
    findings = []
    if bad.any():
        at = np.flatnonzero(bad)
        findings.append(
            TraceFinding("not finite", float(begin[at[0]]), float(begin[at[-1]]),
                         f"counts of {bad.sum()} intervals are negative or no number; taken for 0")
        )  # fmt: skip
    counts = np.where(bad, 0.0, counts)
    if randoms is not None:
        randoms = np.clip(np.nan_to_num(randoms), 0.0, counts)
    return counts, randoms, findings


_GUESSES = (
    ("time_{unit}", r"^(t|time|frame_?time|start)[\s_(\[]*(ps|ns|us|ms|s)?[)\]]?$"),
    ("counts", r"(prompt|count|total|event)"),
    ("trues", r"true"),
    ("randoms", r"(random|delayed)"),
)


def guess_mapping(file: EventFile) -> str:
    """Return a mapping file for a table, guessed from the names of its columns.

    Raises
    ------
    ConfigError
        No three columns look like a centre.
    """
    names = list(file.quantities)
    axes = [[n for n in names if re.search(rf"(^|[^a-z]){a}([^a-z]|$)", n.lower())] for a in "xyz"]
    parts = [f"# Guessed from the columns of {file.path.name}: check names and units."]
    if not all(axes):
        raise ConfigError("no three columns look like x, y and z of a centre", file=file.path,
                          field="centre_mm", value=", ".join(names),
                          remedy="write a mapping file: pulsefront motion mapping")  # fmt: skip
    taken = [found[0] for found in axes]
    parts.append(_entry("centre_mm", taken, "mm", "centre of distribution"))
    for name, pattern in _GUESSES:
        for column in names:
            match = re.search(pattern, column.lower())
            if match and column not in taken:
                unit = (match[2] if name.startswith("time") else None) or "s"
                told = name.format(unit=unit)
                taken.append(column)
                parts.append(_entry(told, [column], unit if told.startswith("time") else "1", told))
                break
    return "\n".join(parts)


def _entry(name: str, sources: Sequence[str], unit: str, text: str) -> str:
    import json

    source = json.dumps(sources[0] if len(sources) == 1 else list(sources), ensure_ascii=False)
    return (
        f'[columns.{name}]\nsource = {source}\nunit = "{unit}"\n'
        f'description = "{text.replace("_", " ")}"\n'
    )
