"""The hazards by days ahead, fitted to what became of rows, and what that fit does not know.

Few failures fall within a day of a score, many within two months. So one slope and one intercept
are fitted to all intervals of days ahead together, about what is expected beforehand; each interval
then moves from there as far as its own failures speak for it. Rows before one failure tell nearly
the same, and count as one.

The intervals of the chances come from the normal approximation: the covariance of slope and
intercept, robust to rows of one scanner telling the same (Liang and Zeger 1986), and as wide as
what was expected beforehand where there is nothing else to go by.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from pulsefront.qc.models.horizons import HORIZON_DAYS, AtRisk, HorizonCurve, Outcomes, at_risk
from pulsefront.qc.models.training import fit_sigmoid

__all__ = ["ANYTHING", "EVEN_SPREAD", "Expected", "fit_horizons"]

Floats = npt.NDArray[np.float64]

_REPLICATES = 200
_BIN = 0.02  # of log-odds
_ROW_DAYS = 7.0  # between rows of one component
_CENTRE = -4.0  # log-odds of a day or a week of those that fail, which slopes turn about


@dataclass(frozen=True)
class Expected:
    """What is expected of the hazards before any row is seen.

    Attributes
    ----------
    slope, intercept
        (interval,) laid over the log-odds, moved by the logarithm of the interval's share of the
        model's own window.
    deviation, slope_deviation
        How far a fleet may lie from that, in all intervals together.
    own, own_slope
        How far one interval may lie from the others.
    drift
        How far the future may lie from the history, in all intervals together.
    """

    slope: Floats
    intercept: Floats
    deviation: float
    slope_deviation: float
    own: float
    own_slope: float
    drift: float = 0.0


_NINE = len(HORIZON_DAYS)
EVEN_SPREAD = Expected(
    np.ones(_NINE), np.zeros(_NINE), deviation=0.7, slope_deviation=1.0, own=0.7, own_slope=0.5
)
"""As if a failure were as likely on any day of the window; nobody knows how far that holds."""

ANYTHING = Expected(
    np.ones(_NINE), np.zeros(_NINE), deviation=30.0, slope_deviation=30.0, own=30.0, own_slope=30.0
)
"""Nothing is expected: where there are many failures."""


def fit_horizons(
    log_odds: Floats,
    outcomes: Outcomes,
    span_days: int,
    *,
    expected: Expected = EVEN_SPREAD,
    unit: npt.NDArray[np.integer[Any]] | None = None,
    seed: int = 0,
) -> HorizonCurve:
    """Return the hazards that suit some rows, a week apart.

    Parameters
    ----------
    log_odds
        (row,) of the model, whose own window of *span_days* they are about.
    unit
        (row,) the scanner of each row: with it, the curve has intervals.
    """
    days = np.array(HORIZON_DAYS, dtype=np.int64)
    lengths = np.diff(days, prepend=0)
    shifts = np.log(lengths / span_days)
    risk = at_risk(outcomes)
    # A sigmoid's likelihood needs no more than how many rows failed of those of about one score.
    bins = np.floor(log_odds / _BIN)
    _, code, rows = np.unique(bins, return_inverse=True, return_counts=True)
    score = np.bincount(code, log_odds) / rows
    failed = np.stack([np.bincount(code, f, len(rows)) for f in risk.fails.T], axis=1)
    total = np.stack([np.bincount(code, w, len(rows)) for w in risk.weight.T], axis=1)
    logits = expected.slope * (score[:, None] + shifts) + expected.intercept
    many = days[-1] / _ROW_DAYS
    common = fit_sigmoid(
        logits.ravel(), failed.ravel() / many, total.ravel() / many,
        tie=expected.deviation**-2, slope_tie=expected.slope_deviation**-2, centre=_CENTRE,
    )  # fmt: skip
    moved = common[0] * logits + common[1]
    several = np.maximum(lengths / _ROW_DAYS, 1.0)
    own = np.array(
        [
            fit_sigmoid(
                moved[:, k], failed[:, k] / several[k], total[:, k] / several[k],
                tie=expected.own**-2, slope_tie=expected.own_slope**-2, centre=_CENTRE,
            )
            for k in range(len(days))
        ]
    )  # fmt: skip
    chain = _Chain(expected, shifts, common, own)
    if unit is None:
        return HorizonCurve(days, *chain.composed(common, own))
    drawn = chain.draws(log_odds, risk, unit, many, several, seed)
    return HorizonCurve(days, *chain.composed(common, own), drawn)


@dataclass(frozen=True)
class _Chain:
    """What is expected, the sigmoid of all intervals (2,) over it, that of each (interval, 2)."""

    expected: Expected
    shifts: Floats
    common: Floats
    own: Floats

    def composed(self, common: Floats, own: Floats) -> tuple[Floats, Floats]:
        """Return (interval,) slope and intercept over the model's log-odds."""
        e = self.expected
        slope, intercept = common[..., :1], common[..., 1:]
        ahead = slope * (e.slope * self.shifts + e.intercept) + intercept
        return own[..., 0] * slope * e.slope, own[..., 0] * ahead + own[..., 1]

    def draws(
        self,
        log_odds: Floats,
        risk: AtRisk,
        unit: npt.NDArray[np.integer[Any]],
        many: float,
        several: Floats,
        seed: int,
    ) -> Floats:
        """Return (replicate, interval, 2) slopes and intercepts that the history allows as well."""
        e, random = self.expected, np.random.default_rng(seed)
        names, code = np.unique(unit, return_inverse=True)
        logits = e.slope * (log_odds[:, None] + self.shifts) + e.intercept
        moved = self.common[0] * logits + self.common[1]
        scores, told = np.zeros((len(names), 2)), np.zeros((2, 2))
        own = np.empty((_REPLICATES, len(self.own), 2))
        for k, fitted in enumerate(self.own):
            risks = AtRisk(risk.fails[:, k], risk.weight[:, k])
            here, more = _information(logits[:, k], self.common, risks, code, len(names))
            scores, told = scores + here, told + more
            tie = np.diag([e.own_slope**-2, e.own**-2])
            mine = _information(moved[:, k], fitted, risks, code, len(names))
            own[:, k] = _drawn(fitted, mine[0] / several[k], mine[1] / several[k], tie, random)
        tie = np.diag([e.slope_deviation**-2, e.deviation**-2])
        common = _drawn(self.common, scores / many, told / many, tie, random)
        common[:, 1] += e.drift * random.normal(size=len(common))
        return np.stack(self.composed(common, own), axis=2)


