"""A network beside another in one chain: both keep their integers."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point import (
    Assignment,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Input,
    Layer,
    Overflow,
    Relu,
    Rounding,
)
from pulsefront.fixed_point.beside import dense_layers, up_to, with_beside

OUTPUT = Assignment(FixedPointFormat(16, 7), Rounding.RND, Overflow.SAT)


def chain(
    widths: tuple[int, ...],
    entering: FixedPointFormat,
    seed: int,
    *,
    bits: int = 7,
    sums: bool = False,
) -> FixedPointModel:
    """Return dense layers with a format per weight column and ReLUs of 7 bits."""
    random = np.random.default_rng(seed)
    layers: list[Layer] = []
    source = "x"
    if sums:
        ones = random.integers(0, 2, (widths[0], widths[0]))
        layers.append(Dense("sums", ("x",), ones, FixedPointFormat(1, 1, signed=False)))
        source = "sums"
    for number, (rows, columns) in enumerate(pairwise(widths)):
        last = number == len(widths) - 2
        formats = tuple(FixedPointFormat(6, int(i)) for i in random.integers(-2, 2, columns))
        layers.append(
            Dense(
                f"dense_{number + 1}",
                (source,),
                weights=random.integers(-32, 32, (rows, columns)),
                weight_format=formats,
                bias=random.integers(-2000, 2000, columns),
                bias_format=FixedPointFormat(12, int(random.integers(1, 6))),
                to=OUTPUT if last else None,
            )
        )
        source = layers[-1].name
        if not last:
            to = FixedPointFormat(bits, int(random.integers(5, 9)), signed=False)
            relu = Relu(f"relu_{number + 1}", (source,), Assignment(to, Rounding.RND, Overflow.SAT))
            layers.append(relu)
            source = relu.name
    return FixedPointModel("net", (Input("x", (widths[0],), entering),), layers, (source,))


def integers(model: FixedPointModel, events: int, seed: int) -> np.ndarray:
    """Return random vectors, and both ends of every input at once."""
    (port,) = model.inputs
    low, high = port.format.minimum, port.format.maximum
    random = np.random.default_rng(seed).integers(low, high + 1, (events, *port.shape))
    random[0], random[1] = low, high
    return random


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("depth", [1, 2, 3])
@pytest.mark.parametrize("sums", [False, True])
def test_both_networks_give_the_integers_that_they_gave_alone(
    depth: int, seed: int, *, sums: bool
) -> None:
    model = chain((9, 11, 8, 3), FixedPointFormat(8, 8, signed=False), seed, sums=sums)
    read = dense_layers(model)[-depth].inputs[0]
    widths = (model.tensors[read].size, *(4, 5)[: depth - 1], 2)
    other = chain(widths, model.tensors[read].format, seed + 50)
    both = with_beside(model, other)
    vectors = integers(model, 3000, seed)
    own = model.run(vectors)
    inside = up_to(model, read).run(vectors) if read != "x" else vectors
    found = both.run(vectors)
    assert found.shape == (3000, 5)
    assert np.array_equal(found[:, :3], own)
    assert np.array_equal(found[:, 3:], other.run(inside))
    assert len(np.unique(found[:, 4])) > 2
    assert [layer.kind for layer in both.layers] == [layer.kind for layer in model.layers]


def test_a_network_of_more_layers_does_not_fit_beside_a_shorter_one() -> None:
    entering = FixedPointFormat(8, 8, signed=False)
    with pytest.raises(PrecisionError, match="3 dense layers do not fit beside the 2"):
        with_beside(chain((5, 4, 2), entering, 1), chain((5, 4, 4, 1), entering, 2))


def test_a_network_that_reads_another_number_of_values_is_refused() -> None:
    entering = FixedPointFormat(8, 8, signed=False)
    with pytest.raises(PrecisionError, match="reads 6 numbers, and 5 are there"):
        with_beside(chain((5, 4, 2), entering, 1), chain((6, 4, 1), entering, 2))


def test_results_of_other_widths_are_refused() -> None:
    entering = FixedPointFormat(8, 8, signed=False)
    with pytest.raises(PrecisionError, match="assigned differently"):
        with_beside(chain((5, 4, 2), entering, 1), chain((5, 4, 1), entering, 2, bits=6))
