"""Arrival times by linear filters: the mean shape of a pulse, moved until it fits the samples.

For samples ``s = A (g − τ g′)`` with covariance R the best linear unbiased estimates of A and Aτ
are ``(Hᵀ R⁻¹ H)⁻¹ Hᵀ R⁻¹ s`` with ``H = (g, −g′)`` (Cleland and Stern 1994, eq. 3 to 9). With
white noise, R = 1, this is the *matched filter*; with the covariance of the training pulses about
their mean shape, which holds the statistics of the light and the noise, the *optimal filter*.
Both look at few samples about the edge, how few is tuned: later ones of a scintillation pulse
say nothing about its start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.errors import DataError
from pulsefront.estimators.pulses import quantities as pulse
from pulsefront.estimators.timing.tuning import (
    Sampling,
    Trial,
    best_trial,
    fit_delay,
    known_differences,
    prepare_pulses,
    score_trial,
)
from pulsefront.evaluate.spread import spread_over

__all__ = ["PulseFilter", "fit_pulse_filter"]

Float = NDArray[np.float64]

PHASES = 8
"""Positions of the pulse between two samples that have filters of their own."""
FRACTIONS = (0.01, 0.03, 0.1)
"""Of the amplitude: where a pulse is looked for first."""
BEFORE = (1, 3)
AFTER = (2, 4, 8, 16)
ROUNDS = 2
"""How often the filter is applied, each time about the last estimate."""
RIDGE = 1e-3
"""Share of the mean variance that is added to every sample's."""
LEAST_PULSES = 100
MOST_TUNING = 10_000


@dataclass(frozen=True)
class PulseFilter:
    """A filter for time, one per phase of the pulse between two samples.

    ``weights`` is (phase, 2, sample): of the amplitude and of amplitude · time.
    """

    settings: Sampling
    fraction: float
    before: int
    after: int
    delay_ns: float
    weights: Float = field(repr=False)
    table: tuple[Trial, ...] = field(repr=False)

    @property
    def parameters(self) -> dict[str, float]:
        """Tuned parameters, for a table."""
        return {
            "start_fraction": self.fraction,
            "samples_before": self.before,
            "samples_after": self.after,
        }

    def estimate(self, waveform_adc: NDArray[np.generic]) -> Float:
        """Return t0 − t1 in ns, (event,), of (event, 2, sample); NaN without a crossing."""
        pulses = prepare_pulses(waveform_adc, self.settings)
        first, second = (
            _filtered(side, _start(side, self.fraction), self.weights, self.before)
            for side in pulses
        )
        return np.asarray((first - second) * self.settings.sample_interval_ns - self.delay_ns)


def fit_pulse_filter(
    waveform_adc: NDArray[np.generic],
    known_difference_ns: ArrayLike,
    settings: Sampling,
    *,
    optimal: bool,
) -> PulseFilter:
    """Learn shape and covariance from training pulses; tune which samples are looked at.

    Parameters
    ----------
    waveform_adc, known_difference_ns
        (event, 2, sample) and (event,).
    optimal
        Whether samples are weighted by their covariance, or all alike.

    Raises
    ------
    DataError
        Shapes do not fit, or no candidate gives an estimate for 99 % of the events.
    """
    pulses = prepare_pulses(waveform_adc, settings)
    known = known_differences(known_difference_ns, len(pulses[0]))
    few = spread_over(len(known), MOST_TUNING)
    some = [side[few] for side in pulses]
    table, weights_of = [], []
    for fraction, before, after in product(FRACTIONS, BEFORE, AFTER):
        if before + after + 2 > some[0].shape[1]:
            continue
        starts = [_start(side, fraction) for side in some]
        weights = _weights(some, starts, before, after, optimal=optimal)
        first, second = (
            _filtered(side, at, weights, before) for side, at in zip(some, starts, strict=True)
        )
        residual = (first - second) * settings.sample_interval_ns - known[few]
        delay, _ = fit_delay(residual)
        named = {"start_fraction": fraction, "samples_before": before, "samples_after": after}
        table.append(score_trial(residual - delay, {k: float(v) for k, v in named.items()}))
        weights_of.append((fraction, before, after, weights))
    fraction, before, after, weights = weights_of[best_trial(table, "length of the filter")]
    first, second = (_filtered(side, _start(side, fraction), weights, before) for side in pulses)
    delay, _ = fit_delay((first - second) * settings.sample_interval_ns - known)
    return PulseFilter(settings, fraction, before, after, delay, weights, tuple(table))


