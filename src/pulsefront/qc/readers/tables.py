"""CSV and Parquet tables read by a mapping."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from pulsefront.errors import ToolMissing, UnsupportedFormat
from pulsefront.qc.readers.rows.assemble import Assembler, path_values
from pulsefront.qc.readers.rows.quantities import Reading
from pulsefront.qc.readers.text.columns import ColumnIndex
from pulsefront.qc.readers.text.date_order import OrderVotes
from pulsefront.qc.readers.text.delimited import (
    open_text,
    read_rows,
    separator_line,
    sniff_delimiter,
    split_header,
)
from pulsefront.qc.readers.text.numbers import DecimalVotes
from pulsefront.qc.records import LIMIT_COLUMNS, Batch
from pulsefront.qc.site import Mapping, Site
from pulsefront.qc.times import DateOrder

__all__ = [
    "Layout",
    "find_layout",
    "open_end",
    "read_csv_table",
    "read_parquet_table",
    "table_lines",
]

_TIME_COLUMNS = (
    "measured_at", "available_at", "occurred_at", "reported_at", "started_at", "completed_at",
    "logged_at", "installed_on", "active_from", "active_to",
)  # fmt: skip
_NUMBER_COLUMNS = ("value", *LIMIT_COLUMNS, "downtime_hours")
_HEADER_WITHIN_LINES = 60
_SAMPLE_ROWS = 500
_TAIL_BYTES = 65_536  # even: two bytes make a sign of UTF-16


@dataclass(frozen=True)
class Layout:
    """Where a table begins in a text file: lines before its rows, delimiter, names of columns."""

    before: int
    delimiter: str
    header: tuple[str, ...]


@contextmanager
def table_lines(path: Path, before: int) -> Iterator[io.TextIOWrapper]:
    """Yield the lines of a file after the first ones."""
    with open_text(path) as lines:
        for _ in range(before):
            lines.readline()
        yield lines


def open_end(path: Path) -> str:
    """Return the last line of a text file where it has no end and others have; empty otherwise."""
    with open_text(path) as lines, open(path, "rb") as file:
        file.seek(max(path.stat().st_size - _TAIL_BYTES, 0))
        tail = file.read().decode(lines.encoding, errors="replace")
    whole, sign, last = tail.replace("\r", "\n").rpartition("\n")
    return last.strip().strip("\x00") if sign and whole.strip() else ""


def find_layout(path: Path, mapping: Mapping) -> Layout:
    """Return where a table begins.

    Its header is the first line after ``skip_lines`` that has all the columns of the mapping:
    some programs write lines about the report before it. Where none has them all, it is the first
    line that is not empty, so that an error can say what is missing.
    """
    announced, first = "", None
    with open_text(path) as lines:
        for k, line in enumerate(islice(lines, mapping.skip_lines + _HEADER_WITHIN_LINES)):
            if k < mapping.skip_lines or not line.strip():
                continue
            if separator_line(line) and first is None:
                announced = separator_line(line)
                continue
            delimiter = mapping.delimiter or announced or sniff_delimiter(line)
            if mapping.header:
                return Layout(k, delimiter, mapping.header)
            layout = Layout(k + 1, delimiter, tuple(split_header(line, delimiter)))
            first = first or layout
            if ColumnIndex(layout.header, mapping).has_all:
                return layout
    if first is None:
        raise UnsupportedFormat(
            f"has no line after the first {mapping.skip_lines}",
            file=path,
            remedy="correct skip_lines in the mapping",
        )
    return first


def read_csv_table(path: Path, site: Site, mapping: Mapping, *, now_s: int) -> Iterator[Batch]:
    """Yield the records of a CSV file in batches.

    Commas, semicolons, tabs and bars are told apart by the header; whether a comma is the decimal
    sign, by the cells, unless the mapping says so.

    Raises
    ------
    ConfigError
        The mapping names a column that is not there.
    QCDataError
        It names one that is there twice, or days and months cannot be told apart and the mapping
        does not say.
    """
    layout = find_layout(path, mapping)
    comma = mapping.decimal_comma
    assembler = Assembler(
        Reading(
            mapping,
            site,
            mapping.date_order or _date_order(path, mapping, layout),
            _decimal_comma(path, mapping, layout) if comma is None else comma,
            now_s,
            path_values(mapping, path),
        ),
        layout.header,
        file=path,
    )
    total = path.stat().st_size
    with table_lines(path, layout.before) as lines:
        for rows in read_rows(
            lines,
            delimiter=layout.delimiter,
            width=len(layout.header),
            before=layout.before,
            header=layout.header,
        ):
            passed = {"comment": rows.comments} if rows.comments else None
            yield assembler.batch(
                rows.number, rows.columns, rows.rejects, done=rows.done, total=total, passed=passed
            )


def _decimal_comma(path: Path, mapping: Mapping, layout: Layout) -> bool | None:
    """Return whether a comma is the decimal sign of the numbers of a file, None where both are.

    The first rows say it, or as many as it takes until one number can be read in one way only.
    """
    if layout.delimiter == ",":
        return False
    quantities = dict(mapping.columns.given())
    names = [name for quantity in _NUMBER_COLUMNS for name in quantities.get(quantity, ())]
    columns = ColumnIndex(layout.header, mapping)
    found = [columns.first(name) for name in (*names, *mapping.tests)]
    indices = [index for index in found if index is not None]
    votes = DecimalVotes()
    with table_lines(path, layout.before) as lines:
        for rows in read_rows(
            lines, delimiter=layout.delimiter, width=len(layout.header), chunk=_SAMPLE_ROWS
        ):
            for k in indices:
                votes.add(rows.columns[k])
            if not votes.undecided:
                break
    return votes.decimal_comma()


def _date_order(path: Path, mapping: Mapping, layout: Layout) -> DateOrder:
    """Return the order that the dates of a whole file show, over all its time columns.

    Where the first rows have the year in front, the others are not looked at: a date with the year
    at its end is then refused when it is read.
    """
    if mapping.date_format:
        return "ymd"
    quantities = dict(mapping.columns.given())
    names = {quantities[name][0] for name in _TIME_COLUMNS if name in quantities}
    columns = ColumnIndex(layout.header, mapping)
    indices = [index for name in names if (index := columns.first(name)) is not None]
    votes = OrderVotes()
    votes.add(path_values(mapping, path).values())
    with table_lines(path, layout.before) as lines:
        for rows in read_rows(
            lines, delimiter=layout.delimiter, width=len(layout.header), chunk=20_000
        ):
            for k in indices:
                votes.add(rows.columns[k])
            if votes.year_first:
                break
    return votes.order()


def read_parquet_table(path: Path, site: Site, mapping: Mapping, *, now_s: int) -> Iterator[Batch]:
    """Yield the records of a Parquet file in batches.

    Raises
    ------
    ToolMissing
        pyarrow is not installed.
    UnsupportedFormat
        The file is no Parquet.
    ConfigError
        The mapping names a column that is not there.
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
        header = file.schema_arrow.names
        reading = Reading(
            mapping,
            site,
            mapping.date_order or "ymd",
            bool(mapping.decimal_comma),
            now_s,
            path_values(mapping, path),
        )
        assembler = Assembler(reading, header, file=path)
        done, total = 0, file.metadata.num_rows
        for part in file.iter_batches(batch_size=100_000):
            columns = [_texts(part.column(k)) for k in range(part.num_columns)]
            number = np.arange(done + 1, done + part.num_rows + 1, dtype=np.int64)
            done += part.num_rows
            yield assembler.batch(number, columns, done=done, total=total)
    except (pa.ArrowException, OSError) as error:
        raise UnsupportedFormat(
            f"is no whole Parquet file: {error}", file=path, remedy="export it again"
        ) from None


def _texts(column: object) -> Sequence[str]:
    values = column.to_pylist()  # type: ignore[attr-defined]
    return ["" if value is None else str(value) for value in values]
