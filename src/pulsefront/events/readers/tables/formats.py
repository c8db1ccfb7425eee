"""Tables of numbers — CSV, Parquet, NumPy, HDF5, ROOT — read with a mapping file.

Every reader streams: rows of CSV (`pulsefront.events.readers.tables.csv_table`), batches of Parquet
and ROOT, slices of mapped NumPy files and of HDF5 datasets. Only ``.npz`` archives are unpacked
array by array.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError, UnsupportedFormat
from pulsefront.events.readers.base import EventFile, ReadOptions, reason_of
from pulsefront.events.readers.tables import csv_table, hdf5_table
from pulsefront.events.readers.tables.mapping import (
    TableMapping,
    arrays_of,
    common_length,
    load_mapping,
    mapped_file,
    resolve_sources,
)
from pulsefront.extras import require

__all__ = ["READERS", "recogniser"]

Get = Callable[[str], NDArray[Any]]
ROOT_TABLES = ("TTree", "ROOT::RNTuple")
SIGNATURES = {
    "hdf5": b"\x89HDF\r\n\x1a\n",
    "npy": b"\x93NUMPY",
    "npz": b"PK\x03\x04",
    "parquet": b"PAR1",
    "root": b"root",
}


def recogniser(name: str) -> Callable[[bytes, Path], bool]:
    """Return the function that says whether a file is of the named table format."""

    def recognises(head: bytes, path: Path) -> bool:
        if name in SIGNATURES:
            signed = head.startswith(SIGNATURES[name])
            return signed and (name != "npz" or zipfile.is_zipfile(path))
        return csv_table.recognises(head, path)

    return recognises


def open_parquet(path: Path, options: ReadOptions) -> EventFile:
    """Open a Parquet table; lists of one length become (event, n) columns."""
    require("parquet", needed_for="Parquet tables")
    pq, pa = import_module("pyarrow.parquet"), import_module("pyarrow")
    try:
        file = pq.ParquetFile(path)
        names = list(file.schema_arrow.names)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable("Parquet", path, error) from None
    mapping = load_mapping(options, path, names, empty=file.metadata.num_rows == 0)
    sources = resolve_sources(mapping, names, path)
    wanted = arrays_of(sources)

    def batches(events: int) -> Iterator[Get]:
        try:
            # Group by group: over all of them it would read ahead, and keep what it has read.
            for group in range(file.num_row_groups):
                for batch in file.iter_batches(events, row_groups=[group], columns=wanted):
                    yield lambda name, batch=batch: _rectangular(  # type: ignore[misc]
                        batch.column(name).to_numpy(zero_copy_only=False), path, name
                    )
        except (pa.ArrowException, OSError) as error:
            raise _unreadable("Parquet", path, error) from None

    count = int(file.metadata.num_rows)
    size = sum(file.metadata.row_group(i).total_byte_size for i in range(file.num_row_groups))
    return mapped_file("parquet", path, mapping, size // max(count, 1), count, batches, sources)


def open_npy(path: Path, options: ReadOptions) -> EventFile:
    """Open a NumPy array, mapped; a structured one has its fields, a plain one is ``array``."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise _unreadable("NumPy", path, error) from None
    fields = array.dtype.names
    arrays = {name: array[name] for name in fields} if fields else {"array": array}
    return _open_arrays("npy", path, options, arrays)


