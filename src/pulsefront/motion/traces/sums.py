"""From sums over coincidences to a trace: what list mode and the simulation have in common.

The sums of one interval, (14,): prompts; Σp over prompts less Σp over delayeds; the same of p²;
delayeds; Σp and Σp² over both. The centre of the trues is the first difference over their number;
the randoms among the prompts cancel against the delayeds, in the mean. Both fluctuate, so the
variance of the centre is Σ(p − centre)² over prompts *and* delayeds, over the square of the trues.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.motion.traces.trace import MotionTrace, TraceFinding, make_trace

__all__ = ["SUMS", "add_place", "trace_from_sums"]

Floats = NDArray[np.float64]

SUMS = 14
PROMPTS, DELAYEDS = 0, 7
PLACE, SQUARE, ALL, ALL_SQUARE = slice(1, 4), slice(4, 7), slice(8, 11), slice(11, 14)


@njit(nogil=True, cache=True)
def add_place(sums: Floats, place: Floats, delayed: bool) -> None:  # noqa: FBT001 - a kernel
    """Add one coincidence at *place* (axis,) in mm to *sums* (14,)."""
    sign = -1.0 if delayed else 1.0
    sums[7 if delayed else 0] += 1
    for a in range(3):
        value = place[a]
        sums[1 + a] += sign * value
        sums[4 + a] += sign * value * value
        sums[8 + a] += value
        sums[11 + a] += value * value


def trace_from_sums(
    time_s: Floats,
    duration_s: Floats,
    sums: Floats,
    *,
    delayed_known: bool,
    views: Floats | None = None,
    bed: NDArray[np.int64] | None = None,
    findings: tuple[TraceFinding, ...] = (),
    provenance: Mapping[str, Any] | None = None,
) -> MotionTrace:
    """Return the trace of *sums*, (interval, 14)."""
    prompts, delayeds = sums[:, PROMPTS], sums[:, DELAYEDS]
    trues = prompts - delayeds
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = sums[:, PLACE] / trues[:, None]
        spread2 = sums[:, SQUARE] / trues[:, None] - centre**2
        both = (prompts + delayeds)[:, None]
        around = sums[:, ALL_SQUARE] - 2 * centre * sums[:, ALL] + both * centre**2
        error = np.sqrt(np.maximum(around, 0)) / trues[:, None]
    usable = (trues > 0)[:, None]
    return make_trace(
        time_s,
        duration_s,
        prompts.copy(),
        np.where(usable, centre, np.nan),
        randoms=delayeds.copy() if delayed_known else None,
        spread_mm=np.where(usable & (spread2 > 0), np.sqrt(np.maximum(spread2, 0)), np.nan),
        error_mm=np.where(usable & (error > 0), error, np.nan),
        views=views,
        bed=bed,
        findings=findings,
        provenance=provenance,
    )
