"""When a component is going to fail: a probability by days ahead, not for one window alone.

A discrete-time survival model (Singer and Willett 1993): in each interval of days ahead the hazard,
the chance to fail in it when the component got so far, is a sigmoid of the model's log-odds. The
chance to fail within some days follows from the hazards up to then, so it never falls with the
days. Where a component was replaced or the record ends, it counts up to then.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from pulsefront.qc.features.samples import Fleet
from pulsefront.qc.models.training import fit_sigmoid
from pulsefront.qc.times import DAY_S

__all__ = ["HORIZON_DAYS", "HorizonCurve", "Outcomes", "fit_horizons", "outcomes_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

HORIZON_DAYS = (1, 2, 4, 7, 14, 21, 28, 42, 60)
"""Ends of the intervals of days ahead."""


class Outcomes(NamedTuple):
    """(row,) days to the component's next failure, infinite if none is known, and days followed."""

    failure_days: Floats
    followed_days: Floats


@dataclass(frozen=True)
class HorizonCurve:
    """The hazard of each interval, (interval,) each: its last day, slope and intercept."""

    days: Ints
    slope: Floats
    intercept: Floats

    def probability(self, log_odds: Floats) -> Floats:
        """Return (row, interval) the chance to fail within so many days."""
        hazard = expit(np.asarray(log_odds)[:, None] * self.slope + self.intercept)
        return np.asarray(1.0 - np.cumprod(1.0 - hazard, axis=1))


def outcomes_of(fleet: Fleet, rows: Ints) -> Outcomes:
    """Return when the components of some rows failed, and for how long they were followed.

    A preventive replacement ends the following, and so does the end of the record.
    """
    samples = fleet.samples
    failure, followed = np.full(len(rows), np.inf), np.empty(len(rows))
    component, when = samples.component[rows], samples.as_of_s[rows]
    for c in np.unique(component):
        mine = np.flatnonzero(component == c)
        next_failure = _next(fleet.failures_s[c], when[mine])
        next_replaced = _next(fleet.replaced_s[c], when[mine])
        failure[mine] = np.where(next_failure < next_replaced, next_failure, np.inf)
        followed[mine] = np.minimum(next_replaced, (fleet.last_s - when[mine]) / DAY_S)
    return Outcomes(failure, np.minimum(followed, failure))


def _next(times: Ints, when: Ints) -> Floats:
    """Return the days to the next of some sorted times, infinite if there is none."""
    following = np.searchsorted(times, when, side="right")
    padded = np.append(times.astype(float), np.inf)
    return np.asarray((padded[following] - when) / DAY_S)


def fit_horizons(log_odds: Floats, outcomes: Outcomes, span_days: int) -> HorizonCurve:
    """Return the hazards that suit some rows.

    Parameters
    ----------
    log_odds
        (row,) of the model, whose own window of *span_days* they are about: few failures leave the
        hazards where an even spread of it would put them.
    """
    days = np.array(HORIZON_DAYS, dtype=np.int64)
    begins = np.concatenate([[0], days[:-1]])
    found = np.empty((len(days), 2))
    for k, (begin, end) in enumerate(zip(begins, days, strict=True)):
        at_risk = outcomes.failure_days > begin
        fails = at_risk & (outcomes.failure_days <= end)
        known = fails | (at_risk & (outcomes.followed_days >= end))
        shift = np.log((end - begin) / span_days)
        found[k] = fit_sigmoid(
            log_odds[known] + shift, fails[known].astype(float), np.ones(int(known.sum())), tie=2.0
        )
        found[k, 1] += found[k, 0] * shift
    return HorizonCurve(days, found[:, 0].copy(), found[:, 1].copy())
