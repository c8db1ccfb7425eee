"""A model's calibration, precision and lead so far, by quarter, with intervals over units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from pulsefront.errors import DataError
from pulsefront.evaluate.intervals import (
    Statistic,
    bootstrap,
    mean_statistic,
    median_statistic,
    ratio,
)
from pulsefront.evaluate.shares import clustered_share
from pulsefront.qc.documents import Range
from pulsefront.qc.models.life.score_outcomes import EDGES
from pulsefront.qc.models.life.worth import CalibrationBin, ModelLife, PeriodFigures
from pulsefront.qc.store.tables import alert_tables as tables
from pulsefront.qc.times import DAY_S, iso_date

__all__ = ["model_life"]

Floats = npt.NDArray[np.float64]

_REPLICATES = 200
_MOST_PERIODS = 12
_NO_RANGE = Range(value=None, low=None, high=None)


def model_life(
    connection: sa.Connection,
    model_hash: str,
    services: pd.DataFrame,
    as_of_s: int,
    *,
    name: str,
    role: str,
    last_change: int | None = None,
    confidence: float = 0.95,
) -> ModelLife | None:
    """Return what a model has been worth as far as was known on a night; None where nothing was.

    Parameters
    ----------
    services
        All services that were known then.
    last_change
        The last change of an alert that counts, all if left out.
    """
    parts = _Parts(
        _outcomes(connection, model_hash, as_of_s),
        _alerts(connection, model_hash, as_of_s, last_change),
        _nights(connection, model_hash, as_of_s),
        services[services["kind"] == "corrective"],
    )
    if parts.scores.empty:
        return None
    decided = parts.upto(int(parts.scores["as_of"].max()))
    quarters = sorted(set(decided.scores["period"]))[-_MOST_PERIODS:]
    return ModelLife(
        model_hash=model_hash,
        name=name,
        role=role,
        confidence=confidence,
        total=_figures("all", decided, confidence),
        periods=tuple(_figures(q, decided.of(q), confidence) for q in quarters),
        calibration=_calibration(decided.scores, confidence),
    )


def _quarter(as_of_s: int) -> str:
    day = datetime.fromtimestamp(as_of_s - DAY_S, UTC)
    return f"{day.year}-Q{(day.month + 2) // 3}"


@dataclass(frozen=True)
class _Parts:
    """What figures are made of; each frame has a column ``as_of``, the first three ``period``."""

    scores: pd.DataFrame
    alerts: pd.DataFrame
    nights: pd.DataFrame
    failures: pd.DataFrame

    def upto(self, as_of_s: int) -> _Parts:
        """Return the nights up to one."""
        return self._some(lambda frame: frame["as_of"] <= as_of_s)

    def of(self, period: str) -> _Parts:
        """Return the nights of a quarter."""
        return self._some(lambda frame: frame["period"] == period)

    def _some(self, wanted: Callable[[pd.DataFrame], pd.Series]) -> _Parts:
        frames = (self.scores, self.alerts, self.nights)
        scores, alerts, nights = (frame[wanted(frame)] for frame in frames)
        return _Parts(scores, alerts, nights, self.failures)


def _frame(connection: sa.Connection, query: sa.Select[Any]) -> pd.DataFrame:
    result = connection.execute(query)
    frame = pd.DataFrame(result.fetchall(), columns=list(result.keys()))
    frame["period"] = [_quarter(int(t)) for t in frame["as_of"]]
    return frame


def _outcomes(connection: sa.Connection, model_hash: str, as_of_s: int) -> pd.DataFrame:
    o = tables.score_outcome
    query = sa.select(o.c.as_of, o.c.unit_id, o.c.range, o.c.rows, o.c.expected, o.c.observed)
    return _frame(connection, query.where(o.c.model_hash == model_hash, o.c.judged_at <= as_of_s))


def _alerts(
    connection: sa.Connection, model_hash: str, as_of_s: int, last_change: int | None
) -> pd.DataFrame:
    a, c = tables.alert, tables.alert_change
    query = sa.select(
        a.c.alert_id, a.c.unit_id, a.c.component_id, a.c.opened_at.label("as_of"),
        a.c.lead_days, a.c.horizon_days,
    ).where(a.c.model_hash == model_hash, a.c.opened_at <= as_of_s)  # fmt: skip
    frame = _frame(connection, query)
    outcomes = sa.select(c.c.alert_id, c.c.outcome, c.c.lead_days).where(c.c.kind == "outcome")
    if last_change is not None:
        outcomes = outcomes.where(c.c.change_id <= last_change)
    rows = connection.execute(outcomes.order_by(c.c.change_id))
    last = {alert_id: (outcome, days) for alert_id, outcome, days in rows}
    nothing = ("undecided", None)
    frame["outcome"] = [last.get(number, nothing)[0] for number in frame["alert_id"]]
    lead = [last.get(number, nothing)[1] for number in frame["alert_id"]]
    frame["lead"] = np.array([np.nan if days is None else days for days in lead], dtype=float)
    return frame


def _nights(connection: sa.Connection, model_hash: str, as_of_s: int) -> pd.DataFrame:
    r = tables.score_run
    query = (
        sa.select(r.c.as_of, sa.func.max(r.c.units).label("units"))
        .where(r.c.model_hash == model_hash, r.c.as_of <= as_of_s)
        .group_by(r.c.as_of)
    )
    return _frame(connection, query)


def _figures(period: str, parts: _Parts, confidence: float) -> PeriodFigures:
    scores, alerts = parts.scores, parts.alerts
    counts = alerts["outcome"].value_counts()
    judged = alerts[alerts["outcome"].isin(["true", "false"])]
    true = alerts[alerts["outcome"] == "true"]
    years = float(parts.nights["units"].sum()) / 365.25
    failures, found = _failures(parts)
    first, last = int(parts.nights["as_of"].min()), int(parts.nights["as_of"].max())
    of_unit = scores[scores["unit_id"] != ""].groupby("unit_id")[["rows", "expected", "observed"]]
    sums = of_unit.sum()
    return PeriodFigures(
        period=period,
        first_day=iso_date(first - DAY_S),
        last_day=iso_date(last - DAY_S),
        unit_years=round(years, 3),
        rows=int(scores["rows"].sum()),
        expected_failures=round(float(scores["expected"].sum()), 3),
        observed_failures=int(scores["observed"].sum()),
        observed_over_expected=_range(
            ratio(mean_statistic(sums["observed"]), mean_statistic(sums["expected"])),
            np.arange(len(sums)),
            confidence,
        ),
        alerts=len(alerts),
        alerts_true=int(counts.get("true", 0)),
        alerts_too_late=int(counts.get("too late", 0)),
        alerts_false=int(counts.get("false", 0)),
        alerts_undecided=int(counts.get("undecided", 0)),
        precision=_range(
            mean_statistic((judged["outcome"] == "true").to_numpy(dtype=float)),
            judged["unit_id"].to_numpy(),
            confidence,
        ),
        false_alerts_per_unit_year=_rate(alerts, sums.index, years, confidence),
        lead_days=_range(median_statistic(true["lead"]), true["unit_id"].to_numpy(), confidence),
        failures=failures,
        failures_found=found,
    )


def _rate(alerts: pd.DataFrame, units: pd.Index, years: float, confidence: float) -> Range:
    """Return false alerts per unit-year; units are resampled, those without alerts too."""
    if not len(units) or not years:
        return _NO_RANGE
    false = alerts[alerts["outcome"] == "false"]["unit_id"].value_counts()
    counts = false.reindex(units, fill_value=0).to_numpy(dtype=float)
    per_year = counts * len(units) / years
    return _range(mean_statistic(per_year), np.arange(len(units)), confidence)


def _range(statistic: Statistic, groups: npt.NDArray[Any], confidence: float) -> Range:
    if not len(groups):
        return _NO_RANGE
    with np.errstate(all="ignore"):
        try:
            found = bootstrap(
                statistic, len(groups), groups=groups, replicates=_REPLICATES,
                confidence=confidence, method="expanded",
            )  # fmt: skip
            return Range(value=found.value, low=found.low, high=found.high)
        except DataError:  # too few units to resample
            value = float(statistic(np.ones(len(groups))))
    return Range(value=value if np.isfinite(value) else None, low=None, high=None)


def _failures(parts: _Parts) -> tuple[int, int]:
    """Return the failures within the nights, and those that a true alert preceded."""
    first_s, last_s = int(parts.nights["as_of"].min()), int(parts.nights["as_of"].max())
    units = set(parts.scores["unit_id"])
    f = parts.failures
    f = f[(f["reported_at"] > first_s) & (f["reported_at"] <= last_s) & f["unit_id"].isin(units)]
    true = parts.alerts[parts.alerts["outcome"] == "true"]
    by_key = {
        key: (group["as_of"].to_numpy(), group[["lead_days", "horizon_days"]].to_numpy())
        for key, group in true.groupby(["unit_id", "component_id"])
    }
    found = 0
    for row in f.to_dict("records"):
        mine = by_key.get((row["unit_id"], row["component_id"]))
        if mine is not None:
            opened_s, days = mine
            after_s = row["reported_at"] - opened_s
            in_time = (after_s > days[:, 0] * DAY_S) & (after_s <= days.sum(axis=1) * DAY_S)
            found += bool(in_time.any())
    return len(f), found


def _calibration(scores: pd.DataFrame, confidence: float) -> tuple[CalibrationBin, ...]:
    found = []
    for place, mine in scores[scores["rows"] > 0].groupby("range"):
        by_unit = mine.groupby("unit_id")[["rows", "observed"]].sum()
        row = mine[["rows", "expected"]].sum()
        rows = int(row["rows"])
        share = clustered_share(by_unit["observed"], by_unit["rows"], confidence)
        k = int(place)  # type: ignore[arg-type]
        found.append(
            CalibrationBin(
                low=EDGES[k],
                high=EDGES[k + 1],
                rows=rows,
                mean_probability=round(float(row["expected"]) / rows, 6),
                observed_share=Range(value=share.value, low=share.low, high=share.high),
            )
        )
    return tuple(found)
