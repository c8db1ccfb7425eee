"""Widths, errors and biases of residuals, as nuclear instrumentation defines them.

A width is read from the histogram as NEMA does it: the maximum by a parabola through the highest
bin and its two neighbours, the crossings of a half and a tenth of it by linear interpolation
between neighbouring bins (NEMA NU 2-2018, section 3). Nothing is multiplied by 2.355.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.errors import DataError

__all__ = [
    "GAUSSIAN_FWHM_FRACTION",
    "Binning",
    "central_width",
    "choose_binning",
    "euclidean_error",
    "fwhm",
    "fwtm",
    "mean_error",
    "median_error",
    "profile_bands",
    "profile_width",
    "profile_widths",
    "root_mean_square_error",
    "width_at",
]

GAUSSIAN_FWHM_FRACTION = 0.7609681
"""The share of a Gaussian within its own FWHM: erf(sqrt(ln 2))."""

_FEWEST_BINS, _MOST_BINS = 4.0, 10.0
_LONGEST_HISTOGRAM = 200_000
_LEAST_EVENTS = 10

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Binning:
    """Bins of equal width; bin ``i`` is centred at ``first_centre + i * width``."""

    first_centre: float
    width: float
    count: int

    def index(self, values: Float) -> NDArray[np.int64]:
        """Return the bin of each value; values beyond the ends go to the outermost bins."""
        bins = np.rint((values - self.first_centre) / self.width)
        return np.clip(bins, 0, self.count - 1).astype(np.int64)

    def histogram(self, values: Float) -> Float:
        """Return the counts of *values* per bin."""
        return np.bincount(self.index(values), minlength=self.count).astype(np.float64)


def _finite(values: ArrayLike, least: int = _LEAST_EVENTS) -> Float:
    flat = np.asarray(values, dtype=np.float64).ravel()
    if flat.size < least:
        raise DataError(
            "too few values for a width",
            field="values",
            value=flat.size,
            remedy=f"give at least {least}",
        )
    if not np.isfinite(flat).all():
        raise DataError(
            "values are not all finite",
            field="values",
            value=int(flat.size - np.isfinite(flat).sum()),
            remedy="exclude events without an estimate by a counted rule first",
        )
    return flat


def central_width(values: ArrayLike, fraction: float = GAUSSIAN_FWHM_FRACTION) -> float:
    """Return the distance between the quantiles that enclose the central *fraction*.

    With the default fraction it equals the FWHM where the values are Gaussian. It is smooth in
    the data, so that tests and bootstraps on it are well behaved; it is no FWHM elsewhere.

    Raises
    ------
    DataError
        There are no values, or some are not finite.
    """
    low, high = np.quantile(_finite(values, least=1), [(1 - fraction) / 2, (1 + fraction) / 2])
    return float(high - low)


def choose_binning(values: ArrayLike, bin_width: float | None = None) -> Binning:
    """Return bins over *values* with one bin centred on their median.

    The default is 1.3 n^(1/5) bins within `central_width`, at least 4 and at most 10 (which it
    is from 27,000 values on): finer bins make the highest one stand out by chance and the width
    too small, coarser ones smear it. On Gaussian values the FWHM is then right within 2 % on
    average. Where values come in steps (a fixed-point output), the width is an odd number of
    steps. Bins reach 10 central widths to both sides at most; the outermost hold what lies
    beyond.

    Raises
    ------
    DataError
        Fewer than 10 values, values that are not finite, all (but a few) values equal, or a bin
        width that is not positive.
    """
    flat = _finite(values)
    half = GAUSSIAN_FWHM_FRACTION / 2
    least, low, middle, high, most = np.quantile(flat, [0.0, 0.5 - half, 0.5, 0.5 + half, 1.0])
    central = high - low
    if bin_width is None:
        if central <= 0:
            raise DataError(
                "the values have no width",
                field="values",
                value=float(middle),
                remedy="they are (nearly) all equal; a histogram's FWHM is undefined",
            )
        bins = np.clip(1.3 * flat.size**0.2, _FEWEST_BINS, _MOST_BINS)
        inner = flat[(flat >= low) & (flat <= high)]
        bin_width = _whole_steps(inner, float(central / bins))
    if not (np.isfinite(bin_width) and bin_width > 0):
        raise DataError("the bin width must be positive", field="bin_width", value=bin_width)
    reach = 10 * central if central > 0 else most - least
    below = int(np.ceil(min(middle - least, reach) / bin_width)) + 1
    above = int(np.ceil(min(most - middle, reach) / bin_width)) + 1
    if below + above > _LONGEST_HISTOGRAM:
        raise DataError(
            "the bin width is too fine for the range of the values",
            field="bin_width",
            value=bin_width,
            remedy="leave it out to have it chosen",
        )
    return Binning(float(middle - below * bin_width), float(bin_width), below + above + 1)


def _whole_steps(values: Float, width: float) -> float:
    """Return *width*, or the nearest odd multiple of the step between values where they have one.

    Bins that hold now one and now two of the values that a fixed-point output can take would
    make a comb of the histogram. An odd multiple, centred on a value, leaves none at an edge.
    """
    gaps = np.diff(np.unique(values))
    # Smaller gaps are rounding, not steps.
    gaps = gaps[gaps > 1e-6 * width]
    step = float(np.median(gaps)) if gaps.size else 0.0
    if step < width / 20:
        return width
    return step * (2 * max(round((width / step - 1) / 2), 0) + 1)


def profile_width(counts: ArrayLike, bin_width: float, level: float = 0.5) -> float:
    """Return the full width of a profile at *level* of its maximum, in the unit of *bin_width*.

    The crossing on each side is the one nearest the maximum. NaN where the profile is empty.
    """
    return float(profile_widths(np.atleast_2d(np.asarray(counts)), bin_width, level)[0])


def profile_widths(counts: ArrayLike, bin_width: float, level: float = 0.5) -> Float:
    """Return `profile_width` of many profiles at once: (profile, bin) → (profile,)."""
    padded = np.pad(np.asarray(counts, dtype=np.float64), ((0, 0), (1, 1)))
    rows, bins = np.arange(len(padded)), np.arange(padded.shape[1])
    # The padding is empty, so that the largest inner bin is found even when all are equal.
    peak = padded[:, 1:-1].argmax(axis=1) + 1
    before, top, after = (padded[rows, peak + step] for step in (-1, 0, 1))
    curvature = before - 2 * top + after
    rise = np.divide(
        -((before - after) ** 2), 8 * curvature, out=np.zeros_like(top), where=curvature < 0
    )
    wanted = level * (top + rise)
    below = padded < wanted[:, None]
    left = np.where(below & (bins < peak[:, None]), bins, 0).max(axis=1)
    right = np.where(below & (bins > peak[:, None]), bins, bins[-1]).min(axis=1)
    low, high = padded[rows, left], padded[rows, right]
    width = np.full(len(padded), np.nan)
    some = top > 0
    left_edge = left[some] + (wanted - low)[some] / (padded[rows, left + 1] - low)[some]
    right_edge = right[some] - (wanted - high)[some] / (padded[rows, right - 1] - high)[some]
    width[some] = (right_edge - left_edge) * bin_width
    return width


def width_at(level: float, values: ArrayLike, bin_width: float | None = None) -> float:
    """Return the full width of the histogram of *values* at *level* of its maximum.

    Raises
    ------
    DataError
        As `choose_binning`.
    """
    flat = _finite(values)
    binning = choose_binning(flat, bin_width)
    return profile_width(binning.histogram(flat), binning.width, level)


def fwhm(values: ArrayLike, bin_width: float | None = None) -> float:
    """Return the full width at half maximum of the histogram, read as NEMA does.

    Parameters
    ----------
    values
        Residuals, in any unit; the result is in the same.
    bin_width
        Width of the bins; chosen by `choose_binning` where left out.

    Raises
    ------
    DataError
        Fewer than 10 values, values not finite, or values without width.

    Examples
    --------
    >>> normal = np.random.default_rng(1).normal(scale=10.0, size=100_000)
    >>> round(fwhm(normal) / 2.355, 1)
    10.0
    """
    return width_at(0.5, values, bin_width)


def fwtm(values: ArrayLike, bin_width: float | None = None) -> float:
    """Return the full width at a tenth of the maximum; see `fwhm`."""
    return width_at(0.1, values, bin_width)


def profile_bands(residual_mm: ArrayLike) -> list[tuple[Float, NDArray[np.bool_]]]:
    """Return, for x and y, the residuals along the axis and which lie near the middle across it.

    Near is within one `central_width` of the median, which stands for the maximum: it has no bins
    to be noisy.

    Raises
    ------
    DataError
        The residuals are not (event, 2) or (event, 3), too few, or not finite.
    """
    residual = np.asarray(residual_mm, dtype=np.float64)
    if residual.ndim != 2 or residual.shape[1] < 2:
        raise DataError("residuals must be (event, 2) or (event, 3)", value=residual.shape)
    along = [_finite(residual[:, axis]) for axis in (0, 1)]
    near = [np.abs(values - np.median(values)) <= central_width(values) for values in along]
    return [(along[0], near[1]), (along[1], near[0])]


def euclidean_error(residual: ArrayLike) -> Float:
    """Return the length of each residual vector, (event, axis) → (event,)."""
    vectors = np.atleast_2d(np.asarray(residual, dtype=np.float64))
    return np.asarray(np.sqrt((vectors**2).sum(axis=1)), dtype=np.float64)


def median_error(residual: ArrayLike) -> float:
    """Return the median Euclidean error of (event, axis) residuals.

    Examples
    --------
    >>> median_error([[3.0, 4.0], [0.0, 1.0], [0.0, 6.0]])
    5.0
    """
    return float(np.median(_finite(euclidean_error(residual), least=1)))


def mean_error(residual: ArrayLike) -> float:
    """Return the mean Euclidean error of (event, axis) residuals."""
    return float(_finite(euclidean_error(residual), least=1).mean())


def root_mean_square_error(residual: ArrayLike) -> float:
    """Return the root of the mean squared length of (event,) or (event, axis) residuals."""
    values = np.asarray(residual, dtype=np.float64)
    return float(np.sqrt((_finite(values, least=1) ** 2).sum() / len(values)))
