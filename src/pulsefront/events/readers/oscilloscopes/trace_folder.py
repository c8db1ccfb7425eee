"""A folder of oscilloscope traces, one a file, as one set of events.

Files of one name but for the number of a channel (``C1run00003.csv`` and ``C2run00003.csv``,
``tek0003CH1.csv`` and ``tek0003CH2.csv``) are the channels of one event; the events come in the
order of their numbers. A file that is no trace, that cannot be read, or that differs from most in
length or sampling interval is left out and named. Where the vertical scale changes from file to
file, all samples become values in its unit.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pulsefront.errors import DataError, PulsefrontError, TruncatedFile
from pulsefront.events.container import EventTable
from pulsefront.events.readers.base import DataWarning, EventFile, ReadOptions, first_named
from pulsefront.events.readers.oscilloscopes.vertical import VerticalScale

__all__ = ["open_folder"]

TRACES = ("oscilloscope-text", "lecroy", "tektronix-isf", "tektronix-wfm")
CHANNEL = re.compile(
    r"(?<![A-Za-z])(?:CH|C)(\d{1,2})(?!\d)|(?<=\d)CH(\d{1,2})(?!\d)", re.IGNORECASE
)
SAME_INTERVAL = 1e-6

Trace = tuple[str, Path, EventTable]


def open_folder(
    folder: Path, open_one: Callable[[Path], EventFile], options: ReadOptions
) -> EventFile:
    """Open the traces of a folder as one file of events.

    Raises
    ------
    DataError
        There is no trace, or channels are missing from some events.
    TruncatedFile
        A file is left out, if reading is strict.
    """
    traces: list[Trace] = []
    left: list[str] = []
    for path in sorted(folder.iterdir(), key=lambda path: _in_order(path.name)):
        if not path.is_file():
            continue
        try:
            opened = open_one(path)
            if opened.format not in TRACES:
                raise DataError(f"is {opened.format} and no single trace", file=path)
            traces.append((opened.format, path, opened.read()))
        except PulsefrontError as error:
            left.append(f"{path.name} ({error.problem})")
    if not traces:
        raise DataError(
            "is a folder, not a file, and none of its files is an oscilloscope trace", file=folder
        )
    kinds = [_kind(trace) for trace in traces]
    usual = Counter(kinds).most_common(1)[0][0]
    left += [
        f"{path.name} (another length, interval or unit)"
        for (_, path, _), kind in zip(traces, kinds, strict=True)
        if kind != usual
    ]
    traces = [trace for trace, kind in zip(traces, kinds, strict=True) if kind == usual]
    _tell(folder, left, options, len(traces))
    traces = _of_one_scale(traces, folder)
    groups = _groups(traces, folder)
    first = groups[0][0][2]
    provenance: dict[str, Any] = {
        **first.provenance,
        "file": folder.name,
        "files": len(traces),
        "channels": [name for trace in groups[0] for name in _names(trace)],
        "events": sum(len(group[0][2]) for group in groups),
    }

    def stream(events: int) -> Iterator[EventTable]:
        table = EventTable.concatenate([_event(group, provenance) for group in groups])
        for start in range(0, len(table), events):
            yield table.select(slice(start, start + events))

    samples = sum(table["waveform_adc"][:1].nbytes for _, _, table in groups[0])
    return EventFile(folder, traces[0][0], first.quantities, provenance, samples + 16, stream)


def _in_order(name: str) -> list[Any]:
    return [(int(p), "") if p.isdigit() else (-1, p) for p in re.split(r"(\d+)", name)]


def _kind(trace: Trace) -> tuple[Any, ...]:
    """Return what all traces of a set have in common."""
    form, _, table = trace
    interval = float(table.provenance["sample_interval_ns"])
    rounded = round(np.log(interval) / SAME_INTERVAL) if interval > 0 else 0
    # Written with six digits, intervals of one setting differ in the last.
    unit = table.quantities["waveform_adc"].unit
    return form, table["waveform_adc"].shape[1:], table["waveform_adc"].dtype, unit, rounded // 100


def _of_one_scale(traces: list[Trace], folder: Path) -> list[Trace]:
    """Return traces whose samples compare: as they are, or in the unit of their scales.

    Raises
    ------
    DataError
        The scales have different units.
    """
    scales = [VerticalScale.from_provenance(table.provenance) for _, _, table in traces]
    told = [scale for scale in scales if scale is not None]
    if len(set(told)) < 2:
        return traces
    if len({scale.unit for scale in told}) > 1:
        units = sorted({scale.unit for scale in told})
        raise DataError("mixes units", file=folder, value=units, remedy="put them in two folders")
    scaled = []
    for (form, path, table), scale in zip(traces, scales, strict=True):
        if scale is not None:
            column = {"waveform_adc": scale.applied(table["waveform_adc"])}
            kept = {key: v for key, v in table.provenance.items() if key not in scale.told}
            changed = table.with_columns(column, {"waveform_adc": scale.quantity})
            scaled.append((form, path, changed.with_provenance(kept)))
    return scaled


def _tell(folder: Path, left: list[str], options: ReadOptions, kept: int) -> None:
    if not left:
        return
    problem = f"{len(left)} files are left out: {first_named(left, len(left))}"
    if options.strict:
        raise TruncatedFile(folder, byte_offset=0, events_kept=kept, problem=problem)
    warnings.warn(f"{folder}: {problem}", DataWarning, stacklevel=4)


def _channel(path: Path) -> str:
    found = CHANNEL.search(path.stem)
    return "" if found is None else f"CH{int(found[1] or found[2])}"


def _names(trace: Trace) -> list[str]:
    """Return the channels of a trace: its file is named after its only one, or it names them."""
    _, path, table = trace
    own = [str(name) for name in table.provenance.get("channels", ())]
    if len(own) <= 1 and _channel(path):
        return [_channel(path)]
    return own or [path.stem]


def _groups(traces: list[Trace], folder: Path) -> list[list[Trace]]:
    """Return the traces of every event: its channels side by side, in the order of their numbers.

    Raises
    ------
    DataError
        An event lacks a channel that others have.
    """
    channels = {_channel(path) for _, path, _ in traces}
    if len(channels) < 2 or "" in channels:
        return [[trace] for trace in traces]
    events: dict[str, list[Trace]] = {}
    for trace in traces:
        events.setdefault(CHANNEL.sub("", trace[1].stem, count=1), []).append(trace)
    for name, group in events.items():
        there = {_channel(path) for _, path, _ in group}
        if there != channels or len(group) != len(channels):
            raise DataError(
                f"event {name!r} has the channels {', '.join(sorted(there))} and others "
                f"{', '.join(sorted(channels))}",
                file=folder,
                remedy="complete it, or take its files out",
            )
        group.sort(key=lambda trace: _in_order(_channel(trace[1])))
    return list(events.values())


def _event(group: list[Trace], provenance: dict[str, Any]) -> EventTable:
    """Return the events of some files as one table: a channel axis where there are several."""
    first = group[0][2]
    if len(group) == 1:
        return first.with_provenance(provenance)
    parts = [table["waveform_adc"] for _, _, table in group]
    rows = [part if part.ndim == 3 else part[:, None] for part in parts]
    if len({len(part) for part in rows}) > 1:
        raise DataError("its channels differ in segments", file=group[0][1])
    status = np.bitwise_or.reduce([table.status for _, _, table in group])
    columns = {**first.columns, "waveform_adc": np.concatenate(rows, axis=1)}
    return EventTable(columns, first.quantities, np.asarray(status), provenance)
