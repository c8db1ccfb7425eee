"""The audit: what each layer can reach, what data reached, and the room that is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pulsefront.errors import OverflowPossible
from pulsefront.fixed_point.format import (
    MAX_WIDTH,
    Assignment,
    FixedPointFormat,
    Integers,
    Overflow,
    assign,
)
from pulsefront.fixed_point.layers import Conv1d, Dense, assignment_of
from pulsefront.fixed_point.ranges import Step, Tensor, accumulator_reach

if TYPE_CHECKING:
    from pulsefront.fixed_point.model import Arrays, FixedPointModel

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
    """

    layer: str
    kind: str
    proven: tuple[int, int]
    seen: tuple[int, int] | None
    format: FixedPointFormat
    rounding: str | None
    overflow: str | None
    headroom_bits: int

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
                    detail=f"{row.format} holds {row.format.minimum} … {row.format.maximum}",
                )


def audit(model: FixedPointModel, data: Arrays | None = None) -> Audit:
    """Audit *model*, with the ranges that *data* (raw input integers) reached where given."""
    seen: dict[str, tuple[Integers, Integers]] = {}
    if data is not None:
        seen = model.emulator.exact_ranges(model.input_arrays(data))
    rows = []
    for step in model.steps:
        layer = step.layer
        if isinstance(layer, (Dense, Conv1d)) and layer.accumulator is not None:
            rows.append(_accumulator_row(layer, step))
        rows.append(_row(step, seen.get(layer.name)))
    return Audit(model.name, tuple(rows))


def _row(step: Step, seen: tuple[Integers, Integers] | None) -> AuditRow:
    layer, exact = step.layer, step.exact
    to = assignment_of(layer)
    if to is None:
        ends = None if seen is None else (int(seen[0].min()), int(seen[1].max()))
        return AuditRow(
            layer.name, layer.kind, exact.interval, ends, exact.format, None, None, headroom_bits=0
        )
    channel, target = _worst(exact, to)
    fraction = exact.format.fraction
    proven = _rounded(exact.low[..., channel], exact.high[..., channel], fraction, target, to)
    ends = None
    if seen is not None:
        ends = _rounded(seen[0][channel], seen[1][channel], fraction, target, to)
    headroom = _headroom(proven, target)
    return AuditRow(
        layer.name, layer.kind, proven, ends, target, to.rounding, to.overflow, headroom
    )


def _worst(exact: Tensor, to: Assignment) -> tuple[Any, FixedPointFormat]:
    """Return the channel with the least headroom and its format; all channels of one format."""
    if isinstance(to.format, FixedPointFormat):
        return slice(None), to.format
    fraction = exact.format.fraction
    headroom = [
        _headroom(_rounded(exact.low[..., c], exact.high[..., c], fraction, one, to), one)
        for c, one in enumerate(to.format)
    ]
    channel = int(np.argmin(headroom))
    return channel, to.format[channel]


def _rounded(
    low: Any, high: Any, fraction: int, target: FixedPointFormat, to: Assignment
) -> tuple[int, int]:
    wide = FixedPointFormat(MAX_WIDTH, MAX_WIDTH - target.fraction)
    rounded = Assignment(wide, to.rounding, Overflow.SAT)
    return int(assign(low, fraction, rounded).min()), int(assign(high, fraction, rounded).max())


def _headroom(interval: tuple[int, int], target: FixedPointFormat) -> int:
    low, high = interval
    magnitude = max(high, ~low if low < 0 else 0)
    needed = magnitude.bit_length()
    if low < 0 and not target.signed:
        # A negative value needs a sign, whatever the width.
        return min(target.width - needed, 0) - 1
    return target.width - int(target.signed) - needed


def _accumulator_row(layer: Dense | Conv1d, step: Step) -> AuditRow:
    to = layer.accumulator
    assert to is not None
    target = to.container
    reach = accumulator_reach(layer, step.sources[0])
    return AuditRow(
        f"{layer.name}.accumulator",
        "accumulator",
        reach,
        None,
        target,
        to.rounding,
        to.overflow,
        _headroom(reach, target),
    )
