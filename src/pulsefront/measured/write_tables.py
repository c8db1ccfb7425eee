"""Tables of events as files for other programs: CSV, Parquet, or a store."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ToolMissing
from pulsefront.events import store
from pulsefront.events.container import EventTable, Quantity, Status

__all__ = ["TableFormat", "flatten", "write_tables"]

TableFormat = Literal["csv", "h5", "parquet"]


def write_tables(
    tables: Iterator[EventTable], path: Path, table_format: TableFormat
) -> dict[str, Quantity]:
    """Write *tables* one after the other to one file; return its data dictionary.

    Raises
    ------
    DataError
        There is no table, or a column cannot be stored.
    ToolMissing
        Parquet is asked for without pyarrow.
    """
    dictionary: dict[str, Quantity] = {}

    def noted() -> Iterator[EventTable]:
        for table in tables:
            dictionary.update(table.quantities)
            yield table

    if table_format == "h5":
        store.write_stream(noted(), path)
    elif table_format == "csv":
        _write_csv(noted(), path)
    else:
        _write_parquet(noted(), path)
    flags = ", ".join(f"{flag.value} {flag.name}" for flag in Status if flag)
    return {**dictionary, "status": Quantity("1", f"sum of flags: {flags}")}


def flatten(table: EventTable) -> dict[str, NDArray[Any]]:
    """Return one-dimensional columns: (event, channel) quantities get one column per channel."""
    columns: dict[str, NDArray[Any]] = {}
    for name, values in table.columns.items():
        if values.ndim == 1:
            columns[name] = values
        else:
            flat = values.reshape(len(values), int(np.prod(values.shape[1:])))
            columns |= {f"{name}_{c}": flat[:, c] for c in range(flat.shape[1])}
    return {**columns, "status": table.status}


def _write_csv(tables: Iterator[EventTable], path: Path) -> None:
    import pandas as pd

    with open(path, "w", encoding="utf-8", newline="") as file:
        for number, table in enumerate(tables):
            # Shortest digits that read back as the same number: a time is no tick off.
            frame = pd.DataFrame(flatten(table))
            frame.to_csv(file, header=number == 0, index=False)


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
