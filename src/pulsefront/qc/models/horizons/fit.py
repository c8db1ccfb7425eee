"""The hazards by days ahead, fitted to what became of rows, and what that fit does not know.

Few failures fall within a day of a score, many within two months. So slopes and intercepts of all
intervals of days ahead are fitted together, about what is expected beforehand: what a fleet has of
its own is the same in all intervals but for a part that each has for itself. Rows before one
failure tell nearly the same, and count as one.

The intervals of the chances come from the normal approximation: the covariance of all slopes and
intercepts together, robust to rows of one scanner telling the same (Liang and Zeger 1986, eq. 8),
and as wide as what was expected beforehand where there is nothing else to go by. What is to come
may lie apart from the history by as much as fleets were seen to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from pulsefront.qc.models.horizons.curve import (
    HORIZON_DAYS,
    AtRisk,
    Bends,
    HorizonCurve,
    Outcomes,
    at_risk,
)

__all__ = ["CENTRE", "EVEN_SPREAD", "ROWS_OF_ONE", "Expected", "binned", "fit_horizons", "misfit"]

Floats = npt.NDArray[np.float64]

_REPLICATES = 200
_LEAST_SCANNERS = 4  # to tell what rows of one have in common
_BIN = 0.02  # of log-odds

CENTRE = -4.0
"""Log-odds of a day or a week of those that fail, which slopes turn about."""

ROWS_OF_ONE = HORIZON_DAYS[-1] / 7.0
"""Rows before one failure, a week apart: they count as one."""

_NINE = len(HORIZON_DAYS)
_DAYS = np.array(HORIZON_DAYS, dtype=np.int64)
_LENGTHS = np.diff(_DAYS, prepend=0)


@dataclass(frozen=True)
class Expected:
    """What is expected of the hazards before any row is seen.

    Attributes
    ----------
    bends
        How they follow the log-odds. Without them a failure is as likely on any day of the model's
        own window.
    deviation, slope_deviation
        How far a fleet may lie from that, in all intervals together, at `CENTRE`.
    own, own_slope
        How far one interval may lie from the others.
    shift, drift
        How far the future lies from the history on average, by (node,) of the bends, and how far
        it may lie from that, in all intervals together.
    """

    bends: Bends | None
    deviation: float
    slope_deviation: float
    own: float
    own_slope: float
    shift: Floats | None = None
    drift: float = 0.0

    def covariance(self) -> Floats:
        """Return the covariance of slopes and levels of all intervals, those of one together."""
        shared = np.diag([self.slope_deviation**2, self.deviation**2])
        own = np.diag([self.own_slope**2, self.own**2])
        return np.kron(np.ones((_NINE, _NINE)), shared) + np.kron(np.eye(_NINE), own)


EVEN_SPREAD = Expected(None, deviation=0.7, slope_deviation=1.0, own=0.7, own_slope=0.5)
"""As if a failure were as likely on any day of the window; nobody knows how far that holds."""


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
    bends, risk = expected.bends, at_risk(outcomes)
    shifts = np.log(_LENGTHS / span_days) if bends is None else np.zeros(_NINE)

    def centred(scores: Floats) -> Floats:
        bent = scores[:, None] if bends is None else bends.at(scores)
        return np.asarray(bent + shifts - CENTRE)

    scores, failed, total = binned(log_odds, risk)
    tie = np.asarray(np.linalg.inv(expected.covariance()), dtype=np.float64)
    fitted = _fit(centred(scores), failed, total, tie)
    told = {}
    if bends is not None:
        later = bends.hazard if expected.shift is None else bends.hazard + expected.shift
        told = {"bend_score": bends.score, "bend_hazard": later}
    if unit is None:
        return HorizonCurve(_DAYS, *_laid_over(fitted, shifts), **told)
    spread = _covariance(centred(log_odds), risk, fitted, unit, tie)
    random = np.random.default_rng(seed)
    drawn = random.multivariate_normal(fitted.ravel(), spread, size=_REPLICATES, method="eigh")
    drawn = drawn.reshape(_REPLICATES, _NINE, 2)
    drawn[:, :, 0] = np.maximum(drawn[:, :, 0], 0.0)
    drawn[:, :, 1] += expected.drift * random.normal(size=(_REPLICATES, 1))
    replicates = np.stack(_laid_over(drawn, shifts), axis=2)
    return HorizonCurve(_DAYS, *_laid_over(fitted, shifts), replicates, **told)


def binned(log_odds: Floats, risk: AtRisk) -> tuple[Floats, Floats, Floats]:
    """Return (bin,) mean scores and (bin, interval) how many failed, and how many there were.

    A sigmoid's likelihood needs no more than how many rows failed of those of about one score.
    """
    bins = np.floor(log_odds / _BIN)
    _, code, rows = np.unique(bins, return_inverse=True, return_counts=True)
    failed = np.stack([np.bincount(code, f, len(rows)) for f in risk.fails.T], axis=1)
    total = np.stack([np.bincount(code, w, len(rows)) for w in risk.weight.T], axis=1)
    return np.bincount(code, log_odds) / rows, failed / ROWS_OF_ONE, total / ROWS_OF_ONE


def _laid_over(centred: Floats, shifts: Floats) -> tuple[Floats, Floats]:
    """Return (…, interval) slope and intercept over the model's log-odds."""
    slope, level = centred[..., 0], centred[..., 1]
    return slope, level + slope * (shifts - CENTRE)


