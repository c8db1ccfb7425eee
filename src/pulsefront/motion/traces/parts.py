"""Cut a trace where something other than the patient changed it: gaps, beds, dead detectors.

What lies on either side of a cut is never compared, so that none of it can be taken for motion.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from pulsefront.motion.traces.trace import MotionTrace, TraceFinding

__all__ = ["TracePart", "cut_trace"]

Floats = NDArray[np.float64]

GAP_INTERVALS = 3.5
GAP_S = 3.5
"""A hole that is longer than both ends a part; over a shorter one the drift is carried on."""

BED_STEP_MM = 25.0
"""A jump along z that is larger is the table's, where the file does not say where the bed is."""

RATE_STEP = 0.04
RATE_STEP_PER_MM = 0.015
"""A sudden change of the rate by more than 4 %, and by more than 1.5 % per mm that the centre moves
with it, is no patient's: moving an object that the ring sees as a whole changes its rate by less
than 2 / length of the ring, 0.8 % per mm for 250 mm."""

RATE_QUICK_PER_S = 0.02
QUICK_S = 5.0
"""A rate that changes by 2 % in every second for 5 s or more: the tracer arrives, or is gone."""

SIGNIFICANT = 8.0
DEAD_SHARE = 0.5
"""A part of the scanner whose share of the counts falls below half of what it was is dead."""

STUCK_INTERVALS = 20
"""Rows of one and the same number that are no coincidence."""

LONE = 8.0
"""Errors by which one interval lies off both neighbours to be left out as a bad one."""


@dataclass(frozen=True)
class TracePart:
    """An uninterrupted part of a trace; ``usable`` is False where the tracer came too
    quickly, or the centre is stuck."""

    trace: MotionTrace
    usable: bool = True


def cut_trace(
    trace: MotionTrace, breaks: tuple[float, ...] = ()
) -> tuple[tuple[TracePart, ...], tuple[TraceFinding, ...]]:
    """Return the parts of *trace* that can be looked at, and what was found on the way.

    Parameters
    ----------
    breaks
        Times at which a part ends for reasons that the reader knows.
    """
    findings: list[TraceFinding] = []
    empty = ~(trace.trues > 0) | ~np.isfinite(trace.centre_mm).all(axis=1)
    findings += _told_runs(trace, empty, "no counts", "no counts, or no centre")
    cuts = {float(at) for at in breaks}
    cuts |= _bed_changes(trace, findings)
    kept = trace.select(~empty)
    if len(kept) < 3:
        return (), tuple(findings)
    stuck = _stuck(kept, findings)
    cuts |= _gaps(kept, trace, empty, findings)
    cuts |= _jumps_along_z(kept, findings, cuts)
    quick = _quick_rates(kept, findings)
    cuts |= _dead_views(kept, findings, quick)
    cuts |= _rate_steps(kept, findings, cuts, quick)
    edges = sorted({0, len(kept), *np.searchsorted(kept.time_s, sorted(cuts)).tolist(),
                    *(np.flatnonzero(np.diff(quick.astype(int))) + 1).tolist()})  # fmt: skip
    parts = []
    for first, last in pairwise(edges):
        if last > first:
            part, lone = _without_lone(kept.select(slice(first, last)))
            findings += lone
            parts.append(TracePart(part, not (bool(quick[first]) or stuck)))
    return tuple(parts), tuple(sorted(findings, key=lambda one: (one.start_s, one.kind)))


def _stuck(kept: MotionTrace, findings: list[TraceFinding]) -> bool:
    """Return whether the centre is the same number in all rows, which nothing measured is.

    One axis of which this is so is told; the others are looked at.
    """
    same = (kept.centre_mm == kept.centre_mm[0]).all(axis=0)
    if len(kept) < STUCK_INTERVALS or not same.any():
        return False
    axes = ", ".join(axis for axis, is_so in zip("xyz", same, strict=True) if is_so)
    findings.append(
        TraceFinding("centre stuck", float(kept.time_s[0]), kept.stop_s,
                     f"{axes} of the centre is the same number in all {len(kept)} intervals: a "
                     "column that was filled in, or a scanner that stands")
    )  # fmt: skip
    return bool(same.all())


