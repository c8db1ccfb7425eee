"""Time differences from several crossings of the leading edge, tuned on training coincidences.

- *relative leading edge*: one threshold at a share of the pulse's own amplitude;
- *multi-threshold fit*: a straight line through the crossings of several thresholds, followed
  down to the baseline (Kim et al. 2009);
- *first photons*: the mean of the times at which the pulse has risen by ½, 1½, 2½ … steps; at
  steps of one photoelectron these are the first photons of a fast photosensor (Fishburn and
  Charbon 2010 on the mean of the first time stamps);
- *two thresholds*: a low threshold whose walk is corrected by the time that the pulse takes from
  there to a second one, as the light of BGO needs (Kratochwil et al. 2020).

Lines and photons have thresholds that are the same for every pulse, so that a larger one crosses
them earlier: their walk is corrected by the amplitudes, as that of a leading edge is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.estimators.pulses import quantities as pulse
from pulsefront.estimators.timing.crossing_times import (
    LADDER,
    Float,
    Pulses,
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
    typical_amplitude,
    walk_terms,
)
from pulsefront.estimators.timing.two_thresholds import TwoThresholds, fit_two_thresholds

__all__ = [
    "RelativeEdge",
    "TwoThresholds",
    "WeightedCrossings",
    "fit_first_photons",
    "fit_multi_threshold",
    "fit_relative_edge",
    "fit_two_thresholds",
]

FRACTIONS = (0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.06, 0.08, 0.12, 0.16, 0.2, 0.3, 0.4, 0.5)
COUNTS = (2, 3, 5, 8)
"""Of thresholds on one line, and of first photons."""
STEPS = 10


@dataclass(frozen=True)
class RelativeEdge:
    """A leading edge at a share of each pulse's own amplitude."""

    settings: Sampling
    fraction: float
    delay_ns: float
    table: tuple[Trial, ...]

    @property
    def parameters(self) -> dict[str, float]:
        """Tuned parameters, for a table."""
        return {"fraction": self.fraction}

    def estimate(self, waveform_adc: NDArray[np.generic]) -> Float:
        """Return t0 − t1 in ns, (event,), of (event, 2, sample); NaN without a crossing."""
        pulses = prepare_pulses(waveform_adc, self.settings)
        return _relative_difference(pulses, self.fraction, self.settings) - self.delay_ns


@dataclass(frozen=True)
class WeightedCrossings:
    """A weighted sum of the times at which fixed thresholds are crossed, without its walk.

    ``weights`` add up to one; a threshold that a pulse does not reach leaves it without a time.
    ``walk_ns`` holds the coefficients of the amplitude terms of both detectors; it is empty where
    fewer than 100 training events had a time.
    """

    settings: Sampling
    thresholds_adc: tuple[float, ...]
    weights: tuple[float, ...]
    parameters: Mapping[str, float]
    delay_ns: float
    amplitude_scale_adc: float
    walk_ns: tuple[float, ...]
    table: tuple[Trial, ...]

    def estimate(self, waveform_adc: NDArray[np.generic]) -> Float:
        """Return t0 − t1 in ns, (event,), of (event, 2, sample); NaN without all crossings."""
        pulses = prepare_pulses(waveform_adc, self.settings)
        first, second = (crossing_times(side, self.thresholds_adc) for side in pulses)
        found = _weighted(first - second, self.weights, self.settings) - self.delay_ns
        if self.walk_ns:
            found -= walk_terms(pulses, self.amplitude_scale_adc) @ np.array(self.walk_ns)
        return found


def fit_relative_edge(
    waveform_adc: NDArray[np.generic],
    known_difference_ns: ArrayLike,
    settings: Sampling,
    *,
    fractions: Sequence[float] = FRACTIONS,
) -> RelativeEdge:
    """Tune the fraction on training coincidences: (event, 2, sample) and (event,).

    Raises
    ------
    DataError
        Shapes do not fit, or no candidate gives an estimate for 99 % of the events.
    """
    pulses, known, few = training_pulses(waveform_adc, known_difference_ns, settings)
    some = (pulses[0][few], pulses[1][few])
    table = []
    for fraction in fractions:
        residual = _relative_difference(some, fraction, settings) - known[few]
        delay, _ = fit_delay(residual)
        table.append(score_trial(residual - delay, {"fraction": fraction}))
    fraction = fractions[best_trial(table, "fraction")]
    delay, _ = fit_delay(_relative_difference(pulses, fraction, settings) - known)
    return RelativeEdge(settings, fraction, delay, tuple(table))


