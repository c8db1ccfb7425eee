"""Classical time differences of two pulses in coincidence: leading edge and digital CFD, tuned.

Parameters are chosen on the training coincidences, whose expected time difference is known from
the position of the source, by the smallest coincidence time resolution there (CTR, the FWHM of
estimated minus known difference). The whole table of candidates is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.errors import ConfigError
from pulsefront.estimators.pulses import quantities as pulse
from pulsefront.estimators.timing.tuning import (
    Sampling,
    Trial,
    best_trial,
    default_thresholds,
    fit_delay,
    known_differences,
    prepare_pulses,
    score_trial,
    typical_amplitude,
    walk_terms,
)

__all__ = [
    "ConstantFraction",
    "LeadingEdge",
    "Sampling",
    "Trial",
    "fit_constant_fraction",
    "fit_leading_edge",
    "prepare_pulses",
]

Float = NDArray[np.float64]

_THRESHOLDS = 24
_FRACTIONS = (
    0.01,
    0.02,
    0.025,
    0.03,
    0.04,
    0.05,
    0.06,
    0.08,
    0.12,
    0.16,
    0.2,
    0.3,
    0.4,
    0.5,
    0.65,
    0.8,
)
# So long that the best lies inside: beyond the rise of the slowest scintillator, where the delayed
# pulse is compared with the tail, it gets worse again.
_DELAYS_NS = (0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0, 16.0, 20.0, 25.0, 30.0, 40.0, 60.0)


@dataclass(frozen=True)
class LeadingEdge:
    """Leading-edge discriminators at one threshold, with or without walk correction.

    ``walk_ns`` holds the coefficients of the amplitude terms of both detectors, or is empty.
    ``table`` is every candidate that was tried.
    """

    settings: Sampling
    threshold_adc: float
    delay_ns: float
    amplitude_scale_adc: float
    walk_ns: tuple[float, ...]
    ctr_train_fwhm_ps: float
    table: tuple[Trial, ...]

    @property
    def parameters(self) -> dict[str, float | bool]:
        """Tuned parameters, for a table."""
        return {"threshold_adc": self.threshold_adc, "walk_corrected": bool(self.walk_ns)}

    def estimate(self, waveform_adc: NDArray[np.generic]) -> Float:
        """Return the arrival time difference t0 − t1 in ns, (event,); NaN without a crossing.

        Parameters
        ----------
        waveform_adc
            (event, 2, sample).
        """
        pulses = prepare_pulses(waveform_adc, self.settings)
        found = _leading_edge_difference(pulses, self.threshold_adc, self.settings)
        found -= self.delay_ns
        if self.walk_ns:
            found -= walk_terms(pulses, self.amplitude_scale_adc) @ np.array(self.walk_ns)
        return found


@dataclass(frozen=True)
class ConstantFraction:
    """Digital constant-fraction discriminators of one fraction and delay."""

    settings: Sampling
    fraction: float
    shaping_delay_ns: float
    delay_ns: float
    ctr_train_fwhm_ps: float
    table: tuple[Trial, ...]

    @property
    def parameters(self) -> dict[str, float]:
        """Tuned parameters, for a table."""
        return {"fraction": self.fraction, "shaping_delay_ns": self.shaping_delay_ns}

    def estimate(self, waveform_adc: NDArray[np.generic]) -> Float:
        """Return the arrival time difference t0 − t1 in ns, (event,); NaN without a crossing."""
        pulses = prepare_pulses(waveform_adc, self.settings)
        found = _cfd_difference(pulses, self.fraction, self.shaping_delay_ns, self.settings)
        return found - self.delay_ns


def _leading_edge_difference(
    pulses: tuple[NDArray[np.float32], ...], threshold_adc: float, settings: Sampling
) -> Float:
    first, second = (pulse.leading_edge(side, threshold_adc) for side in pulses)
    return (first - second) * settings.sample_interval_ns


def _cfd_difference(
    pulses: tuple[NDArray[np.float32], ...],
    fraction: float,
    shaping_delay_ns: float,
    settings: Sampling,
) -> Float:
    delay_samples = shaping_delay_ns / settings.sample_interval_ns
    first, second = (pulse.constant_fraction(side, fraction, delay_samples) for side in pulses)
    return (first - second) * settings.sample_interval_ns


def fit_leading_edge(
    waveform_adc: NDArray[np.generic],
    known_difference_ns: ArrayLike,
    settings: Sampling,
    *,
    thresholds_adc: Sequence[float] | None = None,
    walk_correction: bool = False,
) -> LeadingEdge:
    """Tune the leading-edge threshold (and fit the walk correction) on training coincidences.

    Parameters
    ----------
    waveform_adc
        (event, 2, sample).
    known_difference_ns
        (event,) expected t0 − t1 from the source position.
    thresholds_adc
        Candidates; left out, 24 from three times the baseline noise (at least half a count) to
        half the median amplitude, in equal ratios.
    walk_correction
        Whether each candidate is corrected by amplitude before it is judged: least squares on
        A^(−1/2), 1/A and log A of both detectors.

    Raises
    ------
    DataError
        Shapes do not fit, or no candidate gives an estimate for 99 % of the events.
    """
    pulses = prepare_pulses(waveform_adc, settings)
    known = known_differences(known_difference_ns, len(pulses[0]))
    scale = typical_amplitude(pulses)
    if thresholds_adc is None:
        thresholds_adc = default_thresholds(pulses, settings, _THRESHOLDS)
    walk = walk_terms(pulses, scale) if walk_correction else None
    table, fits = [], []
    for threshold in thresholds_adc:
        residual = _leading_edge_difference(pulses, threshold, settings) - known
        delay, coefficients = fit_delay(residual, walk)
        residual = residual - delay
        if walk is not None and coefficients.size:
            residual = residual - walk @ coefficients
        table.append(score_trial(residual, {"threshold_adc": float(threshold)}))
        fits.append((delay, coefficients))
    best = best_trial(table, "leading-edge threshold")
    delay, coefficients = fits[best]
    return LeadingEdge(
        settings,
        float(thresholds_adc[best]),
        delay,
        scale,
        tuple(coefficients.tolist()),
        float(table[best].ctr_fwhm_ps or np.nan),
        tuple(table),
    )


def fit_constant_fraction(
    waveform_adc: NDArray[np.generic],
    known_difference_ns: ArrayLike,
    settings: Sampling,
    *,
    fractions: Sequence[float] = _FRACTIONS,
    delays_ns: Sequence[float] = _DELAYS_NS,
) -> ConstantFraction:
    """Tune fraction and delay of a digital CFD on training coincidences.

    Parameters as `fit_leading_edge`. Delays below half a sample or beyond a third of the waveform
    are left out.

    Raises
    ------
    ConfigError
        No delay is left.
    DataError
        As `fit_leading_edge`.
    """
    pulses = prepare_pulses(waveform_adc, settings)
    known = known_differences(known_difference_ns, len(pulses[0]))
    samples = pulses[0].shape[1]
    interval = settings.sample_interval_ns
    usable = [d for d in delays_ns if 0.5 * interval <= d <= samples * interval / 3]
    if not usable:
        raise ConfigError(
            "no delay lies between half a sample and a third of the waveform",
            field="delays_ns",
            value=tuple(delays_ns),
            remedy=f"the sampling interval is {interval:g} ns",
        )
    table, delays = [], []
    for fraction, shaping in product(fractions, usable):
        residual = _cfd_difference(pulses, fraction, shaping, settings) - known
        delay, _ = fit_delay(residual)
        table.append(
            score_trial(residual - delay, {"fraction": fraction, "shaping_delay_ns": shaping})
        )
        delays.append(delay)
    best = best_trial(table, "CFD setting")
    return ConstantFraction(
        settings,
        table[best].parameters["fraction"],
        table[best].parameters["shaping_delay_ns"],
        delays[best],
        float(table[best].ctr_fwhm_ps or np.nan),
        tuple(table),
    )
