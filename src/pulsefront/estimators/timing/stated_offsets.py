"""Whether measured times follow the stated source offsets, before anything is learned from them.

A source that moves by Δx towards detector 1 makes t₀ − t₁ grow by 2Δx/c, whatever the detectors
are. A line through the mean of a classical time at every stated offset so has the slope 1; its
intercept is the delay between the two channels (cables, trigger paths, unequal detectors). Any
other slope says that offsets, channels or the sampling interval are not what was stated, and a
network would learn the mistake: it shrinks or mirrors its times until they fit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.errors import DataError
from pulsefront.estimators.pulses import quantities as pulse
from pulsefront.estimators.timing.tuning import (
    Sampling,
    check_pairs,
    known_differences,
    prepare_pulses,
)
from pulsefront.evaluate import metrics
from pulsefront.evaluate.record import Record

__all__ = [
    "ChannelDelay",
    "ClassicalTime",
    "OffsetCheck",
    "ScanTime",
    "channel_delay",
    "check_offsets",
    "choose_time",
]

Float = NDArray[np.float64]

FRACTIONS = (0.02, 0.05, 0.1, 0.2, 0.5)
"""Of the amplitude, at which the classical time is tried: free of walk, whatever the gains."""
LEAST_EVENTS = 10
"""Of a scan, to be worth a point of the line."""
ERRORS = 3.0
"""Standard errors by which a slope may miss 1."""
EXCHANGED_ERRORS = 6.0
"""The same for a single scan, of which there may be many."""
NO_DELAY_ERRORS = 4.0
"""A delay within so many standard errors of zero is taken for zero."""


class ClassicalTime(Record):
    """A discriminator that needs no training: a share of each pulse's own amplitude."""

    fraction: float

    def differences_ns(self, waveform_adc: NDArray[np.generic], sampling: Sampling) -> Float:
        """Return t0 − t1 of (event, 2, sample) in ns, (event,); NaN without a crossing."""
        first, second = prepare_pulses(waveform_adc, sampling)
        found = _crossing(first, self.fraction) - _crossing(second, self.fraction)
        return np.asarray(found * sampling.sample_interval_ns)


class ScanTime(Record):
    """The classical time of one scan."""

    known_difference_ns: float
    events: int
    mean_ns: float
    """of the events within 1.5 central widths of the median"""
    error_ns: float
    """standard error of the mean"""


class OffsetCheck(Record):
    """The line of a classical time over the stated difference."""

    slope: float
    """1 where offsets, channels and sampling interval are what was stated"""
    slope_error: float
    """standard error, widened where the points scatter more than their own errors say"""
    tolerance: float
    """how far from 1 the slope may lie: three standard errors, and no less than was asked for"""
    intercept_ns: float
    """delay between the channels"""
    scans: tuple[ScanTime, ...]
    findings: tuple[str, ...]
    """what is wrong, in words; empty where nothing is"""
    tells: bool
    """whether the offsets reach far enough to tell a slope of 1 from one of a half"""


class ChannelDelay(Record):
    """By how much channel 0 is later than channel 1, and what is taken out of the times for it."""

    measured_ns: float
    error_ns: float
    removed_ns: float
    """zero where the measured delay is within four standard errors of it"""
    events: int


def choose_time(
    waveform_adc: NDArray[np.generic],
    known_difference_ns: ArrayLike,
    sampling: Sampling,
    fractions: Sequence[float] = FRACTIONS,
) -> ClassicalTime:
    """Return the fraction of smallest width about the median of each offset.

    Judged within offsets, so that a wrong offset has no say in it.

    Parameters
    ----------
    waveform_adc
        (event, 2, sample) of training events.
    known_difference_ns
        (event,).

    Raises
    ------
    DataError
        Shapes do not fit, or no fraction is crossed by 90 % of the pulses.
    """
    first, second = prepare_pulses(waveform_adc, sampling)
    known = known_differences(known_difference_ns, len(first))
    _, group = np.unique(known, return_inverse=True)
    best, least = None, np.inf
    for fraction in fractions:
        found = _crossing(first, fraction) - _crossing(second, fraction)
        good = np.isfinite(found)
        if good.sum() < max(LEAST_EVENTS, 0.9 * len(found)):
            continue
        width = metrics.central_width(_within_groups(found[good], group.reshape(-1)[good]))
        if width < least:
            best, least = fraction, width
    if best is None:
        raise DataError(
            "no fraction of the amplitude is crossed by 90 % of the pulses",
            field="waveform_adc",
            remedy="check polarity and baseline_samples",
        )
    return ClassicalTime(fraction=best)


