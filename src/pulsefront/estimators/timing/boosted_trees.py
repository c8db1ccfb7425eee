"""Arrival times by gradient-boosted trees: a correction of the coarse time of each detector.

As a network of this project does, one function corrects both detectors, each from its own samples
alone: ``t₀ − t₁ = (coarse₀ + f(x₀)) − (coarse₁ + f(x₁))``. A model that saw both pulses at once
could learn the few source offsets of the training instead of the time (its answers would lean
towards them), which this one cannot.

The residual of a coincidence, given to each of its detectors with its sign, is in expectation f of
that detector's samples less a constant, because the other detector's samples are independent of
them; trees fitted to it (Friedman 2001) are repeated on what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

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
from pulsefront.estimators.trees import fit_trees
from pulsefront.evaluate.metrics import central_width
from pulsefront.evaluate.spread import spread_over

__all__ = ["BoostedTimes", "fit_boosted_times"]

Float = NDArray[np.float64]

FRACTIONS = (0.005, 0.02, 0.05, 0.1)
"""Of the amplitude, at which the coarse time is tried; the one of smallest CTR is taken."""
BEFORE, AFTER = 4, 16
CANDIDATES = (
    (8, "squared_error"),
    (31, "squared_error"),
    (8, "absolute_error"),
    (31, "absolute_error"),
)
"""Leaves of a tree, and loss."""
ROUNDS = (60, 20)
"""Trees of the first fit, and of the fit to what it leaves over."""
MOST_TRAINING = 20_000
HELD_OUT = 5
"""Every so manieth training event judges the candidates."""


@dataclass(frozen=True)
class BoostedTimes:
    """Trees that correct the coarse time of a detector by its own samples."""

    settings: Sampling
    fraction: float
    leaves: int
    loss: str
    delay_ns: float
    table: tuple[Trial, ...]
    models: tuple[Any, ...] = field(repr=False)

    @property
    def parameters(self) -> dict[str, float | str]:
        """Tuned parameters, for a table."""
        return {
            "fraction": self.fraction,
            "leaves": self.leaves,
            "loss": self.loss,
            "trees": sum(ROUNDS),
        }

    def estimate(self, waveform_adc: NDArray[np.generic]) -> Float:
        """Return t0 − t1 in ns, (event,), of (event, 2, sample); NaN without a crossing."""
        pulses = prepare_pulses(waveform_adc, self.settings)
        first, second = _both(pulses, self.fraction)
        found = _difference(first, second, self.settings)
        return found - _correction(self.models, first, second) - self.delay_ns


@dataclass(frozen=True)
class _Seen:
    """What the trees see of one detector's pulses: (event, feature), and the coarse time."""

    features: NDArray[np.float32]
    coarse: Float


def fit_boosted_times(
    waveform_adc: NDArray[np.generic],
    known_difference_ns: ArrayLike,
    settings: Sampling,
    *,
    seed: int = 0,
) -> BoostedTimes:
    """Fit the trees on training coincidences, a fifth of which choose their size.

    Parameters
    ----------
    waveform_adc, known_difference_ns
        (event, 2, sample) and (event,).

    Raises
    ------
    DataError
        Shapes do not fit, or no candidate gives an estimate for 99 % of the events.
    """
    pulses = prepare_pulses(waveform_adc, settings)
    known = known_differences(known_difference_ns, len(pulses[0]))
    few = spread_over(len(known), MOST_TRAINING)
    some = (pulses[0][few], pulses[1][few])
    fraction = _coarse_fraction(some, known[few], settings)
    first, second = _both(some, fraction)
    residual = _difference(first, second, settings) - known[few]
    held = np.arange(len(few)) % HELD_OUT == HELD_OUT - 1
    fits = np.isfinite(residual) & ~held
    if fits.sum() < 100:
        raise DataError(
            "fewer than 100 training coincidences have two pulses",
            field="waveform_adc",
            value=int(fits.sum()),
            remedy="check polarity and baseline_samples",
        )
    table, tried = [], []
    for leaves, loss in CANDIDATES:
        models = _fit(first, second, residual, fits, leaves, loss, seed)
        left = residual - _correction(models, first, second)
        delay, _ = fit_delay(left[fits])
        table.append(score_trial((left - delay)[held], {"leaves": leaves, "loss": loss}))
        tried.append((delay, models))
    best = best_trial(table, "size of the trees")
    delay, models = tried[best]
    return BoostedTimes(settings, fraction, *CANDIDATES[best], delay, tuple(table), models)


def _coarse_fraction(
    pulses: tuple[NDArray[np.float32], NDArray[np.float32]], known: Float, settings: Sampling
) -> float:
    """Return the fraction whose crossing alone has the smallest CTR."""
    table = []
    for fraction in FRACTIONS:
        first, second = (
            pulse.leading_edge(side, fraction * pulse.amplitude(side)) for side in pulses
        )
        residual = (first - second) * settings.sample_interval_ns - known
        table.append(score_trial(residual, {"fraction": fraction}))
    return FRACTIONS[best_trial(table, "fraction of the amplitude")]


def _fit(
    first: _Seen,
    second: _Seen,
    residual: Float,
    fits: NDArray[np.bool_],
    leaves: int,
    loss: str,
    seed: int,
) -> tuple[Any, ...]:
    middle = float(np.median(residual[fits]))
    # Beyond twice the central width are random coincidences and noise.
    reach = 2 * central_width(residual[fits])
    rows = np.flatnonzero(fits & (np.abs(np.nan_to_num(residual, nan=np.inf) - middle) <= reach))
    features = np.concatenate([first.features[rows], second.features[rows]])
    models: tuple[Any, ...] = ()
    left = residual[rows] - middle
    for trees in ROUNDS:
        target = np.concatenate([left, -left])
        models += (fit_trees(features, target, trees, leaves, seed, loss=loss),)
        found = models[-1].predict(features)
        left = left - (found[: len(rows)] - found[len(rows) :])
    return models


def _correction(models: tuple[Any, ...], first: _Seen, second: _Seen) -> Float:
    return np.asarray(
        sum(model.predict(first.features) - model.predict(second.features) for model in models)
    )


def _difference(first: _Seen, second: _Seen, settings: Sampling) -> Float:
    return np.asarray((first.coarse - second.coarse) * settings.sample_interval_ns)


def _both(pulses: Sequence[NDArray[np.float32]], fraction: float) -> tuple[_Seen, _Seen]:
    first, second = (_seen(side, number, fraction) for number, side in enumerate(pulses))
    return first, second


def _seen(pulses: NDArray[np.float32], number: int, fraction: float) -> _Seen:
    """Return normalized samples about the edge, amplitude, phase and the detector's number."""
    height = pulse.amplitude(pulses)
    coarse = pulse.leading_edge(pulses, fraction * height)
    samples = min(BEFORE + AFTER, pulses.shape[1])
    first = np.floor(np.nan_to_num(coarse)).astype(np.int64) - BEFORE
    first = np.clip(first, 0, pulses.shape[1] - samples)
    window = np.take_along_axis(pulses, first[:, None] + np.arange(samples), axis=1)
    relative = window / np.maximum(height, 1e-6)[:, None]
    extra = [height, np.nan_to_num(coarse) % 1.0, np.full(len(pulses), number)]
    return _Seen(np.column_stack([relative, *extra]).astype(np.float32), coarse)
