"""What speeds are measured beside: NumPy at work on the same machine, in the same minute.

Ratios hold on another processor where seconds do not. Processor time, since other programs on the
machine are no part of the comparison.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

__all__ = ["beside", "best_seconds"]


def best_seconds(call: Callable[[], object], rounds: int = 7) -> float:
    """Return the processor time of *call*, the best of some rounds after a first one."""
    call()
    best = np.inf
    for _ in range(rounds):
        start = time.process_time()
        call()
        best = min(best, time.process_time() - start)
    return float(best)


def beside(
    call: Callable[[], object], yardstick: Callable[[], object], rounds: int = 7
) -> tuple[float, float]:
    """Return the processor time of *call*, and its ratio to that of *yardstick*."""
    ours, theirs = best_seconds(call, rounds), best_seconds(yardstick, rounds)
    return ours, ours / theirs
