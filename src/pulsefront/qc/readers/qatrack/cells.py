"""The answers in the rows of QATrack+ reports, whatever the shape of the table.

In a ``long`` table a row is an answer. In a ``wide`` one a row is a unit and a time, a column a
test. In one ``by unit`` a column is a test of one unit, followed by its reference and tolerance.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from pulsefront.qc.readers.qatrack.values import hours_of, is_yes, tolerance_limits, why_no_number
from pulsefront.qc.readers.text.delimited import TextRows, distinct_names
from pulsefront.qc.readers.text.numbers import parse_numbers
from pulsefront.qc.records import BOUND_COLUMNS
from pulsefront.qc.site import Site

__all__ = [
    "OF_A_TEST",
    "SERVICE_TITLES",
    "Block",
    "Piece",
    "QATrackTable",
    "Shape",
    "blocks_of",
    "cells_by_unit",
    "cells_of_long",
    "cells_of_wide",
    "piece_of_services",
    "piece_of_values",
]

_PERFORMED_BY = {"Performed By", "Peformed By"}  # the second is how a release spells it
_META = {
    "Work Completed", "Work Started", "Unit", "Site", "Test List", "Created By", "Comment",
    "Review Status", "Due Date", "Unit Type", "Reviewed", "Link", *_PERFORMED_BY,
}  # fmt: skip
OF_A_TEST = re.compile(r"(?P<site>.*?) : (?P<rest>.+ - .+)")

Shape = Literal["long", "wide", "by unit", "service"]


@dataclass(frozen=True)
class QATrackTable:
    """Where the table of a report begins, and of which shape it is.

    ``before`` counts the lines before its first row. In a ``wide`` table a column is a test and a
    row a unit and a time; in one ``by unit``, a column is a test of one unit.
    """

    before: int
    delimiter: str
    header: tuple[str, ...]
    shape: Shape


@dataclass(frozen=True)
class Piece:
    """Some rows of a report under plain names, and what was passed over."""

    number: npt.NDArray[np.int64]
    columns: dict[str, list[str]]
    passed: dict[str, int]


@dataclass(frozen=True)
class Cell:
    """One answer to one test."""

    number: int
    when: str
    unit: str
    site: str
    test: str
    value: str
    reference: str = ""
    tolerance: str = ""
    skipped: bool = False
    status: str = ""


def piece_of_values(cells: Iterator[Cell], *, decimal_comma: bool) -> Piece:
    """Return the numbers among some answers, with tolerances spelled out as limits."""
    kept: list[Cell] = []
    passed: Counter[str] = Counter()
    for cell in cells:
        why = "" if cell.skipped else why_no_number(cell.value, cell.tolerance)
        if why:
            passed[why] += 1
        else:
            kept.append(cell)
    references = [cell.reference for cell in kept]
    numbers, _ = parse_numbers(references, decimal_comma=decimal_comma)
    sign = "," if decimal_comma else "."
    limits = [
        ["" if np.isnan(v) else repr(v).replace(".", sign) for v in four]
        for four in (
            tolerance_limits(cell.tolerance, number)
            for cell, number in zip(kept, numbers.tolist(), strict=True)
        )
    ]
    columns = {
        "unit_id": [cell.unit for cell in kept],
        "site": [cell.site for cell in kept],
        "test": [cell.test for cell in kept],
        "value": ["" if cell.skipped else cell.value for cell in kept],
        "measured_at": [cell.when for cell in kept],
        "reference": ["" if np.isnan(n) else t for t, n in zip(references, numbers, strict=True)],
        "status": ["skipped" if cell.skipped else cell.status for cell in kept],
        **{name: [four[k] for four in limits] for k, name in enumerate(BOUND_COLUMNS)},
    }
    number = np.array([cell.number for cell in kept], dtype=np.int64)
    return Piece(number, columns, dict(passed))


def _is_skipped(value: str, said: str = "") -> bool:
    return is_yes(said) or value.strip().lower() == "skipped"


def cells_of_long(rows: TextRows, table: QATrackTable) -> Iterator[Cell]:
    columns = dict(zip(distinct_names(table.header), rows.columns, strict=True))
    empty = [""] * len(rows)
    status = columns.get("Status", columns.get("Pass/Fail", empty))
    for k in range(len(rows)):
        value = columns["Value"][k]
        yield Cell(
            int(rows.number[k]),
            columns["Work Completed"][k],
            columns["Unit"][k],
            columns.get("Site", empty)[k],
            columns["Test"][k],
            value,
            columns.get("Reference", empty)[k],
            columns.get("Tolerance", empty)[k],
            _is_skipped(value, columns.get("Skipped", empty)[k]),
            status[k],
        )


def cells_of_wide(rows: TextRows, table: QATrackTable) -> Iterator[Cell]:
    """Yield the answers of a table whose empty cells are tests that were not part of the list."""
    header = table.header
    tests = [k for k, name in enumerate(header) if name not in _META]
    completed, unit = (rows.columns[header.index(n)] for n in ("Work Completed", "Unit"))
    sites = rows.columns[header.index("Site")] if "Site" in header else [""] * len(rows)
    for k in range(len(rows)):
        for test in tests:
            value = rows.columns[test][k]
            if value.strip():
                yield Cell(
                    int(rows.number[k]), completed[k], unit[k], sites[k], header[test], value,
                    skipped=_is_skipped(value),
                )  # fmt: skip


@dataclass(frozen=True)
class Block:
    """The columns of one test of one unit; the indices are −1 where it has no such column."""

    site: str
    unit: str
    test: str
    value: int
    reference: int
    tolerance: int


def blocks_of(table: QATrackTable, site: Site) -> list[Block]:
    """Return the tests of a table by unit: each has a reference, a tolerance, a comment."""
    header = table.header
    starts = [k for k, name in enumerate(header) if k and OF_A_TEST.fullmatch(name)]
    blocks = []
    for start, end in zip(starts, [*starts[1:], len(header)], strict=True):
        match = OF_A_TEST.fullmatch(header[start])
        if match is None:
            continue
        own = {header[k]: k for k in range(start + 1, end)}
        unit, test = _unit_and_test(match["rest"], site)
        blocks.append(
            Block(
                match["site"], unit, test, start, own.get("Reference", -1), own.get("Tolerance", -1)
            )
        )
    return blocks


def _unit_and_test(text: str, site: Site) -> tuple[str, str]:
    """Return unit and test of ``CAM2 - Sensitivity``; either may hold a dash itself."""
    parts = text.split(" - ")
    splits = [(" - ".join(parts[:k]), " - ".join(parts[k:])) for k in range(1, len(parts))]
    known = {name for unit in site.units for name in (unit.unit_id, *unit.aliases)}
    named = [split for split in splits if split[0] in known]
    return named[-1] if named else splits[0]


def cells_by_unit(rows: TextRows, blocks: Sequence[Block]) -> Iterator[Cell]:
    for k in range(len(rows)):
        for block in blocks:
            value = rows.columns[block.value][k]
            if value.strip():
                yield Cell(
                    int(rows.number[k]),
                    rows.columns[0][k],
                    block.unit,
                    block.site,
                    block.test,
                    value,
                    rows.columns[block.reference][k] if block.reference >= 0 else "",
                    rows.columns[block.tolerance][k] if block.tolerance >= 0 else "",
                    _is_skipped(value),
                )


SERVICE_TITLES = {
    "unit_id": ("Unit",),
    "site": ("Site",),
    "kind": ("Service Type",),
    "component_id": ("Service Area",),
    "reported_at": ("Service Date",),
    "started_at": ("Work Started",),
    "completed_at": ("Work Completed",),
    "logged_at": ("Created Date", "Created"),
    "downtime_hours": ("Lost Time", "Lost Time (hours)"),
}
"""Titles that reports of service events have for what is kept of them."""


def piece_of_services(rows: TextRows, table: QATrackTable) -> Piece:
    columns = {}
    for name, titles in SERVICE_TITLES.items():
        there = [title for title in titles if title in table.header]
        if there:
            texts = rows.columns[table.header.index(there[0])]
            columns[name] = [hours_of(t) for t in texts] if name == "downtime_hours" else texts
    return Piece(rows.number, columns, {})
