"""A mapping file says which array of somebody's table is what, and in which unit.

::

    sample_interval_ns = 0.5            # where there are waveforms

    [columns.charge_adc]
    source = "adc_*"                    # an array, a list of them, or a pattern
    unit = "ADC counts"
    description = "charge of each photosensor"

    [columns.stage_position_mm]
    source = ["stage_x", "stage_y"]     # several become one (event, n) column
    unit = "mm"
    description = "stage position"
    scale = 10.0                        # the file holds centimetres

    [provenance]
    detector = "block 7"
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pulsefront.config import FrozenModel
from pulsefront.errors import ConfigError, DataError
from pulsefront.events.container import EventTable, Quantity, Status, mark
from pulsefront.events.readers.base import EventFile, ReadOptions

__all__ = [
    "EventColumns",
    "TableMapping",
    "arrays_of",
    "common_length",
    "load_mapping",
    "mapped_file",
    "mapped_table",
    "resolve_sources",
]


class EventColumns(FrozenModel):
    """Where a column of events comes from."""

    source: str | tuple[str, ...]
    """name of an array of the file, a list of names, or a pattern such as ``adc_*``; several
    become one (event, n) column"""
    unit: str
    """unit of measurement; 1 for a pure number"""
    description: str
    """meaning, in one line"""
    scale: float = 1.0
    """factor from the file's numbers to this unit"""
    type: Literal["found", "real"] = "found"
    """whole numbers stay whole where a text column holds nothing else; real takes all as real"""
    samples: int | None = Field(default=None, gt=0)
    """length that HDF5 vectors of several lengths are filled up with zeros or cut to, and flagged;
    without it the events of the length that most have are kept"""


class TableMapping(FrozenModel):
    """A mapping file: which array of a table is what."""

    columns: dict[str, EventColumns] = Field(min_length=1)
    """name of each column → where it comes from"""
    tree: str | None = None
    """ROOT tree or HDF5 group, where the file has several"""
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    """what stands between the fields of a text: comma, semicolon, tab or blank; found if absent"""
    decimal: Literal[".", ","] | None = None
    """decimal sign of a text; found if absent"""
    sample_interval_ns: float | None = Field(default=None, gt=0)
    """sampling interval of the waveforms"""
    provenance: dict[str, str | int | float | bool] = Field(default_factory=dict)
    """what else to store about the events"""

    @property
    def quantities(self) -> dict[str, Quantity]:
        """The data dictionary."""
        return {
            name: Quantity(column.unit, column.description) for name, column in self.columns.items()
        }


def load_mapping(
    options: ReadOptions, path: Path, arrays: Sequence[str], *, empty: bool = False
) -> TableMapping:
    """Return the mapping for *path*, which holds *arrays*.

    Where the file is only looked at, every array stands for itself without one.

    Raises
    ------
    ConfigError
        None is given, or it cannot be used.
    DataError
        None is given, and there is nothing to map: *empty*.
    """
    if options.mapping is not None:
        return TableMapping.from_toml(options.mapping)
    if options.unmapped and arrays:
        columns = {
            name: EventColumns(source=(name,), unit="?", description="not mapped")
            for name in arrays
        }
        return TableMapping(columns=columns)
    listed = ", ".join(arrays[:12]) + (" …" if len(arrays) > 12 else "")
    if empty:
        raise DataError(
            f"the table is empty: it names {listed}, and holds no rows",
            file=path,
            remedy="a run without events, or a copy that failed: compare it with its source",
        )
    raise ConfigError(
        f"needs a mapping file that says what is what; it holds {listed}",
        file=path,
        field="--mapping",
        remedy=f"pulsefront mapping {path.name} prints one to begin with; name it with --mapping",
    )


