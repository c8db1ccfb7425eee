"""Tables of machine failures of any origin as histories: what `qc backtest --mapping` takes.

Three shapes are known, and mixtures of them: separate files of readings, errors, replacements,
failures and machines; one wide table, a column a reading, with a column that says that it failed;
and a long table, a row a reading. ``docs/failure_tables.md`` has an example of each. Nothing says
when a row became known: it is taken to have been at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pulsefront.errors import QCDataError
from pulsefront.qc.backtest.failure_mapping import FailureTables
from pulsefront.qc.backtest.failure_rows import KnownMachine, TableRows
from pulsefront.qc.features.history import UnitHistory, history_from_frames
from pulsefront.qc.records import (
    EVENT_COLUMNS,
    MEASUREMENT_COLUMNS,
    SERVICE_COLUMNS,
    UNIT_COLUMNS,
    frame_of,
)
from pulsefront.qc.times import DAY_S

__all__ = ["MachineRecords", "histories_of_tables", "read_tables"]

_YEAR_S = 365.25 * DAY_S
_SAME_S = DAY_S  # a replacement so near to a failure of its component is that failure's


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
    tables = TableRows(plan, folder)
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
            _unit(unit_id, machines.get(unit_id, KnownMachine("", None)), first_s),
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


def _unit(unit_id: str, known: KnownMachine, first_s: int) -> pd.DataFrame:
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
