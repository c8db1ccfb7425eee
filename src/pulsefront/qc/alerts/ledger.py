"""Alerts and their changes in the store: added, and read as they stood after any of them."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from pulsefront.qc.alerts.records import (
    Alert,
    AlertChange,
    AlertState,
    ChangeKind,
    Outcome,
)
from pulsefront.qc.store.rows.writing import PER_QUERY, pieces
from pulsefront.qc.store.tables import alert_tables as tables
from pulsefront.qc.store.tables import schema
from pulsefront.qc.times import DAY_S

__all__ = [
    "NewChange",
    "NewestNight",
    "add_changes",
    "alerts_after",
    "changes_of",
    "changes_of_night",
    "newest_night",
    "next_number",
    "rows_of",
]

# An alert runs out on the first night after its quiet time; that of a unit which could not be
# scored meanwhile does so later.
_LEEWAY_S = 60 * DAY_S
_SERVICE_REASON = "in service"
_TOLD = ("opened", "updated")


@dataclass(frozen=True)
class NewestNight:
    """The last night that took the alerts on, and the units whose alerts still wait for it."""

    as_of_s: int
    run_id: str
    last_change: int
    waiting: Mapping[str, str]


def newest_night(connection: sa.Connection) -> NewestNight | None:
    """Return the last night of the alerts, None where there was none yet."""
    t = tables.alert_night
    row = connection.execute(sa.select(t).order_by(t.c.as_of.desc()).limit(1)).first()
    if row is None:
        return None
    return NewestNight(
        row.as_of, row.run_id, row.last_change, json.loads(row.waiting_units or "{}")
    )


def rows_of(connection: sa.Connection, query: sa.Select[Any]) -> list[dict[str, Any]]:
    """Return the rows of a query by the names of their columns."""
    return [dict(row) for row in connection.execute(query).mappings()]


def next_number(connection: sa.Connection, column: sa.Column[Any]) -> int:
    """Return the number after the largest one of a column.

    A sequence of the database would leave gaps where a transaction was undone, and a night that
    was killed would not end like one that was not.
    """
    return int(connection.execute(sa.select(sa.func.max(column))).scalar_one() or 0) + 1


@dataclass(frozen=True)
class NewChange:
    """A change to be added; ``row`` are the columns of its alert that change with it."""

    alert_id: int
    kind: ChangeKind
    state: AlertState
    why: str
    who: str = ""
    probability: float | None = None
    snoozed_until_s: int = 0
    outcome: str = ""
    lead_days: float | None = None


def add_changes(
    connection: sa.Connection, changes: Iterable[NewChange], *, as_of_s: int, made_s: int
) -> tuple[AlertChange, ...]:
    """Add changes in their order; the alerts then stand as the last of them says."""
    table = tables.alert_change
    number = next_number(connection, table.c.change_id)
    added = []
    for change_id, new in enumerate(changes, start=number):
        values: dict[str, Any] = {
            "change_id": change_id, "alert_id": new.alert_id, "kind": new.kind,
            "state": new.state, "as_of": as_of_s, "made_at": made_s, "who": new.who,
            "why": new.why, "probability": new.probability,
            "snoozed_until": new.snoozed_until_s, "outcome": new.outcome,
            "lead_days": new.lead_days,
        }  # fmt: skip
        connection.execute(sa.insert(table).values(values))
        update: dict[str, Any] = {"state": new.state, "snoozed_until": new.snoozed_until_s}
        if new.outcome:
            update["outcome"] = new.outcome
        a = tables.alert
        connection.execute(sa.update(a).where(a.c.alert_id == new.alert_id).values(update))
        added.append(_change(values))
    return tuple(added)


def _change(row: Mapping[str, Any]) -> AlertChange:
    return AlertChange(
        change_id=row["change_id"],
        alert_id=row["alert_id"],
        kind=row["kind"],
        state=row["state"],
        as_of_s=row["as_of"],
        made_s=row["made_at"],
        who=row["who"],
        why=row["why"],
        probability=row["probability"],
    )


def changes_of(connection: sa.Connection, alert_id: int) -> tuple[AlertChange, ...]:
    """Return all changes of an alert, from the first on."""
    return _changes(connection, tables.alert_change.c.alert_id == alert_id)


def changes_of_night(
    connection: sa.Connection, as_of_s: int, last_change: int
) -> tuple[AlertChange, ...]:
    """Return what the nightly job changed on a night, and not what people did after it."""
    t = tables.alert_change.c
    return _changes(connection, t.as_of == as_of_s, t.change_id <= last_change, t.who == "")


def _changes(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> tuple[AlertChange, ...]:
    table = tables.alert_change
    query = sa.select(table).where(*where).order_by(table.c.change_id)
    return tuple(_change(row) for row in rows_of(connection, query))


def alerts_after(
    connection: sa.Connection,
    as_of_s: int,
    last_change: int | None = None,
    *,
    closed_too: bool = False,
) -> tuple[Alert, ...]:
    """Return alerts as they stood after a change, in the order of units and components.

    Parameters
    ----------
    as_of_s
        The night: what scores tell is told up to it.
    last_change
        The last change that counts, all if left out.
    closed_too
        Not only those that are not closed or were closed on this night, but every alert.
    """
    a, c = tables.alert, tables.alert_change
    query = sa.select(a).where(a.c.opened_at <= as_of_s)
    if not closed_too:
        recent = a.c.quiet_until > _night_before(connection, as_of_s) - _LEEWAY_S
        query = query.where(sa.or_(a.c.state != "closed", recent))
    rows = {row["alert_id"]: row for row in rows_of(connection, query)}
    counts: list[sa.ColumnElement[bool]] = [
        c.c.alert_id.in_(sa.select(query.subquery().c.alert_id))
    ]
    if last_change is not None:
        counts.append(c.c.change_id <= last_change)
    stories: dict[int, _Story] = {}
    for row in rows_of(connection, sa.select(c).where(*counts).order_by(c.c.change_id)):
        stories.setdefault(row["alert_id"], _Story()).add(row)
    wanted = {
        number: story
        for number, story in stories.items()
        if closed_too or story.state != "closed" or story.closed_s == as_of_s
    }
    living = {
        (rows[number]["unit_id"], rows[number]["component_id"]): rows[number]["opened_at"]
        for number, story in wanted.items()
        if story.state != "closed" or story.closed_s == as_of_s
    }
    facts = _facts(connection, living, as_of_s)
    sites = _sites(connection, {rows[number]["unit_id"] for number in wanted})
    found = [
        _alert(rows[number], story, facts.get(_key(rows[number])), sites)
        for number, story in wanted.items()
    ]
    return tuple(
        sorted(found, key=lambda alert: (alert.unit_id, alert.component_id, alert.opened_s))
    )


def _night_before(connection: sa.Connection, as_of_s: int) -> int:
    n = tables.alert_night.c.as_of
    query = sa.select(sa.func.max(n)).where(n < as_of_s)
    return int(connection.execute(query).scalar_one() or 0)


def _key(row: Mapping[str, Any]) -> tuple[str, str, int]:
    return row["unit_id"], row["component_id"], row["opened_at"]


class _Story:
    """What the changes of one alert come to."""

    def __init__(self) -> None:
        self.state: AlertState = "open"
        self.opened: float = 0.0
        self.told: float = 0.0
        self.last_s = 0
        self.closed_s: int | None = None
        self.snoozed_until_s = 0
        self.who = self.why = self.closed_reason = ""
        self.outcome: Outcome = "undecided"
        self.outcome_reason = ""
        self.lead_days: float | None = None

    def add(self, row: Mapping[str, Any]) -> None:
        kind = row["kind"]
        self.state = row["state"]
        self.snoozed_until_s = row["snoozed_until"]
        self.last_s = row["as_of"]
        if kind == "opened":
            self.opened = row["probability"]
        if kind in _TOLD:
            self.told = row["probability"]
        if kind == "closed":
            self.closed_s, self.closed_reason = row["as_of"], row["why"]
        if kind == "outcome":
            self.outcome, self.outcome_reason = row["outcome"], row["why"]
            self.lead_days = row["lead_days"]
        elif row["who"]:
            self.who, self.why = row["who"], row["why"]


class _Facts(NamedTuple):
    """What the scores since its opening tell of an alert."""

    probability: float
    low: float
    high: float
    highest: float
    decided_s: int
    reasons: str
    suppressed: bool


def _facts(
    connection: sa.Connection, opened: Mapping[tuple[str, str], int], as_of_s: int
) -> dict[tuple[str, str, int], _Facts]:
    """Return what scores tell of the alerts that are alive, by unit, component and opening."""
    if not opened:
        return {}
    n, s = tables.alert_night, schema.score
    nights = n.c.as_of.between(min(opened.values()), as_of_s)
    found: dict[tuple[str, str, int], _Facts] = {}
    units = sorted({unit_id for unit_id, _ in opened})
    for some in pieces(units, PER_QUERY):
        query = (
            sa.select(
                s.c.unit_id, s.c.component_id, s.c.as_of, s.c.probability, s.c.probability_low,
                s.c.probability_high, s.c.reasons,
            )
            .join_from(n, s, s.c.run_id == n.c.run_id)
            .where(nights, s.c.unit_id.in_(some))
            .order_by(s.c.as_of)
        )  # fmt: skip
        for unit_id, component_id, night_s, p, low, high, reasons in connection.execute(query):
            opened_s = opened.get((unit_id, component_id))
            if opened_s is None or night_s < opened_s:
                continue
            key = (unit_id, component_id, opened_s)
            before = found.get(key)
            if p is None:
                if before is not None:
                    suppressed = reasons == _SERVICE_REASON
                    found[key] = before._replace(suppressed=suppressed)
                continue
            highest = p if before is None else max(p, before.highest)
            found[key] = _Facts(p, low, high, highest, night_s, reasons, suppressed=False)
    return found


def _sites(connection: sa.Connection, units: Collection[str]) -> dict[str, str]:
    if not units:
        return {}
    u = schema.unit
    return {row.unit_id: row.site for row in connection.execute(sa.select(u.c.unit_id, u.c.site))}


def _alert(
    row: Mapping[str, Any], story: _Story, facts: _Facts | None, sites: Mapping[str, str]
) -> Alert:
    if facts is None:
        facts = _Facts(
            story.told, story.told, story.told, max(story.told, story.opened), story.last_s, "",
            suppressed=False,
        )  # fmt: skip
    return Alert(
        alert_id=row["alert_id"],
        unit_id=row["unit_id"],
        component_id=row["component_id"],
        site=sites.get(row["unit_id"], ""),
        state=story.state,
        opened_s=row["opened_at"],
        quiet_until_s=row["quiet_until"],
        updated_s=facts.decided_s,
        closed_s=story.closed_s,
        snoozed_until_s=story.snoozed_until_s or None,
        threshold=row["threshold"],
        probability=facts.probability,
        probability_low=facts.low,
        probability_high=facts.high,
        opening_probability=story.opened,
        highest_probability=facts.highest,
        reasons=facts.reasons,
        suppressed=facts.suppressed,
        acted_by=story.who,
        acted_why=story.why,
        closed_reason=story.closed_reason,
        outcome=story.outcome,
        outcome_reason=story.outcome_reason,
        lead_days=story.lead_days,
        model_hash=row["model_hash"],
        run_id=row["run_id"],
    )
