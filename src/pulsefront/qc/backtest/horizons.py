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
from pulsefront.qc.features.samples import Fleet
from pulsefront.qc.models.folds import BacktestSettings, Scores, thinned
from pulsefront.qc.models.horizons import fit_horizons, outcomes_of

__all__ = ["horizon_figures"]

Floats = npt.NDArray[np.float64]


def horizon_figures(
    fleet: Fleet, scores: Scores, name: str, settings: BacktestSettings
) -> tuple[HorizonFigures, ...]:
    """Return the figures of one candidate, day by day ahead.

    The hazards are fitted to the part before the test, to units that the model had not seen.
    """
    samples = fleet.samples
    decided = thinned(samples.as_of_s) & (scores.no_decision == "")
    decided &= np.isfinite(scores.log_odds[name])
    before = np.flatnonzero(decided & scores.selection)
    rows = np.flatnonzero(decided & scores.test)
    log_odds = scores.log_odds[name]
    curve = fit_horizons(log_odds[before], outcomes_of(fleet, before), fleet.target.span_days)
    promised, outcomes = curve.probability(log_odds[rows]), outcomes_of(fleet, rows)
    figures = []
    for k, days in enumerate(curve.days):
        failed = outcomes.failure_days <= days
        known = failed | (outcomes.followed_days >= days)
        if not known.any():
            continue
        p, f = promised[known, k], failed[known]
        figures.append(
            HorizonFigures(
                days=int(days),
                rows=len(p),
                expected=float(p.sum()),
                observed=int(f.sum()),
                observed_over_expected=_ratio(p, f, samples.unit[rows[known]], settings),
                roc_auc=roc_auc(p, f) if 0 < f.sum() < len(f) else None,
            )
        )
    return tuple(figures)


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
            confidence=settings.confidence, seed=settings.seed,
        )  # fmt: skip
    except DataError:
        return Range(value=ratio(np.ones(len(failed))), low=None, high=None)
    return Range(value=found.value, low=found.low, high=found.high)