def open_npz(path: Path, options: ReadOptions) -> EventFile:
    """Open a NumPy archive; the arrays that the mapping names are unpacked into memory."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            names = list(archive.files)
            mapping = load_mapping(options, path, names)
            sources = resolve_sources(mapping, names, path)
            arrays = {name: archive[name] for name in arrays_of(sources)}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, KeyError) as error:
        raise _unreadable("NumPy archive", path, error) from None
    return _open_arrays("npz", path, options, arrays)


def open_root(path: Path, options: ReadOptions) -> EventFile:
    """Open a ROOT tree or RNTuple; branches of one length per event become (event, n) columns."""
    require("root", needed_for="ROOT files")
    uproot = import_module("uproot")
    try:
        # Without its cache, which would keep the arrays of the chunks before.
        file = uproot.open(path, array_cache=None, object_cache=None)
        kinds = file.classnames()
        trees = sorted({key.split(";")[0] for key in kinds if kinds[key] in ROOT_TABLES})
    except Exception as error:  # noqa: BLE001 - uproot raises errors of a dozen libraries
        raise _unreadable("ROOT", path, error) from None
    if "MGTree" in trees:
        raise UnsupportedFormat(
            "is MGTEvent ROOT data, which is not read here",
            file=path,
            remedy="convert it with daq2lh5 (PyPI legend-daq2lh5) from the raw data, or with MGDO",
        )
    wished = None if options.mapping is None else TableMapping.from_toml(options.mapping).tree
    if wished is None and len(trees) == 1:
        wished = trees[0]
    if wished not in trees:
        raise DataError(
            "holds no such tree",
            file=path,
            field="tree",
            value=wished,
            remedy=f"name one of {', '.join(trees) or 'none'} in the mapping file",
        )
    try:
        tree = file[wished]
        names = list(tree.keys())
    except Exception as error:  # noqa: BLE001
        raise _unreadable("ROOT", path, error) from None
    mapping = load_mapping(options, path, names)
    sources = resolve_sources(mapping, names, path)
    wanted = arrays_of(sources)

    def batches(events: int) -> Iterator[Get]:
        try:
            # By branch: a jagged branch is slow as a record, and quick as offsets and content.
            for start in range(0, tree.num_entries, events):
                stop = min(start + events, tree.num_entries)
                arrays = {
                    name: tree[name].array(library="np", entry_start=start, entry_stop=stop)
                    for name in wanted
                }
                yield lambda name, arrays=arrays: _rectangular(arrays[name], path, name)  # type: ignore[misc]
        except DataError:
            raise
        except Exception as error:  # noqa: BLE001
            raise _unreadable("ROOT", path, error) from None

    count = int(tree.num_entries)
    # An RNTuple does not say how long its fields are.
    size = sum(int(getattr(tree[name], "uncompressed_bytes", 16 * count)) for name in wanted)
    return mapped_file("root", path, mapping, size // max(count, 1), count, batches, sources)


def _open_arrays(name: str, path: Path, options: ReadOptions, arrays: dict[str, Any]) -> EventFile:
    """Open arrays that can be sliced along the events."""
    names = [key for key, array in arrays.items() if len(array.shape) > 0]
    empty = not any(arrays[name].shape[0] for name in names)
    mapping = load_mapping(options, path, names, empty=empty)
    sources = resolve_sources(mapping, names, path)
    wanted = arrays_of(sources)
    count = common_length({source: int(arrays[source].shape[0]) for source in wanted}, path)
    event_bytes = sum(
        arrays[source].dtype.itemsize * int(np.prod(arrays[source].shape[1:])) for source in wanted
    )

    def batches(events: int) -> Iterator[Get]:
        for start in range(0, count, events):
            stop = min(start + events, count)
            yield lambda key, start=start, stop=stop: _slice(  # type: ignore[misc]
                arrays[key], start, stop, path, key
            )

    return mapped_file(name, path, mapping, event_bytes, count, batches, sources)


def _slice(array: Any, start: int, stop: int, path: Path, name: str) -> NDArray[Any]:
    try:
        return np.array(array[start:stop])
    except (OSError, RuntimeError, ValueError) as error:
        raise DataError(f"cannot be read back: {error}", file=path, field=name) from None


def _rectangular(array: NDArray[Any], path: Path, name: str) -> NDArray[Any]:
    """Return an array of lists as (event, n), which all must have one length."""
    if array.dtype != object:
        return array
    lengths = {np.shape(row) for row in array}
    if len(lengths) > 1:
        raise DataError(
            "has another length in every event",
            file=path,
            field=name,
            remedy="bring it to one length before, for instance one number per photosensor",
        )
    return np.stack([np.asarray(row) for row in array]) if len(array) else np.zeros((0, 0))


def _unreadable(kind: str, path: Path, error: Exception) -> UnsupportedFormat:
    return UnsupportedFormat(f"cannot be read as {kind}: {reason_of(error)}", file=path)


READERS: Sequence[tuple[str, Callable[[Path, ReadOptions], EventFile]]] = (
    ("parquet", open_parquet),
    ("npy", open_npy),
    ("npz", open_npz),
    ("hdf5", hdf5_table.open_hdf5),
    ("root", open_root),
    ("csv", csv_table.open_csv),
)
