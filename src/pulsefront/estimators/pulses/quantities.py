"""Quantities of single pulses: baseline, amplitude, charge, and the times at which they cross.

Every function takes ``(event, sample)`` arrays and returns one number per event. Times are in
samples from the first sample, as float64, with linear interpolation between samples; multiply
them by the sampling interval. A pulse that does not have the quantity gives NaN, never an error:
bad events are marked, bad settings raise.

The functions from `amplitude` on expect baseline-subtracted pulses that go up (see `subtract`).
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.pulses import loops as pulse_loops

__all__ = [
    "PulseBaseline",
    "amplitude",
    "as_matrix",
    "baseline",
    "charge",
    "constant_fraction",
    "leading_edge",
    "peak_sample",
    "rise_time",
    "subtract",
    "time_over_threshold",
]

Floats = NDArray[np.float64]
Polarity = Literal["positive", "negative"]


class PulseBaseline(NamedTuple):
    """Level and noise of the samples before a pulse.

    Attributes
    ----------
    level
        (event,) in the unit of the samples.
    noise_rms
        (event,) standard deviation about the level (about the line for ``"line"``).
    slope_per_sample
        (event,) change of the level per sample; zero unless the method is ``"line"``.
    """

    level: Floats
    noise_rms: Floats
    slope_per_sample: Floats


def baseline(
    waveforms: NDArray[Any],
    start: int = 0,
    stop: int | None = None,
    *,
    method: Literal["mean", "robust", "line"] = "mean",
) -> PulseBaseline:
    """Return the baseline of each pulse from its samples *start* to *stop* (not included).

    ``"mean"`` is the mean and standard deviation. ``"robust"`` is the median and 1.4826 times the
    median absolute deviation, which a stray photon or the tail of an earlier pulse hardly moves.
    ``"line"`` fits a straight line by least squares, for a level that wanders; its level is that
    at sample 0, so that the line is level + slope · sample.

    Raises
    ------
    ConfigError
        The gate holds fewer than two samples or leaves the waveform; unknown method.
    """
    waveforms = as_matrix(waveforms)
    start, stop = _gate(start, stop, waveforms.shape[1], least=2, name="baseline gate")
    if method == "mean":
        return PulseBaseline(*pulse_loops.mean_baseline(waveforms, start, stop))
    if method == "robust":
        return PulseBaseline(*pulse_loops.robust_baseline(waveforms, start, stop))
    if method == "line":
        return PulseBaseline(*pulse_loops.line_baseline(waveforms, start, stop))
    raise ConfigError(
        "no such baseline", field="method", value=method, remedy="use mean, robust or line"
    )


def subtract(
    waveforms: NDArray[Any], base: PulseBaseline, polarity: Polarity = "positive"
) -> NDArray[np.float32]:
    """Return float32 pulses that start at zero and go up, ``(event, sample)``.

    What is subtracted is ``level + slope_per_sample · sample``.

    Raises
    ------
    ConfigError
        *polarity* is neither ``"positive"`` nor ``"negative"``.
    """
    waveforms = as_matrix(waveforms)
    sign = _sign(polarity)
    return pulse_loops.subtract_lines(waveforms, base.level, base.slope_per_sample, sign)


def peak_sample(pulses: NDArray[Any]) -> NDArray[np.int64]:
    """Return the index of the first largest sample; −1 where a sample is not finite."""
    return pulse_loops.peak_samples(_pulses(pulses))


def amplitude(pulses: NDArray[Any]) -> Floats:
    """Return the largest sample of each pulse, in the unit of the samples."""
    return pulse_loops.amplitudes(_pulses(pulses))


def charge(pulses: NDArray[Any], start: int = 0, stop: int | None = None) -> Floats:
    """Return the sum of the samples from *start* to *stop* (not included), in float64.

    In unit × samples: multiply by the sampling interval and divide by the load for coulombs.

    Raises
    ------
    ConfigError
        The gate is empty or leaves the waveform.
    """
    pulses = _pulses(pulses)
    start, stop = _gate(start, stop, pulses.shape[1], least=1, name="charge gate")
    return pulse_loops.charges(pulses, start, stop)


def leading_edge(pulses: NDArray[Any], threshold: ArrayLike) -> Floats:
    """Return the time, in samples, at which each pulse crosses *threshold* on its way to its peak.

    The crossing is looked for from the (first) largest sample backwards: it lies between the last
    sample below *threshold* before the peak and its successor, so that noise or a small pulse
    that fired and fell back earlier does not count. Linear interpolation between the two samples.

    Parameters
    ----------
    pulses
        (event, sample), baseline-subtracted, upward.
    threshold
        In the unit of the samples; one for all or (event,). A fraction of `amplitude` makes it a
        discriminator at constant fraction without delay.

    Returns
    -------
    times
        (event,) float64. NaN where the pulse stays below, starts above the threshold, holds a
        sample that is not finite, or the threshold is not finite.

    Raises
    ------
    ConfigError
        *threshold* is neither one number nor one per event.
    """
    pulses = _pulses(pulses)
    return pulse_loops.leading_edges(pulses, _per_event(threshold, len(pulses), "threshold"))


def constant_fraction(pulses: NDArray[Any], fraction: float, delay_samples: float) -> Floats:
    """Return the digital constant-fraction time of each pulse, in samples.

    The shaped signal is ``s[i] = p[i − delay_samples] − fraction · p[i]``, linear between samples
    where the delay is not whole (Gedcke and McDonald 1967, in digital form). It dips below zero
    on the leading edge and then rises; the time is its upward zero crossing on the way to its
    largest value, found backwards from there, linear between samples. The crossing lies later
    than the foot of the pulse by up to the delay, by the same amount for all pulses of one shape.

    Parameters
    ----------
    pulses
        (event, sample), baseline-subtracted, upward.
    fraction
        Between 0 and 1, both excluded.
    delay_samples
        Above 0 and shorter than the waveform.

    Returns
    -------
    times
        (event,) float64; NaN where there is no crossing or a sample is not finite.

    Raises
    ------
    ConfigError
        *fraction* or *delay_samples* lies outside its range.
    """
    pulses = _pulses(pulses)
    if not 0 < fraction < 1:
        raise ConfigError("lies outside (0, 1)", field="fraction", value=fraction)
    if not 0 < delay_samples <= pulses.shape[1] - 2:
        raise ConfigError(
            f"lies outside (0, {pulses.shape[1] - 2}]", field="delay_samples", value=delay_samples
        )
    return pulse_loops.constant_fractions(pulses, float(fraction), float(delay_samples))


def rise_time(pulses: NDArray[Any], low: float = 0.1, high: float = 0.9) -> Floats:
    """Return the samples between the crossings of *low* and *high* times the amplitude.

    NaN where one of the crossings is missing. Both are found as in `leading_edge`.

    Raises
    ------
    ConfigError
        Not 0 < low < high ≤ 1.
    """
    if not 0 < low < high <= 1:
        raise ConfigError("must be 0 < low < high ≤ 1", field="low, high", value=(low, high))
    pulses = _pulses(pulses)
    height = pulse_loops.amplitudes(pulses)
    return pulse_loops.leading_edges(pulses, high * height) - pulse_loops.leading_edges(
        pulses, low * height
    )


def time_over_threshold(pulses: NDArray[Any], threshold: ArrayLike) -> Floats:
    """Return for how many samples each pulse stays at or above *threshold* about its peak.

    From `leading_edge` to the first crossing down after the peak. NaN where there is no upward
    crossing, or the pulse does not come down again within the waveform.

    Raises
    ------
    ConfigError
        *threshold* is neither one number nor one per event.
    """
    pulses = _pulses(pulses)
    return pulse_loops.times_over_threshold(pulses, _per_event(threshold, len(pulses), "threshold"))


# --- checks ------------------------------------------------------------------------------------


def as_matrix(waveforms: NDArray[Any]) -> NDArray[Any]:
    """Return waveforms as one block of (event, sample), or raise `DataError`."""
    waveforms = np.asarray(waveforms)
    if waveforms.ndim != 2 or waveforms.shape[1] == 0:
        raise DataError(
            "waveforms must be an (event, sample) array", field="shape", value=waveforms.shape
        )
    return np.ascontiguousarray(waveforms)


def _pulses(pulses: NDArray[Any]) -> NDArray[Any]:
    """Return pulses as floats: what is not float64 becomes float32, which holds any ADC count."""
    pulses = as_matrix(pulses)
    return pulses if pulses.dtype == np.float64 else pulses.astype(np.float32, copy=False)


def _gate(start: int, stop: int | None, samples: int, *, least: int, name: str) -> tuple[int, int]:
    stop = samples if stop is None else stop
    if not (start >= 0 and start + least <= stop <= samples):
        raise ConfigError(
            f"must hold at least {least} of the {samples} samples",
            field=name,
            value=(start, stop),
            remedy="give 0 ≤ start < stop ≤ samples",
        )
    return start, stop


def _per_event(value: ArrayLike, events: int, name: str) -> Floats:
    array = np.asarray(value, dtype=np.float64)
    if array.ndim > 1 or (array.ndim == 1 and len(array) != events):
        raise ConfigError(
            f"must be one number or one per event ({events})", field=name, value=array.shape
        )
    return np.ascontiguousarray(np.broadcast_to(array, (events,)))


def _sign(polarity: str) -> float:
    if polarity not in ("positive", "negative"):
        raise ConfigError(
            "must be positive or negative", field="polarity", value=polarity, remedy="choose one"
        )
    return 1.0 if polarity == "positive" else -1.0