def _start(pulses: NDArray[np.float32], fraction: float) -> Float:
    return pulse.leading_edge(pulses, fraction * pulse.amplitude(pulses))


def _windows(
    pulses: NDArray[np.float32], start: Float, before: int, samples: int
) -> tuple[Float, NDArray[np.int64], NDArray[np.int64]]:
    """Return the samples about each start, (event, sample), their first index, and the phase."""
    fine = np.rint(np.nan_to_num(start) * PHASES).astype(np.int64)
    first = np.clip(fine // PHASES - before, 0, pulses.shape[1] - samples)
    phase = np.clip(fine - (first + before) * PHASES, 0, PHASES - 1)
    index = first[:, None] + np.arange(samples)
    return np.take_along_axis(pulses, index, axis=1).astype(np.float64), first, phase


def _filtered(pulses: NDArray[np.float32], start: Float, weights: Float, before: int) -> Float:
    """Return the time of each pulse in samples, about *start*; NaN where that is."""
    time = start.copy()
    for _ in range(ROUNDS):
        window, first, phase = _windows(pulses, time, before, weights.shape[2])
        amplitude, moment = np.einsum("eks,es->ke", weights[phase], window)
        later = np.divide(moment, amplitude, out=np.zeros(len(window)), where=amplitude > 0)
        # A step of more than a sample is no small shift: there the shape does not fit. The first
        # estimate stands then; one at the end of the step would make a peak of such events.
        small = np.abs(later) <= 1.0
        time = np.where(small, first + before + phase / PHASES + later, start)
    time[~np.isfinite(start)] = np.nan
    return np.asarray(time)


def _weights(
    sides: Sequence[NDArray[np.float32]],
    starts: Sequence[Float],
    before: int,
    after: int,
    *,
    optimal: bool,
) -> Float:
    """Return (phase, 2, sample) weights of amplitude and amplitude · time, from both detectors."""
    everything, start = np.concatenate(sides), np.concatenate(starts)
    good = np.isfinite(start)
    if good.sum() < LEAST_PULSES:
        raise DataError(
            f"fewer than {LEAST_PULSES} pulses rise above their baseline",
            field="waveform_adc",
            value=int(good.sum()),
            remedy="check polarity and baseline_samples",
        )
    pulses, start = everything[good], start[good]
    samples = before + after
    height = pulse.amplitude(pulses)[:, None]
    window, _, phase = _windows(pulses, start, before, samples)
    window = window / height
    shape = _mean_shape(pulses / height, start, before + 1, after + 1)
    slope = np.gradient(shape, 1.0 / PHASES)
    found = np.zeros((PHASES, 2, samples))
    for number in range(PHASES):
        index = (1 + np.arange(samples)) * PHASES - number
        model = np.column_stack([shape[index], -slope[index]])
        weighted = model
        if optimal:
            inside = window[phase == number]
            inside = inside if len(inside) >= 4 * samples else window
            scatter = np.atleast_2d(np.cov(inside, rowvar=False))
            scatter += RIDGE * max(np.trace(scatter) / samples, 1e-12) * np.eye(samples)
            weighted = np.linalg.solve(scatter, model)
        found[number] = np.linalg.pinv(model.T @ weighted) @ weighted.T
    return found


def _mean_shape(pulses: NDArray[np.floating], start: Float, before: int, after: int) -> Float:
    """Return the mean pulse in steps of 1/PHASES of a sample, from *before* samples ahead.

    Every pulse gives one value to each of its sample's places; the mean of a step is that of the
    pulses which have a sample there.
    """
    steps = (before + after) * PHASES
    fine = np.rint(start * PHASES).astype(np.int64)
    base = fine // PHASES
    total, count = np.zeros(steps), np.zeros(steps)
    for offset in range(-before - 1, after + 1):
        index = base + offset
        place = (offset + before) * PHASES - (fine - base * PHASES)
        inside = (index >= 0) & (index < pulses.shape[1]) & (place >= 0) & (place < steps)
        rows = np.flatnonzero(inside)
        np.add.at(total, place[rows], pulses[rows, index[rows]])
        np.add.at(count, place[rows], 1.0)
    there = np.flatnonzero(count)
    return np.interp(np.arange(steps), there, total[there] / count[there])
