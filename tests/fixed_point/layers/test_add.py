"""Sums of tensors: exact at any fractions, never of different shapes."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import PrecisionError
from pulsefront.firmware.rtl.bench.simulate import Simulation
from pulsefront.firmware.rtl.projects.time_shared import write_rtl
from pulsefront.fixed_point import (
    Add,
    Assignment,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Input,
    Relu,
    estimate_resources,
)
from pulsefront.fixed_point.document import dumps, from_json
from toys_rtl import compare_simulation, needs_simulator, vectors_of

X = Input("x", (2,), FixedPointFormat(4, 2))  # −8 … 7, steps of 1/4
Y = Input("y", (2,), FixedPointFormat(3, 3, signed=False))  # 0 … 7, steps of 1


def summed(*sources: str, to: Assignment | None = None) -> FixedPointModel:
    inputs = tuple(one for one in (X, Y) if one.name in sources)
    return FixedPointModel("net", inputs, (Add("sum", sources, to),), ("sum",))


def test_both_ends_of_the_interval_are_reached():
    model = summed("x", "y", "y")
    assert model.steps[0].exact.interval == (-8, 7 + 2 * 4 * 7)
    ends = {"x": np.array([[-8, 7]]), "y": np.array([[0, 7]])}
    np.testing.assert_array_equal(model.run(ends), [[-8, 63]])


def test_the_sum_is_assigned_like_any_result():
    model = summed("x", "y", to=Assignment(FixedPointFormat(4, 4), "RND", "SAT"))
    # 7/4 + 7 = 8.75 is above 7; −8/4 + 0 = −2; 2/4 + 1 = 1.5 becomes 2
    given = {"x": np.array([[7, -8], [2, 0]]), "y": np.array([[7, 0], [1, 0]])}
    np.testing.assert_array_equal(model.run(given), [[7, -2], [2, 0]])


def test_other_shapes_are_refused_and_nothing_is_broadcast():
    one = Input("one", (1,), X.format)
    with pytest.raises(PrecisionError, match=r"layer 'sum' adds tensors of one shape.*'one' \(1,"):
        FixedPointModel("net", (X, one), (Add("sum", ("x", "one")),), ("sum",))


def test_a_single_tensor_is_no_sum():
    with pytest.raises(PrecisionError, match="layer 'sum': add reads two tensors or more"):
        Add("sum", ("x",))


def test_a_sum_beyond_64_bits_is_refused_with_the_layer():
    wide = Input("wide", (1,), FixedPointFormat(61, 61))
    with pytest.raises(PrecisionError, match="layer 'sum': a sum can need 64 bits"):
        FixedPointModel("net", (wide,), (Add("sum", ("wide",) * 4),), ("sum",))


def test_the_document_holds_it_and_it_costs_its_adders():
    model = summed("x", "y", "y", to=Assignment(FixedPointFormat(6, 6)))
    assert dumps(from_json(FixedPointModel, model.to_json())) == dumps(model)
    assert model.cost().macs == 0
    width = model.steps[0].exact.format.width
    built = estimate_resources(model, strategy="distributed_arithmetic").layers[0]
    assert built.lut == 2 * 2 * width


@needs_simulator
def test_a_short_way_round_waits_for_the_long_one_without_stopping_it(tmp_path):
    """The queue of a residual holds all events that are under way: the bench asserts the rate."""
    rng = np.random.default_rng(5)
    to = Assignment(FixedPointFormat(6, 6, signed=False), "RND", "SAT")
    layers: list = []
    source = "x"
    for number in range(4):
        layers += [
            Dense(f"d{number}", (source,), rng.integers(-4, 4, (4, 4)), FixedPointFormat(3, 1)),
            Relu(f"r{number}", (f"d{number}",), to),
        ]
        source = f"r{number}"
    layers.append(Add("sum", (source, "x")))
    port = Input("x", (4,), FixedPointFormat(6, 6))
    model = FixedPointModel("net", (port,), tuple(layers), ("sum",))
    project = write_rtl(model, tmp_path, vectors_of(model, 40), multipliers=4)
    assert project.plan.interval_cycles < project.plan.latency_cycles / 4
    with Simulation(tmp_path, model) as simulation:
        simulation.check()
    compare_simulation(model, tmp_path, 200)
