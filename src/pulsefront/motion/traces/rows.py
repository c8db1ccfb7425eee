"""From rows as a file has them to rows in the order of time, with what was wrong named."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsefront.motion.traces.trace import TraceFinding

__all__ = ["OrderedRows", "order_rows"]

Floats = NDArray[np.float64]

RESET_INTERVALS = 10
"""A clock that falls back by more, and stays there for as many rows, was started anew."""


@dataclass(frozen=True)
class OrderedRows:
    """Which rows of a file to use, and when they were.

    Attributes
    ----------
    rows
        (interval,) indices of rows, in the order of time.
    time_s
        (interval,) their times, on a clock that runs on over resets.
    interval_s
        Usual distance between rows.
    breaks
        Times at which something ends an uninterrupted part: resets of the clock.
    """

    rows: NDArray[np.intp]
    time_s: Floats
    interval_s: float
    breaks: tuple[float, ...]
    findings: tuple[TraceFinding, ...]


def order_rows(time_s: Floats) -> OrderedRows:
    """Return the rows in the order of time.

    Rows whose time is no number are left out, rows in disorder sorted, times that come twice taken
    once. After a reset of the clock time runs on, one interval after the last row before it.
    """
    findings: list[TraceFinding] = []
    rows = np.flatnonzero(np.isfinite(time_s))
    time = np.asarray(time_s, np.float64)[rows].copy()
    if len(rows) < len(time_s):
        findings.append(
            TraceFinding("not finite", 0.0, 0.0,
                         f"{len(time_s) - len(rows)} rows have a time that is no number; left out")
        )  # fmt: skip
    if len(time) < 2:
        return OrderedRows(rows, time, 1.0, (), tuple(findings))
    steps = np.diff(time)
    interval = float(np.median(steps[steps > 0])) if (steps > 0).any() else 1.0
    time, rows, odd = _without_odd_clocks(time, rows, interval)
    breaks: list[float] = []
    for at in _resets(time, interval):
        offset = time[at - 1] + interval - time[at]
        was = time[at]
        time[at:] += offset
        breaks.append(float(time[at]))
        findings.append(
            TraceFinding("clock reset", float(time[at]), float(time[at]),
                         f"the clock starts anew at {was:.6g} s; time runs on from "
                         f"{time[at]:.6g} s")
        )  # fmt: skip
    late = int((np.diff(time) < 0).sum())
    order = np.argsort(time, kind="stable")
    time, rows = time[order], rows[order]
    kept = np.concatenate([[True], np.diff(time) > 0.01 * interval])
    twice = int((~kept).sum())
    if late or odd or twice:
        told = [
            text
            for number, text in (
                (late, "times earlier than the row before; sorted"),
                (odd, "times far from both neighbours; left out"),
                (twice, "times that come twice; taken once"),
            )
            for text in ([f"{number} {text}"] if number else [])
        ]
        findings.append(
            TraceFinding("times out of order", float(time[0]), float(time[-1]), ", ".join(told))
        )
    return OrderedRows(rows[kept], time[kept], interval, tuple(breaks), tuple(findings))


def _without_odd_clocks(
    time: Floats, rows: NDArray[np.intp], interval: float
) -> tuple[Floats, NDArray[np.intp], int]:
    """Return times without single rows that are far from neighbours which fit each other."""
    if len(time) < 3:
        return time, rows, 0
    before, after = np.diff(time)[:-1], np.diff(time)[1:]
    across = time[2:] - time[:-2]
    odd = (np.abs(across - 2 * interval) < 1.5 * interval) & (
        (before > RESET_INTERVALS * interval) | (after > RESET_INTERVALS * interval)
    )
    kept = np.concatenate([[True], ~odd, [True]])
    return time[kept], rows[kept], int(odd.sum())


def _resets(time: Floats, interval: float) -> list[int]:
    """Return the rows at which the clock starts anew."""
    found = []
    for at in np.flatnonzero(np.diff(time) < -RESET_INTERVALS * interval) + 1:
        following = time[at : at + RESET_INTERVALS]
        if len(following) and (following < time[at - 1]).all() and (np.diff(following) > 0).all():
            found.append(int(at))
    return found
