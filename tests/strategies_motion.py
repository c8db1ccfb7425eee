"""Traces with a known truth for the tests of the motion room."""

from __future__ import annotations

import numpy as np

from pulsefront.motion.traces.trace import MotionTrace, make_trace


def drifting(
    count: int = 400,
    *,
    rate: float = 200_000.0,
    seed: int = 1,
    drift_mm: float = 8.0,
    tau_s: float = 120.0,
    steps: tuple[tuple[int, tuple[float, float, float]], ...] = (),
    spread_mm: float = 50.0,
    known: bool = True,
    views: int = 0,
) -> MotionTrace:
    """Return a trace of one-second intervals with exponential drift along z and given steps."""
    random = np.random.default_rng(seed)
    time = np.arange(count, dtype=np.float64)
    centre = np.zeros((count, 3))
    centre[:, 2] = -drift_mm * np.exp(-time / tau_s)
    for at, shift in steps:
        centre[at:] += shift
    counts = random.poisson(rate, count).astype(np.float64)
    centre += spread_mm / np.sqrt(counts)[:, None] * random.standard_normal((count, 3))
    spread = np.full((count, 3), spread_mm)
    parts = random.poisson(rate / max(views, 1), (count, views)).astype(np.float64)
    return make_trace(
        time, np.ones(count), counts, centre, spread_mm=spread if known else None, views=parts
    )
