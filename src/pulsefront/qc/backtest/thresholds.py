"""Thresholds that are set before the alerts that they are judged by.

How many false alerts a threshold gives is a property of the past; scanners age, phantoms decay,
and the rate moves on. So a threshold is judged here as it works in use: set on what was known, and
set again every quarter on the year before, as a site does that trains anew every quarter.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from pulsefront.qc.backtest.judgement import operating_point
from pulsefront.qc.backtest.results import ThresholdsInUse
from pulsefront.qc.features.samples import Fleet
from pulsefront.qc.models.choice.alarm_rates import AlertTable, Judged, judge, threshold_at_rate
from pulsefront.qc.models.choice.folds import Scores
from pulsefront.qc.models.choice.judged_alerts import alert_table
from pulsefront.qc.models.choice.protocol import BacktestSettings
from pulsefront.qc.times import DAY_S

__all__ = ["followed", "set_beforehand", "thresholds_in_use"]

_RESET_DAYS = 91
_WINDOW_DAYS = 365


def thresholds_in_use(
    fleet: Fleet, scores: Scores, name: str, settings: BacktestSettings
) -> ThresholdsInUse:
    """Return what the test part shows at thresholds that were set without it.

    ``set_once`` was set on the part before the test, ``set_quarterly`` every quarter on the year
    before. Nobody knows tomorrow's false alerts today: that is how it works in use.
    """
    return ThresholdsInUse(
        set_once={
            f"{rate:g}": operating_point(set_beforehand(fleet, scores, name, rate), settings)
            for rate in settings.false_alert_rates
        },
        set_quarterly={
            f"{rate:g}": operating_point(followed(fleet, scores, name, rate), settings)
            for rate in settings.false_alert_rates
        },
    )


def set_beforehand(fleet: Fleet, scores: Scores, name: str, rate: float) -> Judged:
    """Return the alerts of the test part at the threshold set on the part before it."""
    before = alert_table(fleet, scores, name, scores.selection)
    after = alert_table(fleet, scores, name, scores.test)
    return judge(after, threshold_at_rate(before, rate).threshold)


def followed(fleet: Fleet, scores: Scores, name: str, rate: float) -> Judged:
    """Return the alerts of the test part at a threshold that is set anew every quarter.

    Each time it is set on the year that ended an embargo ago, so that the outcome of every alert
    in it is known, from failures that were logged by then.
    """
    after = alert_table(fleet, scores, name, scores.test)
    all_rows = alert_table(fleet, scores, name, scores.selection | scores.between | scores.test)
    level = np.full(len(after.score), np.inf)
    for reset_s in range(after.from_s, after.upto_s + 1, _RESET_DAYS * DAY_S):
        past = known_at(all_rows, reset_s, fleet)
        threshold = threshold_at_rate(past, rate).threshold
        level[after.as_of_s >= reset_s] = threshold
    return judge(after, level)


def known_at(table: AlertTable, instant_s: int, fleet: Fleet) -> AlertTable:
    """Return the year of a table whose alerts could be judged at an instant."""
    upto_s = instant_s - fleet.embargo_days * DAY_S
    from_s = max(upto_s - _WINDOW_DAYS * DAY_S, table.from_s)
    rows = (table.as_of_s >= from_s) & (table.as_of_s <= upto_s)
    logged_s = instant_s - round(fleet.label_delay_days * DAY_S)
    return replace(
        table,
        score=table.score[rows],
        component=table.component[rows],
        as_of_s=table.as_of_s[rows],
        failures_s=[_upto(times, logged_s) for times in table.failures_s],
        replaced_s=[_upto(times, logged_s) for times in table.replaced_s],
        from_s=from_s,
        upto_s=upto_s,
    )


def _upto(times: npt.NDArray[np.int64], instant_s: int) -> npt.NDArray[np.int64]:
    return times[times <= instant_s]
