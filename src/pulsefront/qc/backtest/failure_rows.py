"""The rows of failure tables, read by a mapping: machine, time, and what happened."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from pulsefront.errors import QCDataError
from pulsefront.qc.backtest.failure_mapping import (
    ErrorTable,
    FailureTable,
    FailureTables,
    MachineTable,
    ReadingTable,
    TimedTable,
)
from pulsefront.qc.times import DAY_S, find_zone

__all__ = ["KnownMachine", "TableRows"]

Times = npt.NDArray[np.int64]
Texts = npt.NDArray[np.object_]

_STEP_S = {"seconds": 1.0, "minutes": 60.0, "hours": 3600.0, "days": float(DAY_S)}
_ZERO_S = 946_684_800  # 2000-01-01: where times that are only counted begin
_TRUE = {"1", "1.0", "true", "yes", "y", "failed", "failure"}
_FALSE = {"0", "0.0", "false", "no", "n", "", "nan", "none"}


class KnownMachine(NamedTuple):
    """Of a machine: its model, and its age in years when the readings begin."""

    model: str
    age_years: float | None


class TableRows:
    """Reads the files of a mapping, each once."""

    def __init__(self, plan: FailureTables, folder: Path) -> None:
        self.plan, self.folder = plan, folder
        self.zone = find_zone(plan.timezone)
        self._read: dict[str, pd.DataFrame] = {}

    def rows(self, table: TimedTable) -> pd.DataFrame:
        """Return unit, time and component of every row."""
        return pd.DataFrame(
            {
                "unit": self.texts(table.file, table.unit),
                "time": self.times(table.file, table.time),
                "component": self.texts(table.file, table.component) if table.component else "",
            }
        )

    def readings(self, table: ReadingTable) -> pd.DataFrame:
        """Return a row a reading: unit, time, component, test and value; empty cells are none."""
        rows = self.rows(table)
        if table.test:
            rows["test"] = self.texts(table.file, table.test)
            rows["value"] = self.numbers(table.file, table.value)
            return rows[rows["value"].notna()]
        parts = []
        for name in table.values:
            value = self.numbers(table.file, name)
            parts.append(rows.assign(test=name, value=value)[~np.isnan(value)])
        return pd.concat(parts, ignore_index=True)

    def errors(self, table: ErrorTable) -> pd.DataFrame:
        """Return unit, time, component and code of every error."""
        return self.rows(table).assign(code=self.texts(table.file, table.code))

    def failures(self, table: FailureTable) -> pd.DataFrame:
        """Return unit, time and component of every failure."""
        rows = self.rows(table)
        if not table.flag:
            return rows
        flags = np.array([t.strip().lower() for t in self.texts(table.file, table.flag)])
        unknown = np.flatnonzero(~np.isin(flags, [*_TRUE, *_FALSE]))
        if len(unknown):
            raise self._bad(table.file, table.flag, unknown[0], "says neither yes nor no",
                            "give a column of 0 and 1, or of yes and no")  # fmt: skip
        rows["failed"] = np.isin(flags, list(_TRUE))
        rows = rows.sort_values(["unit", "component", "time"], kind="stable")
        before = rows.groupby(["unit", "component"])["failed"].shift(fill_value=False)
        return rows[rows["failed"] & ~before].drop(columns="failed")

    def machines(self, table: MachineTable | None) -> dict[str, KnownMachine]:
        """Return what is known of each machine."""
        if table is None:
            return {}
        names = self.texts(table.file, table.unit)
        models = self.texts(table.file, table.model) if table.model else [""] * len(names)
        ages: list[float | None] = [None] * len(names)
        if table.age_years:
            given = self.numbers(table.file, table.age_years).tolist()
            ages = [None if np.isnan(age) else age for age in given]
        known = map(KnownMachine, models, ages)
        return dict(zip(names, known, strict=True))

    def texts(self, file: str, column: str) -> Texts:
        return self._column(file, column).fillna("").astype(str).to_numpy(dtype=object)

    def numbers(self, file: str, column: str) -> npt.NDArray[np.float64]:
        given = self._column(file, column)
        found = pd.to_numeric(given, errors="coerce").to_numpy(dtype=float)
        wrong = np.flatnonzero((np.isnan(found) & given.notna().to_numpy()) | np.isinf(found))
        if len(wrong):
            raise self._bad(
                file, column, wrong[0], "is no number", "mend it, or leave the column out"
            )
        return found

    def times(self, file: str, column: str) -> Times:
        """Return seconds since 1970 UTC."""
        plan = self.plan
        if plan.time_unit:
            counted = self.numbers(file, column)
            if np.isnan(counted).any():
                raise self._bad(file, column, int(np.isnan(counted).argmax()), "is no time", "")
            return np.asarray(_ZERO_S + np.round(counted * _STEP_S[plan.time_unit]), np.int64)
        given = self._column(file, column)
        if pd.api.types.is_numeric_dtype(given):
            raise self._bad(file, column, 0, "is a number, not a date",
                            'say what it counts, as in time_unit = "hours"')  # fmt: skip
        how = plan.time_format or "ISO8601"
        found = pd.to_datetime(given, format=how, errors="coerce")
        if found.isna().any():
            raise self._bad(file, column, int(found.isna().to_numpy().argmax()),
                            f"is no time in the form {how}",
                            'give time_format in the mapping, such as "%m/%d/%Y %I:%M:%S %p" for '
                            "1/31/2015 6:00:00 AM")  # fmt: skip
        if found.dt.tz is None:
            # An hour that the clock showed twice is the first one, one that it skipped the next.
            found = found.dt.tz_localize(
                self.zone, ambiguous=np.ones(len(found), dtype=bool), nonexistent="shift_forward"
            )
        return found.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype(
            "datetime64[s]"
        ).astype(np.int64)  # fmt: skip

    def _column(self, file: str, column: str) -> pd.Series:
        if file not in self._read:
            self._read[file] = self._table(file)
        table = self._read[file]
        if column not in table.columns:
            raise QCDataError(
                "has no such column", file=self.folder / file, field=column,
                remedy=f"name one of {', '.join(map(str, table.columns[:12]))} in the mapping",
            )  # fmt: skip
        return table[column]

    def _table(self, file: str) -> pd.DataFrame:
        path = self.folder / file
        try:
            table = pd.read_csv(path, skipinitialspace=True, encoding="utf-8-sig")
        except (OSError, ValueError) as error:
            raise QCDataError(
                f"cannot be read: {error}", file=path,
                remedy="give the folder with the files that the mapping names",
            ) from None  # fmt: skip
        if table.empty:
            raise QCDataError("has no rows", file=path)
        return table

    def _bad(self, file: str, column: str, row: int, problem: str, remedy: str) -> QCDataError:
        value = self._read[file][column].iloc[row]
        return QCDataError(
            f"line {row + 2} {problem}", file=self.folder / file, field=column, value=value,
            remedy=remedy or None,
        )  # fmt: skip
