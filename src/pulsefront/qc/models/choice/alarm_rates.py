"""Scores turned into alerts, and alerts judged by what happened afterwards.

Which scores become alerts is told in `alerts.rule`, which the nightly job follows as well; what an
alert was worth in `alerts.outcomes`. Alerts before a preventive replacement are not judged. A
failure counts as found when a true alert precedes it. The same rule judges every model and every
control chart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pulsefront.qc.alerts.outcomes import false_alerts
from pulsefront.qc.alerts.rule import AlertRule, openings
from pulsefront.qc.features.labels import Target
from pulsefront.qc.times import DAY_S

__all__ = ["AlertTable", "Judged", "judge", "threshold_at_rate"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class AlertTable:
    """Scores of component-days, sorted by component and day, and what became of the components.

    ``score`` is NaN where there is no decision. Failures before ``from_s`` + the span cannot be
    found by anyone and are not counted.
    """

    score: npt.NDArray[np.float64]
    component: npt.NDArray[np.integer[Any]]
    unit_of: Ints
    as_of_s: Ints
    failures_s: Sequence[Ints]
    replaced_s: Sequence[Ints]
    target: Target
    from_s: int
    upto_s: int

    @property
    def unit_years(self) -> float:
        """Observed unit-years."""
        units = np.unique(self.unit_of[np.unique(self.component)])
        return float(len(units) * (self.upto_s - self.from_s) / DAY_S / 365.25)


@dataclass(frozen=True)
class Judged:
    """Alerts and failures at one threshold; it is NaN where it changed from day to day.

    ``failure_unit``, ``failure_found``, ``failure_lead_days`` have one entry per failure (lead of
    the first right alert, NaN where none); ``false_unit`` the unit of each false alert.
    """

    threshold: float
    failure_component: Ints
    failure_s: Ints
    failure_unit: Ints
    failure_found: npt.NDArray[np.bool_]
    failure_lead_days: npt.NDArray[np.float64]
    false_unit: Ints
    alert_s: Ints
    unit_years: float

    @property
    def false_per_unit_year(self) -> float:
        """False alerts per unit-year."""
        return len(self.false_unit) / self.unit_years


def judge(table: AlertTable, threshold: float | Floats) -> Judged:
    """Return what the alerts at a threshold, or at one per row, were worth."""
    target = table.target
    days, rule = table.as_of_s // DAY_S, AlertRule.of_target(target)
    mask = openings(table.score, table.component, days, threshold, rule)
    component, when = table.component[mask], table.as_of_s[mask]
    lead_s, span_s = target.lead_days * DAY_S, target.span_days * DAY_S
    false: list[int] = []
    failures: list[_Failure] = []
    present = np.unique(table.component)
    begin = np.searchsorted(component, present, side="left")
    end = np.searchsorted(component, present, side="right")
    for k, c in enumerate(present):
        unit = int(table.unit_of[c])
        alerts = when[begin[k] : end[k]]
        failed, replaced = table.failures_s[c], table.replaced_s[c]
        false += [unit] * int(false_alerts(alerts, failed, replaced, span_s).sum())
        for t in failed[(failed > table.from_s + span_s) & (failed <= table.upto_s)]:
            good = alerts[(alerts < t - lead_s) & (alerts >= t - span_s)]
            lead = float((t - good[0]) / DAY_S) if len(good) else np.nan
            failures.append(_Failure(int(c), int(t), unit, bool(len(good)), lead))
    return Judged(
        threshold=float(threshold) if np.ndim(threshold) == 0 else np.nan,
        failure_component=np.array([f.component for f in failures], dtype=np.int64),
        failure_s=np.array([f.when_s for f in failures], dtype=np.int64),
        failure_unit=np.array([f.unit for f in failures], dtype=np.int64),
        failure_found=np.array([f.found for f in failures], dtype=np.bool_),
        failure_lead_days=np.array([f.lead_days for f in failures], dtype=np.float64),
        false_unit=np.array(false, dtype=np.int64),
        alert_s=when,
        unit_years=table.unit_years,
    )


class _Failure(NamedTuple):
    component: int
    when_s: int
    unit: int
    found: bool
    lead_days: float


def threshold_at_rate(
    table: AlertTable, false_per_unit_year: float, *, candidates: int = 400
) -> Judged:
    """Return the lowest threshold whose false alerts stay within a rate, judged.

    Thresholds are tried at quantiles of the scores, denser towards the top.
    """
    scores = table.score[np.isfinite(table.score)]
    if not len(scores):
        return judge(table, np.inf)
    shares = 1.0 - np.geomspace(1.0 / len(scores), 0.5, candidates)
    cuts = np.unique(np.quantile(scores, shares, method="higher"))
    # The rate falls as the threshold rises, nearly always: bisect, then look one step further.
    low, high = 0, len(cuts)
    while low < high:
        middle = (low + high) // 2
        if judge(table, float(cuts[middle])).false_per_unit_year <= false_per_unit_year:
            high = middle
        else:
            low = middle + 1
    return judge(table, float(cuts[low])) if low < len(cuts) else judge(table, np.inf)
