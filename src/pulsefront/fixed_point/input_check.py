"""Integer tests of a network's inputs, as a model of their own: are they like those of training?

Three outputs, each 0 where nothing is wrong:

- how far the sum of the inputs lies outside a window;
- by how much inputs lie below what the inputs that go with them say, as of a dead channel:
  Σ relu(Σ neighbours − ratio · input − least);
- by how much the distance from a low-rank fit, ``Σ |direction · inputs|`` over directions in which
  training inputs hardly vary, is beyond its bound.

Two dense layers with ReLUs: every executor of a model runs it, and whoever gets it needs no
threshold beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point.format import (
    Assignment,
    FixedPointFormat,
    Integers,
    Overflow,
    Rounding,
    format_holding,
)
from pulsefront.fixed_point.layers import Dense, Relu
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.fixed_point.tensors import Input

__all__ = ["INPUT_TESTS", "InputTests", "input_check"]

INPUT_TESTS = ("sum", "dead channel", "low-rank fit")
"""What the outputs of `input_check` are of, in their order."""

RESULT = Assignment(FixedPointFormat(16, 16, signed=False), Rounding.TRN, Overflow.SAT)


@dataclass(frozen=True)
class InputTests:
    """Numbers of the tests, all of them integers.

    Attributes
    ----------
    sum_range
        Lowest and highest sum that is not flagged.
    neighbours
        (input, neighbour) indices of the inputs that go with each.
    ratio, least
        An input is as of a dead channel where the sum of its neighbours exceeds *ratio* times it by
        more than *least*.
    directions
        (direction, input).
    most_distance
        Largest distance that is not flagged.
    """

    sum_range: tuple[int, int]
    neighbours: Integers
    ratio: int
    least: int
    directions: Integers
    most_distance: int

    def silent(self, inputs: npt.NDArray[np.integer]) -> Integers:
        """Return Σ neighbours − ratio · input, (event, input)."""
        whole = inputs.astype(np.int64)
        return np.asarray(whole[:, self.neighbours].sum(axis=2) - self.ratio * whole)

    def distances(self, inputs: npt.NDArray[np.integer]) -> Integers:
        """Return the distance from the low-rank fit, (event,)."""
        return np.asarray(np.abs(inputs.astype(np.int64) @ self.directions.T).sum(axis=1))

    def flags(self, inputs: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
        """Return which test flags which event, (event, 3), as `input_check` does."""
        total = inputs.sum(axis=1, dtype=np.int64)
        low, high = self.sum_range
        return np.column_stack(
            [
                (total < low) | (total > high),
                (self.silent(inputs) > self.least).any(axis=1),
                self.distances(inputs) > self.most_distance,
            ]
        )


def input_check(tests: InputTests, port: Input, *, name: str) -> FixedPointModel:
    """Return *tests* as a model that reads what a network reads through *port*.

    Raises
    ------
    PrecisionError
        The numbers do not fit together.
    """
    size = int(np.prod(port.shape))
    count = len(tests.directions)
    if tests.neighbours.shape[:1] != (size,) or tests.directions.shape[1:] != (size,):
        raise PrecisionError(
            f"tests of {tests.directions.shape[1:]} inputs do not fit one of {size}", field="tests"
        )
    low, high = tests.sum_range
    first = np.zeros((size, 2 + size + 2 * count), np.int64)
    first[:, 0], first[:, 1] = 1, -1
    for index, others in enumerate(tests.neighbours):
        np.add.at(first[:, 2 + index], others, 1)
        first[index, 2 + index] -= tests.ratio
    first[:, 2 + size : 2 + size + count] = tests.directions.T
    first[:, 2 + size + count :] = -tests.directions.T
    bias = np.zeros(first.shape[1], np.int64)
    bias[0], bias[1] = -high, low
    bias[2 : 2 + size] = -tests.least
    second = np.zeros((first.shape[1], len(INPUT_TESTS)), np.int64)
    second[:2, 0] = second[2 : 2 + size, 1] = second[2 + size :, 2] = 1
    beyond = np.array([0, 0, -tests.most_distance])
    # Counts, whatever the network takes a step of its inputs for.
    counts = Input(port.name, (size,), FixedPointFormat(
        port.format.width, port.format.width, port.format.signed
    ))  # fmt: skip
    layers = (
        _dense("tests", port.name, first, bias),
        Relu("beyond", ("tests",)),
        _dense("together", "beyond", second, beyond),
        Relu("flagged", ("together",), RESULT),
    )
    return FixedPointModel(name, (counts,), layers, ("flagged",))


def _dense(name: str, source: str, weights: Integers, bias: Integers) -> Dense:
    return Dense(
        name,
        (source,),
        weights=weights,
        weight_format=_holding(weights),
        bias=bias,
        bias_format=_holding(bias),
    )


def _holding(values: Integers) -> FixedPointFormat:
    return format_holding(min(int(values.min()), 0), max(int(values.max()), 1), 0)
