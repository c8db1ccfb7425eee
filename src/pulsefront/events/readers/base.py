"""What every reader gives: a measured file, recognised and opened, that streams event tables."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from pulsefront.errors import DataError, TruncatedFile
from pulsefront.events.container import EventTable, Quantity
from pulsefront.progress import Report

__all__ = [
    "ADC_COUNTS",
    "DataWarning",
    "EventFile",
    "ReadOptions",
    "SampleType",
    "check_same_quantities",
    "first_named",
    "incomplete",
    "left_out",
    "read_head",
    "reason_of",
]

ADC_COUNTS = "ADC counts"
CHUNK_BYTES = 16 << 20
MOST_NAMED = 3

SampleType = Literal["auto", "u16", "f32", "u8"]


class DataWarning(UserWarning):
    """A measured file was read only in part, or something in it had to be guessed."""


@dataclass(frozen=True)
class ReadOptions:
    """What a file does not say itself, or should be read otherwise.

    Attributes
    ----------
    strict
        Raise where a damaged file would otherwise give its whole events with a `DataWarning`.
    sample_interval_ns
        Sampling interval, for formats that do not hold it.
    tag_interval_ns
        Length of one tick of the trigger time tag, for formats that do not hold it.
    tag_bits
        Width of the trigger time tag; by default seen from the values before it wraps.
    sample_type
        How WaveDump samples are written; by default seen from the first records.
    record_samples
        Samples per record of a file without headers.
    mapping
        TOML file that says which array is what, for tables and general HDF5, NumPy or ROOT files.
    disorder_ms
        How far hits of a channel may be out of order in time before their clock is taken to have
        started anew; less than 10 ms is taken for 10 ms.
    unmapped
        Let every array of a table stand for itself where there is no mapping file: to look at it.
    """

    strict: bool = False
    sample_interval_ns: float | None = None
    tag_interval_ns: float | None = None
    tag_bits: int | None = None
    sample_type: SampleType = "auto"
    record_samples: int | None = None
    mapping: Path | None = None
    disorder_ms: float = 10.0
    unmapped: bool = False


@dataclass(frozen=True)
class EventFile:
    """A measured file whose format is known.

    Attributes
    ----------
    path, format
        The file and the name of its format.
    quantities
        Data dictionary of the columns that `chunks` gives.
    provenance
        What the file says about itself: plain JSON values.
    event_bytes
        About how many bytes one event takes in memory.
    stream
        Events per chunk → iterator over tables; reads the file anew at every call.
    """

    path: Path
    format: str
    quantities: Mapping[str, Quantity]
    provenance: Mapping[str, Any]
    event_bytes: int
    stream: Callable[[int], Iterator[EventTable]]

    def chunks(self, events: int | None = None) -> Iterator[EventTable]:
        """Yield the events in order, at most *events* a table (default: about 16 MB a table).

        Raises
        ------
        DataError
            The file is damaged (with strict reading, also where only its end is missing).
        """
        return self.stream(events or max(1, CHUNK_BYTES // max(self.event_bytes, 1)))

    @property
    def count(self) -> int:
        """Number of events where the file says it, else 0."""
        return int(self.provenance.get("events") or 0)

    @property
    def origin(self) -> dict[str, Any]:
        """What the file says about itself, without the number of its events."""
        return {name: value for name, value in self.provenance.items() if name != "events"}

    def told(self, **more: Any) -> EventFile:
        """Return the file with more about itself in its provenance."""
        provenance = {**self.provenance, **more}

        def stream(events: int) -> Iterator[EventTable]:
            for table in self.stream(events):
                yield table.with_provenance({**table.provenance, **more})

        return replace(self, provenance=provenance, stream=stream)

    def reported(self, report: Report) -> Iterator[EventTable]:
        """Yield what `chunks` yields, and call *report* whenever a table has been used.

        Where the file does not say how many events it holds, the total is 0 until the last call.
        """
        done = 0
        for table in self.chunks():
            yield table
            done += len(table)
            if done < self.count or not self.count:
                report(done, self.count)
        report(done, done)

    def read(self) -> EventTable:
        """Return all events in one table.

        Raises
        ------
        DataError
            As for `chunks`.
        """
        return EventTable.concatenate(list(self.chunks()))


def check_same_quantities(files: Sequence[EventFile], *, remedy: str) -> None:
    """Raise `DataError` where a file holds other quantities than the first."""
    first = files[0]
    for file in files[1:]:
        odd = sorted(set(file.quantities) ^ set(first.quantities))
        if odd:
            raise DataError(
                f"holds other quantities than {first.path.name}",
                file=file.path,
                field=", ".join(odd),
                remedy=remedy,
            )


def incomplete(
    path: Path, options: ReadOptions, *, byte_offset: int, events_kept: int, problem: str
) -> None:
    """Warn that *path* is usable only up to *byte_offset*, or raise where nothing is left.

    Raises
    ------
    TruncatedFile
        Reading is strict, or not one whole event lies before the damage.
    """
    text = f"{problem} at byte {byte_offset}, after {events_kept} whole events"
    if options.strict or events_kept == 0:
        error = TruncatedFile(path, byte_offset=byte_offset, events_kept=events_kept, problem=text)
        if events_kept == 0:
            error.remedy = "there is nothing to keep: copy the file again from its source"
        raise error
    warnings.warn(f"{path}: {text}; they are kept", DataWarning, stacklevel=3)


def left_out(
    path: Path, options: ReadOptions, *, byte_offset: int, events_kept: int, problem: str
) -> None:
    """Warn that records of *path* are left out for *problem*, which says which; raise if strict.

    Raises
    ------
    TruncatedFile
        Reading is strict.
    """
    if options.strict:
        raise TruncatedFile(path, byte_offset=byte_offset, events_kept=events_kept, problem=problem)
    warnings.warn(f"{path}: {problem}", DataWarning, stacklevel=3)


def first_named(texts: Iterable[str], count: int, what: str = "") -> str:
    """Return the first three of *count* texts in a row, and how many more of *what* there are."""
    more = f" and {count - MOST_NAMED} more{what}" if count > MOST_NAMED else ""
    return ", ".join(islice(texts, MOST_NAMED)) + more


def reason_of(error: Exception) -> str:
    """Return the first line of what another library says of a file."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200]


def read_head(path: Path, count: int = 4096) -> bytes:
    """Return the first *count* bytes of a file.

    Raises
    ------
    DataError
        The file is missing, unreadable, a folder or empty.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(count)
    except FileNotFoundError:
        raise DataError("no such file", file=path, remedy="check the path") from None
    except IsADirectoryError:
        raise DataError("is a folder, not a file", file=path) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=path) from None
    if not head:
        raise DataError(
            "the file is empty",
            file=path,
            remedy="a run without events, or a copy that failed: compare it with its source",
        )
    return head
