"""Figures that decide a search: from residuals (event, column) to one number, smaller is better."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pulsefront.evaluate import metrics

__all__ = [
    "Metric",
    "central_width",
    "mean_distance",
    "mean_misplacement",
    "median_distance",
    "misclassified",
    "root_mean_square",
    "scaled_distance",
]

Metric = Callable[[NDArray[np.float64]], float]
"""From residuals (event, n_out) to one figure, smaller is better."""


def central_width(residuals: NDArray[np.float64]) -> float:
    """Return `metrics.central_width` of the first output's residuals.

    It equals the FWHM for a Gaussian and, unlike a histogram's, varies smoothly with the events.
    """
    return metrics.central_width(residuals[:, 0])


def mean_distance(residuals: NDArray[np.float64]) -> float:
    """Return the mean Euclidean length of the residuals (event, n_out)."""
    return metrics.mean_error(residuals)


def median_distance(residuals: NDArray[np.float64]) -> float:
    """Return the median Euclidean length of the residuals (event, n_out)."""
    return metrics.median_error(residuals)


def root_mean_square(residuals: NDArray[np.float64]) -> float:
    """Return the root mean square over events and outputs."""
    return float(metrics.root_mean_square_error(residuals.reshape(-1)))


def scaled_distance(scales: Sequence[float]) -> Metric:
    """Return the metric "median distance" of outputs in different units.

    Every output's residual is divided by its entry of *scales* first: one millimetre, say, for
    positions and 10 keV for the energy, so that both weigh alike.
    """
    units = np.asarray(scales, dtype=np.float64)

    def metric(residuals: NDArray[np.float64]) -> float:
        return metrics.median_error(residuals / units)

    return metric


def misclassified(residuals: NDArray[np.float64]) -> float:
    """Return the share of events given the wrong class; residuals as of a classification."""
    return float(residuals[:, 0].mean())


def mean_misplacement(residuals: NDArray[np.float64]) -> float:
    """Return the mean distance between the chosen class's position and the true one's.

    For a classification with ``class_positions``, such as the crystal of first interaction: a
    neighbour by mistake costs one pitch, a crystal at the far end the whole array.
    """
    return metrics.mean_error(residuals[:, 1:])