def resolve_sources(
    mapping: TableMapping, arrays: Sequence[str], path: Path
) -> dict[str, tuple[str, ...]]:
    """Return, for every column, the arrays of the file that it is made of.

    Raises
    ------
    DataError
        An array is not there, or a pattern fits none.
    """
    found: dict[str, tuple[str, ...]] = {}
    for name, column in mapping.columns.items():
        wanted = (column.source,) if isinstance(column.source, str) else column.source
        names: list[str] = []
        for word in wanted:
            fitting = [word] if word in arrays else fnmatch.filter(arrays, word)
            if not fitting:
                listed = ", ".join(arrays[:12]) + (" …" if len(arrays) > 12 else "")
                raise DataError(
                    "holds no such array",
                    file=path,
                    field=word,
                    remedy=f"it holds {listed}",
                )
            names += sorted(fitting, key=_numbers_in_order)
        found[name] = tuple(names)
    return found


def arrays_of(sources: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return the arrays that columns are made of, each once and in the order of their names."""
    return sorted({source for group in sources.values() for source in group})


def common_length(counts: Mapping[str, int], path: Path) -> int:
    """Return the length that all arrays have, given that of each.

    Raises
    ------
    DataError
        They differ.
    """
    if len(set(counts.values())) != 1:
        raise DataError("arrays differ in length", file=path, field="columns", value=dict(counts))
    return next(iter(counts.values()))


def mapped_file(
    name: str,
    path: Path,
    mapping: TableMapping,
    event_bytes: int,
    count: int | None,
    batches: Callable[[int], Iterator[Callable[[str], NDArray[Any]]]],
    sources: dict[str, tuple[str, ...]],
) -> EventFile:
    """Return a file whose tables are the mapped columns of *batches* of its arrays."""
    provenance: dict[str, Any] = {"format": name, "file": path.name, **mapping.provenance}
    if mapping.sample_interval_ns is not None:
        provenance["sample_interval_ns"] = mapping.sample_interval_ns
    if count is not None:
        provenance["events"] = count

    def stream(events: int) -> Iterator[EventTable]:
        for get in batches(events):
            yield mapped_table(mapping, sources, get, provenance, path)

    return EventFile(path, name, mapping.quantities, provenance, max(event_bytes, 1), stream)


def mapped_table(
    mapping: TableMapping,
    sources: Mapping[str, tuple[str, ...]],
    get: Callable[[str], NDArray[Any]],
    provenance: Mapping[str, Any],
    path: Path,
) -> EventTable:
    """Return the mapped columns of the arrays that *get* returns by name.

    An event with a number that is not finite is marked `Status.NOT_FINITE`.

    Raises
    ------
    DataError
        Arrays are not numeric or differ in length or shape.
    """
    columns: dict[str, NDArray[Any]] = {}
    for name, names in sources.items():
        parts = [_numeric(np.asarray(get(source)), path, source) for source in names]
        if mapping.columns[name].type == "real":
            parts = [part.astype(np.float64) for part in parts]
        try:
            column = parts[0] if len(parts) == 1 else np.stack(parts, axis=1)
        except ValueError:
            raise DataError("arrays differ in shape", file=path, field=", ".join(names)) from None
        scale = mapping.columns[name].scale
        columns[name] = column if scale == 1.0 else column * scale
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) != 1:
        raise DataError("columns differ in length", file=path, field="columns", value=lengths)
    status = np.zeros(next(iter(lengths.values())), np.uint16)
    for column in columns.values():
        if column.dtype.kind == "f":
            axes = tuple(range(1, column.ndim))
            bad = ~np.isfinite(column).all(axis=axes) if axes else ~np.isfinite(column)
            mark(status, np.asarray(bad), Status.NOT_FINITE)
    return EventTable(columns, mapping.quantities, status, provenance)


def _numeric(array: NDArray[Any], path: Path, name: str) -> NDArray[Any]:
    if array.dtype.kind not in "biuf" or array.ndim == 0:
        raise DataError("is not an array of numbers", file=path, field=name, value=str(array.dtype))
    return array


def _numbers_in_order(name: str) -> list[Any]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