def _fit(x: Floats, failed: Floats, total: Floats, tie: Floats) -> Floats:
    """Return (interval, 2) slope and level that suit (bin, interval) counts; no slope below 0."""
    expected = np.tile([1.0, CENTRE], _NINE)

    def loss(p: Floats) -> tuple[float, Floats]:
        slope, level = p.reshape(_NINE, 2).T
        value, residual = misfit(slope * x + level, failed, total)
        gradient = np.stack([(residual * x).sum(axis=0), residual.sum(axis=0)], axis=1).ravel()
        pulled = tie @ (p - expected)
        return value + float(0.5 * (p - expected) @ pulled), gradient + pulled

    bounds = [(0.0, 10.0), (-60.0, 60.0)] * _NINE
    found = minimize(
        loss, expected, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 1_000}
    )
    return np.asarray(found.x).reshape(_NINE, 2)


def misfit(logits: Floats, failed: Floats, total: Floats) -> tuple[float, Floats]:
    """Return minus the logarithm of the likelihood of counts, and its gradient by the logits."""
    value = -(failed * log_expit(logits) + (total - failed) * log_expit(-logits)).sum()
    return float(value), np.asarray(total * expit(logits) - failed)


def _covariance(
    x: Floats, risk: AtRisk, fitted: Floats, unit: npt.NDArray[np.integer[Any]], tie: Floats
) -> Floats:
    """Return the covariance of slopes and levels of all intervals about a fit to rows."""
    names, code = np.unique(unit, return_inverse=True)
    p = expit(fitted[:, 0] * x + fitted[:, 1])
    residual, spread = risk.fails - risk.weight * p, risk.weight * p * (1.0 - p)
    gradient, told = np.empty((len(names), _NINE, 2)), np.zeros((2 * _NINE, 2 * _NINE))
    for k in range(_NINE):
        here = np.stack([x[:, k], np.ones(len(x))])
        for of, column in enumerate(here):
            gradient[:, k, of] = np.bincount(code, residual[:, k] * column, len(names))
        told[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] = (here * spread[:, k]) @ here.T
    scores, told = gradient.reshape(len(names), -1) / ROWS_OF_ONE, told / ROWS_OF_ONE
    bread = np.linalg.inv(told + tie)
    # Two parameters, which all intervals share, are fitted: squares of few scanners are too small.
    several = len(names) >= _LEAST_SCANNERS
    scatter = scores.T @ scores * (len(names) / (len(names) - 2.0)) if several else told
    return np.asarray(bread @ (scatter + tie) @ bread)
