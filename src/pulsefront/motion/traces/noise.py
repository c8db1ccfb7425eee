"""How much the centre scatters from interval to interval: learned from the trace itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from pulsefront.motion.traces.trace import MotionTrace

__all__ = ["noise_factor", "with_learned_errors"]

Floats = NDArray[np.float64]

WINDOW = 301
"""Intervals over which the scatter is taken; its own error is then about 6 %."""

TOLERATED = 1.15
"""Scatter over the statistical error that is still taken for chance."""

FLOOR_MM = 1e-4
"""No centre is known better: files round it."""


def noise_factor(centre_mm: Floats, error_mm: Floats) -> Floats:
    """Return (interval, axis) the scatter of the centre over *error_mm*, smoothed.

    From second differences, which a drift hardly has:
    d = (yᵢ₋₁ − 2·yᵢ + yᵢ₊₁) / √(eᵢ₋₁² + 4·eᵢ² + eᵢ₊₁²), and 1.4826 times the running median of its
    size, which steps and single bad intervals do not move.
    """
    count = len(centre_mm)
    if count < 5:
        return np.ones_like(centre_mm)
    bent = centre_mm[:-2] - 2 * centre_mm[1:-1] + centre_mm[2:]
    expected = np.sqrt(error_mm[:-2] ** 2 + 4 * error_mm[1:-1] ** 2 + error_mm[2:] ** 2)
    size = np.abs(bent / expected)
    width = min(WINDOW, len(size) // 2 * 2 + 1)
    smooth = 1.4826 * median_filter(size, size=(width, 1), mode="reflect")
    return np.concatenate([smooth[:1], smooth, smooth[-1:]])


def with_learned_errors(trace: MotionTrace) -> MotionTrace:
    """Return the trace with errors that its scatter bears out.

    Known errors are kept, or raised where the centre scatters more than they say. Where none are
    known they become c/√trues, with c from the scatter.
    """
    if len(trace) < 5:
        return trace
    known = np.isfinite(trace.error_mm).all(axis=1)
    if known.all():
        factor = noise_factor(trace.centre_mm, trace.error_mm)
        error = trace.error_mm * np.where(factor > TOLERATED, factor, 1.0)
    else:
        bare = np.repeat(1 / np.sqrt(np.maximum(trace.trues, 1.0))[:, None], 3, axis=1)
        error = bare * noise_factor(trace.centre_mm, bare)
    return replace(trace, error_mm=np.maximum(error, FLOOR_MM))