def check_offsets(
    difference_ns: Float,
    known_difference_ns: Float,
    scan: NDArray[np.integer] | None = None,
    *,
    least_tolerance: float = 0.05,
    uncertainty_ns: float = 0.0,
) -> OffsetCheck | None:
    """Fit the line of a classical time over the stated difference, and say what is wrong with it.

    Means of the scans, a line that a third of wrong scans does not move (Theil 1950, Sen 1968),
    then weighted least squares without the scans that are far from it.

    Parameters
    ----------
    difference_ns
        (event,) of `ClassicalTime`; not finite where there is none.
    known_difference_ns
        (event,) 2·offset/c as stated.
    scan
        (event,) number of the scan; the offsets where left out.
    least_tolerance
        The tolerance is no less than this: linear interpolation between samples is no better.
    uncertainty_ns
        Standard uncertainty of a stated difference, from that of the stage.

    Returns
    -------
    None where fewer than two offsets have ten events: there is no slope.
    """
    points = _scan_times(difference_ns, known_difference_ns, scan)
    known = np.array([p.known_difference_ns for p in points])
    if len(np.unique(known)) < 2:
        return None
    mean = np.array([p.mean_ns for p in points])
    error = np.hypot([p.error_ns for p in points], uncertainty_ns)
    start, middle = _robust_line(known, mean)
    miss = np.abs(mean - middle - start * known)
    used = miss <= np.maximum(EXCHANGED_ERRORS * error, 0.05 * abs(start) * np.ptp(known))
    if used.sum() <= len(used) / 2 or len(np.unique(known[used])) < 2:
        # There is no line that most of the scans follow.
        used = np.ones(len(known), np.bool_)
    slope, intercept, slope_error = _weighted_line(known[used], mean[used], error[used])
    tolerance = max(ERRORS * slope_error, least_tolerance)
    wrong = abs(slope - 1.0) > tolerance
    return OffsetCheck(
        slope=slope,
        slope_error=slope_error,
        tolerance=tolerance,
        intercept_ns=intercept,
        scans=points,
        findings=(
            *((_words(slope, slope_error),) if wrong else ()),
            *(_odd_scan(points[n], slope, intercept, error[n]) for n in np.flatnonzero(~used)),
        ),
        tells=tolerance < 0.5,
    )


def channel_delay(difference_ns: Float, known_difference_ns: Float) -> ChannelDelay:
    """Return the delay t0 − t1 beyond the known difference, from training events.

    The mean over the offsets, weighted by their errors; the error is widened where the
    offsets scatter more than their own errors say. The result is rounded to whole picoseconds.

    Raises
    ------
    DataError
        No offset has ten events with a classical time.
    """
    points = _scan_times(difference_ns, known_difference_ns, None)
    if not points:
        raise DataError(
            "no source offset has ten events with a classical time: "
            "the delay between the channels is not known",
            field="known_difference_ns",
        )
    beyond = np.array([p.mean_ns - p.known_difference_ns for p in points])
    weight = np.array([p.error_ns for p in points]) ** -2.0
    mean = float(weight @ beyond / weight.sum())
    error = float(weight.sum() ** -0.5) * _scatter(
        float(weight @ (beyond - mean) ** 2), len(points) - 1
    )
    # Whole picoseconds are the step of the network's output.
    removed = 0.0 if abs(mean) < NO_DELAY_ERRORS * error else round(mean, 3)
    return ChannelDelay(
        measured_ns=mean, error_ns=error, removed_ns=removed, events=sum(p.events for p in points)
    )


def _crossing(pulses: NDArray[np.float32], fraction: float) -> Float:
    return pulse.leading_edge(pulses, fraction * pulse.amplitude(pulses))


def _within_groups(values: Float, group: NDArray[np.int64]) -> Float:
    """Return *values* less the median of their group."""
    middle = np.zeros(int(group.max()) + 1)
    for number in np.unique(group):
        middle[number] = np.median(values[group == number])
    return values - middle[group]


