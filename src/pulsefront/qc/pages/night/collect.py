"""The page of a night from all that there is to tell of it, and the store behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import sqlalchemy as sa

from pulsefront.evaluate.intervals import Interval
from pulsefront.qc.alerts.records import Alert
from pulsefront.qc.features.daily import UnitFeatures, unit_features
from pulsefront.qc.models.files.model_file import FailureModel
from pulsefront.qc.nightly.night import NightReport
from pulsefront.qc.nightly.resume import history_as_of
from pulsefront.qc.nightly.run import ScoreRow, ScoreRun
from pulsefront.qc.nightly.unscored import NoModel
from pulsefront.qc.pages.night.around import marks_of, past_scores, waiting_rows
from pulsefront.qc.pages.night.charts import choose_series, read_charts
from pulsefront.qc.pages.night.data import (
    AlertNight,
    Chart,
    ComponentNight,
    Mark,
    NightPage,
    NightScore,
    UnitNight,
)
from pulsefront.qc.pages.night.panel import model_panel
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.tables import schema
from pulsefront.qc.times import DAY_S

__all__ = ["collect_night"]

_CHART_DAYS = 120
_ROOM = 8_000  # charts of a page with a reading a day: about 2.5 MB
_MOST_MARKS = 8_000
_RANK = {"alert": 0, "watch": 1, "no decision": 2, "no alert": 3}

Key = tuple[str, str]
"""A unit and its component."""


def collect_night(
    store: Store, night: NightReport, model: FailureModel | NoModel, *, units: Sequence[str] = ()
) -> NightPage:
    """Return the page of a night; *model* is the one that scored it.

    Parameters
    ----------
    units
        Scanners to show, all if left out: a page of few has room for all of their series.
    """
    run = night.run
    features = list(run.features or _features(store, run, model))
    rows = _rows_by_unit(night)
    if units:
        rows = {unit: found for unit, found in rows.items() if unit in units}
        features = [each for each in features if each.unit_id in units]
    alerts = _alerts(night)
    urgent = _urgent(rows, alerts)
    leading = {
        unit: urgent.get(unit) or [row.component_id for row in found[:1]]
        for unit, found in rows.items()
    }
    charts = read_charts(
        store,
        choose_series(features, urgent, _ROOM),
        run.as_of_s - _CHART_DAYS * DAY_S,
        run.as_of_s,
        most=_ROOM * _CHART_DAYS,
    )
    most = _MOST_MARKS // max(len(rows), 1)
    marks = {
        each.unit_id: marks_of(each, run.as_of_s - _CHART_DAYS * DAY_S, most=most)
        for each in features
    }
    history = past_scores(store, night, leading)
    about = {**_about(store), **{each.unit_id: each.unit for each in features}}
    known = {each.unit_id: each for each in features}
    found = [
        _unit(
            about.get(unit_id, {"unit_id": unit_id}),
            known.get(unit_id),
            model,
            _components(unit_id, rows[unit_id], night, alerts, history),
            charts.get(unit_id, []),
            marks.get(unit_id, ()),
            run.failed_units.get(unit_id, ""),
        )
        for unit_id in sorted(rows)
    ]
    return NightPage(
        as_of_s=run.as_of_s,
        lead_days=model.target.lead_days,
        horizon_days=model.target.horizon_days,
        run_id=run.run_id,
        confidence=run.confidence,
        units=tuple(sorted(found, key=_unit_risk)),
        model=model_panel(night, model),
        waiting=waiting_rows(store),
        db=store.name,
        closed=tuple(
            f"{alert.name} ({alert.closed_reason or 'without a reason'})"
            for alert in night.alerts
            if alert.state == "closed" and (not units or alert.unit_id in units)
        ),
    )


def _features(store: Store, run: ScoreRun, model: FailureModel | NoModel) -> list[UnitFeatures]:
    """Return the features of a night that was scored some time ago."""
    instants = np.array([run.as_of_s], dtype=np.int64)
    return [
        unit_features(history_as_of(store, unit, run.as_of_s).history, model.schema, instants)
        for unit in sorted({row.unit_id for row in run.rows})
    ]


def _rows_by_unit(night: NightReport) -> dict[str, list[ScoreRow]]:
    """Return the rows of each unit by risk; a unit that failed or has an alert may have none."""
    run = night.run
    rows: dict[str, list[ScoreRow]] = {}
    for row in run.rows:
        rows.setdefault(row.unit_id, []).append(row)
    for unit in run.failed_units:
        rows.setdefault(unit, [])
    for alert in night.alerts:
        if alert.state != "closed":
            rows.setdefault(alert.unit_id, [])
    for found in rows.values():
        found.sort(key=_risk)
    return rows


def _risk(row: ScoreRow) -> tuple[int, float, str]:
    """Return the order of a unit's components: by decision, then by probability."""
    undecided = row.decision == "no decision"
    return (3 if undecided else _RANK[row.decision], -(row.probability or 0.0), row.component_id)


