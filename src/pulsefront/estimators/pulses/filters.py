"""Linear filters on pulses: pole–zero, trapezoid, and the optimal filter from a noise spectrum.

The first two are loops of their own because ``scipy.signal.lfilter``, with which the tests compare
them, takes nine and twelve times as long on 1,024 samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.pulses.quantities import as_matrix

__all__ = ["Filtered", "OptimalFilter", "noise_spectrum", "pole_zero", "trapezoid"]

Floats = NDArray[np.float64]


def pole_zero(pulses: NDArray[Any], decay_samples: float) -> Floats:
    """Return the pulses with their exponential decay taken out: each becomes a step.

    ``s[i] = s[i−1] + p[i] − exp(−1/decay) · p[i−1]``, starting from zero: the inverse of a single
    pole followed by a running sum (Jordanov and Knoll 1994, eq. 8, with the exact pole).

    Parameters
    ----------
    pulses
        (event, sample), baseline-subtracted.
    decay_samples
        Decay constant of the pulses, above 0.

    Raises
    ------
    ConfigError
        *decay_samples* is not positive.
    """
    pulses = as_matrix(pulses)
    if not decay_samples > 0:
        raise ConfigError("must be positive", field="decay_samples", value=decay_samples)
    return _pole_zero(pulses, float(np.exp(-1.0 / decay_samples)))


def trapezoid(steps: NDArray[Any], rise: int, flat: int) -> Floats:
    """Return the trapezoidal shaping of step-like pulses; its flat top has the step's height.

    The mean of the last *rise* samples minus the mean of *rise* samples that end *rise* + *flat*
    earlier; samples before the first count as zero (Jordanov and Knoll 1994).

    Parameters
    ----------
    steps
        (event, sample), for instance from `pole_zero`.
    rise, flat
        Samples of the ramps (at least 1) and of the top (at least 0); 2·rise + flat must fit.

    Raises
    ------
    ConfigError
        The lengths are out of range.
    """
    steps = as_matrix(steps)
    if rise < 1 or flat < 0 or 2 * rise + flat > steps.shape[1]:
        raise ConfigError(
            f"need rise ≥ 1, flat ≥ 0 and 2·rise + flat ≤ {steps.shape[1]} samples",
            field="rise, flat",
            value=(rise, flat),
        )
    return _trapezoid(steps, rise, flat)


def noise_spectrum(noise: NDArray[Any]) -> Floats:
    """Return the power of noise per frequency of ``numpy.fft.rfft``, averaged over waveforms.

    Parameters
    ----------
    noise
        (event, sample) without pulses, as long as the pulses that will be filtered; the mean of
        each waveform is taken out.

    Returns
    -------
    power
        (sample // 2 + 1,) mean |rfft|²; the zero frequency gets the power of the first one, since
        a filter that divides by nothing there would follow the baseline.

    Raises
    ------
    DataError
        Fewer than two waveforms, or samples that are not finite.
    """
    noise = as_matrix(noise)
    if len(noise) < 2 or not np.isfinite(noise).all():
        raise DataError("a noise spectrum takes at least two finite waveforms", field="noise")
    centred = noise - noise.mean(axis=1, keepdims=True)
    power = np.mean(np.abs(np.fft.rfft(centred, axis=1)) ** 2, axis=0)
    if len(power) > 1:
        power[0] = power[1]
    return np.asarray(power, np.float64)


class Filtered(NamedTuple):
    """Result of `OptimalFilter.apply`, each (event,).

    ``amplitude`` in units of the template's height, ``shift_samples`` later than the template, and
    ``chi_square`` per degree of freedom of the whole waveform against template and noise.
    """

    amplitude: Floats
    shift_samples: Floats
    chi_square: Floats


@dataclass(frozen=True)
class OptimalFilter:
    """Best linear estimate of amplitude and time of a known shape in stationary noise.

    In frequency, the amplitude at a shift τ is ``Σ T* X e^{iωτ} / N`` over ``Σ |T|² / N`` (Gatti
    and Manfredi 1986, section 5); the shift is where it is largest.

    Attributes
    ----------
    template
        (sample,) shape of a pulse of amplitude 1.
    power
        (sample // 2 + 1,) noise power from `noise_spectrum`.
    most_shift
        Largest shift looked at, in samples either way.

    Raises
    ------
    ConfigError
        Lengths do not fit, or the noise power is not positive.
    """

    template: Floats
    power: Floats
    most_shift: int = 20

    def __post_init__(self) -> None:
        samples = len(self.template)
        if len(self.power) != samples // 2 + 1:
            raise ConfigError(
                f"has {len(self.power)} frequencies for {samples} samples", field="power"
            )
        if not (np.isfinite(self.power).all() and (self.power > 0).all()):
            raise ConfigError("must be positive at every frequency", field="power")
        if not 0 <= self.most_shift < samples // 2:
            raise ConfigError("lies outside the waveform", field="most_shift")

    def apply(self, pulses: NDArray[Any]) -> Filtered:
        """Return amplitude, shift and χ² of each of the (event, sample) *pulses*.

        The shift is interpolated by a parabola through the three largest values. NaN where a
        sample is not finite.

        Raises
        ------
        DataError
            The pulses are not as long as the template.
        """
        pulses = as_matrix(pulses)
        samples = len(self.template)
        if pulses.shape[1] != samples:
            raise DataError(
                f"have {pulses.shape[1]} samples, the template {samples}", field="pulses"
            )
        finite = np.isfinite(pulses).all(axis=1)
        spectrum = np.fft.rfft(np.where(finite[:, None], pulses, 0.0), axis=1)
        shape = np.fft.rfft(self.template)
        weight = np.conj(shape) / self.power
        # rfft holds half of the frequencies; the others mirror them.
        double = np.full(len(shape), 2.0)
        double[0] = 1.0
        if samples % 2 == 0:
            double[-1] = 1.0
        norm = float(np.sum(double * np.abs(shape) ** 2 / self.power))
        scan = np.fft.irfft(spectrum * weight, samples, axis=1) * samples / norm
        shifts = np.arange(-self.most_shift, self.most_shift + 1)
        near = scan[:, shifts % samples]
        best = np.argmax(near, axis=1)
        rows = np.arange(len(near))
        height = near[rows, best]
        inner = np.clip(best, 1, max(len(shifts) - 2, 1))
        shift = shifts[best].astype(np.float64)
        if len(shifts) >= 3:
            left, middle, right = (near[rows, inner + step] for step in (-1, 0, 1))
            curve = left - 2 * middle + right
            bent = (curve < 0) & (inner == best)
            step = np.where(bent, 0.5 * (left - right) / np.where(bent, curve, -1.0), 0.0)
            shift = shift + step
            height = height - 0.25 * (left - right) * step * bent
        power = np.sum(double * np.abs(spectrum) ** 2 / self.power, axis=1)
        chi_square = (power - height**2 * norm) / (samples - 2)
        missing = ~finite
        for values in (height, shift, chi_square):
            values[missing] = np.nan
        return Filtered(height, shift, chi_square)


@njit(nogil=True, cache=True)
def _pole_zero(pulses: NDArray[Any], pole: float) -> Floats:
    result = np.empty(pulses.shape, np.float64)
    for event in range(len(pulses)):
        before = 0.0
        level = 0.0
        for i in range(pulses.shape[1]):
            sample = np.float64(pulses[event, i])
            level += sample - pole * before
            result[event, i] = level
            before = sample
    return result


@njit(nogil=True, cache=True)
def _trapezoid(steps: NDArray[Any], rise: int, flat: int) -> Floats:
    events, samples = steps.shape
    result = np.empty((events, samples), np.float64)
    sums = np.empty(samples + 1, np.float64)
    for event in range(events):
        sums[0] = 0.0
        for i in range(samples):
            sums[i + 1] = sums[i] + np.float64(steps[event, i])
        for i in range(samples):
            late = sums[i + 1] - sums[max(i + 1 - rise, 0)]
            end = max(i + 1 - rise - flat, 0)
            early = sums[end] - sums[max(end - rise, 0)]
            result[event, i] = (late - early) / rise
    return result
