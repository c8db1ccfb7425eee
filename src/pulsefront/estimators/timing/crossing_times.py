"""When thresholds are crossed, and the events that choices between them are judged on."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.estimators.pulses import quantities as pulse
from pulsefront.estimators.timing.tuning import (
    Sampling,
    fit_delay,
    known_differences,
    prepare_pulses,
)
from pulsefront.evaluate.spread import spread_over

__all__ = ["LADDER", "Float", "Pulses", "crossing_times", "training_pulses", "without_walk"]

Float = NDArray[np.float64]
Pulses = NDArray[np.float32]

LADDER = 14
"""Thresholds that the combinations are taken from."""
MOST_TUNING = 20_000
"""Candidates are judged on so many training events, spread evenly."""


def training_pulses(
    waveform_adc: NDArray[np.generic], known_difference_ns: ArrayLike, settings: Sampling
) -> tuple[tuple[Pulses, Pulses], Float, NDArray[np.int64]]:
    """Return pulses, known differences, and the events that candidates are judged on."""
    pulses = prepare_pulses(waveform_adc, settings)
    known = known_differences(known_difference_ns, len(pulses[0]))
    return pulses, known, spread_over(len(known), MOST_TUNING)


def crossing_times(pulses: Pulses, thresholds: ArrayLike) -> Float:
    """Return when each threshold is crossed, (event, threshold) in samples."""
    return np.column_stack([pulse.leading_edge(pulses, level) for level in np.array(thresholds)])


def without_walk(residual: Float, terms: Float) -> Float:
    """Return residuals without the delay and the walk that fit them best."""
    delay, walk = fit_delay(residual, terms)
    return residual - delay - (terms @ walk if walk.size else 0.0)
