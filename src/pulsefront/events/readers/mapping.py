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
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from pulsefront.config import FrozenModel
from pulsefront.errors import ConfigError, DataError
from pulsefront.events.container import EventTable, Quantity, Status, mark

__all__ = ["EventColumns", "TableMapping", "load_mapping", "mapped_table", "resolve_sources"]


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


class TableMapping(FrozenModel):
    """A mapping file: which array of a table is what."""

    columns: dict[str, EventColumns] = Field(min_length=1)
    """name of each column → where it comes from"""
    tree: str | None = None
    """ROOT tree or HDF5 group, where the file has several"""
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


def load_mapping(mapping: Path | None, path: Path, arrays: Sequence[str]) -> TableMapping:
    """Return the mapping for *path*, which holds *arrays*.

    Raises
    ------
    ConfigError
        None is given, or it cannot be used.
    """
    if mapping is None:
        listed = ", ".join(arrays[:12]) + (" …" if len(arrays) > 12 else "")
        raise ConfigError(
            f"needs a mapping file that says what is what; it holds {listed}",
            file=path,
            field="--mapping",
            remedy="write one (see the reader 'mapping') and name it with --mapping",
        )
    return TableMapping.from_toml(mapping)


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
            bad = ~np.isfinite(column).reshape(len(column), -1).all(axis=1)
            mark(status, np.asarray(bad), Status.NOT_FINITE)
    return EventTable(columns, mapping.quantities, status, provenance)


def _numeric(array: NDArray[Any], path: Path, name: str) -> NDArray[Any]:
    if array.dtype.kind not in "biuf" or array.ndim == 0:
        raise DataError("is not an array of numbers", file=path, field=name, value=str(array.dtype))
    return array


def _numbers_in_order(name: str) -> list[Any]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
