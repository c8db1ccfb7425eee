"""Weights and biases as files of hexadecimal words, for ``$readmemh``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pulsefront.firmware.rtl.time_shared.plan import MatrixLanes
from pulsefront.fixed_point.format import Assignment, Integers, assign
from pulsefront.fixed_point.layers import ChosenDense, LayerStep
from pulsefront.fixed_point.layers.matrix import MatrixLayer

__all__ = ["MatrixNumbers", "matrix_numbers", "write_memories"]


@dataclass(frozen=True, eq=False)
class MatrixNumbers:
    """The constants of a layer, and how its sums are kept.

    *weights* are (set, n_in, n_out) and *bias* (set, n_out), of one set where none is chosen.
    Products have −*shift* fraction bits less than the sums (*shift* more in a narrow
    *accumulator*); *sum_width* bits hold a sum.
    """

    weights: Integers
    bias: Integers
    weight_width: int
    sum_width: int
    sum_signed: bool
    shift: int
    accumulator: Assignment | None


def matrix_numbers(step: LayerStep) -> MatrixNumbers:
    """Return the constants of a layer with weights, as `pf_sets.v` takes them."""
    layer, source = step.layer, step.sources[0]
    if isinstance(layer, ChosenDense):
        first, fraction = layer.parts[0], layer.parts[0].sum_fraction(source)
        sets = np.stack([one.matrix_at(one.weight_fraction) for one in layer.parts])
        biases = np.stack([one.bias_at(fraction) for one in layer.parts])
        return _numbers(step, sets, biases, first.product_fraction(source), None)
    assert isinstance(layer, MatrixLayer)
    weights = layer.matrix_at(layer.weight_fraction)
    fraction = layer.sum_fraction(source)
    bias = layer.bias_at(fraction)
    to = layer.accumulator
    if to is not None:
        bias = assign(bias, fraction, to)
    return _numbers(step, weights[None], bias[None], layer.product_fraction(source), to)


def _numbers(
    step: LayerStep, weights: Integers, bias: Integers, product: int, to: Assignment | None
) -> MatrixNumbers:
    kept = step.exact.format if to is None else to.container
    source = step.sources[0]
    low, high = int(weights.min()), int(weights.max())
    width = max(high, ~low if low < 0 else 0).bit_length() + 1
    # Beyond the product's own bits nothing but its sign is left: all such shifts are one.
    shift = min(product - kept.fraction, width + source.format.width + 2)
    return MatrixNumbers(weights, bias, width, kept.width, kept.signed, shift, to)


def write_memories(folder: Path, name: str, numbers: MatrixNumbers, plan: MatrixLanes) -> None:
    """Write ``NAME_weights.hex`` and ``NAME_biases.hex``: a word a line, lane 0 lowest."""
    words, biases = [], []
    for weights, bias in zip(numbers.weights, numbers.bias, strict=True):
        for group in range(plan.groups):
            columns = slice(group * plan.lanes, min((group + 1) * plan.lanes, plan.outputs))
            rows = weights[:, columns]
            words += [_word(row, numbers.weight_width, plan.lanes) for row in rows]
            biases.append(_word(bias[columns], numbers.sum_width, plan.lanes))
    (folder / f"{name}_weights.hex").write_text("\n".join(words) + "\n")
    (folder / f"{name}_biases.hex").write_text("\n".join(biases) + "\n")


def _word(values: Integers, width: int, lanes: int) -> str:
    word = 0
    for lane, value in enumerate(values.tolist()):
        word |= (value & ((1 << width) - 1)) << (lane * width)
    return f"{word:0{-(-width * lanes // 4)}x}"
