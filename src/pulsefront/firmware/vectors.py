"""Golden vectors: integers in, integers out, which every executor of a model must reproduce."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.evaluate.spread import spread_over
from pulsefront.fixed_point.format import Integers
from pulsefront.fixed_point.layers import ChosenDense, Dense
from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["VectorSet", "drawn_vectors", "golden_vectors"]

RANDOM_VECTORS = 1000
DATA_VECTORS = 1000
SINGLE_EXTREMES = 64
EXTREME_SHARE = 0.75
"""Of the inputs of a drawn vector that are smallest, largest or zero, in every other one."""


@dataclass(frozen=True, eq=False)
class VectorSet:
    """Vectors of one origin: inputs and expected outputs by name, shape (vector, …)."""

    name: str
    inputs: dict[str, Integers]
    outputs: dict[str, Integers]

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    @property
    def texts(self) -> dict[str, Integers]:
        """The arrays by the stem of their text files, shape (vector, element)."""
        ports = [(f"inputs_{name}", array) for name, array in self.inputs.items()]
        ports += [(f"expected_{name}", array) for name, array in self.outputs.items()]
        return {stem: array.reshape(len(self), -1) for stem, array in ports}


def golden_vectors(
    model: FixedPointModel, data: npt.NDArray[Any] | Mapping[str, Any] | None = None, seed: int = 1
) -> tuple[VectorSet, ...]:
    """Return the golden vectors of *model*: extremes, random ones, and some of *data*.

    The extremes hold every input at its smallest and its largest integer: all together,
    alternating, each input alone, and the combination that drives each node of the first dense
    layer to either end. At least 1,000 vectors in all, whatever *data* holds.
    """
    sets = {"extremes": _extremes(model), "random": _random(model, seed)}
    if data is not None:
        arrays = model.input_arrays(data)
        events = len(next(iter(arrays.values())))
        chosen = spread_over(events, DATA_VECTORS)
        sets["data"] = {name: array[chosen].astype(np.int64) for name, array in arrays.items()}
    return tuple(
        VectorSet(name, inputs, model.emulator.run(inputs))
        for name, inputs in sets.items()
        if len(next(iter(inputs.values())))
    )


def drawn_vectors(model: FixedPointModel, count: int, seed: int) -> VectorSet:
    """Return *count* vectors drawn with a *seed*, with what the emulator makes of them.

    Of every other one each input is its smallest or its largest integer or zero as often as any
    other: what saturates in one layer and not in the next is rare among numbers of all sizes.
    """
    generator = np.random.default_rng(seed)
    inputs = {}
    for one in model.inputs:
        ends = one.format.minimum, one.format.maximum
        drawn = generator.integers(*ends, (count, *one.shape), endpoint=True)
        extremes = generator.choice(np.array([*ends, 0]), drawn[::2].shape)
        drawn[::2] = np.where(
            generator.random(extremes.shape) < EXTREME_SHARE, extremes, drawn[::2]
        )
        inputs[one.name] = drawn
    return VectorSet("drawn", inputs, model.emulator.run(inputs))


def _random(model: FixedPointModel, seed: int) -> dict[str, Integers]:
    generator = np.random.default_rng(seed)
    return {
        one.name: generator.integers(
            one.format.minimum, one.format.maximum, (RANDOM_VECTORS, *one.shape), endpoint=True
        )
        for one in model.inputs
    }


def _extremes(model: FixedPointModel) -> dict[str, Integers]:
    lows = np.concatenate([np.full(_size(one), one.format.minimum) for one in model.inputs])
    highs = np.concatenate([np.full(_size(one), one.format.maximum) for one in model.inputs])
    rest = np.zeros_like(lows)
    even = np.arange(len(lows)) % 2 == 0
    rows = [lows, highs, rest, np.where(even, lows, highs), np.where(even, highs, lows)]
    for channel in _spread(len(lows), SINGLE_EXTREMES):
        alone = np.arange(len(lows)) == channel
        rows += [np.where(alone, lows, rest), np.where(alone, highs, rest)]
        rows += [np.where(alone, lows, highs), np.where(alone, highs, lows)]
    for signs in _first_weights(model, len(lows)):
        rows += [np.where(signs, highs, lows), np.where(signs, lows, highs)]
    flat = np.unique(np.stack(rows), axis=0)
    inputs, start = {}, 0
    for one in model.inputs:
        inputs[one.name] = flat[:, start : start + _size(one)].reshape(-1, *one.shape)
        start += _size(one)
    return inputs


def _size(one: Any) -> int:
    return int(np.prod(one.shape))


def _spread(length: int, most: int) -> npt.NDArray[np.int64]:
    return np.unique(np.linspace(0, length - 1, min(length, most)).astype(np.int64))


def _first_weights(model: FixedPointModel, size: int) -> list[npt.NDArray[np.bool_]]:
    """Return, per node of a dense layer that reads all inputs, which weights are positive.

    That is the first layer, and one that takes its weights by a number, which the first ones say.
    """
    found = []
    for layer in (model.layers[0], *_chosen(model)):
        if isinstance(layer, Dense | ChosenDense) and layer.weights.shape[-2] == size:
            columns = np.moveaxis(layer.weights, -2, 0).reshape(size, -1) > 0
            found += [columns[:, node] for node in _spread(columns.shape[1], SINGLE_EXTREMES)]
    return found


def _chosen(model: FixedPointModel) -> list[ChosenDense]:
    names = {one.name for one in model.inputs}
    return [one for one in model.layers if isinstance(one, ChosenDense) and one.inputs[0] in names]
