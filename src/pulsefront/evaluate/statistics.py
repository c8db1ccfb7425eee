"""Metrics as functions of event weights, for resampling.

A metric is prepared once from its events (sorted, binned) and then evaluated under many weights.
Two statistics under the same weights are paired, whatever the metric.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.evaluate import metrics
from pulsefront.evaluate.read_width import PointSpreadWidth, ReadWidth

__all__ = [
    "Statistic",
    "central_width_statistic",
    "difference",
    "fwhm_statistic",
    "mean_statistic",
    "median_statistic",
    "point_spread_statistic",
    "quantile_statistic",
    "ratio",
    "relative_gain",
]

Float = NDArray[np.float64]
Statistic = Callable[[Float], float]
"""From event weights, (event,) and not negative, to the metric of the so weighted events."""


def mean_statistic(values: ArrayLike) -> Statistic:
    """Return the weighted mean of *values* as a statistic."""
    data = np.asarray(values, dtype=np.float64)
    return lambda weights: float(weights @ data / weights.sum())


def quantile_statistic(values: ArrayLike, *probabilities: float) -> Statistic:
    """Return a quantile as a statistic, or the difference of the second and first of two.

    The quantile is the smallest value whose cumulated weight reaches the probability.
    """
    data = np.asarray(values, dtype=np.float64)
    order = np.argsort(data, kind="stable")
    ordered = data[order]
    wanted = np.asarray(probabilities)

    def statistic(weights: Float) -> float:
        cumulated = np.cumsum(weights[order])
        reached = np.searchsorted(cumulated, wanted * cumulated[-1])
        found = ordered[np.minimum(reached, len(ordered) - 1)]
        return float(found[-1] - found[0]) if len(found) == 2 else float(found[0])

    return statistic


def median_statistic(values: ArrayLike) -> Statistic:
    """Return the weighted median as a statistic."""
    return quantile_statistic(values, 0.5)


def central_width_statistic(
    values: ArrayLike, fraction: float = metrics.GAUSSIAN_FWHM_FRACTION
) -> Statistic:
    """Return `metrics.central_width` as a statistic."""
    return quantile_statistic(values, (1 - fraction) / 2, (1 + fraction) / 2)


def fwhm_statistic(
    values: ArrayLike, bin_width: float | None = None, *, level: float = 0.5
) -> ReadWidth:
    """Return the histogram's FWHM (or width at another level) as a statistic.

    The bins are chosen once from all events, so that replicates differ in counts alone.

    Raises
    ------
    DataError
        As `metrics.choose_binning`.
    """
    data = np.asarray(values, dtype=np.float64).ravel()
    return ReadWidth(data, metrics.choose_binning(data, bin_width), level)


def point_spread_statistic(
    residual_mm: ArrayLike, bin_width_mm: float | None = None, *, level: float = 0.5
) -> PointSpreadWidth:
    """Return the width of the 2-D point-spread function of position residuals as a statistic.

    Definition (as Decuyper et al. 2021 quote it): the residuals of all events, estimate minus
    known position, form one 2-D point-spread function; each width is that of its profile through
    the maximum along x and along y, and their mean is quoted. A profile sums the lines within two
    widths across it, one to each side of the middle, as NEMA NU 2 sums them; see
    `metrics.profile_bands`. Bands and bins are chosen once from all events.

    Parameters
    ----------
    residual_mm
        (event, 2) or (event, 3); only x and y are used.
    level
        Of the maximum at which the width is read: 0.5 for the FWHM, 0.1 for the FWTM.

    Raises
    ------
    DataError
        As `metrics.fwhm`, or residuals of another shape.
    """
    bands = metrics.profile_bands(residual_mm)
    return PointSpreadWidth(
        tuple(within for _, within in bands),
        tuple(
            fwhm_statistic(values[within], bin_width_mm, level=level) for values, within in bands
        ),
    )


def difference(first: Statistic, second: Statistic) -> Statistic:
    """Return first − second, paired by event."""
    return lambda weights: first(weights) - second(weights)


def ratio(first: Statistic, second: Statistic) -> Statistic:
    """Return first / second, paired by event."""
    return lambda weights: first(weights) / second(weights)


def relative_gain(candidate: Statistic, reference: Statistic) -> Statistic:
    """Return 1 − candidate/reference: positive where the candidate's width or error is smaller."""
    return lambda weights: 1 - candidate(weights) / reference(weights)
