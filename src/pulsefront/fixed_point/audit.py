"""The audit: what each layer can reach, what data reached, and the room that is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pulsefront.errors import OverflowPossible
from pulsefront.fixed_point.emulator.seen import Seen, seen_ranges
from pulsefront.fixed_point.format import Assignment, FixedPointFormat, Overflow
from pulsefront.fixed_point.intervals import rounded
from pulsefront.fixed_point.layers import LayerStep
from pulsefront.fixed_point.layers.base import InnerAssignment
from pulsefront.fixed_point.specification import Arrays, Specification
from pulsefront.fixed_point.tensors import Tensor

__all__ = ["Audit", "AuditRow", "audit"]


@dataclass(frozen=True)
class AuditRow:
    """One layer of an audit.

    All intervals are raw integers at the fraction of *format*, after rounding and before overflow.

    Attributes
    ----------
    proven
        Smallest and largest integer that weights and input range allow.
    seen
        The same in the data that was audited; None without data.
    format, rounding, overflow
        Of the assignment; *overflow* is None where every bit is kept.
    headroom_bits
        Integer bits that the format has beyond the proven interval; negative: bits that are
        missing, so that overflow can happen.
    missing_bits
        Integer bits that would make every overflow impossible; 0 where none can happen.
    reads
        The tensors that the layer reads, with the proven range of each.
    """

    layer: str
    kind: str
    proven: tuple[int, int]
    seen: tuple[int, int] | None
    format: FixedPointFormat
    rounding: str | None
    overflow: str | None
    headroom_bits: int
    reads: str = ""

    @property
    def missing_bits(self) -> int:
        """Integer bits that would cure an overflow; 0 where none can happen."""
        return max(-self.headroom_bits, 0)

    @property
    def can_overflow(self) -> bool:
        """Whether an input within its declared range can leave the format."""
        return self.headroom_bits < 0

    @property
    def can_wrap(self) -> bool:
        """Whether an overflow would wrap around."""
        return self.can_overflow and self.overflow == Overflow.WRAP


@dataclass(frozen=True)
class Audit:
    """The audit of a model, one row per layer; accumulators have rows of their own."""

    model: str
    rows: tuple[AuditRow, ...]

    def refuse_wrap(self, allowed: tuple[str, ...] = ()) -> None:
        """Raise where a layer can wrap that is not named in *allowed*.

        Raises
        ------
        OverflowPossible
            Names the layer, its proven interval, and the bits that would cure it.
        """
        for row in self.rows:
            if row.can_wrap and row.layer not in allowed:
                raise OverflowPossible(
                    row.layer,
                    interval=row.proven,
                    missing_bits=row.missing_bits,
                    detail=f"{row.format} holds {row.format.minimum} … {row.format.maximum}, "
                    f"and the layer reads {row.reads}",
                )


def audit(model: Specification, data: Arrays | None = None) -> Audit:
    """Audit *model*, with the ranges that *data* (raw input integers) reached where given."""
    seen = {} if data is None else seen_ranges(model.steps, model.input_arrays(data))
    rows = []
    for step in model.steps:
        rows += [_inner_row(step, inner) for inner in step.layer.inner_assignments(step.sources)]
        rows.append(_row(step, seen.get(step.layer.name)))
    return Audit(model.name, tuple(rows))


def _row(step: LayerStep, seen: Seen | None) -> AuditRow:
    layer, exact = step.layer, step.exact
    to = layer.assignment
    if to is None:
        ends = None if seen is None else (int(seen.low.min()), int(seen.high.max()))
        return AuditRow(
            layer.name, layer.kind, exact.interval, ends, exact.format, None, None, 0, _reads(step)
        )
    channel, target = _worst(exact, to)
    fraction = exact.format.fraction
    proven = _rounded(exact.low[..., channel], exact.high[..., channel], fraction, target, to)
    ends = None
    if seen is not None:
        ends = _rounded(seen.low[channel], seen.high[channel], fraction, target, to)
    headroom = _headroom(proven, target)
    modes = str(to.rounding), str(to.overflow)
    return AuditRow(layer.name, layer.kind, proven, ends, target, *modes, headroom, _reads(step))


def _inner_row(step: LayerStep, inner: InnerAssignment) -> AuditRow:
    target = inner.to.container
    return AuditRow(
        f"{step.layer.name}.{inner.label}",
        inner.label,
        inner.reach,
        None,
        target,
        str(inner.to.rounding),
        str(inner.to.overflow),
        _headroom(inner.reach, target),
        _reads(step),
    )


def _reads(step: LayerStep) -> str:
    """Return what a layer reads, and within which proven range."""
    parts = []
    for source in step.sources:
        low, high = source.interval
        parts.append(f"{source.name!r} within {low} … {high} of {source.format}")
    return " and ".join(parts)


def _worst(exact: Tensor, to: Assignment) -> tuple[Any, FixedPointFormat]:
    """Return the channel with the least headroom and its format; all channels of one format."""
    if not to.per_channel:
        return slice(None), to.container
    fraction = exact.format.fraction
    headroom = [
        _headroom(_rounded(exact.low[..., c], exact.high[..., c], fraction, one, to), one)
        for c, one in enumerate(to.formats)
    ]
    channel = int(np.argmin(headroom))
    return channel, to.formats[channel]


def _rounded(
    low: Any, high: Any, fraction: int, target: FixedPointFormat, to: Assignment
) -> tuple[int, int]:
    lowest, highest = (rounded(end, fraction, target.fraction, to.rounding) for end in (low, high))
    return int(lowest.min()), int(highest.max())


def _bits(interval: tuple[int, int]) -> int:
    """Return the bits that an interval needs, without the sign."""
    low, high = interval
    return max(high, ~low if low < 0 else 0).bit_length()


def _headroom(interval: tuple[int, int], target: FixedPointFormat) -> int:
    low, _ = interval
    needed = _bits(interval)
    if low < 0 and not target.signed:
        # A negative value needs a sign, whatever the width.
        return min(target.width - needed, 0) - 1
    return target.width - int(target.signed) - needed
