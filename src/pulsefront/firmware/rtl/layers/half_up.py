"""Rounding half up that costs nothing: half an output step goes into the constants of the sums.

Rounding half up is ⌊x + ½⌋, and a layer's bias is a constant of its sums already. A ReLU between
the two changes nothing: rounding never decreases where its argument does not, so that
max(⌊x + ½⌋, 0) is max(x, 0) rounded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pulsefront.firmware.rtl.layers.assign import rounding_shift
from pulsefront.fixed_point.format import Assignment, Integers, Rounding, by_channel
from pulsefront.fixed_point.layers import LayerStep, Quantize, Relu
from pulsefront.fixed_point.layers.matrix import MatrixLayer
from pulsefront.fixed_point.specification import Specification

__all__ = ["HalfUp", "half_up"]


@dataclass(frozen=True, eq=False)
class HalfUp:
    """What is added to each channel of a layer's sums, at their fraction, shape (channel,).

    *reader* is the layer that rounds: the one with the sums itself, or the only one that reads it.
    """

    reader: str
    steps: Integers


def half_up(model: Specification) -> dict[str, HalfUp]:
    """Return, by layer with weights, what makes of its rounding a cut of bits.

    A layer is left out where it is not rounded half up, or not only once.
    """
    found = {}
    for step in model.steps:
        if not isinstance(step.layer, MatrixLayer):
            continue
        reader = step if step.layer.assignment is not None else _only_reader(model, step)
        if reader is None or reader.layer.assignment is None:
            continue
        steps = _halves(step, reader.layer.assignment)
        if steps is not None:
            found[step.layer.name] = HalfUp(reader.layer.name, steps)
    return found


def _only_reader(model: Specification, step: LayerStep) -> LayerStep | None:
    """Return the one layer that rounds the result of *step*; None where there is no such one."""
    name = step.layer.name
    readers = [one for one in model.steps if any(source.name == name for source in one.sources)]
    if name in model.outputs or len(readers) != 1:
        return None
    return readers[0] if isinstance(readers[0].layer, Relu | Quantize) else None


def _halves(step: LayerStep, to: Assignment) -> Integers | None:
    exact = step.exact.format
    formats = by_channel(to.format, step.exact.shape[-1])
    shifts = [rounding_shift(exact, one) for one in formats]
    # Half a step that is as large as the sums themselves would make them wider.
    if to.rounding is not Rounding.RND or not all(shift < exact.width for shift in shifts):
        return None
    halves = [1 << (shift - 1) if shift > 0 else 0 for shift in shifts]
    channels = step.exact.shape[-1]
    return np.resize(np.array(halves, dtype=np.int64), channels)
