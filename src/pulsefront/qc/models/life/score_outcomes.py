"""What became of scores: as soon as a night's outcome is known, by unit and range of probability.

A model's calibration in use needs no more than these sums, and a night that adds them need not
read the scores of years again. One night in seven is judged: neighbouring nights tell nearly the
same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from pulsefront.qc.alerts.ledger import rows_of
from pulsefront.qc.features.labels import NO_LABEL, Target, component_labels
from pulsefront.qc.store.histories.successors import Successor, successors_of
from pulsefront.qc.store.tables import alert_tables as tables
from pulsefront.qc.store.tables import schema
from pulsefront.qc.times import DAY_S

__all__ = ["EDGES", "JUDGED_EVERY_DAYS", "judge_scores", "labels_at"]

Ints = npt.NDArray[np.int64]
Key = tuple[str, str]

EDGES = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Ends of the ranges of probability; a range holds its lower end."""

JUDGED_EVERY_DAYS = 7

_JUDGED_FOR_DAYS = 400
_MOST_IN_A_NIGHT = 8  # a store of an older version has a year of them


def labels_at(
    services: pd.DataFrame, keys: Sequence[Key], as_of_s: int, target: Target
) -> npt.NDArray[np.int8]:
    """Return (key,) the labels of components at one instant.

    Parameters
    ----------
    services
        Of all units; those that touch the time of the label are enough.
    keys
        Unit and component.
    """
    at, end_s = np.array([as_of_s]), as_of_s + target.span_days * DAY_S
    after = (services["completed_at"] >= as_of_s) | (services["reported_at"] > as_of_s)
    touching = services[after & (services["reported_at"] <= end_s)]
    by_unit = dict(iter(touching.groupby("unit_id", sort=False)))
    named = set(zip(touching["unit_id"], touching["component_id"], strict=True))
    label: dict[tuple[str, str | None], int] = {}
    found = np.zeros(len(keys), dtype=np.int8)
    for k, (unit_id, component) in enumerate(keys):
        if unit_id not in by_unit:
            continue
        # Components that no service names fare alike; there are far more of them.
        one = (unit_id, component if (unit_id, component) in named else None)
        if one not in label:
            label[one] = component_labels(by_unit[unit_id], component, at, target, end_s)[0]
        found[k] = label[one]
    return found


@dataclass(frozen=True)
class _Due:
    """A run whose outcome is known now."""

    run_id: str
    model_hash: str
    as_of_s: int
    target: Target


def _left(run: _Due, successor: Successor | None) -> bool:
    """Return whether a unit was another scanner before all of the run's time was over."""
    if successor is None or run.as_of_s >= successor.counted_from_s:
        return False
    return run.as_of_s + run.target.span_days * DAY_S > successor.came_s


def judge_scores(
    connection: sa.Connection, services: pd.DataFrame, as_of_s: int, delay_days: int
) -> int:
    """Note what became of the scores of nights whose outcome is known tonight; return how many.

    Parameters
    ----------
    services
        All services that were known tonight.
    delay_days
        After so many days a service is in the log.
    """
    due = _due(connection, as_of_s, delay_days)
    successors = successors_of(connection, as_of_s)
    for run in due:
        s = schema.score
        query = sa.select(s.c.unit_id, s.c.component_id, s.c.probability).where(
            s.c.run_id == run.run_id, s.c.probability.is_not(None)
        )
        rows = connection.execute(query).all()
        keys = [(unit_id, component) for unit_id, component, _ in rows]
        label = labels_at(services, keys, run.as_of_s, run.target)
        left = [_left(run, successors.get(unit_id)) for unit_id, _ in keys]
        label[np.array(left, dtype=np.bool_)] = NO_LABEL
        frame = pd.DataFrame(
            {
                "unit_id": [unit_id for unit_id, _ in keys],
                "expected": np.array([p for *_, p in rows], dtype=np.float64),
                "observed": (label == 1).astype(np.int64),
            }
        )[label != NO_LABEL]
        place = np.searchsorted(EDGES, frame["expected"], side="right") - 1
        frame["range"] = np.clip(place, 0, len(EDGES) - 2)
        sums = frame.groupby(["unit_id", "range"], as_index=False).agg(
            rows=("expected", "size"), expected=("expected", "sum"), observed=("observed", "sum")
        )
        content = [
            {
                "model_hash": run.model_hash, "as_of": run.as_of_s, "judged_at": as_of_s,
                "unit_id": str(unit), "range": int(place), "rows": int(count),
                "expected": round(float(expected), 9), "observed": int(observed),
            }
            for unit, place, count, expected, observed in sums.itertuples(index=False)
        ]  # fmt: skip
        nothing = {
            "model_hash": run.model_hash, "as_of": run.as_of_s, "judged_at": as_of_s,
            "unit_id": "", "range": 0, "rows": 0, "expected": 0.0, "observed": 0,
        }  # fmt: skip
        connection.execute(sa.insert(tables.score_outcome), content or [nothing])
    return len(due)


def _due(connection: sa.Connection, as_of_s: int, delay_days: int) -> list[_Due]:
    """Return the runs to be judged, the last one of each model and night."""
    r, o, s = tables.score_run, tables.score_outcome, schema.score
    judged = sa.exists().where(o.c.model_hash == r.c.model_hash, o.c.as_of == r.c.as_of)
    query = (
        sa.select(r.c.run_id, r.c.model_hash, r.c.as_of)
        .where(
            r.c.as_of <= as_of_s - delay_days * DAY_S,
            r.c.as_of > as_of_s - _JUDGED_FOR_DAYS * DAY_S,
            r.c.as_of % (JUDGED_EVERY_DAYS * DAY_S) == 0,
            ~judged,
        )
        .order_by(r.c.as_of, r.c.made_at, r.c.run_id)
    )
    found: dict[tuple[str, int], _Due] = {}
    for row in rows_of(connection, query):
        one = sa.select(s.c.lead_days, s.c.horizon_days).where(s.c.run_id == row["run_id"]).limit(1)
        spans = connection.execute(one).first()
        if spans is None:
            continue
        target = Target(spans[0], spans[1])
        if row["as_of"] + (target.span_days + delay_days) * DAY_S <= as_of_s:
            key = (row["model_hash"], row["as_of"])
            found[key] = _Due(row["run_id"], row["model_hash"], row["as_of"], target)
    return list(found.values())[:_MOST_IN_A_NIGHT]
