"""Coincidences into the sums of their intervals, one after the other, in bounded memory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.motion.traces.sums import SUMS, add_place

__all__ = ["Accumulator", "IntervalSums", "add_events"]

Floats = NDArray[np.float64]

RESET_S = 10.0
"""A clock that falls back by more, or leaps by more than an hour, may have been started anew."""

LEAP_S = 3600.0
RESET_EVENTS = 1000
"""So many events in a row have to say so; fewer are taken for damage and left out."""

LIGHT_MM_PER_PS = 0.299792458


class IntervalSums(NamedTuple):
    """IntervalSums per interval, and parts of the scanner.

    Attributes
    ----------
    place
        (interval, 14), see `pulsefront.motion.traces.sums`.
    views
        (interval, view) ends of prompts.
    """

    place: Floats
    views: Floats


@njit(nogil=True, cache=True)
def add_events(
    time_s: Floats, ends: Floats, first: NDArray[np.int64], second: NDArray[np.int64],
    difference_ps: Floats, delayed: NDArray[np.bool_], usable: NDArray[np.bool_],
    view_of: NDArray[np.int64], interval_s: float, field_mm: float, with_tof: bool,  # noqa: FBT001
    sums: Floats, views: Floats, clock: Floats, counted: NDArray[np.int64], resets: Floats,
) -> int:  # fmt: skip
    """Add events to the sums; return how many fitted before an interval beyond the last was met.

    Parameters
    ----------
    ends
        (end, axis) places in mm; ``first`` and ``second`` (event,) say which, −1 for none.
    clock
        Latest time, offset, begin, consecutive events that do not fit, and whether it runs.
    counted
        Events outside the field, unusable, out of time, resets; added to.
    resets
        Times at which the clock was started anew, filled.

    Notes
    -----
    With time of flight the place is the middle of the line + ½·c·(t₀ − t₁) towards end 1. Without,
    it is twice the foot of the perpendicular from the axis in x and y, and z there: lines through p
    in all directions of the plane have feet whose mean is p/2.
    """
    place = np.zeros(3)
    for i in range(len(time_s)):
        a, b = first[i], second[i]
        if not usable[i] or a < 0 or b < 0:
            counted[1] += 1
            continue
        t = time_s[i] + clock[1]
        if clock[4] == 0.0:
            clock[0], clock[2], clock[4] = t, t, 1.0
        if t < clock[0] - RESET_S or t > clock[0] + LEAP_S:
            clock[3] += 1
            counted[2] += 1
            if clock[3] < RESET_EVENTS:
                continue
            counted[2] -= RESET_EVENTS
            if counted[3] < len(resets):
                resets[counted[3]] = clock[0] + interval_s - clock[2]
            counted[3] += 1
            clock[1] += clock[0] + interval_s - t
            t = clock[0] + interval_s
        clock[3] = 0.0
        row = int(np.floor((t - clock[2]) / interval_s))
        if row < 0:
            counted[2] += 1
            continue
        if row >= len(sums):
            return i
        clock[0] = max(clock[0], t)
        dx, dy, dz = ends[b, 0] - ends[a, 0], ends[b, 1] - ends[a, 1], ends[b, 2] - ends[a, 2]
        mx, my, mz = (
            (ends[b, 0] + ends[a, 0]) / 2, (ends[b, 1] + ends[a, 1]) / 2,
            (ends[b, 2] + ends[a, 2]) / 2,
        )  # fmt: skip
        if with_tof:
            length = np.sqrt(dx * dx + dy * dy + dz * dz)
            share = difference_ps[i] * (LIGHT_MM_PER_PS / 2) / length if length > 0 else 0.0
            place[0], place[1], place[2] = mx + share * dx, my + share * dy, mz + share * dz
            far = place[0] ** 2 + place[1] ** 2
        else:
            plane = dx * dx + dy * dy
            share = -(mx * dx + my * dy) / plane if plane > 0 else 0.0
            fx, fy = mx + share * dx, my + share * dy
            place[0], place[1], place[2] = 2 * fx, 2 * fy, mz + share * dz
            far = fx * fx + fy * fy
        if not far <= field_mm * field_mm:  # also where it is no number
            counted[0] += 1
            continue
        add_place(sums[row], place, delayed[i])
        if not delayed[i] and views.shape[1] > 0:
            views[row, view_of[a]] += 1
            views[row, view_of[b]] += 1
    return len(time_s)


class Accumulator:
    """IntervalSums of a scan while it is read; room grows with its length, not with its events."""

    def __init__(self, interval_s: float, field_mm: float, views: int) -> None:
        self.interval_s = interval_s
        self.field_mm = field_mm
        self.sums = IntervalSums(np.zeros((256, SUMS)), np.zeros((256, views)))
        self.clock = np.zeros(5)
        self.counted = np.zeros(4, np.int64)
        self.resets = np.zeros(64)

    def add(
        self,
        time_s: Floats,
        ends: Floats,
        pairs: NDArray[np.int64],
        view_of: NDArray[np.int64],
        *,
        difference_ps: Floats | None,
        delayed: NDArray[np.bool_],
        usable: NDArray[np.bool_],
    ) -> None:
        """Add events; *pairs* (event, 2) are rows of *ends* (end, axis)."""
        with_tof = difference_ps is not None
        differences = np.zeros(len(time_s)) if difference_ps is None else difference_ps
        first = np.ascontiguousarray(pairs[:, 0])
        second = np.ascontiguousarray(pairs[:, 1])
        done = 0
        while True:
            here = slice(done, None)
            done += add_events(
                time_s[here], ends, first[here], second[here], differences[here], delayed[here],
                usable[here], view_of, self.interval_s, self.field_mm, with_tof,
                self.sums.place, self.sums.views, self.clock, self.counted, self.resets,
            )  # fmt: skip
            if done >= len(time_s):
                return
            place, views = self.sums
            self.sums = IntervalSums(
                np.concatenate([place, np.zeros_like(place)]),
                np.concatenate([views, np.zeros_like(views)]),
            )

    @property
    def intervals(self) -> int:
        """Return how many intervals have begun."""
        if self.clock[4] == 0:
            return 0
        return int(np.floor((self.clock[0] - self.clock[2]) / self.interval_s)) + 1
