"""All that there is to tell of one night, from the store: what pages and files are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from pulsefront.errors import QCDataError
from pulsefront.qc.alerts.ledger import alerts_after, changes_of_night, newest_night, rows_of
from pulsefront.qc.alerts.records import Alert, AlertChange
from pulsefront.qc.models.life.figures import model_life
from pulsefront.qc.models.life.input_drift import NIGHTS_JUDGED, NightDrift, drift_of
from pulsefront.qc.models.life.worth import InputDrift, ModelLife
from pulsefront.qc.nightly.run import ScoreRun
from pulsefront.qc.nightly.runs import last_run, read_run
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.histories.history import services_as_of
from pulsefront.qc.store.tables import alert_tables as tables
from pulsefront.qc.store.tables import schema
from pulsefront.qc.times import iso_date

__all__ = ["NightReport", "night_report"]


@dataclass(frozen=True)
class NightReport:
    """One night as it was when its alerts had been worked out, whenever it is told again.

    Attributes
    ----------
    run
        The champion's scores.
    site_of
        The site of every unit.
    alerts
        Alerts that were not closed then, and those that were closed on this night.
    changes
        What this night changed, in order.
    opened_so_far
        Alerts opened up to this night by site.
    life, drift
        Of the champion; None where nothing is known yet.
    newest
        Whether the store has scored no later night.
    notes
        What went wrong beside it when it was scored; not kept.
    """

    run: ScoreRun
    site_of: Mapping[str, str]
    alerts: tuple[Alert, ...]
    changes: tuple[AlertChange, ...]
    opened_so_far: Mapping[str, int]
    life: ModelLife | None
    drift: InputDrift | None
    newest: bool
    notes: tuple[str, ...] = ()

    @property
    def opened(self) -> int:
        """Alerts opened on this night."""
        return sum(change.kind == "opened" for change in self.changes)


def night_report(store: Store, as_of_s: int, run_id: str | None = None) -> NightReport:
    """Return all that there is to tell of a night.

    Parameters
    ----------
    run_id
        The run to tell of, the one that the night's alerts follow from if left out.

    Raises
    ------
    QCDataError
        The night has not been scored.
    """
    services = services_as_of(store, as_of_s)
    with store.engine.connect() as connection:
        run_id = run_id or last_run(connection, as_of_s)
        if run_id is None:
            raise QCDataError(
                f"{iso_date(as_of_s - 1)} has not been scored", remedy="run pulsefront qc score"
            )
        run = read_run(connection, run_id)
        newest = newest_night(connection)
        last = _last_change(connection, as_of_s)
        u = schema.unit
        site_of = dict(connection.execute(sa.select(u.c.unit_id, u.c.site)).all())
        return NightReport(
            run=run,
            site_of=site_of,
            alerts=alerts_after(connection, as_of_s, last),
            changes=changes_of_night(connection, as_of_s, last),
            opened_so_far=_opened_so_far(connection, as_of_s, site_of),
            life=model_life(
                connection,
                run.model_hash,
                services,
                as_of_s,
                name=run.model_name,
                role=run.role,
                last_change=last,
                confidence=run.confidence,
            ),
            drift=_drift(connection, run),
            newest=newest is None or as_of_s >= newest.as_of_s,
        )


def _last_change(connection: sa.Connection, as_of_s: int) -> int:
    """Return the last change of an alert that a night had, itself or the night before it."""
    n = tables.alert_night
    query = sa.select(n.c.last_change).where(n.c.as_of <= as_of_s).order_by(n.c.as_of.desc())
    return int(connection.execute(query.limit(1)).scalar() or 0)


def _opened_so_far(
    connection: sa.Connection, as_of_s: int, site_of: Mapping[str, str]
) -> dict[str, int]:
    a = tables.alert
    query = sa.select(a.c.unit_id, sa.func.count()).where(a.c.opened_at <= as_of_s)
    found = Counter[str]()
    for unit_id, count in connection.execute(query.group_by(a.c.unit_id)):
        found[site_of.get(unit_id, "")] += count
    return dict(found)


def _drift(connection: sa.Connection, run: ScoreRun) -> InputDrift | None:
    d = tables.input_drift
    mine = d.c.model_hash == run.model_hash
    night = sa.select(d.c.as_of).where(mine, d.c.as_of <= run.as_of_s).distinct()
    some = night.order_by(d.c.as_of.desc()).limit(NIGHTS_JUDGED).subquery()
    query = sa.select(d).where(mine, d.c.as_of.in_(sa.select(some.c.as_of)))
    nights: dict[int, list[NightDrift]] = {}
    for row in rows_of(connection, query.order_by(d.c.as_of, d.c.input)):
        entry = NightDrift(row["input"], row["index"], row["threshold"])
        nights.setdefault(row["as_of"], []).append(entry)
    return drift_of(list(nights.values())) if nights else None
