"""A shared model at one site: its log-odds moved to the site's own base rate."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import expit

from pulsefront.qc.models.learners.estimators import ProbabilityCalibration

__all__ = ["local_calibration"]

_SPREAD = 1.0
_FAR = 40.0


def local_calibration(
    log_odds: npt.NDArray[np.float64],
    failed: npt.NDArray[np.bool_],
    unit: npt.NDArray[np.integer[Any]],
    *,
    seed: int,
    replicates: int = 200,
) -> ProbabilityCalibration:
    """Return a shift of the log-odds found on a later slice of a site.

    The slope stays 1: one site has too few failures to tell it. Rates of sites are taken to lie
    within a factor of e of each other, one in three beyond (a normal prior of deviation 1 on the
    shift), which holds a site without a single failure to the common rate.
    """
    random = np.random.default_rng(seed)
    names, code = np.unique(unit, return_inverse=True)
    edges = np.unique(np.quantile(log_odds, np.linspace(0, 1, 200))) if len(log_odds) else [0.0]
    size = len(edges) + 1
    flat = code * size + np.searchsorted(edges, log_odds)
    shape = (len(names), size)
    rows = np.bincount(flat, minlength=shape[0] * size).reshape(shape).astype(float)
    total = np.bincount(flat, log_odds, shape[0] * size).reshape(shape)
    score = total.sum(axis=0) / np.maximum(rows.sum(axis=0), 1.0)
    failures = np.bincount(code, failed, len(names)) if len(names) else np.zeros(0)

    def shift(weight: npt.NDArray[np.float64]) -> float:
        many, seen = weight @ rows, float(weight @ failures)
        return float(brentq(lambda b: b / _SPREAD**2 + many @ expit(score + b) - seen, -_FAR, _FAR))

    every = np.ones(len(names))
    drawn = [
        np.bincount(random.integers(len(names), size=len(names)), minlength=len(names))
        if len(names)
        else every
        for _ in range(replicates)
    ]
    found = np.array([[1.0, shift(weight.astype(float))] for weight in drawn])
    return ProbabilityCalibration(1.0, shift(every), found)
