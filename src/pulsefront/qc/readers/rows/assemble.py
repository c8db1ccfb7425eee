"""Columns of text turned into records by a mapping; each row that does not fit gets its reason."""

from __future__ import annotations

import re
from collections.abc import Mapping as Table
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pulsefront.errors import UnsupportedFormat
from pulsefront.qc.readers.rows.build import (
    events_of,
    measurements_of,
    services_of,
    unit_records_of,
)
from pulsefront.qc.readers.rows.quantities import Reading
from pulsefront.qc.readers.rows.row_table import RowTable, Texts, by_distinct
from pulsefront.qc.readers.text.columns import ColumnIndex
from pulsefront.qc.records import LIMIT_COLUMNS, Batch, Reject
from pulsefront.qc.site import Mapping
from pulsefront.qc.site_mapping import WideTest

__all__ = ["Assembler", "path_values"]

_TIMES = (
    "measured_at", "available_at", "occurred_at", "reported_at", "started_at", "completed_at",
    "logged_at", "installed_on", "active_from", "active_to",
)  # fmt: skip

_NO_VALUE = {"", "-", "--", "n/a", "na", "nan", "none", "null", "not done", "skipped"}
"""What people write into the cell of a wide table where a test was not done."""

_BUILD = {
    "measurement": measurements_of,
    "event": events_of,
    "service": services_of,
    "unit": unit_records_of,
}


def path_values(mapping: Mapping, path: Path) -> dict[str, str]:
    """Return the quantities that the path of a file tells.

    Raises
    ------
    UnsupportedFormat
        The path is not of the form that the mapping says.
    """
    if not mapping.path:
        return {}
    match = re.search(mapping.path, path.as_posix())
    if match is None:
        raise UnsupportedFormat(
            "has a path that is not of the form of the mapping",
            file=path,
            field="path",
            value=mapping.path,
            remedy="rename the file, or correct path in the mapping",
        )
    return {name: text or "" for name, text in match.groupdict().items()}


class Assembler:
    """Turn the rows of one file into batches.

    Raises
    ------
    ConfigError
        The mapping names a column that the file has not.
    QCDataError
        It names one that the file has several times.
    """

    def __init__(self, reading: Reading, header: Sequence[str], *, file: Path) -> None:
        self.reading = reading
        self.mapping = reading.mapping
        columns_of = ColumnIndex(header, reading.mapping)

        self.indices = {
            quantity: [columns_of.index(column, quantity, file=file) for column in columns]
            for quantity, columns in self.mapping.columns.given()
        }
        self.tests: list[tuple[int, WideTest]] = [
            (columns_of.index(column, f"test {test.test!r}", file=file), test)
            for column, test in self.mapping.tests.items()
        ]

    def batch(
        self,
        number: npt.NDArray[np.int64],
        columns: Sequence[Sequence[str]],
        rejects: tuple[Reject, ...] = (),
        *,
        done: int,
        total: int,
        passed: Table[str, int] | None = None,
    ) -> Batch:
        """Return the records of one chunk of rows."""
        table = RowTable(number, self._texts(number, columns))
        row_of = np.arange(len(number))
        if self.tests:
            table, row_of = self._melted(table, columns)
        frame = _BUILD[self.mapping.table](self.reading, table)
        if self.tests:
            named = by_distinct(table.text("test"), lambda test: f"{test}: ")
            table.reasons = np.where(table.reasons == "", "", named + table.reasons)
        frame = frame[table.good].reset_index(drop=True)
        counts = table.passed_counts() | dict(passed or {})
        batch = Batch(
            rejects=(*rejects, *table.rejects(columns, row_of)),
            passed=counts,
            rows=len(table) + len(rejects) + sum((passed or {}).values()),
            done=done,
            total=total,
        )
        match self.mapping.table:
            case "measurement":
                return replace(batch, measurements=frame)
            case "event":
                return replace(batch, events=frame)
            case "service":
                return replace(batch, services=frame)
            case "unit":
                return replace(batch, units=frame)

    def _texts(
        self, number: npt.NDArray[np.int64], columns: Sequence[Sequence[str]]
    ) -> dict[str, Texts]:
        """Return the texts by quantity: a column comes before the path, the path before a word."""
        texts: dict[str, Texts] = {}
        for quantity, value in {**self.mapping.fixed, **self.reading.from_path}.items():
            texts[quantity] = np.full(len(number), value, dtype=object)
        for quantity, indices in self.indices.items():
            first = _stripped(columns[indices[0]])
            if len(indices) > 1:
                sign = " " if quantity in _TIMES else "/"
                parts = zip(*(_stripped(columns[k]) for k in indices), strict=True)
                first = np.array([sign.join(filter(None, part)) for part in parts], dtype=object)
            texts[quantity] = first
        return texts

    def _melted(
        self, table: RowTable, columns: Sequence[Sequence[str]]
    ) -> tuple[RowTable, npt.NDArray[np.int64]]:
        """Return a wide table as a row per test, line by line, and the line of each row."""
        rows, tests = len(table), len(self.tests)
        row_of = np.repeat(np.arange(rows), tests)
        texts = {name: text[row_of] for name, text in table.texts.items()}
        cells = [_stripped(columns[index]) for index, _ in self.tests]
        texts["value"] = np.column_stack(cells).reshape(-1) if rows else cells[0]
        for name in ("test", "component_id", "measurement_unit"):
            own = np.array([getattr(test, name) for _, test in self.tests], dtype=object)
            shared = table.text(name)[row_of]
            texts[name] = np.where(np.tile(own, rows) == "", shared, np.tile(own, rows))
        numbers = {}
        for name in LIMIT_COLUMNS:
            values = [getattr(test, name) for _, test in self.tests]
            if any(value is not None for value in values):
                one = np.array([np.nan if v is None else v for v in values], dtype=float)
                numbers[name] = np.tile(one, rows)
        melted = RowTable(table.number[row_of], texts, numbers)
        missing = by_distinct(texts["value"], lambda text: text.lower() in _NO_VALUE)
        melted.pass_over(missing.astype(bool), "no value")
        return melted, row_of


def _stripped(column: Sequence[str]) -> Texts:
    return np.array(list(map(str.strip, column)), dtype=object)