def _scan_times(
    difference: Float, known: Float, scan: NDArray[np.integer] | None
) -> tuple[ScanTime, ...]:
    check_pairs(difference, known)
    good = np.isfinite(difference)
    labels = np.unique(known, return_inverse=True)[1].reshape(-1) if scan is None else scan
    points = []
    for number in np.unique(labels[good]):
        inside = good & (labels == number)
        values = _core(difference[inside])
        if len(values) < LEAST_EVENTS:
            continue
        points.append(
            ScanTime(
                known_difference_ns=float(known[inside][0]),
                events=len(values),
                mean_ns=float(values.mean()),
                # Values that are all equal have an error all the same.
                error_ns=max(float(values.std()) / np.sqrt(len(values)), 1e-4),
            )
        )
    return tuple(points)


def _core(values: Float) -> Float:
    """Return the values within 1.5 central widths of the median, without random coincidences.

    Their mean, not the median: errors of interpolation between samples cancel in the mean over
    all phases, while they move the median with the offset.
    """
    if not len(values):
        return values
    reach = 1.5 * metrics.central_width(values)
    return values[np.abs(values - np.median(values)) <= reach]


def _robust_line(x: Float, y: Float) -> tuple[float, float]:
    """Return slope and intercept: medians of all pairs' slopes and of what is left."""
    from scipy.stats import theilslopes

    slope, intercept, *_ = theilslopes(y, x, method="joint")
    return float(slope), float(intercept)


def _weighted_line(x: Float, y: Float, error: Float) -> tuple[float, float, float]:
    """Return slope, intercept and the slope's error of weighted least squares."""
    (slope, intercept), covariance = np.polyfit(x, y, 1, w=1 / error, cov="unscaled")
    rest = (y - slope * x - intercept) / error
    slope_error = float(np.sqrt(covariance[0, 0])) * _scatter(float(rest @ rest), len(x) - 2)
    return float(slope), float(intercept), slope_error


def _scatter(chi_square: float, freedom: int) -> float:
    """Return by how much points scatter more than their errors say (Birge 1932), at least 1."""
    return max(1.0, float(np.sqrt(chi_square / freedom))) if freedom > 0 else 1.0


def _words(slope: float, error: float) -> str:
    """Return which mistake the slope fits best, or that it fits none."""
    measured = f"the measured times move by {slope:.3g} ± {error:.2g} of what the offsets say"
    value = min(_MISTAKES, key=lambda mistake: abs(slope - mistake))
    if abs(slope - value) <= max(ERRORS * error, 0.1 * max(abs(value), 1.0)):
        return f"{measured}: {_MISTAKES[value]}"
    return (
        f"{measured}, which fits no single mistake: check source_offset_mm (in mm, from the "
        "middle to detector 1) and sample_interval_ns"
    )


_MISTAKES = {
    -1.0: "sign swapped (the source moves the other way), or channels exchanged",
    2.0: "the stated offsets are half the true ones",
    0.5: "the stated offsets are twice the true ones, such as a difference of paths",
    -2.0: "sign swapped or channels exchanged, and the stated offsets are half the true ones",
    -0.5: "sign swapped or channels exchanged, and the stated offsets are twice the true ones",
    0.0: "they do not follow the offsets: events of different gamma rays are paired, or files "
    "stand at the wrong offsets",
    10.0: "the offsets are stated in cm where mm are asked for",
    0.1: "the stated offsets are ten times the true ones",
}
"""What a slope other than 1 means."""


def _odd_scan(point: ScanTime, slope: float, intercept: float, error: float) -> str:
    """Return what a scan that is far from the line of the others fits."""
    known, mean = point.known_difference_ns, point.mean_ns
    text = f"the scan at a stated difference of {1000 * known:.0f} ps has {1000 * mean:.0f} ps"
    near = EXCHANGED_ERRORS * error
    if abs(mean + slope * known + intercept) < near:
        return f"{text}: channels exchanged in this scan"
    if abs(mean + slope * known - intercept) < near:
        return f"{text}: sign swapped in this scan"
    return f"{text} where the others say {1000 * (slope * known + intercept):.0f} ps"
