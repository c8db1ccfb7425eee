"""How large a step was, given when: a polynomial drift with a step, fitted by least squares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsefront.motion.traces.trace import MotionTrace

__all__ = ["measure_step"]

Floats = NDArray[np.float64]


def measure_step(
    trace: MotionTrace,
    index: int,
    *,
    last: int | None = None,
    first: int = 0,
    stop: int | None = None,
    before_s: float = 40.0,
    after_s: float = 30.0,
    order: int = 2,
) -> tuple[Floats, Floats]:
    """Return shift and standard error, (axis,) each in mm, of a step at the begin of *index*.

    Parameters
    ----------
    last
        Last interval of a movement that takes several.
    first, stop
        Intervals that may be used: no other step between them.
    before_s, after_s
        How much of the trace on either side is used.
    order
        Of the polynomial of the drift; lower where too few intervals are there.

    Notes
    -----
    Weighted least squares: centre(t) = Σₖ cₖ·tᵏ + shift·[t ≥ step], weights 1/error².
    The intervals of the movement are left out, in which the patient was on his way.
    """
    stop = len(trace) if stop is None else stop
    last = index if last is None else last
    when = trace.time_s[index]
    time = trace.time_s + trace.duration_s / 2 - when
    row = np.arange(len(trace))
    used = (time >= -before_s) & (time <= after_s) & (row >= first) & (row < stop)
    used &= (row < index) | (row > last)
    after = row > last
    if not (used & after).any():
        # Only the interval of the step itself is there yet.
        used |= row == index
        after = row >= index
    order = min(order, int((used & ~after).sum()) - 1)
    if order < 0:
        return np.full(3, np.nan), np.full(3, np.nan)
    scale = max(before_s, after_s)
    columns = [(time / scale) ** k for k in range(order + 1)]
    design = np.stack([*columns, after.astype(np.float64)], axis=1)[used]
    shift, error = np.zeros(3), np.zeros(3)
    for a in range(3):
        weight = 1 / trace.error_mm[used, a]
        inverse = np.linalg.pinv(design * weight[:, None])
        fitted = inverse @ (trace.centre_mm[used, a] * weight)
        shift[a], error[a] = fitted[-1], float(np.sqrt((inverse[-1] ** 2).sum()))
    return shift, error
