"""Alerts of scores of held-out units: the table that they are counted in, and their thresholds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from pulsefront.qc.features.samples import Fleet
from pulsefront.qc.models.choice.alarm_rates import AlertTable, threshold_at_rate
from pulsefront.qc.models.choice.folds import Scores
from pulsefront.qc.models.choice.protocol import BacktestSettings
from pulsefront.qc.models.learners.estimators import ProbabilityCalibration

__all__ = ["alert_table", "calibrated_thresholds"]

Bools = npt.NDArray[np.bool_]


def alert_table(fleet: Fleet, scores: Scores, name: str, part: Bools) -> AlertTable:
    """Return a candidate's scores of the rows of a part of time, for alerting.

    A score is the chance that the log-odds tell, before calibration: a sigmoid for every fold, of a
    handful of failures each, would make one threshold mean another thing in each. On 50 fleets of
    twelve cameras that this was chosen on the blend found 127 failures of 456 by it, else 137.
    """
    samples = fleet.samples
    rows = np.flatnonzero(part)
    order = rows[np.lexsort((samples.as_of_s[rows], samples.component[rows]))]
    score = np.where(scores.no_decision[order] == "", expit(scores.log_odds[name][order]), np.nan)
    return AlertTable(
        score=score,
        component=samples.component[order],
        unit_of=np.array([unit for unit, _ in fleet.components]),
        as_of_s=samples.as_of_s[order],
        failures_s=fleet.failures_s,
        replaced_s=fleet.replaced_s,
        target=fleet.target,
        from_s=int(samples.as_of_s[order].min()),
        upto_s=int(samples.as_of_s[order].max()),
    )


def calibrated_thresholds(
    table: AlertTable, settings: BacktestSettings, calibration: ProbabilityCalibration
) -> dict[str, float]:
    """Return the probability at each rate of false alerts on units that were held out.

    It is what the calibration in use says of the log-odds at which those alerts begin.
    """
    found = {rate: threshold_at_rate(table, rate).threshold for rate in settings.false_alert_rates}
    return {
        f"{rate:g}": float(calibration.probability(logit(np.array(at)))) if at < 1.0 else 1.0
        for rate, at in found.items()
    }
