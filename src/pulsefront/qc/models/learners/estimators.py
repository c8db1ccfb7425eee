"""The failure models as they are used: plain arrays that turn features into a log-odds.

How they are trained is in `training`; nothing here knows scikit-learn. Every model is a frozen
dataclass of arrays and numbers, so that it is saved without pickle and read anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.special import expit

__all__ = [
    "Blend",
    "Estimator",
    "Linear",
    "Network",
    "ProbabilityCalibration",
    "Rule",
    "Scaler",
    "Trees",
    "fit_scaler",
]

Floats = npt.NDArray[np.float64]

_CLIP = 8.0


class Estimator(Protocol):
    """A model of failure."""

    @property
    def columns(self) -> npt.NDArray[np.int64]:
        """Features that the model looks at."""

    def log_odds(self, values: npt.NDArray[np.float32]) -> Floats:
        """Return the log-odds of (row, feature) values."""


@dataclass(frozen=True)
class Scaler:
    """The scaling layer: logarithm of 1 + x, missing values to the median, mean 0, deviation 1.

    All features are sizes, counts or ages and hence not negative.
    """

    median: Floats
    mean: Floats
    deviation: Floats

    def scale(self, values: npt.NDArray[np.floating]) -> Floats:
        """Return scaled (row, input) values, clipped to ±8."""
        logs = np.log1p(np.maximum(np.asarray(values, dtype=np.float64), 0.0))
        filled = np.where(np.isnan(logs), self.median, logs)
        return np.asarray(np.clip((filled - self.mean) / self.deviation, -_CLIP, _CLIP))


def fit_scaler(values: npt.NDArray[np.floating[Any]]) -> Scaler:
    """Return the scaling layer fitted to (row, input) values."""
    logs = np.log1p(np.maximum(values.astype(np.float64), 0.0))
    known = ~np.isnan(logs)
    median = np.array(
        [np.median(c[k]) if k.any() else 0.0 for c, k in zip(logs.T, known.T, strict=True)]
    )
    filled = np.where(known, logs, median)
    deviation = filled.std(axis=0)
    return Scaler(median, filled.mean(axis=0), np.where(deviation > 1e-9, deviation, 1.0))


@dataclass(frozen=True)
class Linear:
    """Pooled logistic regression over component-days: the discrete-time hazard model."""

    columns: npt.NDArray[np.int64]
    scaler: Scaler
    weights: Floats
    bias: float

    def log_odds(self, values: npt.NDArray[np.float32]) -> Floats:
        """Return the log-odds of (row, feature) values."""
        return np.asarray(self.scaler.scale(values[:, self.columns]) @ self.weights + self.bias)


@dataclass(frozen=True)
class Network:
    """The classic small network: scaling layer, logistic nodes, one logistic output."""

    columns: npt.NDArray[np.int64]
    scaler: Scaler
    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    offset: float = 0.0

    def log_odds(self, values: npt.NDArray[np.float32]) -> Floats:
        """Return the log-odds of (row, feature) values."""
        layer = self.scaler.scale(values[:, self.columns])
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            layer = expit(layer @ weight + bias)
        return np.asarray((layer @ self.weights[-1] + self.biases[-1])[:, 0] + self.offset)


@dataclass(frozen=True)
class Trees:
    """Gradient-boosted trees; the nodes of all trees stand one after the other.

    ``feature`` is −1 at a leaf, whose ``value`` is added; ``left`` and ``right`` are node numbers;
    a missing value goes left where ``missing_left``.
    """

    columns: npt.NDArray[np.int64]
    roots: npt.NDArray[np.int64]
    feature: npt.NDArray[np.int64]
    threshold: Floats
    left: npt.NDArray[np.int64]
    right: npt.NDArray[np.int64]
    missing_left: npt.NDArray[np.bool_]
    value: Floats
    baseline: float

    def log_odds(self, values: npt.NDArray[np.float32]) -> Floats:
        """Return the log-odds of (row, feature) values."""
        inputs = np.ascontiguousarray(values[:, self.columns], dtype=np.float64)
        return np.asarray(
            _run_trees(
                inputs, self.roots, self.feature, self.threshold, self.left, self.right,
                self.missing_left, self.value, self.baseline,
            )
        )  # fmt: skip


@njit(nogil=True, cache=True)
def _run_trees(inputs, roots, feature, threshold, left, right, missing_left, value, baseline):  # type: ignore[no-untyped-def]
    out = np.full(len(inputs), baseline)
    for row in range(len(inputs)):
        for root in roots:
            node = root
            while feature[node] >= 0:
                x = inputs[row, feature[node]]
                goes_left = missing_left[node] if np.isnan(x) else x <= threshold[node]
                node = left[node] if goes_left else right[node]
            out[row] += value[node]
    return out


@dataclass(frozen=True)
class Rule:
    """A control chart: the largest of some statistics is the alarm's strength."""

    columns: npt.NDArray[np.int64]

    def log_odds(self, values: npt.NDArray[np.float32]) -> Floats:
        """Return log(1 + largest statistic), which orders rows as the chart does."""
        seen = np.nan_to_num(values[:, self.columns].astype(np.float64), nan=0.0)
        return np.asarray(np.log1p(seen.max(axis=1)))


@dataclass(frozen=True)
class Blend:
    """Several models, whose log-odds are added with weights (stacking; Wolpert 1992)."""

    parts: tuple[Estimator, ...]
    weights: Floats
    bias: float = 0.0

    @cached_property
    def columns(self) -> npt.NDArray[np.int64]:
        """Features that a part with a weight looks at."""
        parts = [p.columns for p, w in zip(self.parts, self.weights, strict=True) if w]
        return np.unique(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.int64)

    def log_odds(self, values: npt.NDArray[np.float32]) -> Floats:
        """Return the log-odds of (row, feature) values."""
        found = np.full(len(values), self.bias)
        for part, weight in zip(self.parts, self.weights, strict=True):
            if weight:
                found += weight * part.log_odds(values)
        return found


@dataclass(frozen=True)
class ProbabilityCalibration:
    """A sigmoid laid over the log-odds on a later slice of time (Platt 1999).

    ``replicates`` (replicate, 2) are slope and intercept refitted on units drawn with replacement;
    they make the interval of a score.
    """

    slope: float
    intercept: float
    replicates: Floats

    def probability(self, log_odds: Floats) -> Floats:
        """Return the calibrated probability."""
        return np.asarray(expit(self.slope * log_odds + self.intercept))

    def interval(self, log_odds: Floats, confidence: float = 0.95) -> tuple[Floats, Floats]:
        """Return the ends of the probability's interval over the replicates."""
        some = expit(log_odds[:, None] * self.replicates[:, 0] + self.replicates[:, 1])
        tail = round((1.0 - confidence) / 2.0, 12)  # 0.025, not the sum of its rounding errors
        low, high = np.quantile(some, [tail, 1.0 - tail], axis=1)
        return low, high
