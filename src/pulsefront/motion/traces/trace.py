"""A trace: what a scan says of where its tracer is, interval after interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError

__all__ = ["AXES", "MotionTrace", "TraceFinding", "make_trace", "rebin"]

AXES = ("x", "y", "z")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TraceFinding:
    """Something in the data that is not motion, and must not be taken for it.

    Attributes
    ----------
    kind
        ``gap``, ``clock reset``, ``bed change``, ``dead channels``, ``no counts``,
        ``times out of order``, ``rate step``, ``rate changes quickly``, ``not finite``.
    start_s, stop_s
        When, on the clock of the trace.
    text
        What it is, in one sentence.
    """

    kind: str
    start_s: float
    stop_s: float
    text: str


@dataclass(frozen=True)
class MotionTrace:
    """Counts and centre of distribution over time.

    Attributes
    ----------
    time_s, duration_s
        (interval,) begin and length of each interval; begins increase.
    counts
        (interval,) prompt coincidences.
    randoms
        (interval,) random coincidences among them (delayed window); NaN where not known.
    centre_mm
        (interval, axis) mean place of the true coincidences; NaN where there are none.
    spread_mm
        (interval, axis) standard deviation of the place of one coincidence; NaN where not known.
    error_mm
        (interval, axis) standard error of ``centre_mm``; NaN where not known.
    views
        (interval, view) counts of parts of the scanner (modules, sectors); (interval, 0) where not
        known.
    bed
        (interval,) number of the position of the bed.
    findings
        What was seen to be wrong while the trace was made.
    provenance
        Where it comes from: plain JSON values.

    Raises
    ------
    DataError
        Arrays differ in length, or times do not increase.
    """

    time_s: Floats
    duration_s: Floats
    counts: Floats
    centre_mm: Floats
    randoms: Floats
    spread_mm: Floats
    error_mm: Floats
    views: Floats
    bed: NDArray[np.int64]
    findings: tuple[TraceFinding, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {name: len(getattr(self, name)) for name in _ARRAYS}
        if len(set(lengths.values())) != 1:
            raise DataError("arrays of a trace differ in length", field="trace", value=lengths)
        if len(self) > 1 and not (np.diff(self.time_s) > 0).all():
            raise DataError("times of a trace must increase", field="time_s")

    def __len__(self) -> int:
        return len(self.time_s)

    @property
    def interval_s(self) -> float:
        """Return the usual length of an interval."""
        return float(np.median(self.duration_s)) if len(self) else 0.0

    @property
    def trues(self) -> Floats:
        """Return (interval,) prompts less randoms; prompts where randoms are not known."""
        return np.asarray(self.counts - np.nan_to_num(self.randoms))

    @property
    def rate_per_s(self) -> Floats:
        """Return (interval,) prompts per second."""
        return np.asarray(self.counts / self.duration_s)

    @property
    def stop_s(self) -> float:
        """Return the end of the last interval."""
        return float(self.time_s[-1] + self.duration_s[-1]) if len(self) else 0.0

    def select(self, intervals: NDArray[Any] | slice) -> MotionTrace:
        """Return the intervals that a mask, indices or a slice pick."""
        return replace(self, **{name: getattr(self, name)[intervals] for name in _ARRAYS})

    def with_findings(self, *findings: TraceFinding) -> MotionTrace:
        """Return the trace with more findings, in the order of time."""
        every = sorted((*self.findings, *findings), key=lambda one: (one.start_s, one.kind))
        return replace(self, findings=tuple(every))


_ARRAYS = (
    "time_s",
    "duration_s",
    "counts",
    "centre_mm",
    "randoms",
    "spread_mm",
    "error_mm",
    "views",
    "bed",
)


def make_trace(
    time_s: Floats,
    duration_s: Floats,
    counts: Floats,
    centre_mm: Floats,
    *,
    randoms: Floats | None = None,
    spread_mm: Floats | None = None,
    error_mm: Floats | None = None,
    views: Floats | None = None,
    bed: NDArray[np.int64] | None = None,
    findings: tuple[TraceFinding, ...] = (),
    provenance: Mapping[str, Any] | None = None,
) -> MotionTrace:
    """Return a trace; where the errors of the centre are not given, spread and counts tell them.

    Then the error is spread·√prompts / trues: as if randoms were spread like trues.
    """
    count = len(time_s)
    unknown = np.full((count, 3), np.nan)
    known = np.full(count, np.nan) if randoms is None else randoms
    spread = unknown if spread_mm is None else spread_mm
    trues = counts - np.nan_to_num(known)
    with np.errstate(divide="ignore", invalid="ignore"):
        told = spread * np.where(trues > 0, np.sqrt(counts) / trues, np.nan)[:, None]
    return MotionTrace(
        time_s=time_s,
        duration_s=duration_s,
        counts=counts,
        centre_mm=np.where((trues > 0)[:, None], centre_mm, np.nan),
        randoms=known,
        spread_mm=spread,
        error_mm=told if error_mm is None else error_mm,
        views=np.zeros((count, 0)) if views is None else views,
        bed=np.zeros(count, np.int64) if bed is None else bed,
        findings=findings,
        provenance=dict(provenance or {}),
    )


def rebin(trace: MotionTrace, count: int) -> MotionTrace:
    """Return the trace with *count* neighbouring intervals joined into one.

    What is left over at the end is left out. Intervals without counts weigh nothing.
    """
    whole = len(trace) // count * count
    if count == 1 or whole == 0:
        return trace
    shape = (whole // count, count)

    def summed(values: Floats) -> Floats:
        return np.asarray(values[:whole].reshape(*shape, *values.shape[1:]).sum(axis=1))

    weight = np.maximum(trace.trues, 0.0)
    place = np.nan_to_num(trace.centre_mm)
    total = summed(weight)
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = summed(place * weight[:, None]) / total[:, None]
        squares = summed(np.nan_to_num(trace.spread_mm) ** 2 * weight[:, None]) / total[:, None]
        error = (
            np.sqrt(summed((np.nan_to_num(trace.error_mm) * weight[:, None]) ** 2))
            / (total[:, None])
        )
    known_spread = bool(np.isfinite(trace.spread_mm).any())
    known_error = bool(np.isfinite(trace.error_mm).any())
    return replace(
        trace,
        time_s=trace.time_s[:whole:count],
        duration_s=summed(trace.duration_s),
        counts=summed(trace.counts),
        randoms=summed(trace.randoms),
        centre_mm=centre,
        spread_mm=np.sqrt(squares) if known_spread else np.full((shape[0], 3), np.nan),
        error_mm=error if known_error else np.full((shape[0], 3), np.nan),
        views=summed(trace.views),
        bed=trace.bed[:whole:count],
    )
