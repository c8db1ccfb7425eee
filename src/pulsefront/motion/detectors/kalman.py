"""The centre's drift as a state: level, slope, curvature and a step; kernels for one axis.

Local trends: Harvey, "Forecasting, structural time series models and the Kalman filter" (1989),
sect. 2.3.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "FIRST_CURVATURE_MM_PER_S2",
    "FIRST_SLOPE_MM_PER_S",
    "begin_state",
    "begin_step",
    "predict",
    "update",
]

Floats = NDArray[np.float64]

FIRST_LEVEL_MM = 10.0
FIRST_SLOPE_MM_PER_S = 0.5
FIRST_CURVATURE_MM_PER_S2 = 0.02


@njit(nogil=True, cache=True)
def begin_state(mean: Floats, cov: Floats, value: float) -> None:
    """Let the filter begin at a level, with the doubt that the first interval leaves."""
    mean[0] = value
    cov[0, 0] = FIRST_LEVEL_MM**2
    cov[1, 1] = FIRST_SLOPE_MM_PER_S**2
    cov[2, 2] = FIRST_CURVATURE_MM_PER_S2**2


@njit(nogil=True, cache=True)
def predict(mean: Floats, cov: Floats, step_s: float, wander: float) -> None:
    """Move state (level, slope, curvature, step) and covariance (4, 4) on by *step_s*."""
    d, half = step_s, step_s**2 / 2
    mean[0] += d * mean[1] + half * mean[2]
    mean[1] += d * mean[2]
    for k in range(4):
        cov[0, k] += d * cov[1, k] + half * cov[2, k]
        cov[1, k] += d * cov[2, k]
    for k in range(4):
        cov[k, 0] += d * cov[k, 1] + half * cov[k, 2]
        cov[k, 1] += d * cov[k, 2]
    cov[0, 0] += wander * d**5 / 20
    cov[1, 1] += wander * d**3 / 3
    cov[2, 2] += wander * d
    cov[0, 1] += wander * d**4 / 8
    cov[0, 2] += wander * d**3 / 6
    cov[1, 2] += wander * d**2 / 2
    cov[1, 0], cov[2, 0], cov[2, 1] = cov[0, 1], cov[0, 2], cov[1, 2]


@njit(nogil=True, cache=True)
def update(mean: Floats, cov: Floats, value: float, variance: float) -> float:
    """Take in a measured level; return its log-likelihood."""
    total = cov[0, 0] + variance
    off = value - mean[0]
    c0, c1, c2, c3 = cov[0, 0], cov[0, 1], cov[0, 2], cov[0, 3]
    first = (c0, c1, c2, c3)
    for i in range(4):
        gain = first[i] / total
        mean[i] += gain * off
        for k in range(i, 4):
            cov[i, k] -= gain * first[k]
            cov[k, i] = cov[i, k]
    return -0.5 * (off * off / total + np.log(2 * np.pi * total))  # type: ignore[no-any-return]


@njit(nogil=True, cache=True)
def begin_step(mean: Floats, cov: Floats, expected: float) -> None:
    """Let a step begin: of mean 0 and variance *expected*, and nothing to slope and curvature."""
    mean[3] = 0.0
    cov[0, 3] = cov[3, 0] = cov[3, 3] = expected
    cov[1, 3] = cov[3, 1] = cov[2, 3] = cov[3, 2] = 0.0
    cov[0, 0] += expected