def _told_runs(
    trace: MotionTrace, flags: NDArray[np.bool_], kind: str, text: str
) -> list[TraceFinding]:
    """Return a finding for each stretch of flagged intervals."""
    return [
        TraceFinding(kind, float(trace.time_s[a]),
                     float(trace.time_s[b - 1] + trace.duration_s[b - 1]),
                     f"{text} in {b - a} interval{'' if b - a == 1 else 's'}")
        for a, b in _runs(flags)
    ]  # fmt: skip


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(int)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _bed_changes(trace: MotionTrace, findings: list[TraceFinding]) -> set[float]:
    cuts = set()
    for at in np.flatnonzero(np.diff(trace.bed)) + 1:
        when = float(trace.time_s[at])
        cuts.add(when)
        findings.append(
            TraceFinding("bed change", when, when,
                         f"the bed goes from position {trace.bed[at - 1]} to {trace.bed[at]}")
        )  # fmt: skip
    return cuts


def _gaps(
    kept: MotionTrace, whole: MotionTrace, empty: NDArray[np.bool_], findings: list[TraceFinding]
) -> set[float]:
    cuts = set()
    ends = kept.time_s + kept.duration_s
    interval = kept.interval_s
    for at in np.flatnonzero(kept.time_s[1:] - ends[:-1] > 0.5 * interval) + 1:
        hole = float(kept.time_s[at] - ends[at - 1])
        inside = (whole.time_s >= ends[at - 1] - 0.01 * interval) & (whole.time_s < kept.time_s[at])
        if not (inside & empty).any():
            findings.append(
                TraceFinding("gap", float(ends[at - 1]), float(kept.time_s[at]),
                             f"{hole:.6g} s without a row")
            )  # fmt: skip
        if hole > GAP_S and hole > GAP_INTERVALS * interval:
            cuts.add(float(kept.time_s[at]))
    return cuts


def _around(values: Floats, width: int) -> tuple[Floats, Floats]:
    """Return medians of the *width* rows before each row, and of those from it on."""
    padded = np.concatenate([np.repeat(values[:1], width, 0), values,
                             np.repeat(values[-1:], width, 0)])  # fmt: skip
    windows = np.lib.stride_tricks.sliding_window_view(padded, width, axis=0)
    middle = np.median(windows, axis=-1)
    return middle[: len(values)], middle[width : width + len(values)]


def _jumps_along_z(kept: MotionTrace, findings: list[TraceFinding], cuts: set[float]) -> set[float]:
    before, after = _around(kept.centre_mm[:, 2], 3)
    jump = np.abs(after - before)
    found = set()
    for a, b in _runs(jump > BED_STEP_MM):
        at = a + int(np.argmax(np.abs(np.diff(kept.centre_mm[a - 1 : b, 2])))) if a else a
        when = float(kept.time_s[at])
        if any(abs(when - cut) < 3 * kept.interval_s for cut in cuts):
            continue
        found.add(when)
        if b - a > 6:  # the table is on its way for a while
            found.add(float(kept.time_s[min(b, len(kept) - 1)]))
        findings.append(
            TraceFinding("bed change", when, when,
                         f"the centre jumps by {jump[a:b].max():.0f} mm along z: more than "
                         f"{BED_STEP_MM:g} mm are the table's")
        )  # fmt: skip
    return found


def _log_rate(kept: MotionTrace) -> Floats:
    return np.asarray(np.log(np.maximum(kept.rate_per_s, 1e-9)))


def _quick_rates(kept: MotionTrace, findings: list[TraceFinding]) -> NDArray[np.bool_]:
    """Return (interval,) whether the rate changes too quickly, for too long, to be looked at."""
    width = max(round(QUICK_S / kept.interval_s), 2)
    quick = np.zeros(len(kept), np.bool_)
    if len(kept) <= 2 * width:
        return quick
    change = np.abs(_log_rate(kept)[width:] - _log_rate(kept)[:-width])
    error = np.sqrt(
        1 / np.maximum(kept.counts[width:], 1) + 1 / np.maximum(kept.counts[:-width], 1)
    )
    seconds = kept.time_s[width:] - kept.time_s[:-width]
    over = (change > RATE_QUICK_PER_S * seconds) & (change > 5 * error)
    # A sudden step is over within one interval; only what goes on for longer counts.
    single = np.abs(np.diff(_log_rate(kept)))
    largest = median_filter(single, size=3)  # of three neighbours the middle one: steps are alone
    steady = np.array([
        largest[i : i + width].sum() > 0.5 * change[i] for i in range(len(change))
    ])  # fmt: skip
    for a, b in _runs(over & steady):
        if b - a >= width // 2:
            quick[a : b + width] = True
    text = "the rate changes by more than 2 % in a second (the tracer arrives?)"
    findings += _told_runs(kept, quick, "rate changes quickly", text)
    return quick


