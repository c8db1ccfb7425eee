"""Tables of machine failures of any origin, read by a mapping: what `qc backtest --mapping` takes.

Three shapes are known, and mixtures of them: separate files of readings, errors, replacements,
failures and machines; one wide table, a column a reading, with a column that says that it failed;
and a long table, a row a reading. ``docs/failure_tables.md`` has an example of each. Nothing says
when a row became known: it is taken to have been at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field, model_validator

from pulsefront.config import FrozenModel
from pulsefront.errors import QCDataError
from pulsefront.qc.features.history import UnitHistory, history_from_frames
from pulsefront.qc.records import (
    EVENT_COLUMNS,
    MEASUREMENT_COLUMNS,
    SERVICE_COLUMNS,
    UNIT_COLUMNS,
    frame_of,
)
from pulsefront.qc.times import DAY_S, find_zone

__all__ = ["FailureTables", "MachineRecords", "histories_of_tables", "read_tables"]

Times = npt.NDArray[np.int64]
Texts = npt.NDArray[np.object_]

_YEAR_S = 365.25 * DAY_S
_STEP_S = {"seconds": 1.0, "minutes": 60.0, "hours": 3600.0, "days": float(DAY_S)}
_ZERO_S = 946_684_800  # 2000-01-01: where times that are only counted begin
_SAME_S = DAY_S  # a replacement so near to a failure of its component is that failure's
_TRUE = {"1", "1.0", "true", "yes", "y", "failed", "failure"}
_FALSE = {"0", "0.0", "false", "no", "n", "", "nan", "none"}


class _Table(FrozenModel):
    """A file, and its columns with the name of the machine and the time.

    *component* is the column that names the part; the whole machine if left out.
    """

    file: str
    unit: str
    time: str
    component: str = ""


class ReadingTable(_Table):
    """Readings: columns of their own, named in *values*; or a row each, named by column *test*."""

    values: tuple[str, ...] = ()
    test: str = ""
    value: str = ""

    @model_validator(mode="after")
    def _one_shape(self) -> Self:
        if bool(self.values) == bool(self.test and self.value):
            raise ValueError("give values, the columns of readings, or test and value")
        return self


class ErrorTable(_Table):
    """Error events; *code* is the column that names them."""

    code: str


class FailureTable(_Table):
    """Failures: every row is one, or the first of each run of rows where column *flag* says so."""

    flag: str = ""


class MachineTable(FrozenModel):
    """What is known of each machine: columns with its model and its age in years at the start."""

    file: str
    unit: str
    model: str = ""
    age_years: str = ""


class FailureTables(FrozenModel):
    """A mapping file.

    Attributes
    ----------
    timezone
        Of times that do not name theirs.
    time_format
        As strptime has it, where times are not ISO 8601.
    time_unit
        Where times are numbers: what they count. They then begin in the year 2000.
    readings, errors, replacements, failures, machines
        Where they stand. A replacement within a day of a failure of the same component is its
        repair; any other is preventive.
    """

    name: str = "failure tables"
    timezone: str = "UTC"
    time_format: str = ""
    time_unit: Literal["", "seconds", "minutes", "hours", "days"] = ""
    readings: tuple[ReadingTable, ...] = Field(min_length=1)
    failures: tuple[FailureTable, ...] = Field(min_length=1)
    errors: tuple[ErrorTable, ...] = ()
    replacements: tuple[_Table, ...] = ()
    machines: MachineTable | None = None


@dataclass(frozen=True)
class MachineRecords:
    """Records of one machine, in the columns that `history_from_frames` takes."""

    units: pd.DataFrame
    measurements: pd.DataFrame
    events: pd.DataFrame
    services: pd.DataFrame


def histories_of_tables(plan: FailureTables, folder: Path) -> list[UnitHistory]:
    """Return the history of every machine, by name.

    Raises
    ------
    QCDataError
        A file or a column is missing, a time or a number cannot be read, or no machine that
        failed has readings.
    """
    return [
        history_from_frames(unit.units, unit.measurements, unit.events, unit.services)
        for unit in read_tables(plan, folder)
    ]


def read_tables(plan: FailureTables, folder: Path) -> Iterator[MachineRecords]:
    """Yield the records of every machine that has readings, by name; as `histories_of_tables`."""
    tables = _Tables(plan, folder)
    readings = pd.concat([tables.readings(each) for each in plan.readings], ignore_index=True)
    failures = pd.concat([tables.failures(each) for each in plan.failures], ignore_index=True)
    errors = [tables.errors(each) for each in plan.errors]
    replaced = [tables.rows(each) for each in plan.replacements]
    machines = tables.machines(plan.machines)
    readings = readings.drop_duplicates(["unit", "component", "test", "time"])
    by_unit = {str(name): rows for name, rows in readings.groupby("unit", sort=True)}
    if not set(failures["unit"]) & set(by_unit):
        raise QCDataError(
            "no machine that failed has readings" if len(failures) else "there is no failure",
            file=folder / plan.failures[0].file,
            field=plan.failures[0].flag or plan.failures[0].unit,
            value=", ".join(sorted(set(failures["unit"]))[:3]),
            remedy="name the columns so that machines are called the same in all tables",
        )
    first_s = int(readings["time"].min())
    events = _by_unit(errors, ("component", "code"))
    repairs = _by_unit(replaced, ("component",))
    failed = _by_unit([failures], ("component",))
    for unit_id, rows in by_unit.items():
        yield MachineRecords(
            _unit(unit_id, machines.get(unit_id, _Known("", None)), first_s),
            _measurements(unit_id, rows),
            _events(unit_id, events.get(unit_id)),
            _services(unit_id, failed.get(unit_id), repairs.get(unit_id)),
        )


def _by_unit(frames: Sequence[pd.DataFrame], columns: Sequence[str]) -> dict[str, pd.DataFrame]:
    if not frames:
        return {}
    whole = pd.concat(frames, ignore_index=True).drop_duplicates(["unit", "time", *columns])
    whole = whole.sort_values(["unit", "time", *columns], kind="stable")
    return {str(name): rows for name, rows in whole.groupby("unit")}


class _Known(NamedTuple):
    """Of a machine: its model, and its age in years when the readings begin."""

    model: str
    age_years: float | None


class _Tables:
    """Reads the files of a mapping, each once."""

    def __init__(self, plan: FailureTables, folder: Path) -> None:
        self.plan, self.folder = plan, folder
        self.zone = find_zone(plan.timezone)
        self._read: dict[str, pd.DataFrame] = {}

    def rows(self, table: _Table) -> pd.DataFrame:
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

    def machines(self, table: MachineTable | None) -> dict[str, _Known]:
        """Return what is known of each machine."""
        if table is None:
            return {}
        names = self.texts(table.file, table.unit)
        models = self.texts(table.file, table.model) if table.model else [""] * len(names)
        ages: list[float | None] = [None] * len(names)
        if table.age_years:
            given = self.numbers(table.file, table.age_years).tolist()
            ages = [None if np.isnan(age) else age for age in given]
        return {name: _Known(*known) for name, *known in zip(names, models, ages, strict=True)}

    def texts(self, file: str, column: str) -> Texts:
        return self._column(file, column).fillna("").astype(str).to_numpy(dtype=object)

    def numbers(self, file: str, column: str) -> npt.NDArray[np.float64]:
        given = self._column(file, column)
        found = pd.to_numeric(given, errors="coerce").to_numpy(dtype=float)
        wrong = np.flatnonzero(np.isnan(found) & given.notna().to_numpy())
        if len(wrong):
            raise self._bad(file, column, wrong[0], "is no number", "leave the column out")
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
                            f"is no time in the form {how}", "give time_format")  # fmt: skip
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


def _unit(unit_id: str, known: _Known, first_s: int) -> pd.DataFrame:
    age = known.age_years
    installed_s = 0 if age is None else round(first_s - age * _YEAR_S)
    content = {
        "unit_id": [unit_id], "site": "", "model": known.model, "serial": unit_id,
        "installed_on": installed_s, "timezone": "UTC", "active_from": first_s,
    }  # fmt: skip
    return frame_of(UNIT_COLUMNS, content)


def _measurements(unit_id: str, rows: pd.DataFrame) -> pd.DataFrame:
    when = rows["time"].to_numpy()
    content = {
        "value": rows["value"].to_numpy(), "unit_id": unit_id,
        "component_id": rows["component"].to_numpy(dtype=object),
        "test": rows["test"].to_numpy(dtype=object), "measured_at": when, "available_at": when,
    }  # fmt: skip
    return frame_of(MEASUREMENT_COLUMNS, content)


def _events(unit_id: str, rows: pd.DataFrame | None) -> pd.DataFrame:
    if rows is None:
        rows = pd.DataFrame({"time": [], "component": [], "code": []})
    when = rows["time"].to_numpy(dtype=np.int64)
    content: Mapping[str, object] = {
        "occurred_at": when, "unit_id": unit_id, "severity": "error", "available_at": when,
        "component_id": rows["component"].to_numpy(dtype=object),
        "code": rows["code"].to_numpy(dtype=object),
    }  # fmt: skip
    return frame_of(EVENT_COLUMNS, content)


def _services(
    unit_id: str, failed: pd.DataFrame | None, replaced: pd.DataFrame | None
) -> pd.DataFrame:
    found = [] if failed is None else [
        (int(t), str(c), "corrective") for t, c in zip(failed["time"], failed["component"],
                                                       strict=True)
    ]  # fmt: skip
    failures = np.array([t for t, _, _ in found], dtype=np.int64)
    parts = np.array([c for _, c, _ in found], dtype=object)
    if replaced is not None:
        for t, c in zip(replaced["time"].tolist(), replaced["component"].tolist(), strict=True):
            own = (parts == c) | (parts == "")
            if not (np.abs(failures[own] - t) <= _SAME_S).any():
                found.append((t, c, "preventive"))
    found.sort()
    when = np.array([t for t, _, _ in found], dtype=np.int64)
    content = {
        "reported_at": when, "unit_id": unit_id, "component_id": [c for _, c, _ in found],
        "kind": [kind for _, _, kind in found], "started_at": when, "completed_at": when,
        "logged_at": when,
    }  # fmt: skip
    return frame_of(SERVICE_COLUMNS, content)
