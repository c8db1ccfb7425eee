"""Breathing: the first principal component of the centre's quick changes, and its frequency.

Principal components of a trace for gating: Thielemans et al., IEEE NSS-MIC (2011) 3904. The
spectrum is Welch's, with the median of the periodograms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter
from scipy.signal import welch
from scipy.stats import chi2, t

from pulsefront.evaluate.intervals import Interval
from pulsefront.motion.traces.trace import MotionTrace

__all__ = ["FoundBreathing", "find_breathing"]

Floats = NDArray[np.float64]

LOWEST_HZ, HIGHEST_HZ = 0.1, 0.7
SMOOTH_S = 10.0
"""What changes more slowly than this is not breathing."""

SEGMENT_S = 60.0
SHORTEST_S = 120.0
CHANCE = 1e-3
"""Probability that noise alone has so high a peak anywhere in the band."""


TILT = 1.25
"""The running median takes some of the noise near 0.1 Hz away, which the rest stands above."""


@dataclass(frozen=True)
class FoundBreathing:
    """Breathing, or why none can be told.

    Attributes
    ----------
    frequency_hz
        With its interval over stretches of the scan; None where no peak stands out.
    amplitude_mm
        √2 times the standard deviation of the displacement that breathing makes.
    direction
        (axis,) of it, a unit vector.
    peak
        Height of the peak over the median of the band, and ``needed`` the height that chance
        reaches once in a thousand scans.
    why
        Why nothing can be told, else empty.
    """

    frequency_hz: Interval | None
    amplitude_mm: float
    direction: tuple[float, float, float]
    peak: float
    needed: float
    why: str = ""


def find_breathing(trace: MotionTrace) -> FoundBreathing:
    """Return the breathing in an uninterrupted trace."""
    none = (0.0, 0.0, 0.0)
    interval = trace.interval_s
    if interval > 0.5 / (2 * LOWEST_HZ) / 1.25:
        return FoundBreathing(None, 0.0, none, 0.0, 0.0,
                              f"intervals of {interval:.3g} s are too long")  # fmt: skip
    if trace.stop_s - trace.time_s[0] < SHORTEST_S or len(trace) < 2 * SEGMENT_S / interval:
        return FoundBreathing(None, 0.0, none, 0.0, 0.0,
                              f"less than {SHORTEST_S:g} s without interruption")  # fmt: skip
    width = max(round(SMOOTH_S / interval), 3)
    # A running median follows steps; what spikes are left count no more than five scatters.
    smooth = median_filter(trace.centre_mm, size=(width // 2 * 2 + 1, 1), mode="nearest")
    quick = trace.centre_mm - smooth
    scatter = 1.4826 * np.median(np.abs(quick), axis=0) + 1e-9
    quick = np.clip(quick, -5 * scatter, 5 * scatter)
    known = np.isfinite(trace.error_mm).any()
    error = np.nanmedian(trace.error_mm, axis=0) if known else np.full(3, np.nan)
    weight = 1 / np.where(np.isfinite(error) & (error > 0), error, scatter)
    _, _, components = np.linalg.svd((quick - quick.mean(axis=0)) * weight, full_matrices=False)
    direction = components[0] / weight
    direction /= np.linalg.norm(direction)
    signal = (quick * weight) @ components[0]
    length = round(SEGMENT_S / interval)
    frequency, power = _spectrum(signal, interval, length)
    band = (frequency >= LOWEST_HZ) & (frequency <= min(HIGHEST_HZ, 0.48 / interval))
    segments = max(2 * len(signal) // length - 1, 1)
    # Hann segments that overlap by half are worth 0.75 of as many independent ones, and a median
    # about half of a mean.
    freedom = 2 * max(2, round(0.35 * segments))
    needed = TILT * float(chi2.isf(CHANCE / band.sum(), freedom) / chi2.median(freedom))
    usual = float(np.median(power[band]))
    if not usual > 0:
        return FoundBreathing(None, 0.0, none, 0.0, needed, "the centre does not change")
    height = float(power[band].max() / usual)
    x, y, z = direction.tolist()
    if height < needed:
        return FoundBreathing(None, 0.0, (x, y, z), height, needed)
    at = np.flatnonzero(band)[int(np.argmax(power[band]))]
    found = [_peak(frequency, power, int(at))]
    blocks = max(int(len(signal) // (2 * length)), 1)
    for block in np.array_split(signal, blocks) if blocks > 2 else []:
        f, p = _spectrum(block, interval, length)
        near = (f > 0.6 * found[0]) & (f < 1.6 * found[0])
        found.append(_peak(f, p, int(np.flatnonzero(near)[int(np.argmax(p[near]))])))
    middle = found[0]
    if len(found) > 2:
        half = t.isf(0.025, len(found) - 2) * np.std(found[1:], ddof=1) / np.sqrt(len(found) - 1)
    else:
        half = 0.5 / SEGMENT_S
    near = np.abs(frequency - middle) < 2.5 / SEGMENT_S
    excess = (power - np.median(power[band])).clip(0)[near].sum() * (frequency[1] - frequency[0])
    # The principal component is in errors; its displacement along the direction is in mm.
    to_mm = float(np.linalg.norm(components[0] / weight))
    return FoundBreathing(
        Interval(middle, float(middle - half), float(middle + half)),
        float(np.sqrt(2 * excess)) * to_mm,
        (x, y, z),
        height,
        needed,
    )


def _spectrum(signal: Floats, interval_s: float, length: int) -> tuple[Floats, Floats]:
    """Return frequencies and the median of periodograms, which no single movement changes."""
    frequency, power = welch(
        signal, 1 / interval_s, nperseg=length, noverlap=length // 2, average="median"
    )
    return np.asarray(frequency), np.asarray(power)


def _peak(frequency: Floats, power: Floats, at: int) -> float:
    """Return the top of a parabola through the logarithm of a peak and its neighbours."""
    if at in (0, len(power) - 1):
        return float(frequency[at])
    low, top, high = np.log(np.maximum(power[at - 1 : at + 2], 1e-300))
    bend = low - 2 * top + high
    shift = 0.5 * (low - high) / bend if bend < 0 else 0.0
    return float(frequency[at] + shift * (frequency[1] - frequency[0]))