def fit_multi_threshold(
    waveform_adc: NDArray[np.generic], known_difference_ns: ArrayLike, settings: Sampling
) -> WeightedCrossings:
    """Tune which thresholds the line goes through; parameters as `fit_relative_edge`.

    Least squares of time over threshold: its value at the baseline is a weighted sum of the
    crossings. Each candidate is judged with its walk corrected.
    """
    pulses, known, few = training_pulses(waveform_adc, known_difference_ns, settings)
    ladder = np.array(default_thresholds(pulses, settings, LADDER))
    walk = _walk_of(pulses, few)
    first, second = (crossing_times(side[few], ladder) for side in pulses)
    table, chosen = [], []
    for low, high in combinations(range(LADDER), 2):
        for count in COUNTS:
            if count > high - low + 1:
                continue
            index = np.unique(np.linspace(low, high, count).round().astype(int))
            weights = _at_baseline(ladder[index])
            residual = _weighted((first - second)[:, index], weights, settings) - known[few]
            named = {"lowest_adc": ladder[low], "highest_adc": ladder[high], "thresholds": count}
            named = {name: float(value) for name, value in named.items()}
            table.append(score_trial(without_walk(residual, walk), named))
            chosen.append((ladder[index], weights))
    return _finished(pulses, known, settings, table, chosen, "line through thresholds")


def fit_first_photons(
    waveform_adc: NDArray[np.generic], known_difference_ns: ArrayLike, settings: Sampling
) -> WeightedCrossings:
    """Tune step and number of the first photons; parameters as `fit_relative_edge`.

    Each candidate is judged with its walk corrected.
    """
    pulses, known, few = training_pulses(waveform_adc, known_difference_ns, settings)
    reach = default_thresholds(pulses, settings, 2)
    walk = _walk_of(pulses, few)
    table, chosen = [], []
    # Half a step is the lowest threshold: no lower than the noise allows.
    for step in np.geomspace(2 * reach[0], reach[1], STEPS):
        usable = [n for n in COUNTS if (n - 0.5) * step <= reach[1]]
        if not usable:
            continue
        levels = step * (np.arange(usable[-1]) + 0.5)
        first, second = (crossing_times(side[few], levels) for side in pulses)
        for count in usable:
            weights = np.full(count, 1.0 / count)
            residual = _weighted((first - second)[:, :count], weights, settings) - known[few]
            named = {"step_adc": float(step), "photons": float(count)}
            table.append(score_trial(without_walk(residual, walk), named))
            chosen.append((levels[:count], weights))
    return _finished(pulses, known, settings, table, chosen, "step of the first photons")


def _relative_difference(pulses: tuple[Pulses, Pulses], fraction: float, to: Sampling) -> Float:
    first, second = (pulse.leading_edge(side, fraction * pulse.amplitude(side)) for side in pulses)
    return np.asarray((first - second) * to.sample_interval_ns)


def _weighted(times: Float, weights: ArrayLike, to: Sampling) -> Float:
    return np.asarray(times @ np.asarray(weights) * to.sample_interval_ns)


def _walk_of(pulses: tuple[Pulses, Pulses], events: NDArray[np.int64]) -> Float:
    """Return the amplitude terms of some events; the scale is that of all."""
    some = pulses[0][events], pulses[1][events]
    return walk_terms(some, typical_amplitude(pulses))


def _at_baseline(thresholds: Float) -> Float:
    """Return the weights of the crossings in the value at zero of their least-squares line."""
    centred = thresholds - thresholds.mean()
    return np.asarray(1 / len(thresholds) - thresholds.mean() * centred / (centred @ centred))


def _finished(
    pulses: tuple[Pulses, Pulses],
    known: Float,
    settings: Sampling,
    table: Sequence[Trial],
    chosen: Sequence[tuple[Float, Float]],
    what: str,
) -> WeightedCrossings:
    """Return the best of the candidates, its delay and walk those of all training events."""
    best = best_trial(table, what)
    thresholds, weights = chosen[best]
    first, second = (crossing_times(side, thresholds) for side in pulses)
    scale = typical_amplitude(pulses)
    residual = _weighted(first - second, weights, settings) - known
    delay, walk = fit_delay(residual, walk_terms(pulses, scale))
    return WeightedCrossings(
        settings,
        tuple(thresholds.tolist()),
        tuple(weights.tolist()),
        table[best].parameters,
        delay,
        scale,
        tuple(walk.tolist()),
        tuple(table),
    )
