"""What stands around the scores of a night: past nights, services and events, quarantine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
import sqlalchemy as sa

from pulsefront.qc.features.daily import UnitFeatures
from pulsefront.qc.nightly.night import NightReport
from pulsefront.qc.pages.night.data import Mark, NightScore, WaitingRows
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.files.ledger import waiting
from pulsefront.qc.store.histories.successors import successors_of
from pulsefront.qc.store.tables import alert_tables as tables
from pulsefront.qc.store.tables import schema
from pulsefront.qc.times import DAY_S

__all__ = ["SCORE_DAYS", "marks_of", "past_scores", "waiting_rows"]

SCORE_DAYS = 60
"""Nights whose scores are shown."""

_MOST_MARKS = 60
_MOST_REASONS = 20


def past_scores(
    store: Store, night: NightReport, leading: Mapping[str, Sequence[str]]
) -> dict[tuple[str, str], tuple[NightScore, ...]]:
    """Return the scores of past nights of some components of each unit, the oldest first.

    They are the runs that users were told of, whichever model was in use. Those of a scanner that
    was replaced are not among them.
    """
    run = night.run
    s, n = schema.score, tables.alert_night
    told = sa.select(n.c.run_id).where(
        n.c.as_of > run.as_of_s - SCORE_DAYS * DAY_S, n.c.as_of < run.as_of_s
    )
    columns = (
        s.c.unit_id, s.c.component_id, s.c.as_of, s.c.probability, s.c.probability_low,
        s.c.probability_high,
    )  # fmt: skip
    wanted = {(unit, name) for unit, names in leading.items() for name in names}
    found: dict[tuple[str, str], list[NightScore]] = {}
    with store.engine.connect() as connection:
        runs = connection.execute(told.order_by(n.c.as_of)).scalars().all()
        since = {
            unit_id: successor.counted_from_s
            for unit_id, successor in successors_of(connection, run.as_of_s).items()
        }
        for run_id in runs:
            # Plain tuples of the driver: a thousand scanners have a million scores in sixty nights.
            cursor = connection.execute(sa.select(*columns).where(s.c.run_id == run_id)).cursor
            for unit, component, as_of_s, *p in cursor.fetchall() if cursor else ():
                if (unit, component) in wanted and as_of_s >= since.get(unit, 0):
                    found.setdefault((unit, component), []).append(NightScore(int(as_of_s), *p))
    for row in run.rows:
        key = (row.unit_id, row.component_id)
        if key in wanted:
            tonight = NightScore(
                row.as_of, row.probability, row.probability_low, row.probability_high
            )
            found.setdefault(key, []).append(tonight)
    return {key: tuple(nights) for key, nights in found.items()}


def marks_of(features: UnitFeatures, from_s: int, *, most: int) -> tuple[Mark, ...]:
    """Return the services and events of a unit since an instant, the oldest first.

    Where there are more than *most* or 60, the oldest events are left out, then services.
    """
    marks = [
        Mark(when_s, component, "event", code)
        for when_s, component, code in _columns(
            features.events, "occurred_at", "component_id", "code"
        )
        if when_s >= from_s
    ]
    marks += [
        Mark(when_s, component, kind, f"{kind} service")
        for when_s, component, kind in _columns(
            features.services, "reported_at", "component_id", "kind"
        )
        if when_s >= from_s
    ]
    marks.sort(key=lambda mark: (mark.kind != "event", mark.when_s))
    kept = marks[-min(max(most, 1), _MOST_MARKS) :]
    return tuple(sorted(kept, key=lambda mark: (mark.when_s, mark.component_id, mark.text)))


def _columns(frame: pd.DataFrame, *names: str) -> Iterator[tuple[Any, ...]]:
    """Return columns row by row; a thousand frames are too many for pandas to cut each."""
    return zip(*(frame[name].tolist() for name in names), strict=True)


def waiting_rows(store: Store) -> tuple[WaitingRows, ...]:
    """Return what lies in quarantine by reason and remedy, the most frequent first."""
    q, o = schema.quarantine, schema.source
    count = sa.func.count().label("rows")
    query = (
        sa.select(q.c.reason, q.c.remedy, count, sa.func.min(o.c.name))
        .join_from(q, o, q.c.source_id == o.c.source_id, isouter=True)
        .where(sa.or_(o.c.source_id.is_(None), waiting()))
        .group_by(q.c.reason, q.c.remedy)
        .order_by(count.desc(), q.c.reason, q.c.remedy)
    )
    with store.engine.connect() as connection:
        found = [
            WaitingRows(reason, int(rows), remedy, example or "")
            for reason, remedy, rows, example in connection.execute(query)
        ]
    rest = found[_MOST_REASONS:]
    if rest:
        others = f"{len(rest)} other reasons"
        return (*found[:_MOST_REASONS], WaitingRows(others, sum(group.rows for group in rest)))
    return tuple(found)
