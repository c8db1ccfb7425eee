"""A low threshold, corrected by the time to a high one, as the light of BGO needs.

Kratochwil et al. 2020; see `crossings` for the estimators beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.errors import DataError
from pulsefront.estimators.pulses import quantities as pulse
from pulsefront.estimators.timing.crossing_times import (
    LADDER,
    Float,
    crossing_times,
    training_pulses,
    without_walk,
)
from pulsefront.estimators.timing.tuning import (
    Sampling,
    Trial,
    best_trial,
    default_thresholds,
    fit_delay,
    prepare_pulses,
    score_trial,
)

__all__ = ["TwoThresholds", "fit_two_thresholds"]


@dataclass(frozen=True)
class TwoThresholds:
    """A low threshold, corrected by the time from there to a high one.

    ``walk_ns`` are the coefficients of the terms of both detectors' rise times.
    """

    settings: Sampling
    low_adc: float
    high_adc: float
    rise_scale: float
    walk_ns: tuple[float, ...]
    delay_ns: float
    table: tuple[Trial, ...]

    @property
    def parameters(self) -> dict[str, float]:
        """Tuned parameters, for a table."""
        return {"low_adc": self.low_adc, "high_adc": self.high_adc}

    def estimate(self, waveform_adc: NDArray[np.generic]) -> Float:
        """Return t0 − t1 in ns, (event,), of (event, 2, sample); NaN without the low crossing."""
        low, high = self._edges(waveform_adc, self.high_adc)
        found = (low[0] - low[1]) * self.settings.sample_interval_ns - self.delay_ns
        if not self.walk_ns:
            return np.asarray(found)
        terms = _rise_terms(high[0] - low[0], high[1] - low[1], self.rise_scale)
        return np.asarray(found - terms @ np.array(self.walk_ns))

    def rise_ns(self, waveform_adc: NDArray[np.generic], high_adc: float) -> Float:
        """Return the time from the low threshold to another, (event, 2); NaN without both."""
        low, high = self._edges(waveform_adc, high_adc)
        rises = np.column_stack([high[0] - low[0], high[1] - low[1]])
        return np.asarray(rises * self.settings.sample_interval_ns)

    def _edges(
        self, waveform_adc: NDArray[np.generic], high_adc: float
    ) -> tuple[list[Float], list[Float]]:
        """Return when both pulses cross the low and the high threshold, in samples."""
        pulses = prepare_pulses(waveform_adc, self.settings)
        low, high = (
            [pulse.leading_edge(side, level) for side in pulses]
            for level in (self.low_adc, high_adc)
        )
        return low, high


def fit_two_thresholds(
    waveform_adc: NDArray[np.generic], known_difference_ns: ArrayLike, settings: Sampling
) -> TwoThresholds:
    """Tune both thresholds and fit the correction; parameters as `fit_relative_edge`.

    Least squares on rise, its square and its logarithm, of both detectors, without outliers.
    """
    pulses, known, few = training_pulses(waveform_adc, known_difference_ns, settings)
    ladder = np.array(default_thresholds(pulses, settings, LADDER))
    first, second = (crossing_times(side[few], ladder) for side in pulses)
    pairs = [*combinations(range(LADDER), 2)]
    table = []
    for low, high in pairs:
        rises = first[:, high] - first[:, low], second[:, high] - second[:, low]
        terms = _rise_terms(*rises, _scale(*rises))
        difference = (first - second)[:, low] * settings.sample_interval_ns
        named = {"low_adc": float(ladder[low]), "high_adc": float(ladder[high])}
        table.append(score_trial(without_walk(difference - known[few], terms), named))
    low, high = pairs[best_trial(table, "pair of thresholds")]
    early, late = ([pulse.leading_edge(side, ladder[k]) for side in pulses] for k in (low, high))
    rises = late[0] - early[0], late[1] - early[1]
    scale = _scale(*rises)
    difference = (early[0] - early[1]) * settings.sample_interval_ns
    delay, walk = fit_delay(difference - known, _rise_terms(*rises, scale))
    return TwoThresholds(
        settings,
        float(ladder[low]),
        float(ladder[high]),
        scale,
        tuple(walk.tolist()),
        delay,
        tuple(table),
    )


def _scale(first: Float, second: Float) -> float:
    """Return the median rise time, in samples, which makes terms of order 1."""
    rises = np.concatenate([first, second])
    usable = rises[np.isfinite(rises)]
    if not len(usable):
        raise DataError("no pulse crosses both thresholds", field="waveform_adc")
    return max(float(np.median(usable)), 1e-3)


def _rise_terms(first: Float, second: Float, scale: float) -> Float:
    """Return (event, 6) functions of both rise times; those of a typical one where one lacks."""

    def of(rise: Float) -> Float:
        relative = np.clip(np.nan_to_num(rise / scale, nan=1.0), 1e-2, 10.0)
        return np.column_stack([relative - 1, relative**2 - 1, np.log(relative)])

    return np.hstack([of(first), -of(second)])
