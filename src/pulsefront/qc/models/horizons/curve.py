"""When a component is going to fail: a probability by days ahead, not for one window alone.

A discrete-time survival model (Singer and Willett 1993): in each interval of days ahead the hazard,
the chance to fail in it when the component got so far, is a sigmoid of the model's log-odds. The
chance to fail within some days follows from the hazards up to then, so it never falls with the
days. Where a component was replaced or the record ends, it counts for the part of the interval that
it was followed: to leave it out, but keep those that failed first, would promise too much. The
hazards are fitted in `horizon_fit`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from pulsefront.qc.features.samples import Fleet
from pulsefront.qc.times import DAY_S

__all__ = [
    "CURVE_DAYS",
    "HORIZON_DAYS",
    "AtRisk",
    "Bends",
    "HorizonCurve",
    "Outcomes",
    "at_risk",
    "outcomes_of",
]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

HORIZON_DAYS = (1, 2, 4, 7, 14, 21, 28, 42, 60)
"""Ends of the intervals of days ahead."""

CURVE_DAYS = (7, 14, 28, 60)
"""Those of them that are told with a score."""

_CHUNK = 1_000  # rows whose replicates are in memory together


class Outcomes(NamedTuple):
    """(row,) days to the component's next failure, infinite if none is known, and days followed."""

    failure_days: Floats
    followed_days: Floats


class Bends(NamedTuple):
    """How the hazards follow the log-odds of a model: straight between nodes, level beyond them.

    ``score`` (node,) are log-odds of the model, ``hazard`` (interval, node) those of the hazards.
    Below the first node lie failures that no reading announces, so a score tells nothing of them;
    above the last the failure is certain, but not its day.
    """

    score: Floats
    hazard: Floats

    def at(self, log_odds: Floats) -> Floats:
        """Return (row, interval) the log-odds of the hazards."""
        return np.stack([np.interp(log_odds, self.score, row) for row in self.hazard], axis=1)


@dataclass(frozen=True)
class HorizonCurve:
    """The hazard of each interval, (interval,) each: its last day, slope and intercept.

    Slope and intercept are laid over the model's log-odds or, where there are bends, over what
    these make of them. ``replicates`` (replicate, interval, 2) are slopes and intercepts that the
    history allows as well; curves of older versions have neither.
    """

    days: Ints
    slope: Floats
    intercept: Floats
    replicates: Floats | None = None
    bend_score: Floats | None = None
    bend_hazard: Floats | None = None

    def hazard(self, log_odds: Floats) -> Floats:
        """Return (row, interval) the chance to fail in each interval when it is reached."""
        return np.asarray(expit(self.bent(log_odds) * self.slope + self.intercept))

    def bent(self, log_odds: Floats) -> Floats:
        """Return (row, interval) what slope and intercept are laid over."""
        if self.bend_score is None or self.bend_hazard is None:
            return np.repeat(np.asarray(log_odds)[:, None], len(self.days), axis=1)
        return Bends(self.bend_score, self.bend_hazard).at(log_odds)

    def probability(self, log_odds: Floats) -> Floats:
        """Return (row, interval) the chance to fail within so many days."""
        return np.asarray(1.0 - np.cumprod(1.0 - self.hazard(log_odds), axis=1))

    def interval(self, log_odds: Floats, confidence: float = 0.95) -> tuple[Floats, Floats]:
        """Return the ends (row, interval) of the chances' intervals; the chances without any."""
        low = self.probability(log_odds)
        high = low.copy()
        if self.replicates is None:
            return low, high
        tail = round((1.0 - confidence) / 2.0, 12)
        slope, intercept = self.replicates[:, None, :, 0], self.replicates[:, None, :, 1]
        bent = self.bent(log_odds)
        for first in range(0, len(low), _CHUNK):
            rows = slice(first, first + _CHUNK)
            some = 1.0 - np.cumprod(1.0 - expit(bent[None, rows] * slope + intercept), axis=2)
            ends = np.quantile(some, [tail, 1.0 - tail], axis=0)
            low[rows] = np.minimum(low[rows], ends[0])
            high[rows] = np.maximum(high[rows], ends[1])
        return low, high

    def columns(self, days: Sequence[int]) -> list[int]:
        """Return where some days stand among the ends of the intervals."""
        known = self.days.tolist()
        return [known.index(day) for day in days]


def outcomes_of(fleet: Fleet, rows: Ints, *, until_s: int | None = None) -> Outcomes:
    """Return when the components of some rows failed, and for how long they were followed.

    A preventive replacement ends the following, and so does the end of the record.

    Parameters
    ----------
    until_s
        What came later is not looked at.
    """
    samples = fleet.samples
    failure, followed = np.full(len(rows), np.inf), np.empty(len(rows))
    component, when = samples.component[rows], samples.as_of_s[rows]
    end_s = fleet.last_s if until_s is None else min(until_s, fleet.last_s)
    for c in np.unique(component):
        mine = np.flatnonzero(component == c)
        next_failure = _next(fleet.failures_s[c], when[mine])
        next_replaced = _next(fleet.replaced_s[c], when[mine])
        ends = np.minimum(next_replaced, (end_s - when[mine]) / DAY_S)
        failure[mine] = np.where(next_failure <= ends, next_failure, np.inf)
        followed[mine] = ends
    return Outcomes(failure, np.minimum(followed, failure))


class AtRisk(NamedTuple):
    """(row, interval) whether it failed in an interval, and for how much of it it counts."""

    fails: npt.NDArray[np.bool_]
    weight: Floats


def at_risk(outcomes: Outcomes) -> AtRisk:
    """Return what became of rows in each interval of `HORIZON_DAYS`."""
    ends = np.array(HORIZON_DAYS, dtype=float)
    begins = np.concatenate([[0.0], ends[:-1]])
    failure, followed = outcomes.failure_days[:, None], outcomes.followed_days[:, None]
    reached = (failure > begins) & (followed > begins)
    fails = reached & (failure <= ends)
    share = np.clip((followed - begins) / (ends - begins), 0.0, 1.0)
    return AtRisk(fails, np.where(fails, 1.0, share) * reached)


def _next(times: Ints, when: Ints) -> Floats:
    """Return the days to the next of some sorted times, infinite if there is none."""
    following = np.searchsorted(times, when, side="right")
    padded = np.append(times.astype(float), np.inf)
    return np.asarray((padded[following] - when) / DAY_S)
