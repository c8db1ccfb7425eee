"""CSV and Parquet tables read by a mapping."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pulsefront.errors import ToolMissing, UnsupportedFormat
from pulsefront.qc.readers.assemble import Assembler
from pulsefront.qc.readers.text import open_text, read_rows, sniff_delimiter, split_header
from pulsefront.qc.records import Batch
from pulsefront.qc.site import Mapping, Site
from pulsefront.qc.times import DateOrder, infer_date_order

__all__ = ["read_csv_table", "read_parquet_table"]

_TIME_COLUMNS = (
    "measured_at", "available_at", "occurred_at", "reported_at", "started_at", "completed_at",
    "logged_at", "installed_on",
)  # fmt: skip
_ROWS_FOR_DATE_ORDER = 20_000


def read_csv_table(
    path: Path, site: Site, mapping: Mapping, *, now_s: int, skip_lines: int = 0
) -> Iterator[Batch]:
    """Yield the records of a CSV file in batches.

    Commas, semicolons and tabs are told apart by the header; with semicolons or tabs, a comma is
    the decimal sign unless the mapping says otherwise.

    Raises
    ------
    ConfigError
        The mapping names a column that is not there.
    QCDataError
        Days and months cannot be told apart and the mapping does not say.
    """
    with open_text(path) as lines:
        for _ in range(skip_lines):
            lines.readline()
        first = lines.readline()
        delimiter = mapping.delimiter or sniff_delimiter(first)
        header = split_header(first, delimiter)
        comma = mapping.decimal_comma
        decimal_comma = delimiter != "," and _has_decimal_comma(path) if comma is None else comma
        assembler = Assembler(
            mapping,
            header,
            site,
            file=path,
            order=mapping.date_order or _date_order(path, mapping, header, delimiter, skip_lines),
            decimal_comma=decimal_comma,
            now_s=now_s,
        )
        total = path.stat().st_size
        for rows in read_rows(lines, delimiter=delimiter, width=len(header)):
            number = rows.number + skip_lines
            yield assembler.batch(number, rows.columns, rows.rejects, done=rows.done, total=total)


def _has_decimal_comma(path: Path) -> bool:
    with open_text(path) as lines:
        sample = lines.read(65_536)
    return sample.count(",") > 0


def _date_order(
    path: Path, mapping: Mapping, header: Sequence[str], delimiter: str, skip_lines: int
) -> DateOrder:
    """Return the order that the first rows of a file show, over all its time columns."""
    columns = [getattr(mapping.columns, name) for name in _TIME_COLUMNS]
    indices = [header.index(name) for name in columns if name in header]
    with open_text(path) as lines:
        for _ in range(skip_lines + 1):
            lines.readline()
        for rows in read_rows(
            lines, delimiter=delimiter, width=len(header), chunk=_ROWS_FOR_DATE_ORDER
        ):
            texts = [t.strip() for k in indices for t in rows.columns[k] if t.strip()]
            return infer_date_order(texts)
    return "ymd"


def read_parquet_table(path: Path, site: Site, mapping: Mapping, *, now_s: int) -> Iterator[Batch]:
    """Yield the records of a Parquet file in batches.

    Raises
    ------
    ToolMissing
        pyarrow is not installed.
    UnsupportedFormat
        The file is no Parquet.
    """
    try:
        import pyarrow as pa  # type: ignore[import-untyped]
        import pyarrow.parquet as pq  # type: ignore[import-untyped]
    except ImportError:
        raise ToolMissing(
            "pyarrow", needed_for="Parquet files", install="pip install 'pulsefront[parquet]'"
        ) from None
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise UnsupportedFormat(f"is no Parquet file: {error}", file=path) from None
    header = file.schema_arrow.names
    assembler = Assembler(
        mapping, header, site,
        file=path, order=mapping.date_order or "ymd", decimal_comma=False, now_s=now_s,
    )  # fmt: skip
    done, total = 0, file.metadata.num_rows
    for part in file.iter_batches(batch_size=100_000):
        columns = [_texts(part.column(k)) for k in range(part.num_columns)]
        number = np.arange(done + 1, done + part.num_rows + 1, dtype=np.int64)
        done += part.num_rows
        yield assembler.batch(number, columns, done=done, total=total)


def _texts(column: object) -> list[str]:
    values = column.to_pylist()  # type: ignore[attr-defined]
    return ["" if value is None else str(value) for value in values]