def _dead_views(
    kept: MotionTrace, findings: list[TraceFinding], quick: NDArray[np.bool_]
) -> set[float]:
    """Return when parts of the scanner fell silent or came back."""
    cuts: set[float] = set()
    if kept.views.shape[1] < 2:
        return cuts
    share = kept.views / np.maximum(kept.views.sum(axis=1, keepdims=True), 1)
    # Not the median: a part may be dead for most of the scan.
    usual = np.quantile(share, 0.9, axis=0)
    enough = kept.views.sum(axis=1)[:, None] * usual > 50
    low = (share < DEAD_SHARE * usual) & enough & ~quick[:, None]
    for view in np.flatnonzero(low.any(axis=0)):
        for a, b in _runs(low[:, view]):
            begin = float(kept.time_s[a])
            end = float(kept.time_s[b - 1] + kept.duration_s[b - 1])
            cuts |= {begin, end}
            findings.append(
                TraceFinding("dead channels", begin, end,
                             f"part {view} of the scanner counts "
                             f"{100 * share[a:b, view].mean() / max(usual[view], 1e-12):.0f} % of "
                             "its usual share")
            )  # fmt: skip
    return cuts


def _rate_steps(
    kept: MotionTrace, findings: list[TraceFinding], cuts: set[float], quick: NDArray[np.bool_]
) -> set[float]:
    """Return when the rate suddenly changed more than a patient who moves can change it."""
    width = max(4, round(QUICK_S / kept.interval_s))
    if len(kept) < 4 * width:
        return set()
    before, after = _around(_log_rate(kept), width)
    change = after - before
    drift = median_filter(change, size=min(61, len(change) // 2 * 2 - 1))
    change = change - drift
    # Where the rate rises and falls with every breath, only what stands out of that is a step.
    usual = SIGNIFICANT * 1.4826 * np.median(np.abs(change))
    error = np.sqrt(2 * 1.57 / (width * np.maximum(kept.counts, 1)))
    place_before, place_after = _around(kept.centre_mm, width)
    moved = np.linalg.norm(place_after - place_before, axis=1)
    over = (np.abs(change) > np.maximum(RATE_STEP, RATE_STEP_PER_MM * moved)) & (
        np.abs(change) > np.maximum(SIGNIFICANT * error, usual)
    )
    found = set()
    for a, b in _runs(over & ~quick):
        at = a + int(np.argmax(np.abs(change[a:b])))
        when = float(kept.time_s[at])
        if any(abs(when - cut) <= 2 * width * kept.interval_s for cut in cuts):
            continue
        found.add(when)
        findings.append(
            TraceFinding("rate step", when, when,
                         f"the rate changes by {100 * np.expm1(change[at]):+.1f} % at once while "
                         f"the centre moves {moved[at]:.2f} mm: dead channels or another object, "
                         "no patient who moves")
        )  # fmt: skip
    return found


def _without_lone(part: MotionTrace) -> tuple[MotionTrace, list[TraceFinding]]:
    """Return the part without single intervals that lie far off both neighbours."""
    if len(part) < 5:
        return part, []
    error = part.error_mm
    if not np.isfinite(error).all():
        scatter = 1.4826 * np.median(np.abs(np.diff(part.centre_mm, axis=0)), axis=0) / np.sqrt(2)
        error = np.broadcast_to(np.maximum(scatter, 1e-4), part.centre_mm.shape)
    middle = (part.centre_mm[:-2] + part.centre_mm[2:]) / 2
    off = np.abs(part.centre_mm[1:-1] - middle) / (error[1:-1] * np.sqrt(1.5))
    apart = np.abs(part.centre_mm[2:] - part.centre_mm[:-2]) / (error[1:-1] * np.sqrt(2))
    lone = ((off > LONE) & (apart < 0.25 * off)).any(axis=1) & (apart < LONE).all(axis=1)
    if lone.mean() > 0.02:
        return part, []
    flags = np.concatenate([[False], lone, [False]])
    told = _told_runs(part, flags, "bad interval", "the centre lies far off both neighbours")
    return replace(part.select(~flags)), told