def _alerts(night: NightReport) -> dict[Key, AlertNight]:
    """Return the alert of each component, one that is not closed before one that was tonight."""
    found: dict[Key, AlertNight] = {}
    for alert in sorted(night.alerts, key=lambda alert: (alert.state != "closed", alert.alert_id)):
        found[alert.unit_id, alert.component_id] = _alert(alert)
    return found


def _alert(alert: Alert) -> AlertNight:
    return AlertNight(
        number=alert.alert_id,
        state=alert.state,
        opened_s=alert.opened_s,
        opening=alert.opening_probability,
        highest=alert.highest_probability,
        until_s=alert.snoozed_until_s,
        suppressed=alert.suppressed and alert.state != "closed",
        by=alert.acted_by,
        why=alert.closed_reason if alert.state == "closed" else alert.acted_why,
    )


def _urgent(
    rows: Mapping[str, Sequence[ScoreRow]], alerts: Mapping[Key, AlertNight]
) -> dict[str, list[str]]:
    """Return the components of each unit that alert or are watched, and so show all series."""
    found: dict[str, list[str]] = {}
    for unit, some in rows.items():
        for row in some:
            alert = alerts.get((unit, row.component_id))
            if row.decision in {"alert", "watch"} or (alert is not None and alert.stands):
                found.setdefault(unit, []).append(row.component_id)
    return found


def _about(store: Store) -> dict[str, Mapping[str, object]]:
    """Return the record of each unit as it is today, for those that could not be read."""
    with store.engine.connect() as connection:
        records = connection.execute(sa.select(schema.unit)).mappings().all()
    return {record["unit_id"]: dict(record) for record in records}


def _components(
    unit_id: str,
    rows: Sequence[ScoreRow],
    night: NightReport,
    alerts: Mapping[Key, AlertNight],
    history: Mapping[Key, tuple[NightScore, ...]],
) -> list[ComponentNight]:
    """Return a unit's components, those with an alert that is not closed first."""
    confidence = night.run.confidence
    parts = [
        ComponentNight(
            row.component_id,
            row.decision,
            row.reasons,
            _probability(row, confidence),
            alerts.get((unit_id, row.component_id)),
            history.get((unit_id, row.component_id), ()),
            tuple(Interval(*three, confidence) for three in row.ahead.values()),
        )
        for row in rows
    ]
    scored = {part.component_id for part in parts}
    reason = night.run.failed_units.get(unit_id, "no score tonight")
    parts += [
        ComponentNight(component, "no decision", reason, None, alert)
        for (unit, component), alert in alerts.items()
        if unit == unit_id and component not in scored and alert.stands
    ]
    return sorted(parts, key=lambda part: not (part.alert is not None and part.alert.stands))


def _probability(row: ScoreRow, confidence: float) -> Interval | None:
    if row.probability is None:
        return None
    low = row.probability if row.probability_low is None else row.probability_low
    high = row.probability if row.probability_high is None else row.probability_high
    return Interval(row.probability, low, high, confidence)


def _unit_risk(unit: UnitNight) -> tuple[float, float, str]:
    """Return the order of units: alerts that call, others not closed, then by decision."""
    first = unit.first
    if first is None:
        return (0.5, 0.0, unit.unit_id)
    p = first.probability.value if first.probability else 0.0
    alert = first.alert if first.alert is not None and first.alert.stands else None
    if alert is not None:
        return (-2.0 if alert.calls else -1.0, -p, unit.unit_id)
    return (0.5 if unit.failed else _RANK[first.decision], -p, unit.unit_id)


def _unit(
    about: Mapping[str, object],
    features: UnitFeatures | None,
    model: FailureModel | NoModel,
    components: Sequence[ComponentNight],
    charts: Sequence[Chart],
    marks: Sequence[Mark],
    failed: str,
) -> UnitNight:
    """Return one scanner; *features* are those of tonight, None where it could not be scored."""
    text = {name: str(about.get(name, "") or "") for name in ("unit_id", "site", "serial")}
    last_s = int(features.last_measured_s[0]) if features else -1
    missed = features.values[:, 0, model.schema.column("missed_qc_days")] if features else None
    return UnitNight(
        **text,
        model=" ".join(str(about[n]) for n in ("vendor", "model") if about.get(n)),
        software=str(features.software[0]) if features else "",
        components=tuple(components),
        charts=tuple(charts),
        marks=tuple(marks),
        series=len(features.keys) if features else 0,
        last_qc_s=None if last_s < 0 else last_s,
        missed_days=0.0 if missed is None else float(np.nan_to_num(missed).max(initial=0.0)),
        failed=failed,
    )
