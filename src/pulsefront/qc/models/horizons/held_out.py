"""The chance to fail by days ahead, from scores of units that the models had not seen."""

from __future__ import annotations

import numpy as np

from pulsefront.qc.features.samples import Fleet
from pulsefront.qc.models.choice.folds import Scores
from pulsefront.qc.models.choice.protocol import BacktestSettings, one_in_seven
from pulsefront.qc.models.horizons.curve import HorizonCurve, outcomes_of
from pulsefront.qc.models.horizons.fit import EVEN_SPREAD, fit_horizons
from pulsefront.qc.models.horizons.shape import expected_horizons

__all__ = ["held_out_horizons"]


def held_out_horizons(
    fleet: Fleet, scores: Scores, name: str, settings: BacktestSettings, *, until_s: int
) -> HorizonCurve:
    """Return the chance to fail by days ahead, as a candidate tells it of units it has not seen.

    It is fitted to one day in seven of the training and calibration parts, the scores of each unit
    from the fold that held it out, and to what was known of them at *until_s*. What is expected
    beforehand of the prior model and of the blend was measured on simulated fleets of scanners, so
    nothing is of machines that are read by the hour.
    """
    samples, log_odds = fleet.samples, scores.log_odds[name]
    rows = scores.early | (scores.selection & one_in_seven(samples.as_of_s))
    rows &= (scores.no_decision == "") & np.isfinite(log_odds)
    before = np.flatnonzero(rows)
    outcomes = outcomes_of(fleet, before, until_s=until_s)
    span_days, expected = fleet.target.span_days, EVEN_SPREAD
    if settings.prior and not fleet.schema.hourly:
        expected = expected_horizons(name, scores.shares, span_days)
    return fit_horizons(
        log_odds[before], outcomes, span_days, expected=expected, unit=samples.unit[before],
        seed=settings.seed,
    )  # fmt: skip
