"""What alerts were worth, as far as the services that are known on a night tell."""

from __future__ import annotations

import numpy as np
import pandas as pd
import sqlalchemy as sa

from pulsefront.qc.alerts.ledger import NewChange, rows_of
from pulsefront.qc.alerts.outcomes import judgement
from pulsefront.qc.features.labels import Target, failure_times, replacement_times
from pulsefront.qc.store.histories.successors import Successors
from pulsefront.qc.store.tables import alert_tables as tables
from pulsefront.qc.times import DAY_S, iso_date

__all__ = ["REPLACED", "outcomes_of"]

REPLACED = "the scanner was replaced"

_JUDGED_AGAIN_DAYS = 400  # a service may be logged late: for that long an outcome may still change


def outcomes_of(
    connection: sa.Connection, services: pd.DataFrame, successors: Successors, as_of_s: int
) -> list[NewChange]:
    """Return the alerts that what is known now judges otherwise than before.

    Parameters
    ----------
    services
        All services that are known.
    successors
        What happens to them says nothing of alerts about the scanners before them.
    """
    a = tables.alert
    since = as_of_s - _JUDGED_AGAIN_DAYS * DAY_S
    query = sa.select(a).where(a.c.opened_at > since, a.c.opened_at < as_of_s)
    rows = rows_of(connection, query.order_by(a.c.alert_id))
    mine = {row["unit_id"] for row in rows}
    by_unit = dict(iter(services[services["unit_id"].isin(mine)].groupby("unit_id", sort=False)))
    nothing = services.iloc[:0]
    found = []
    for row in rows:
        logged = by_unit.get(row["unit_id"], nothing)
        target = Target(row["lead_days"], row["horizon_days"])
        failures = failure_times(logged, row["component_id"])
        replaced = replacement_times(logged, row["component_id"])
        why = "the service that decided it no longer counts"
        successor = successors.get(row["unit_id"])
        if successor is not None and row["opened_at"] < successor.counted_from_s:
            failures = failures[failures < successor.came_s]
            # One that was opened before anybody knew of the new scanner tells nothing of either.
            left_s = max(successor.came_s, row["opened_at"] + 1)
            replaced = np.sort(np.append(replaced[replaced < successor.came_s], left_s))
            why = f"{REPLACED} on {iso_date(successor.came_s)}"
        over = as_of_s >= row["decided_at"]
        outcome, when_s = judgement(row["opened_at"], failures, replaced, target, over=over)
        if outcome == row["outcome"]:
            continue
        lead = None if when_s is None else round((when_s - row["opened_at"]) / DAY_S, 2)
        words = {
            "true": f"failed {lead} days after it",
            "too late": f"failed {lead} days after it, within the lead",
            "false": f"no failure within {target.span_days} days",
            "undecided": why,
        }
        found.append(
            NewChange(
                row["alert_id"], "outcome", row["state"], words[outcome], outcome=outcome,
                lead_days=lead, snoozed_until_s=row["snoozed_until"],
            )
        )  # fmt: skip
    return found
