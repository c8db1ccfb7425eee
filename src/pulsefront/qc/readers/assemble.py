"""Columns of text turned into records by a mapping; each row that does not fit gets its reason."""

from __future__ import annotations

from collections.abc import Mapping as Table
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from pulsefront.errors import ConfigError
from pulsefront.qc.readers.text import parse_numbers
from pulsefront.qc.records import (
    BOUND_COLUMNS,
    EVENT_COLUMNS,
    LIMIT_COLUMNS,
    MEASUREMENT_COLUMNS,
    SERVICE_COLUMNS,
    SERVICE_KINDS,
    STATUSES,
    UNIT_COLUMNS,
    Batch,
    Reject,
    frame_of,
)
from pulsefront.qc.site import Mapping, Site
from pulsefront.qc.times import DateOrder, parse_times

__all__ = ["Assembler"]

Texts = npt.NDArray[np.object_]

_KIND_WORDS = {
    "corrective": "corrective",
    "repair": "corrective",
    "breakdown": "corrective",
    "unscheduled": "corrective",
    "preventive": "preventive",
    "preventative": "preventive",
    "pm": "preventive",
    "scheduled": "preventive",
    "calibration": "calibration",
    "setup": "calibration",
    "upgrade": "upgrade",
    "software": "upgrade",
}
_STATUS_WORDS = {
    "ok": "pass", "pass": "pass", "passed": "pass", "tolerance": "warn", "warn": "warn",
    "warning": "warn", "action": "fail", "fail": "fail", "failed": "fail", "skipped": "skipped",
    "no tol": "", "not done": "skipped", "": "",
}  # fmt: skip


@dataclass
class _Table:
    """One chunk on its way: texts by quantity, and the first reason found against each row."""

    number: npt.NDArray[np.int64]
    texts: dict[str, Texts]
    reasons: Texts = field(init=False)

    def __post_init__(self) -> None:
        self.reasons = np.full(len(self.number), "", dtype=object)

    def text(self, name: str) -> Texts:
        if name in self.texts:
            return self.texts[name]
        return np.full(len(self.number), "", dtype=object)

    def refuse(self, rows: npt.NDArray[np.bool_], reasons: str | Texts) -> None:
        fresh = rows & (self.reasons == "")
        self.reasons[fresh] = reasons if isinstance(reasons, str) else reasons[fresh]


