"""The log-likelihood of rows about a point, and the point that sums of several sites lead to.

With the scaled features x of a component-day, the hazard model says log-odds w·x + b. Every site
tells its log-likelihood about a point to second order; these are added, a ridge on the weights is
taken off, and the sum is maximized. About a common point that is Newton's method on the rows of
all sites, which gives the pooled fit without pooling (Wu et al. 2012, J. Am. Med. Inform. Assoc.
19, 758, eq. 4 to 6); about each site's own maximum it is the mean of the sites' coefficients
weighted by their information, which is where the rounds begin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit, log_expit

__all__ = ["LikelihoodSums", "ScaledRows", "combined_point", "maximum", "penalty", "sums_at"]

Floats = npt.NDArray[np.float64]

_MOST_STEPS = 60
_SETTLED = 1e-9


@dataclass(frozen=True)
class ScaledRows:
    """Component-days: (row, feature) scaled features, and whether a failure followed, 0 or 1.

    ``offset`` is what the log-odds gain where of the rows without a failure only some were drawn:
    minus the logarithm of the share that was (King and Zeng 2001, eq. 7); one for all, or by row.
    """

    scaled: Floats
    failed: Floats
    offset: Floats | float = 0.0

    def __len__(self) -> int:
        return len(self.failed)


@dataclass(frozen=True)
class LikelihoodSums:
    """A log-likelihood about a point: value, gradient, and minus the second derivative."""

    point: Floats
    log_likelihood: float
    gradient: Floats
    information: Floats


def sums_at(point: Floats, rows: ScaledRows) -> LikelihoodSums:
    """Return the log-likelihood of rows about (weights, bias), without the ridge."""
    log_odds = rows.scaled @ point[:-1] + point[-1] + rows.offset
    share = expit(log_odds)
    value = rows.failed @ log_expit(log_odds) + (1.0 - rows.failed) @ log_expit(-log_odds)
    residual = rows.failed - share
    weight = share * (1.0 - share)
    weighted = rows.scaled * weight[:, None]
    size = rows.scaled.shape[1]
    information = np.empty((size + 1, size + 1))
    square = rows.scaled.T @ weighted
    information[:size, :size] = (square + square.T) / 2.0  # to the bit, as only half of it is sent
    information[:size, size] = information[size, :size] = weighted.sum(axis=0)
    information[size, size] = weight.sum()
    gradient = np.concatenate([rows.scaled.T @ residual, [residual.sum()]])
    return LikelihoodSums(point, float(value), gradient, information)


def penalty(point: Floats, ridge: float) -> float:
    """Return what the ridge takes off the log-likelihood; the bias is free."""
    return 0.5 * ridge * float(point[:-1] @ point[:-1])


def combined_point(sites: Sequence[LikelihoodSums], ridge: float) -> tuple[Floats, float]:
    """Return the maximum of the sum of the sites' quadratics, less the ridge.

    The second value is the Newton decrement from the sites' mean point: half of it is about what
    the penalized log-likelihood still gains (Boyd and Vandenberghe 2004, eq. 9.30).
    """
    size = len(sites[0].point)
    total = np.zeros((size, size))
    right = np.zeros(size)
    start = np.zeros(size)
    for site in sites:
        total += site.information
        right += site.information @ site.point + site.gradient
        start += site.point / len(sites)
    # A trace of a ridge on the bias keeps the sum solvable where no site has a failure.
    diagonal = np.full(size, ridge)
    diagonal[-1] = 1e-6
    total[np.diag_indices(size)] += diagonal
    factor = cho_factor(total)
    point = np.asarray(cho_solve(factor, right))
    step = point - start
    return point, float(step @ total @ step)


def maximum(rows: ScaledRows, ridge: float) -> Floats:
    """Return the maximum of the penalized log-likelihood of rows, by Newton's method, damped.

    Without a row it is anywhere, and 0 is returned.
    """
    point = np.zeros(rows.scaled.shape[1] + 1)
    if not len(rows):
        return point
    share = np.clip(rows.failed.mean(), 1e-9, 1.0 - 1e-9)
    point[-1] = np.log(share / (1.0 - share)) - np.mean(rows.offset)
    sums = sums_at(point, rows)
    value = sums.log_likelihood - penalty(point, ridge)
    for _ in range(_MOST_STEPS):
        target, decrement = combined_point([sums], ridge)
        if decrement < _SETTLED:
            return target
        step = target - point
        for halving in range(30):
            tried = point + step * 0.5**halving
            sums = sums_at(tried, rows)
            found = sums.log_likelihood - penalty(tried, ridge)
            if found >= value - _SETTLED:
                break
        point, value = tried, found
    return point
