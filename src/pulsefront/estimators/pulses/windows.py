"""The few samples around a pulse's leading edge that a timing network sees."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.errors import ConfigError

__all__ = ["EdgeWindows", "leading_edge_windows"]


@dataclass(frozen=True)
class EdgeWindows:
    """Samples around each leading edge, as integers.

    Attributes
    ----------
    samples
        (event, before + after) int32, ADC counts above the baseline.
    trigger_sample
        (event,) int64 index of the first sample at or above the threshold; −1 where there is no
        such sample or the window leaves the record. The window starts *before* samples earlier.
    """

    samples: NDArray[np.int32]
    trigger_sample: NDArray[np.int64]

    @property
    def usable(self) -> NDArray[np.bool_]:
        """(event,) True where there is a whole window."""
        return self.trigger_sample >= 0


def leading_edge_windows(
    waveforms_adc: NDArray[np.integer],
    *,
    baseline_samples: int,
    threshold_adc: int,
    before: int,
    after: int,
) -> EdgeWindows:
    """Cut the samples around the first threshold crossing, in integer arithmetic only.

    This is what the front-end does in firmware before the network: the mean of the first samples
    (rounded down, so a shift where *baseline_samples* is a power of two) is subtracted, and the
    first sample at or above the threshold is the coarse time.

    Parameters
    ----------
    waveforms_adc
        (event, sample) ADC counts, positive pulses.
    baseline_samples
        How many first samples give the baseline; a power of two.
    threshold_adc
        Trigger threshold above the baseline, ADC counts.
    before, after
        Samples before the trigger sample, and from it on.

    Raises
    ------
    ConfigError
        A parameter is out of range.
    """
    n_samples = waveforms_adc.shape[1]
    if baseline_samples < 1 or baseline_samples & (baseline_samples - 1):
        raise ConfigError(
            "must be a power of two, so that firmware divides by a shift",
            field="baseline_samples",
            value=baseline_samples,
        )
    if threshold_adc < 1:
        raise ConfigError("must be at least 1", field="threshold_adc", value=threshold_adc)
    if before < 0 or after < 1 or baseline_samples + before + after > n_samples:
        raise ConfigError(
            f"baseline and window do not fit in {n_samples} samples",
            field="before, after",
            value=(before, after),
        )
    samples = np.zeros((len(waveforms_adc), before + after), np.int32)
    trigger = np.full(len(waveforms_adc), -1, np.int64)
    shift = int(math.log2(baseline_samples))
    _cut(waveforms_adc, baseline_samples, shift, threshold_adc, before, after, samples, trigger)
    return EdgeWindows(samples, trigger)


@njit(nogil=True, cache=True)
def _cut(
    waveforms: NDArray[np.integer],
    baseline_samples: int,
    shift: int,
    threshold: int,
    before: int,
    after: int,
    samples: NDArray[np.int32],
    trigger: NDArray[np.int64],
) -> None:
    n_samples = waveforms.shape[1]
    for event in range(waveforms.shape[0]):
        total = np.int64(0)
        for sample in range(baseline_samples):
            total += np.int64(waveforms[event, sample])
        baseline = total >> shift
        for sample in range(baseline_samples, n_samples):
            if np.int64(waveforms[event, sample]) - baseline >= threshold:
                if sample - before >= 0 and sample + after <= n_samples:
                    trigger[event] = sample
                    for k in range(before + after):
                        samples[event, k] = (
                            np.int64(waveforms[event, sample - before + k]) - baseline
                        )
                break