class Assembler:
    """Turn the rows of one file into batches.

    Raises
    ------
    ConfigError
        The mapping names a column that the file has not.
    """

    def __init__(
        self,
        mapping: Mapping,
        header: Sequence[str],
        site: Site,
        *,
        file: Path,
        order: DateOrder,
        decimal_comma: bool,
        now_s: int,
    ) -> None:
        self.mapping = mapping
        self.site = site
        self.order = order
        self.decimal_comma = decimal_comma
        self.now_s = now_s
        names = {name.strip(): k for k, name in enumerate(header)}
        self.indices: dict[str, int] = {}
        for quantity, column in mapping.columns.model_dump().items():
            if column:
                if column not in names:
                    raise ConfigError(
                        f"has no column {column!r} for {quantity}",
                        file=file,
                        remedy=f"it has: {', '.join(names)}",
                    )
                self.indices[quantity] = names[column]

    def batch(
        self,
        number: npt.NDArray[np.int64],
        columns: Sequence[Sequence[str]],
        rejects: tuple[Reject, ...] = (),
        *,
        done: int,
        total: int,
    ) -> Batch:
        """Return the records of one chunk of rows."""
        texts: dict[str, Texts] = {}
        for quantity, value in self.mapping.fixed.items():
            texts[quantity] = np.full(len(number), value, dtype=object)
        for quantity, index in self.indices.items():
            texts[quantity] = _stripped(columns[index])
        table = _Table(number, texts)
        build = {
            "measurement": self._measurements,
            "event": self._events,
            "service": self._services,
            "unit": self._units,
        }[self.mapping.table]
        frame = build(table)
        good = np.asarray(table.reasons == "")
        found = [
            Reject(
                int(table.number[k]),
                str(table.reasons[k]),
                ";".join(str(column[int(k)]) for column in columns),
            )
            for k in np.flatnonzero(~good)
        ]
        frame = frame[good].reset_index(drop=True)
        batch = Batch(rejects=(*rejects, *found), done=done, total=total)
        match self.mapping.table:
            case "measurement":
                return replace(batch, measurements=frame)
            case "event":
                return replace(batch, events=frame)
            case "service":
                return replace(batch, services=frame)
            case "unit":
                return replace(batch, units=frame)

    def _unit_ids(self, table: _Table) -> tuple[Texts, Texts]:
        """Return the unit of every row under its own name, and the zone of its clock."""
        codes, names = pd.factorize(table.text("unit_id"))
        table.refuse(np.asarray([not name for name in names], dtype=bool)[codes], "has no unit")
        own = np.array([self.site.unit(str(n)).unit_id for n in names], dtype=object)
        zones = np.array(
            [self.mapping.timezone or self.site.zone(str(n)) or "UTC" for n in names], dtype=object
        )
        return own[codes], zones[codes]

    def _times(
        self, table: _Table, name: str, zones: Texts, *, later: bool = False, required: bool = False
    ) -> npt.NDArray[np.int64]:
        texts = table.text(name)
        seconds = np.zeros(len(texts), dtype=np.int64)
        for zone in dict.fromkeys(zones.tolist()):
            rows = zones == zone
            some, reasons = parse_times(
                texts[rows].tolist(), zone=zone, order=self.order, later_if_twice=later
            )
            seconds[rows] = some
            whole = np.full(len(texts), "", dtype=object)
            whole[rows] = reasons
            wrong = (whole != "") & ((texts != "") | required)
            table.refuse(wrong, np.array([f"{name}: {r}" for r in whole], dtype=object))
        seconds[(texts == "") & (not required)] = 0
        # One day of grace: the clock of another zone may be ahead.
        table.refuse(
            seconds > self.now_s + 86_400,
            f"{name} lies in the future (day and month swapped, or a clock that is wrong?)",
        )
        return seconds

    def _known(
        self, table: _Table, happened: npt.NDArray[np.int64], name: str, zones: Texts
    ) -> npt.NDArray[np.int64]:
        """Return the time from which a record is known."""
        delay_s = round(self.mapping.available_delay_hours * 3600)
        if name not in table.texts:
            return happened + delay_s
        known = self._times(table, name, zones, later=True)
        known = np.where(table.text(name) == "", happened + delay_s, known)
        table.refuse(known < happened, f"{name} lies before the record itself")
        return known

    def _numbers(self, table: _Table, name: str) -> npt.NDArray[np.float64]:
        if name not in table.texts:
            return np.full(len(table.number), np.nan)
        values, good = parse_numbers(table.text(name).tolist(), decimal_comma=self.decimal_comma)
        table.refuse(~good, f"{name} is no number")
        return values

    def _measurements(self, table: _Table) -> pd.DataFrame:
        unit_ids, zones = self._unit_ids(table)
        measured_at = self._times(table, "measured_at", zones, required=True)
        test = table.text("test")
        table.refuse(test == "", "has no test")
        status = _words(table, "status", _STATUS_WORDS, "status")
        value = self._numbers(table, "value")
        empty = np.isnan(value)
        table.refuse(empty & (status != "skipped"), "has no value and was not skipped")
        limits = {name: self._numbers(table, name) for name in LIMIT_COLUMNS}
        has_limits = ~np.isnan(np.column_stack(list(limits.values()))).all(axis=1)
        unit, limit_unit = table.text("measurement_unit"), table.text("limit_unit")
        table.refuse(
            has_limits & (limit_unit != "") & (limit_unit != unit),
            "the limits are in another unit than the value",
        )
        table.refuse(_crossing(limits), "the limits cross")
        return frame_of(
            MEASUREMENT_COLUMNS,
            {
                "unit_id": unit_ids,
                "component_id": table.text("component_id"),
                "test": test,
                "value": value,
                "measurement_unit": unit,
                **limits,
                "status": status,
                "measured_at": measured_at,
                "available_at": self._known(table, measured_at, "available_at", zones),
                "baseline_id": table.text("baseline_id"),
                "software_version": table.text("software_version"),
                "row": table.number,
            },
        )

    def _events(self, table: _Table) -> pd.DataFrame:
        unit_ids, zones = self._unit_ids(table)
        occurred_at = self._times(table, "occurred_at", zones, required=True)
        table.refuse(table.text("code") == "", "has no code")
        return frame_of(
            EVENT_COLUMNS,
            {
                "unit_id": unit_ids,
                "component_id": table.text("component_id"),
                "code": table.text("code"),
                "severity": table.text("severity"),
                "occurred_at": occurred_at,
                "available_at": self._known(table, occurred_at, "available_at", zones),
                "row": table.number,
            },
        )

    def _services(self, table: _Table) -> pd.DataFrame:
        unit_ids, zones = self._unit_ids(table)
        reported_at = self._times(table, "reported_at", zones, required=True)
        words = {**_KIND_WORDS, **{k.lower(): v for k, v in self.mapping.kinds.items()}}
        kind = _words(table, "kind", words, "kind of service")
        table.refuse(~np.isin(kind.astype(str), SERVICE_KINDS), "has no known kind of service")
        downtime = self._numbers(table, "downtime_hours")
        started = self._times(table, "started_at", zones)
        started = np.where(started == 0, reported_at, started)
        completed = self._times(table, "completed_at", zones)
        lasted = np.nan_to_num(downtime * 3600.0).astype(np.int64)
        completed = np.where(completed == 0, started + lasted, completed)
        table.refuse(completed < reported_at, "was completed before it was reported")
        return frame_of(
            SERVICE_COLUMNS,
            {
                "unit_id": unit_ids,
                "component_id": table.text("component_id"),
                "kind": kind,
                "reported_at": reported_at,
                "started_at": started,
                "completed_at": completed,
                # What is logged without a time of logging is known once the work is done.
                "logged_at": self._known(table, completed, "logged_at", zones),
                "downtime_hours": downtime,
                "row": table.number,
            },
        )

    def _units(self, table: _Table) -> pd.DataFrame:
        unit_ids, zones = self._unit_ids(table)
        zone = table.text("timezone")
        names = ("site", "modality", "vendor", "model", "serial")
        frame = frame_of(
            UNIT_COLUMNS,
            {
                "unit_id": unit_ids,
                **{name: table.text(name) for name in names},
                "installed_on": self._times(table, "installed_on", zones),
                "timezone": np.where(zone == "", zones, zone),
            },
        )
        return frame.assign(site=np.where(frame["site"] == "", self.site.site, frame["site"]))


def _stripped(column: Sequence[str]) -> Texts:
    return np.array(list(map(str.strip, column)), dtype=object)


def _words(table: _Table, name: str, words: Table[str, str], what: str) -> Texts:
    codes, found = pd.factorize(table.text(name))
    meant = [words.get(str(word).lower()) for word in found]
    unknown = np.array([m is None for m in meant], dtype=bool)
    if unknown.any():
        reasons = np.array([f"has an unknown {what}: {w!r}" for w in found], dtype=object)
        table.refuse(unknown[codes], reasons[codes])
    result = np.array([m if m is not None else STATUSES[0] for m in meant], dtype=object)[codes]
    return np.asarray(result, dtype=object)


def _crossing(limits: Table[str, npt.NDArray[np.float64]]) -> npt.NDArray[np.bool_]:
    bad = np.zeros(len(limits["action_low"]), dtype=bool)
    highest = np.full(len(bad), -np.inf)
    for name in BOUND_COLUMNS:
        bad |= limits[name] < highest  # NaN compares false
        highest = np.fmax(highest, limits[name])
    return bad
