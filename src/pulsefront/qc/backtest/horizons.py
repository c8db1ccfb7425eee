"""Whether the chance to fail by days ahead means what it says, on unseen units at later times."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.errors import DataError
from pulsefront.evaluate.classification import roc_auc
from pulsefront.evaluate.intervals import bootstrap
from pulsefront.qc.backtest.results import HorizonFigures
from pulsefront.qc.documents import Range
from pulsefront.qc.features.samples import Fleet, split_time
from pulsefront.qc.models.choice.folds import Scores
from pulsefront.qc.models.choice.protocol import BacktestSettings, spaced, thinned
from pulsefront.qc.models.horizons.counts import Promised, promised_failures
from pulsefront.qc.models.horizons.curve import HorizonCurve, at_risk, outcomes_of
from pulsefront.qc.models.horizons.held_out import held_out_horizons
from pulsefront.qc.times import DAY_S

__all__ = ["horizon_figures", "promised_of"]

Floats = npt.NDArray[np.float64]


def horizon_figures(
    fleet: Fleet, scores: Scores, name: str, settings: BacktestSettings
) -> tuple[HorizonFigures, ...]:
    """Return the figures of one candidate, day by day ahead.

    The hazards are fitted to what was known when the test part began, of units that the model had
    not seen. A component counts, in what is expected as in what is observed, until it is replaced
    or the record ends. The failures that were promised with an interval are those of the
    components of some days, as far apart as the chance looks ahead (see `horizon_counts`).
    """
    samples = fleet.samples
    rows = np.flatnonzero(
        scores.test & thinned(samples.as_of_s) & (scores.no_decision == "")
        & np.isfinite(scores.log_odds[name])
    )  # fmt: skip
    cut_s = split_time(fleet, settings.calibrate_until)
    curve = held_out_horizons(fleet, scores, name, settings, until_s=cut_s)
    log_odds, outcomes = scores.log_odds[name][rows], outcomes_of(fleet, rows)
    risk = at_risk(outcomes)
    expected = np.cumsum(risk.weight * curve.hazard(log_odds), axis=1)
    observed = np.cumsum(risk.fails, axis=1)
    promised = curve.probability(log_odds)
    figures = []
    for k, days in enumerate(curve.days.tolist()):
        if days * DAY_S > fleet.last_s - cut_s:
            break  # nothing in the test part tells of so many days
        e, failed = expected[:, k], observed[:, k] > 0
        known = failed | (outcomes.followed_days >= days)
        counted = promised_of(fleet, scores, name, curve, days, confidence=settings.confidence)
        both = 0 < failed[known].sum() < known.sum()
        figures.append(
            HorizonFigures(
                days=days,
                rows=len(e),
                expected=float(e.sum()),
                observed=int(failed.sum()),
                observed_over_expected=_ratio(e, failed, samples.unit[rows], settings),
                failures_promised=Range(value=counted.expected, low=counted.low, high=counted.high),
                failures=counted.came,
                roc_auc=roc_auc(promised[known, k], failed[known]) if both else None,
            )
        )
    return tuple(figures)


def promised_of(
    fleet: Fleet,
    scores: Scores,
    name: str,
    curve: HorizonCurve,
    days: int,
    *,
    confidence: float = 0.95,
    between: tuple[float, float] = (0.0, 1.0),
) -> Promised:
    """Return the failures that a curve promises on the test part, and those that came.

    Parameters
    ----------
    between
        The chances within as many days that rows are told, from the first on and below the second.
    """
    samples = fleet.samples
    rows = np.flatnonzero(
        scores.test & (scores.no_decision == "") & np.isfinite(scores.log_odds[name])
    )
    rows = rows[spaced(samples.as_of_s[rows], days * DAY_S)]
    told = curve.probability(scores.log_odds[name][rows])[:, curve.columns([days])[0]]
    rows = rows[(told >= between[0]) & (told < between[1])]
    risk = at_risk(outcomes_of(fleet, rows))
    return promised_failures(curve, scores.log_odds[name][rows], risk, days, confidence)


def _ratio(
    promised: Floats,
    failed: npt.NDArray[np.bool_],
    unit: npt.NDArray[np.integer[Any]],
    settings: BacktestSettings,
) -> Range:
    def ratio(weight: Floats) -> float:
        return float((weight @ failed) / max(float(weight @ promised), 1e-12))

    try:
        found = bootstrap(
            ratio, len(failed), groups=unit, replicates=settings.bootstrap_replicates,
            confidence=settings.confidence, seed=settings.seed, method="expanded",
        )  # fmt: skip
    except DataError:
        return Range(value=ratio(np.ones(len(failed))), low=None, high=None)
    return Range(value=found.value, low=found.low, high=found.high)
