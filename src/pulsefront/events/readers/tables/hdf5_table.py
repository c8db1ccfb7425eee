"""General HDF5 files, LH5 among them, read with a mapping file: arrays are named by their path.

Vectors of several lengths are arrays too (`ragged`). Of an LH5 table of waveforms (``t0``, ``dt``,
``values``), ``dt`` is the sampling interval where the mapping file states none and all are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError, UnsupportedFormat
from pulsefront.events.container import EventTable, Status, mark
from pulsefront.events.readers.base import EventFile, ReadOptions, reason_of
from pulsefront.events.readers.tables.mapping import (
    TableMapping,
    arrays_of,
    common_length,
    load_mapping,
    mapped_file,
    resolve_sources,
)
from pulsefront.events.readers.tables.ragged import KeptEvents, Ragged, kept_events, vectors_of

__all__ = ["open_hdf5"]

IN_NS = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9, "ps": 1e-3}


def open_hdf5(path: Path, options: ReadOptions) -> EventFile:
    """Open a general HDF5 file.

    Raises
    ------
    ConfigError
        There is no mapping file, or it cannot be used.
    UnsupportedFormat
        It cannot be read as HDF5, or an array that is mapped is compressed by LEGEND's codecs.
    DataError
        The mapped arrays differ in length.
    """
    with _read_back(path):
        return _open(path, options)


def _open(path: Path, options: ReadOptions) -> EventFile:
    arrays, ragged, encoded = _contents(path)
    names = [*arrays, *ragged]
    mapping = load_mapping(options, path, names + list(encoded))
    sources = resolve_sources(mapping, names + list(encoded), path)
    wanted = arrays_of(sources)
    for name in wanted:
        if name in encoded:
            raise UnsupportedFormat(
                f"is compressed by {encoded[name]}, which is not read here",
                file=path,
                field=name,
                remedy="decode it with lgdo (PyPI legend-pydataobj): read it and write it again",
            )
    every = {**arrays, **ragged}
    count = common_length({source: int(every[source].shape[0]) for source in wanted}, path)
    kept = _kept(path, mapping, sources, ragged, options)
    event_bytes = sum(
        every[name].dtype.itemsize
        * (kept.samples[name] if kept and name in ragged else int(np.prod(every[name].shape[1:])))
        for name in wanted
    )

    def batches(events: int) -> Iterator[Callable[[str], NDArray[Any]]]:
        for start in range(0, count, events):
            stop = min(start + events, count)
            yield lambda key, start=start, stop=stop: _part(  # type: ignore[misc]
                every[key], key, kept, start, stop, path
            )

    if mapping.sample_interval_ns is None:
        interval = _sampling_interval(sources, arrays)
        mapping = mapping.model_copy(update={"sample_interval_ns": interval})
    stated = int(kept.mask.sum()) if kept else count
    opened = mapped_file("hdf5", path, mapping, event_bytes, stated, batches, sources)
    if kept is None or not kept.odd.any():
        return opened
    return _flagged(opened, kept.odd[kept.mask])


@contextmanager
def _read_back(path: Path, name: str | None = None) -> Iterator[None]:
    """Turn what HDF5 raises of damage into an error of one line."""
    try:
        yield
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        reason = reason_of(error)
        raise DataError(f"cannot be read back: {reason}", file=path, field=name) from None


def _flagged(opened: EventFile, odd: NDArray[np.bool_]) -> EventFile:
    """Return the file with the events of *odd* marked as filled up or cut."""

    def stream(events: int) -> Iterator[EventTable]:
        done = 0
        for table in opened.stream(events):
            status = table.status.copy()
            mark(status, odd[done : done + len(table)], Status.TRUNCATED)
            done += len(table)
            yield EventTable(table.columns, table.quantities, status, table.provenance)

    return replace(opened, stream=stream)


def _contents(path: Path) -> tuple[dict[str, Any], dict[str, Ragged], dict[str, str]]:
    """Return arrays, ragged ones, and codecs of compressed ones, by their paths."""
    import h5py

    arrays: dict[str, Any] = {}
    ragged: dict[str, Ragged] = {}
    encoded: dict[str, str] = {}

    def visit(name: str, item: Any) -> None:
        if any(name.startswith(f"{group}/") for group in (*ragged, *encoded)):
            return
        if "codec" in item.attrs:
            encoded[name] = str(item.attrs["codec"])
        elif (vectors := vectors_of(item)) is not None:
            ragged[name] = vectors
        elif isinstance(item, h5py.Dataset) and len(item.shape) > 0:
            arrays[name] = item

    try:
        file = h5py.File(path, "r")
        file.visititems(visit)
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        reason = reason_of(error)
        raise UnsupportedFormat(f"cannot be read as HDF5: {reason}", file=path) from None
    return arrays, ragged, encoded


def _kept(
    path: Path,
    mapping: TableMapping,
    sources: Mapping[str, tuple[str, ...]],
    ragged: Mapping[str, Ragged],
    options: ReadOptions,
) -> KeptEvents | None:
    """Return which events are kept; None where no mapped array is ragged."""
    wished = {
        source: mapping.columns[name].samples
        for name, group in sources.items()
        for source in group
        if source in ragged
    }
    if not wished:
        return None
    return kept_events(path, {name: ragged[name] for name in wished}, wished, options)


def _part(
    array: Any, name: str, kept: KeptEvents | None, start: int, stop: int, path: Path
) -> NDArray[Any]:
    with _read_back(path, name):
        if kept is None:
            return np.array(array[start:stop])
        if name in kept.samples:
            return kept.of(name, array, start, stop)
        found: NDArray[Any] = np.array(array[start:stop])[kept.mask[start:stop]]
        return found


def _sampling_interval(
    sources: Mapping[str, tuple[str, ...]], arrays: Mapping[str, Any]
) -> float | None:
    """Return what LH5 tables state beside the mapped values; None if not one number."""
    found = set()
    for source in arrays_of(sources):
        table, _, field = source.rpartition("/")
        beside = f"{table}/dt"
        if field == "values" and beside in arrays:
            unit = IN_NS.get(str(arrays[beside].attrs.get("units", "")))
            steps = np.unique(arrays[beside][:]).tolist()
            found |= {step * unit for step in steps} if unit else {None}
    interval = found.pop() if len(found) == 1 else None
    return None if interval is None else float(interval)
