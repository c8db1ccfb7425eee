"""How many failures a curve promises among some rows, with an interval, beside those that came.

This is what the intervals of a curve are held to. Take the components of a fleet every so many
days, as many as the chance looks ahead, so that a failure falls to one of these days and counts
once. The curve promises a number of failures. Its interval has two parts: what the curve does not
know of the chances, told by its replicates, and the scatter of failures at known chances. A 95 %
interval should hold the number that came in 95 of 100 fleets.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, expit

from pulsefront.qc.models.horizons.curve import AtRisk, HorizonCurve

__all__ = ["Promised", "promised_failures"]

Floats = npt.NDArray[np.float64]

_BIN = 0.02  # of log-odds


class Promised(NamedTuple):
    """The failures that were promised, with the ends of their interval, and those that came.

    ``scatter`` is the standard deviation that was promised with them. ``below`` and ``up_to`` are
    the chances of fewer failures than came, and of at most as many: whatever the number, a draw
    between them is even on 0 to 1 where the curve is right (Czado, Gneiting and Held 2009, eq. 1).
    """

    expected: float
    scatter: float
    low: int
    high: int
    came: int
    below: float
    up_to: float

    def held(self, confidence: float = 0.95) -> float:
        """Return the share of draws between ``below`` and ``up_to`` that an interval holds.

        Numbers cannot be told apart finely enough to have intervals that hold exactly 95 % of them:
        of a number on the rim a share counts.
        """
        tail = (1.0 - confidence) / 2.0
        inside = min(self.up_to, 1.0 - tail) - max(self.below, tail)
        return max(inside, 0.0) / max(self.up_to - self.below, 1e-12)


def promised_failures(
    curve: HorizonCurve, log_odds: Floats, risk: AtRisk, days: int, confidence: float = 0.95
) -> Promised:
    """Return what a curve promises of rows that lie at least *days* apart, and what came.

    Parameters
    ----------
    log_odds
        (row,) of the model.
    risk
        What became of them, (row, interval): a component counts, in what is promised as in what
        came, until it fails or is replaced, or the record ends.
    """
    upto = curve.columns([days])[0] + 1
    _, code, rows = np.unique(np.floor(log_odds / _BIN), return_inverse=True, return_counts=True)
    score = np.bincount(code, log_odds, len(rows)) / rows
    weight = np.stack([np.bincount(code, w, len(rows)) for w in risk.weight.T[:upto]], axis=1)
    bent = curve.bent(score)[:, :upto]
    slope, intercept = curve.slope[None, :, None], curve.intercept[None, :, None]
    if curve.replicates is not None:
        slope, intercept = curve.replicates[:, :, :1], curve.replicates[:, :, 1:]
    mean, variance = np.zeros(len(slope)), np.zeros(len(slope))
    for k in range(upto):
        hazard = expit(slope[:, k] * bent[:, k] + intercept[:, k])
        mean += hazard @ weight[:, k]
        variance += (hazard * (1.0 - hazard)) @ weight[:, k]
    at_once = curve.hazard(score)[:, :upto]
    came = int(risk.fails[:, :upto].sum())
    most = int(np.max(mean + 12.0 * np.sqrt(mean) + 12.0)) + came
    chance = _at_most(np.arange(most + 1), mean, variance)
    tail = round((1.0 - confidence) / 2.0, 12)
    low, high = np.searchsorted(chance, [tail, 1.0 - tail])
    return Promised(
        expected=float((at_once * weight).sum()),
        scatter=float(np.sqrt(variance.mean() + mean.var())),
        low=int(low),
        high=int(high),
        came=came,
        below=float(chance[came - 1]) if came else 0.0,
        up_to=float(chance[came]),
    )


def _at_most(numbers: npt.NDArray[np.int64], mean: Floats, variance: Floats) -> Floats:
    """Return the chance of at most each number of failures, over all replicates.

    A sum of unlike chances is told by the binomial of the same mean and variance.
    """
    chance = np.clip(1.0 - variance / np.maximum(mean, 1e-12), 1e-9, 1.0 - 1e-9)
    of = mean / chance
    left = np.maximum(of - numbers[:, None], 1e-12)
    return np.asarray(betainc(left, numbers[:, None] + 1.0, 1.0 - chance).mean(axis=1))
