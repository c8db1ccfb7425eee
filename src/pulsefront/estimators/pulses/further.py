"""Quantities beside those that every pulse gets: shape, trapezoid, template, optimal filter.

They are learned from the first clean pulses of each channel (`pulsefront.estimators.pulses.learn`)
and measured alike on all that follow, so that a long file streams through.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.estimators.pulses.filters import pole_zero, trapezoid
from pulsefront.estimators.pulses.learn import Columns, Learned, upward
from pulsefront.estimators.pulses.loops import smooth
from pulsefront.estimators.pulses.polarity import channels_of
from pulsefront.estimators.pulses.quantities import rise_time, time_over_threshold
from pulsefront.estimators.pulses.settings import PickoffSettings, ShapeSettings, TrapezoidSettings
from pulsefront.estimators.pulses.template import fit_template
from pulsefront.events.container import Quantity

__all__ = ["further_quantities", "measure_further"]

Floats = NDArray[np.float64]

FLAT_TOP_SHARE = 0.8
"""Where on the flat top a trapezoid is read: the ballistic deficit of the rise is over by then."""


def measure_further(
    waveforms: NDArray[Any], learned: Sequence[Learned], columns: Columns
) -> dict[str, Floats]:
    """Return what was learned to measure, name → (event,) or (event, channel); NaN where it fails.

    Parameters
    ----------
    waveforms
        (event, sample) or (event, channel, sample).
    learned
        One per channel.
    columns
        What `pulsefront.estimators.pulses.chain.process` gives for the same waveforms.
    """
    rows = channels_of(waveforms)
    parts = []
    for c, one in enumerate(learned):
        of_channel = {n: v.reshape(len(rows), len(learned))[:, c] for n, v in columns.items()}
        parts.append(_measure_channel(rows[:, c], one, of_channel))
    if not parts or np.ndim(waveforms) == 2:
        return parts[0] if parts else {}
    return {name: np.stack([part[name] for part in parts], axis=1) for name in parts[0]}


def further_quantities(settings: PickoffSettings) -> dict[str, Quantity]:
    """Return the data dictionary of what `measure_further` gives for *settings*."""
    told: dict[str, Quantity] = {}
    if (shape := settings.shape) is not None:
        told["rise_time_samples"] = Quantity(
            "samples", f"from {shape.low:g} to {shape.high:g} of the amplitude"
        )
        told["time_over_threshold_samples"] = Quantity(
            "samples", "from the leading edge to the way down through its threshold"
        )
    if (trap := settings.trapezoid) is not None:
        told["trapezoid_amplitude_adc"] = Quantity(
            "ADC counts",
            f"height of the trapezoid of {trap.rise_samples} + {trap.flat_samples} samples, "
            f"decay of {trap.decay_samples:.4g} samples taken out",
        )
    if settings.template is not None:
        told["template_samples"] = Quantity(
            "samples", "constant-fraction time of the mean pulse fitted to this one"
        )
        told["template_amplitude_adc"] = Quantity("ADC counts", "height of the mean pulse fitted")
        told["template_residual_adc"] = Quantity("ADC counts", "rms of samples about that fit")
    if settings.optimal_filter is not None:
        told["optimal_filter_samples"] = Quantity(
            "samples", "constant-fraction time of the mean pulse, by the optimal filter"
        )
        told["optimal_filter_amplitude_adc"] = Quantity(
            "ADC counts", "height of the mean pulse, by the optimal filter"
        )
        told["optimal_filter_chi_square"] = Quantity(
            "1", "χ² per degree of freedom of the waveform against mean pulse and noise"
        )
    return told


def _measure_channel(
    waveforms: NDArray[Any], learned: Learned, columns: Columns
) -> dict[str, Floats]:
    settings = learned.settings
    pulses = upward(waveforms, settings, learned.sign)
    found: dict[str, Floats] = {}
    if settings.shape is not None:
        found |= _shape(pulses, settings, columns)
    if settings.trapezoid is not None:
        edge = columns["leading_edge_samples"]
        found["trapezoid_amplitude_adc"] = _trapezoid_heights(pulses, edge, settings.trapezoid)
    if learned.template is not None:
        fit = fit_template(pulses, learned.template, columns["constant_fraction_samples"])
        found["template_samples"] = fit.time_samples
        found["template_amplitude_adc"] = fit.amplitude
        found["template_residual_adc"] = fit.residual_rms
    if learned.optimal is not None:
        filtered = learned.optimal.apply(pulses)
        found["optimal_filter_samples"] = learned.reference_samples + filtered.shift_samples
        found["optimal_filter_amplitude_adc"] = filtered.amplitude
        found["optimal_filter_chi_square"] = filtered.chi_square
    return found


def _shape(
    pulses: NDArray[np.float32], settings: PickoffSettings, columns: Columns
) -> dict[str, Floats]:
    if settings.smoothing > 1:
        pulses = smooth(pulses, settings.smoothing // 2)
    threshold = settings.threshold_noise * columns["noise_adc"]
    if settings.threshold_adc is not None:
        threshold = np.full(len(pulses), settings.threshold_adc)
    shape = settings.shape or ShapeSettings()
    return {
        "rise_time_samples": rise_time(pulses, shape.low, shape.high),
        "time_over_threshold_samples": time_over_threshold(pulses, threshold),
    }


def _trapezoid_heights(
    pulses: NDArray[np.float32], edge: Floats, settings: TrapezoidSettings
) -> Floats:
    """Return the shaped pulse late on its flat top, a fixed time after the leading edge."""
    rise, flat = settings.rise_samples or 1, settings.flat_samples or 0
    shaped = trapezoid(pole_zero(pulses, settings.decay_samples or 1.0), rise, flat)
    at = edge + rise + FLAT_TOP_SHARE * flat
    known = np.isfinite(at) & (at < pulses.shape[1] - 1)
    index = np.where(known, at, 0.0).astype(np.int64)
    return np.where(known, shaped[np.arange(len(shaped)), index], np.nan)
