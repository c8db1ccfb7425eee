"""Which input has changed its gain? Each one against what the others say of it.

Charges of a detector move together: the mean of one channel changes by several times with the
position of the source, and tells little of its gain. What the other channels leave open of it is
much smaller. For every input i a linear predictor from all others is fitted to the reference; its
residual r_i = Σ_j B_ij x_j, B_ii = 1, is zero on average when it is weighted with functions of the
prediction (scores S = mean of r_i w(x̂_i)), for dim, ordinary and bright events.

A gain 1 + g of one input k moves all scores along a known direction (`gain_jacobian`).
The estimate of g_k is the best linear one along that direction (generalized least squares with the
covariance of the scores of the reference), as if no other input had moved. Inputs are scaled to
the same mean sum before, so that light, temperature and bias voltage, which move all alike, are no
one's gain; those are seen in the photopeak.

Estimates are linear in g, good for changes of some per cent. A gain that is further from the
reference is found by dividing the input until the estimate is none (`GainTest.refined`).

Inputs here are the charges of channels where these are known, whatever the network makes of them.

Of 64 charges of a monolithic block 10,000 photopeak events tell each gain to 0.4 %, whatever
positions they come from, as long as these are spread as those of the reference.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.evaluate.sequential import ShiftEstimate

__all__ = [
    "LEAST_RATIO",
    "REFERENCE_ERRORS",
    "GainTest",
    "fit_gain_test",
    "gain_jacobian",
    "mixing_of",
    "scores_of",
]

Float = NDArray[np.float64]

REFERENCE_ERRORS = 2.0
"""The reference's share of the variance, in units of that of one sample of its size: once for the
mean of its scores, once more for the predictors, which were fitted to the same events."""

SMALL, SETTLED, ROUNDS = 0.03, 1e-3, 30
"""Below the first a linear estimate is good enough; beyond it is repeated until the second."""

LEAST_RATIO = 1e-9
"""Directions in which the reference's inputs do not vary at all, such as a dead input's, are left
out of the predictors: smaller singular values than this share of the largest."""


@dataclass(frozen=True)
class GainTest:
    """Predictors of some inputs from each other, and how their scores move with each gain.

    ``columns`` are the inputs that are compared, ``mixing`` is B, (column, column); ``sizes`` are
    the reference's means.
    """

    columns: NDArray[np.int64]
    mixing: Float
    sizes: Float
    total: float
    means: Float
    directions: Float
    """(score, column): what the best linear estimate weighs the scores with"""
    information: Float
    """(column,): of one event, 1 / variance of the estimate"""
    reference_events: int

    def estimates(self, inputs: NDArray[Any]) -> dict[int, ShiftEstimate]:
        """Return column of the network's inputs → relative shift of its gain.

        Parameters
        ----------
        inputs
            All inputs of the network, (vector, input).
        """
        found = scores_of(self._scaled(inputs), self.mixing, self.sizes).mean(axis=0) - self.means
        moved = self.directions.T @ found
        return {
            int(column): ShiftEstimate(
                float(along / information),
                float(1.0 / (information * len(inputs))),
                float(REFERENCE_ERRORS / (information * self.reference_events)),
            )
            for column, along, information in zip(
                self.columns, moved, self.information, strict=True
            )
            if information > 0
        }

    def refined(self, inputs: NDArray[Any], column: int) -> ShiftEstimate | None:
        """Return the estimate of one gain that is far from the reference: the factor by which the
        input has to be divided for its estimate to be none.

        The linear estimate where no such factor is found.
        """
        linear = self.estimates(inputs).get(column)
        if linear is None or abs(linear.shift) < SMALL:
            return linear
        gain, values = 1.0, np.asarray(inputs, np.float64)
        for _ in range(ROUNDS):
            undone = values.copy()
            undone[:, column] /= gain
            left = self.estimates(undone)[column].shift
            if abs(left) < SETTLED:
                return replace(
                    linear,
                    shift=gain - 1.0,
                    variance=linear.variance * gain**2,
                    reference_variance=linear.reference_variance * gain**2,
                )
            gain *= float(np.clip(1.0 + left, 0.5, 2.0))
        return linear

    def _scaled(self, inputs: NDArray[Any]) -> Float:
        chosen = np.asarray(inputs[:, self.columns], np.float64)
        total = chosen.sum(axis=1).mean()
        return chosen * (self.total / total) if total > 0 else chosen


def fit_gain_test(reference: NDArray[np.integer], columns: NDArray[np.int64]) -> GainTest:
    """Fit the predictors of *columns* from each other to the reference, (vector, input)."""
    x = np.asarray(reference[:, columns], np.float64)
    moments = x.T @ x / len(x)
    mixing = mixing_of(moments)
    sizes = np.maximum(x.mean(axis=0), 1e-12)
    scores = scores_of(x, mixing, sizes)
    covariance = np.atleast_2d(np.cov(scores, rowvar=False))
    jacobian = gain_jacobian(x, mixing, sizes)
    directions = np.linalg.pinv(covariance, rcond=LEAST_RATIO, hermitian=True) @ jacobian
    information = np.einsum("ij,ij->j", jacobian, directions)
    # An input without a partner, or one that never moves, has nothing to be compared with.
    enough = LEAST_RATIO * information.max(initial=0.0)
    usable = (np.ptp(x, axis=0) > 0) & (information > enough) & (len(columns) > 1)
    return GainTest(
        columns,
        mixing,
        sizes,
        float(x.sum(axis=1).mean()),
        scores.mean(axis=0),
        directions,
        np.where(usable, information, 0.0),
        len(x),
    )


def mixing_of(moments: Float) -> Float:
    """Return B (input, input): what each input is, less its best prediction from the others.

    Rows of the inverse of the second moments, divided by their diagonal: the normal equations of
    all regressions without a constant at once. Without a constant, so that scaling all inputs
    scales the residuals and moves no gain.
    """
    size = np.sqrt(np.maximum(np.diag(moments), 1e-300))
    inverse = np.linalg.pinv(moments / np.outer(size, size), rcond=LEAST_RATIO, hermitian=True)
    inverse = inverse / np.outer(size, size)
    diagonal = np.diag(inverse).copy()
    diagonal[diagonal <= 0] = 1.0
    return np.asarray(inverse / diagonal[:, np.newaxis])


def _predicted(x: Float, mixing: Float, sizes: Float) -> Float:
    """Return what the others say of each input, in units of its mean, (event, input)."""
    return np.asarray(np.maximum(x - x @ mixing.T, 0.0) / sizes)


def _weights(predicted: Float) -> tuple[Float, ...]:
    """Return functions of the predictions: what dim, ordinary and bright events count."""
    return np.ones_like(predicted), 1 / (1 + predicted), 1 / (1 + predicted**2), predicted


def _slopes(predicted: Float) -> tuple[Float, ...]:
    """Return the derivatives of `_weights`; a prediction that is held at zero does not move."""
    free = (predicted > 0).astype(np.float64)
    return (
        np.zeros_like(predicted),
        -free / (1 + predicted) ** 2,
        -2 * predicted / (1 + predicted**2) ** 2,
        free,
    )


def scores_of(x: Float, mixing: Float, sizes: Float) -> Float:
    """Return the residuals of every input times every weight, (event, score)."""
    residuals = x @ mixing.T
    weights = _weights(_predicted(x, mixing, sizes))
    return np.concatenate([residuals * weight for weight in weights], axis=1)


def gain_jacobian(x: Float, mixing: Float, sizes: Float) -> Float:
    """Return how the mean scores move with each gain, (score, input).

    Input k enters residual i with B_ik, and for i ≠ k the prediction of i with −B_ik. Then all
    inputs are scaled back to the same mean sum: less the share of k of what moving all would do.
    """
    predicted, residuals = _predicted(x, mixing, sizes), x @ mixing.T
    parts = []
    for weight, slope in zip(_weights(predicted), _slopes(predicted), strict=True):
        through_prediction = (residuals * slope / sizes).T @ x / len(x)
        np.fill_diagonal(through_prediction, 0.0)
        parts.append(mixing * (weight.T @ x / len(x) - through_prediction))
    moved = np.concatenate(parts)
    shares = x.mean(axis=0) / x.mean(axis=0).sum()
    return np.asarray(moved - np.outer(moved.sum(axis=1), shares))
