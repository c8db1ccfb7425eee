"""Matrix layers with their rounding as (x · weights + bias) >> shift.

A link is a dense layer (or a convolution's matrix) with what follows it, where that is exact in a
float type: TRN or RND rounding, and saturation or no possible overflow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pulsefront.fixed_point.format import (
    Assignment,
    FixedPointFormat,
    Integers,
    Overflow,
    Rounding,
)
from pulsefront.fixed_point.intervals import number_type, rounded
from pulsefront.fixed_point.layers import LayerStep, MatrixLayer
from pulsefront.fixed_point.layers.base import Fusion
from pulsefront.fixed_point.tensors import Tensor

__all__ = ["Link", "links_of"]


@dataclass(frozen=True, eq=False)
class Link:
    """One matrix product: (x · weights + bias) >> shift, limited to low … high.

    *bias* holds the half of RND rounding too. In a float type the same is
    floor(x · weights · scale + offset). ``magnitude`` bounds every number on the way. ``layer``
    makes the rows x from the tensor ``source``; ``result`` is the tensor that the link gives.
    """

    layer: MatrixLayer
    source: Tensor
    result: Tensor
    weights: Integers
    bias: Integers
    shift: int
    low: int
    high: int
    magnitude: int

    @property
    def scale(self) -> float:
        """The shift as a factor."""
        return 2.0**-self.shift

    @property
    def offset(self) -> npt.NDArray[np.float64]:
        """The bias after the shift, with its fraction."""
        return self.bias.astype(np.float64) * self.scale

    @property
    def narrow(self) -> bool:
        """Whether inputs and weights of 16 bits and sums of 32 carry it."""
        fits = bool(np.all(np.abs(self.weights) < 1 << 15))
        return fits and self.shift < 32 and self.magnitude < 1 << 31


@dataclass(frozen=True)
class _End:
    """How a link's sums are rounded and limited: RND's *half*, the *shift*, and both limits."""

    half: int
    shift: int
    low: int
    high: int


def links_of(steps: Sequence[LayerStep], outputs: Sequence[str]) -> list[Link | LayerStep]:
    """Return the steps in order, each matrix with what may be fused to it as a link."""
    readers: dict[str, int] = dict.fromkeys(outputs, 1)
    for step in steps:
        for name in step.layer.inputs:
            readers[name] = readers.get(name, 0) + 1
    found: list[Link | LayerStep] = []
    rest = list(steps)
    while rest:
        step = rest.pop(0)
        if not isinstance(step.layer, MatrixLayer):
            found.append(step)
            continue
        link = None
        after = rest[0] if rest else None
        if (
            after is not None
            and after.layer.fusion is not None
            and after.layer.inputs == (step.layer.name,)
            and readers[step.layer.name] == 1
            and step.layer.to is None
        ):
            link = _link(step.layer, step, after, after.layer.fusion)
        if link is not None:
            rest.pop(0)
        else:
            link = _link(step.layer, step, step, Fusion())
        found.append(link or step)
    return found


def _link(layer: MatrixLayer, step: LayerStep, last: LayerStep, fusion: Fusion) -> Link | None:
    """Return *layer* as a link that ends with the layer of *last*; None where not exact."""
    if layer.accumulator is not None:
        return None
    end = _end(step, last.layer.assignment, fusion)
    if end is None:
        return None
    # A left shift scales the sum: what must be exact is then the scaled one.
    magnitude = (step.magnitude + end.half) << max(-end.shift, 0)
    magnitude = max(magnitude, abs(end.low), end.high)
    if end.shift > 60 or number_type(magnitude) is np.int64:
        return None
    weights, bias = layer.constants(step)
    # To the left is a factor of the weights; what no input reaches may be too large for it.
    left = max(-end.shift, 0)
    if left and int(np.abs(weights).max()).bit_length() + left > 62:
        return None
    weights, bias = weights << left, (bias << left) + end.half
    shift = max(end.shift, 0)
    source, result = step.sources[0], last.result
    return Link(layer, source, result, weights, bias, shift, end.low, end.high, magnitude)


def _end(step: LayerStep, to: Assignment | None, fusion: Fusion) -> _End | None:
    """Return how the sums of *step* end; None where an exact float type cannot express it."""
    if to is None:
        low = -step.magnitude if fusion.lowest is None else fusion.lowest
        return _End(0, 0, low, step.magnitude)
    if to.per_channel or to.rounding not in (Rounding.TRN, Rounding.RND):
        return None
    target = to.container
    saturates = to.overflow in (Overflow.SAT, Overflow.SAT_SYM)
    if not saturates and not _fits(step, target, to.rounding, fusion):
        return None
    shift = step.exact.format.fraction - target.fraction
    half = (1 << (shift - 1)) if shift > 0 and to.rounding is Rounding.RND else 0
    symmetric = to.overflow is Overflow.SAT_SYM
    low = target.symmetric_minimum if symmetric else target.minimum
    if fusion.lowest is not None:
        low = max(low, fusion.lowest)
    return _End(half, shift, low, target.maximum)


def _fits(step: LayerStep, target: FixedPointFormat, rounding: Rounding, fusion: Fusion) -> bool:
    """Whether the exact result, rounded, is within the format: then overflow never happens."""
    low, high = step.exact.low, step.exact.high
    if fusion.lowest is not None:
        low, high = np.maximum(low, fusion.lowest), np.maximum(high, fusion.lowest)
    fraction = step.exact.format.fraction
    lowest, highest = (rounded(end, fraction, target.fraction, rounding) for end in (low, high))
    return target.holds(int(lowest.min()), int(highest.max()))
