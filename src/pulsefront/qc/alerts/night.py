"""One night in the life of all alerts: opened, updated, woken, closed, and judged afterwards."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from pulsefront.qc.alerts.judging import REPLACED, outcomes_of
from pulsefront.qc.alerts.ledger import (
    NewChange,
    NewestNight,
    add_changes,
    newest_night,
    next_number,
    rows_of,
)
from pulsefront.qc.alerts.records import AlertChange, AlertState
from pulsefront.qc.alerts.rule import CLEARED, OPENED, RAN_OUT, AlertRule, advance, fresh_states
from pulsefront.qc.features.labels import Target
from pulsefront.qc.store.histories.successors import Successors
from pulsefront.qc.store.tables import alert_tables as tables
from pulsefront.qc.times import DAY_S, iso_date

__all__ = ["NightScores", "advance_alerts"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Key = tuple[str, str]

_ENDING = {"corrective": "repaired", "preventive": "replaced before it failed"}


@dataclass(frozen=True)
class NightScores:
    """What the alerts need to know of a night.

    Attributes
    ----------
    keys
        Unit and component of each row.
    score
        (row,) what is compared with the threshold, NaN where there is no decision.
    probability, low, high
        (row,) the same and its interval as they are told.
    services
        All services that were known on this night.
    failed_units
        Units that could not be scored: their alerts wait.
    closed_units
        Units that are no longer in use, with the reason in words.
    successors
        Scanners that took over the name of another one: its alerts are not theirs.
    embargo_days
        After so many days all that could follow an alert has been logged.
    """

    run_id: str
    as_of_s: int
    model_hash: str
    threshold: float
    target: Target
    embargo_days: int
    keys: Sequence[Key]
    score: Floats
    probability: Floats
    low: Floats
    high: Floats
    services: pd.DataFrame
    failed_units: Mapping[str, str]
    closed_units: Mapping[str, str]
    successors: Successors


def advance_alerts(
    connection: sa.Connection, night: NightScores, *, made_s: int
) -> tuple[AlertChange, ...]:
    """Take all alerts through a night, within a transaction; return what changed.

    A night that is not later than the last one changes nothing, but for units that could not be
    scored when it was the last one.
    """
    newest = newest_night(connection)
    rows = _rows_to_advance(night, newest)
    if rows is None:
        return ()
    living = _living(connection, night, newest)
    work = _Night(night, living)
    work.leave_to_successors()
    work.close_serviced()
    work.step(rows)
    work.wake()
    first_id = next_number(connection, tables.alert.c.alert_id)
    changes = [*work.changes, *work.opened(connection, first_id)]
    added = add_changes(connection, changes, as_of_s=night.as_of_s, made_s=made_s)
    _save_low_nights(connection, work)
    judged = add_changes(
        connection,
        outcomes_of(connection, night.services, night.successors, night.as_of_s),
        as_of_s=night.as_of_s,
        made_s=made_s,
    )
    _note_night(connection, night)
    return (*added, *judged)


def _rows_to_advance(night: NightScores, newest: NewestNight | None) -> Bools | None:
    """Return which rows this night takes on; None where it takes on nothing."""
    if newest is None or night.as_of_s > newest.as_of_s:
        return np.ones(len(night.keys), dtype=np.bool_)
    if night.as_of_s < newest.as_of_s or not newest.waiting:
        return None
    return np.array([unit_id in newest.waiting for unit_id, _ in night.keys], dtype=np.bool_)


@dataclass
class _Living:
    """The last alert of a component, as far as the rule still needs it."""

    alert_id: int
    key: Key
    opened_s: int
    quiet_until_s: int
    state: AlertState
    low_nights: int
    snoozed_until_s: int
    told: float


def _living(
    connection: sa.Connection, night: NightScores, newest: NewestNight | None
) -> dict[Key, _Living]:
    """Return the alerts that are not closed or still quiet, by component."""
    a, c = tables.alert, tables.alert_change
    needed = sa.or_(a.c.state != "closed", a.c.quiet_until > night.as_of_s)
    rows = rows_of(connection, sa.select(a).where(needed).order_by(a.c.opened_at))
    found = {
        (row["unit_id"], row["component_id"]): _Living(
            row["alert_id"], (row["unit_id"], row["component_id"]), row["opened_at"],
            row["quiet_until"], row["state"], row["low_nights"], row["snoozed_until"], np.nan,
        )
        for row in rows
    }  # fmt: skip
    if newest is not None and night.as_of_s == newest.as_of_s:
        found = {key: alert for key, alert in found.items() if key[0] in newest.waiting}
    waiting = night.failed_units
    found = {key: alert for key, alert in found.items() if key[0] not in waiting}
    by_id = {alert.alert_id: alert for alert in found.values()}
    told = (
        sa.select(c.c.alert_id, c.c.probability)
        .join_from(c, a, c.c.alert_id == a.c.alert_id)
        .where(needed, c.c.kind.in_(("opened", "updated")))
        .order_by(c.c.change_id)
    )
    for alert_id, probability in connection.execute(told):
        if alert_id in by_id:
            by_id[alert_id].told = probability
    return found


class _Night:
    """The changes of one night as they are worked out."""

    def __init__(self, night: NightScores, living: dict[Key, _Living]) -> None:
        self.night = night
        self.living = living
        self.rule = AlertRule.of_target(night.target)
        self.changes: list[NewChange] = []
        self.row = {key: k for k, key in enumerate(night.keys)}
        self.opening: list[int] = []

    def close(self, alert: _Living, why: str) -> None:
        """Close an alert that is not closed."""
        alert.state = "closed"
        self.changes.append(NewChange(alert.alert_id, "closed", "closed", why))

    def leave_to_successors(self) -> None:
        """Close alerts about scanners that were replaced; nothing of them holds for the new one."""
        for key, alert in list(self.living.items()):
            successor = self.night.successors.get(key[0])
            if successor is not None and alert.opened_s < successor.counted_from_s:
                if alert.state != "closed":
                    self.close(alert, f"{REPLACED} on {iso_date(successor.came_s)}")
                del self.living[key]

    def close_serviced(self) -> None:
        """Close alerts whose component was repaired or replaced, or whose unit is out of use."""
        services = self.night.services
        ended = services[services["kind"].isin(list(_ENDING))]
        for alert in self.living.values():
            if alert.state == "closed":
                continue
            unit_id, component = alert.key
            why = self.night.closed_units.get(unit_id, "")
            mine = (ended["unit_id"] == unit_id) & (ended["component_id"] == component)
            since = mine & (ended["completed_at"] > alert.opened_s)
            for row in ended[since].sort_values("completed_at").to_dict("records"):
                # Maintenance of the unit as a whole replaces nothing.
                if component or row["kind"] == "corrective":
                    why = f"{_ENDING[row['kind']]}, reported on {iso_date(row['reported_at'])}"
            if why:
                self.close(alert, why)

    def step(self, rows: Bools) -> None:
        """Let the rule decide on the rows, and on alerts of components that have no row."""
        night = self.night
        keys = [key for key, wanted in zip(night.keys, rows, strict=True) if wanted]
        absent = [key for key in self.living if key not in self.row]
        score = np.concatenate([night.score[rows], np.full(len(absent), np.nan)])
        keys += absent
        states = fresh_states(len(keys))
        for k, key in enumerate(keys):
            alert = self.living.get(key)
            if alert is not None:
                states[k] = (
                    alert.state != "closed", alert.quiet_until_s // DAY_S, alert.low_nights
                )  # fmt: skip
        found = advance(states, night.as_of_s // DAY_S, score, night.threshold, self.rule)
        for k in np.flatnonzero(found).tolist():
            self._decided(keys[k], int(found[k]))
        for k, key in enumerate(keys):
            if key in self.living and not found[k] & OPENED:
                self.living[key].low_nights = int(states[k]["low_nights"])
                self._update(key)

    def _decided(self, key: Key, found: int) -> None:
        alert, target = self.living.get(key), self.night.target
        if alert is not None and found & RAN_OUT:
            self.close(alert, f"its {target.span_days} days are over")
        if alert is not None and found & CLEARED:
            nights = self.rule.clear_nights
            share = f"{self.rule.clear_share:.0%}"
            self.close(alert, f"below {share} of the threshold in {nights} decisions in a row")
        if found & OPENED:
            self.opening.append(self.row[key])

    def _update(self, key: Key) -> None:
        """Note that the probability has left what was last told of it."""
        alert, k = self.living[key], self.row.get(key)
        if k is None or alert.state == "closed" or np.isnan(self.night.score[k]):
            return
        night = self.night
        if not night.low[k] <= alert.told <= night.high[k]:
            p = float(night.probability[k])
            why = f"probability {p:.3f}, last told {alert.told:.3f}"
            self.changes.append(
                NewChange(
                    alert.alert_id, "updated", alert.state, why, probability=p,
                    snoozed_until_s=alert.snoozed_until_s,
                )
            )  # fmt: skip

    def wake(self) -> None:
        """End the snoozes whose time has come."""
        for alert in self.living.values():
            if alert.state == "snoozed" and alert.snoozed_until_s <= self.night.as_of_s:
                alert.state, alert.snoozed_until_s = "open", 0
                why = "its snooze is over"
                self.changes.append(NewChange(alert.alert_id, "woken", "open", why))

    def opened(self, connection: sa.Connection, first_id: int) -> list[NewChange]:
        """Add the alerts that this night opens; return their first changes."""
        night, found = self.night, list[NewChange]()
        day = night.as_of_s
        for alert_id, k in enumerate(sorted(self.opening), start=first_id):
            unit_id, component = night.keys[k]
            # Who did not want to hear of the one before does not hear of this one either.
            before = self.living.get(night.keys[k])
            until = before.snoozed_until_s if before else 0
            state: AlertState = "snoozed" if until > day else "open"
            p = float(night.probability[k])
            connection.execute(
                sa.insert(tables.alert).values(
                    alert_id=alert_id, unit_id=unit_id, component_id=component, opened_at=day,
                    quiet_until=day + night.target.span_days * DAY_S,
                    decided_at=day + night.embargo_days * DAY_S,
                    lead_days=night.target.lead_days, horizon_days=night.target.horizon_days,
                    threshold=night.threshold, model_hash=night.model_hash, run_id=night.run_id,
                    state=state, low_nights=0, outcome="undecided",
                )
            )  # fmt: skip
            why = f"probability {p:.3f} reached the threshold {night.threshold:.3f}"
            found.append(
                NewChange(
                    alert_id, "opened", state, why, probability=p,
                    snoozed_until_s=until if state == "snoozed" else 0,
                )
            )  # fmt: skip
        return found


def _save_low_nights(connection: sa.Connection, work: _Night) -> None:
    a = tables.alert
    for alert in work.living.values():
        connection.execute(
            sa.update(a)
            .where(a.c.alert_id == alert.alert_id, a.c.low_nights != alert.low_nights)
            .values(low_nights=alert.low_nights)
        )


def _note_night(connection: sa.Connection, night: NightScores) -> None:
    t, c = tables.alert_night, tables.alert_change.c
    last = connection.execute(sa.select(sa.func.max(c.change_id))).scalar_one() or 0
    connection.execute(sa.delete(t).where(t.c.as_of == night.as_of_s))
    connection.execute(
        sa.insert(t).values(
            as_of=night.as_of_s, run_id=night.run_id, last_change=last,
            waiting_units=json.dumps(dict(night.failed_units), sort_keys=True),
        )
    )  # fmt: skip