def _information(
    x: Floats, fitted: Floats, risk: AtRisk, code: npt.NDArray[np.intp], units: int
) -> tuple[Floats, Floats]:
    """Return the gradients of the likelihood by scanner (unit, 2), and its curvature (2, 2)."""
    p = expit(fitted[0] * x + fitted[1])
    x = x - _CENTRE
    residual, spread = risk.fails - risk.weight * p, risk.weight * p * (1.0 - p)
    by_unit = [np.bincount(code, residual * x, units), np.bincount(code, residual, units)]
    told = np.array([[spread @ (x * x), spread @ x], [spread @ x, spread.sum()]])
    return np.stack(by_unit, axis=1), told


def _drawn(
    fitted: Floats, scores: Floats, told: Floats, tie: Floats, random: np.random.Generator
) -> Floats:
    """Return (replicate, 2) draws about a fit; no slope is below 0."""
    bread = np.linalg.inv(told + tie)
    covariance = bread @ (scores.T @ scores + tie) @ bread
    centred = np.array([fitted[0], fitted[1] + (fitted[0] - 1.0) * _CENTRE])
    found = random.multivariate_normal(centred, covariance, size=_REPLICATES, method="eigh")
    found[:, 0] = np.maximum(found[:, 0], 0.0)
    found[:, 1] -= (found[:, 0] - 1.0) * _CENTRE
    return np.asarray(found)
