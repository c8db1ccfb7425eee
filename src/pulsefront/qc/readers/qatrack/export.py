"""CSV reports of QATrack+: test values a row each or a column each, and service events.

A report begins with lines about itself (title, filters, who asked for it); the table begins where
its header stands. Tests that were skipped and answers that are no number are counted and passed
over: they are no fault of the report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pulsefront.errors import UnsupportedFormat
from pulsefront.qc.readers.qatrack.cells import (
    OF_A_TEST,
    SERVICE_TITLES,
    Piece,
    QATrackTable,
    Shape,
    blocks_of,
    cells_by_unit,
    cells_of_long,
    cells_of_wide,
    piece_of_services,
    piece_of_values,
)
from pulsefront.qc.readers.rows.assemble import Assembler, path_values
from pulsefront.qc.readers.rows.quantities import Reading
from pulsefront.qc.readers.tables import table_lines
from pulsefront.qc.readers.text.date_order import OrderVotes
from pulsefront.qc.readers.text.delimited import (
    TextRows,
    has_decimal_comma,
    open_text,
    read_rows,
    sniff_delimiter,
    split_header,
)
from pulsefront.qc.records import BOUND_COLUMNS, Batch
from pulsefront.qc.site import Mapping, Site, TableColumns
from pulsefront.qc.times import DateOrder

__all__ = ["find_qatrack_table", "read_qatrack"]

_HEADER_WITHIN_LINES = 60


def find_qatrack_table(path: Path) -> QATrackTable | None:
    """Return the table of a QATrack+ report, or None where the file is none."""
    with open_text(path) as lines:
        for k in range(_HEADER_WITHIN_LINES):
            line = lines.readline()
            if not line:
                return None
            header = split_header(line)
            shape = _shape_of(header)
            if shape:
                return QATrackTable(k + 1, sniff_delimiter(line), tuple(header), shape)
    return None


def _shape_of(header: Sequence[str]) -> Shape | None:
    cells = set(header)
    if {"Work Completed", "Unit", "Test", "Value"} <= cells:
        return "long"
    if {"Work Completed", "Unit"} <= cells:
        return "wide"
    if {"Service Type", "Unit", "Service Date"} <= cells:
        return "service"
    if header[0] == "Date" and any(OF_A_TEST.fullmatch(name) for name in header):
        return "by unit"
    return None


def read_qatrack(
    path: Path, site: Site, *, now_s: int, mapping: Mapping | None = None
) -> Iterator[Batch]:
    """Yield the records of a QATrack+ report in batches.

    ``mapping`` gives what the report does not tell: the unit, the zone, words for services.

    Raises
    ------
    UnsupportedFormat
        The file is no such report.
    QCDataError
        Days and months cannot be told apart.
    """
    table = find_qatrack_table(path)
    if table is None:
        raise UnsupportedFormat("is no QATrack+ report", file=path, remedy="check its header")
    order, decimal_comma = _look_through(path, table, mapping)
    reading = Reading(
        _plain_mapping(table, mapping or Mapping(format="qatrack")),
        site,
        order,
        decimal_comma,
        now_s,
        path_values(mapping, path) if mapping else {},
    )
    spell = _spelling(table, site, decimal_comma=decimal_comma)
    assembler: Assembler | None = None
    total = path.stat().st_size
    with table_lines(path, table.before) as lines:
        for rows in read_rows(
            lines,
            delimiter=table.delimiter,
            width=len(table.header),
            before=table.before,
            chunk=20_000,
        ):
            piece = spell(rows)
            if assembler is None:
                assembler = Assembler(reading, list(piece.columns), file=path)
            yield assembler.batch(
                piece.number,
                list(piece.columns.values()),
                rows.rejects,
                done=rows.done,
                total=total,
                passed=piece.passed,
            )


def _look_through(
    path: Path, table: QATrackTable, mapping: Mapping | None
) -> tuple[DateOrder, bool]:
    """Return the order of the dates of a whole report, and whether its numbers have commas."""
    named = ("Work Completed", "Date", "Service Date", "Created Date", "Created")
    indices = [table.header.index(name) for name in named if name in table.header]
    votes = OrderVotes()
    commas = 0
    with table_lines(path, table.before) as lines:
        for rows in read_rows(lines, delimiter=table.delimiter, width=len(table.header)):
            for k in indices:
                votes.add(rows.columns[k])
            if table.delimiter != ",":
                commas += has_decimal_comma(zip(*rows.columns, strict=True))
    order = mapping.date_order if mapping and mapping.date_order else votes.order()
    return order, commas > 0


def _plain_mapping(table: QATrackTable, given: Mapping) -> Mapping:
    """Return the mapping that reads pieces of a report."""
    if table.shape != "service":
        names = ("unit_id", "site", "test", "value", "measured_at", "reference", "status")
        columns = TableColumns(**{name: name for name in (*names, *BOUND_COLUMNS)})
        return given.model_copy(update={"format": "table", "columns": columns})
    there = [name for name, titles in SERVICE_TITLES.items() if set(titles) & set(table.header)]
    columns = TableColumns(**{name: name for name in there})
    own = {"format": "table", "table": "service", "columns": columns}
    return given.model_copy(update=own)


def _spelling(
    table: QATrackTable, site: Site, *, decimal_comma: bool
) -> Callable[[TextRows], Piece]:
    """Return what turns rows of the report into pieces."""
    if table.shape == "service":
        return lambda rows: piece_of_services(rows, table)
    if table.shape == "long":
        return lambda rows: piece_of_values(cells_of_long(rows, table), decimal_comma=decimal_comma)
    if table.shape == "wide":
        return lambda rows: piece_of_values(cells_of_wide(rows, table), decimal_comma=decimal_comma)
    blocks = blocks_of(table, site)
    return lambda rows: piece_of_values(cells_by_unit(rows, blocks), decimal_comma=decimal_comma)
