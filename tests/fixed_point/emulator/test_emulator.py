"""The emulator against a slow reference in exact fractions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point import (
    Assignment,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Input,
    MaxPool,
    Quantize,
    Relu,
)
from pulsefront.fixed_point.intervals import number_type
from reference_fixed_point import run_reference
from strategies_fixed_point import models, random_inputs, random_model
from toys_firmware import mlp


def compare(model: FixedPointModel, events: int, seed: int) -> None:
    inputs = random_inputs(model, events, seed)
    found = model.emulator.run(model.input_arrays(inputs))
    for event in range(events):
        expected = run_reference(model, {name: array[event] for name, array in inputs.items()})
        for name, integers in expected.items():
            np.testing.assert_array_equal(found[name][event], integers, err_msg=f"{name} {seed}")


@given(models(), st.integers(0, 2**32 - 1))
@settings(max_examples=100, deadline=None)
def test_every_random_model_gives_the_integers_of_the_reference(model, seed):
    compare(model, 3, seed)


@pytest.mark.parametrize("seed", range(12))
def test_a_deterministic_dozen_equals_the_reference(seed):
    compare(random_model(seed), 20, seed)


def dense(input_bits: int, weight_bits: int, n_in: int = 8) -> FixedPointModel:
    rng = np.random.default_rng(weight_bits)
    weight_format = FixedPointFormat(weight_bits, 1)
    weights = rng.integers(weight_format.minimum, weight_format.maximum, (n_in, 3), endpoint=True)
    source = Input("x", (n_in,), FixedPointFormat(input_bits, input_bits, signed=False))
    layer = Dense("y", ("x",), weights, weight_format)
    return FixedPointModel("net", (source,), (layer,), ("y",))


@pytest.mark.parametrize(
    ("input_bits", "weight_bits", "kind"),
    [(10, 10, np.float32), (12, 12, np.float64), (30, 28, np.int64)],
)
def test_the_proof_chooses_the_number_type_and_each_is_exact(input_bits, weight_bits, kind):
    model = dense(input_bits, weight_bits)
    assert number_type(model.steps[0].magnitude) is kind
    compare(model, 50, 3)


def test_sums_at_the_very_edge_of_float32_are_exact():
    # 2^24 is reached exactly: one more bit and the product would have to be in float64.
    weights = np.array([[1], [1]])
    source = Input("x", (2,), FixedPointFormat(23, 23, signed=False))
    model = FixedPointModel(
        "edge", (source,), (Dense("y", ("x",), weights, FixedPointFormat(2, 2)),), ("y",)
    )
    top = 2**23 - 1
    assert number_type(model.steps[0].magnitude) is np.float32
    assert model.run(np.array([[top, top], [top, 0]])).tolist() == [[2 * top], [top]]


def test_a_sum_beyond_64_bits_is_refused_with_the_layer():
    with pytest.raises(PrecisionError, match=r"layer 'y': a sum can need 7\d bits"):
        dense(40, 30)


def test_the_other_byte_order_is_taken_by_every_kind_of_first_layer():
    for seed in range(12):
        model = random_model(seed)
        inputs = random_inputs(model, 5, seed)
        swapped = {name: array.astype(">i8") for name, array in inputs.items()}
        found = model.emulator.run(model.input_arrays(swapped))
        for name, expected in model.emulator.run(inputs).items():
            np.testing.assert_array_equal(found[name], expected)


def test_run_one_equals_run():
    model = dense(12, 6)
    x = np.random.default_rng(0).integers(0, 4096, (20, 8)).astype(np.uint16)
    np.testing.assert_array_equal([model.run_one(event) for event in x], model.run(x))


def test_run_one_checks_its_input():
    model = dense(12, 6)
    with pytest.raises(PrecisionError, match="integers of shape"):
        model.run_one(np.zeros(7, dtype=int))
    with pytest.raises(PrecisionError, match="outside ufixed<12,12>"):
        model.run_one(np.full(8, 4096))


@pytest.mark.parametrize("events", [0, 1, 1023, 1024, 1025, 2500])
def test_chunks_do_not_show(events):
    model = random_model(5)
    inputs = random_inputs(model, events, 1)
    whole = model.emulator.run(inputs)
    for name, result in whole.items():
        assert result.shape == (events, *model.tensors[name].shape)
        if events:
            alone = model.emulator.run({k: v[-1:] for k, v in inputs.items()})
            np.testing.assert_array_equal(result[-1:], alone[name])


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_number_of_threads_does_not_show(threads, monkeypatch):
    monkeypatch.setattr("numba.config.NUMBA_NUM_THREADS", threads)
    monkeypatch.setattr("pulsefront.fixed_point.emulator.emulator.EVENTS_PER_THREAD", 100)
    for model in (dense(12, 6), random_model(5)):
        inputs = random_inputs(model, 1001, 2)
        parts = [
            model.emulator.run({name: array[i : i + 50] for name, array in inputs.items()})
            for i in range(0, 1001, 50)
        ]
        for name, found in model.emulator.run(inputs).items():
            np.testing.assert_array_equal(found, np.concatenate([one[name] for one in parts]))
    x = random_inputs(dense(12, 6), 1001, 2)["x"]
    np.testing.assert_array_equal(dense(12, 6).run(x), dense(12, 6).emulator.run({"x": x})["y"])
    x[900, 3] = 4096
    with pytest.raises(PrecisionError, match=r"at \(900, 3\) lies outside"):
        dense(12, 6).run(x)


@pytest.mark.parametrize("rounding", ["TRN", "RND"])
@pytest.mark.parametrize("overflow", ["SAT", "SAT_SYM", "WRAP"])
@pytest.mark.parametrize("after", [Relu, Quantize])
def test_a_fused_dense_layer_equals_its_parts(rounding, overflow, after):
    rng = np.random.default_rng(4)
    weights = rng.integers(-32, 32, (8, 5))
    bias = rng.integers(-500, 500, 5)
    to = Assignment(FixedPointFormat(7, 6), rounding, overflow)
    layers = (
        Dense("d", ("x",), weights, FixedPointFormat(6, 1), bias, FixedPointFormat(10, 3)),
        after("a", ("d",), to),
    )
    source = (Input("x", (8,), FixedPointFormat(8, 8)),)
    compare(FixedPointModel("fused", source, layers, ("a",)), 40, 9)
    # With the dense result an output too, the two cannot be fused.
    compare(FixedPointModel("parts", source, layers, ("d", "a")), 40, 9)


@pytest.mark.parametrize("sizes", [(6, 4, 2), (9, 5)])
def test_run_one_writes_into_the_array_that_it_is_given(sizes):
    model = mlp(*sizes)
    event = random_inputs(model, 1, 3)["x"][0]
    out = np.full(sizes[-1], -1)
    assert model.run_one(event, out) is out
    np.testing.assert_array_equal(out, model.run_one(event))
    strided = np.full(2 * sizes[-1], -1)[::2]
    assert model.run_one(event, strided) is strided
    np.testing.assert_array_equal(strided, out)


def test_run_one_of_a_model_that_is_no_chain_writes_into_it_too():
    source = Input("x", (4, 2), FixedPointFormat(6, 6))
    model = FixedPointModel("net", (source,), (MaxPool("m", ("x",), 2, 2),), ("m",))
    event = random_inputs(model, 1, 3)["x"][0]
    out = np.zeros((2, 2), dtype=np.int64)
    assert model.run_one(event, out) is out
    np.testing.assert_array_equal(out, model.run_one(event))


@pytest.mark.parametrize("out", [np.zeros(3, dtype=int), np.zeros(2, dtype=np.int32)])
def test_run_one_refuses_an_array_that_does_not_fit(out):
    with pytest.raises(PrecisionError, match=r"out: the result goes into an int64 array of shape"):
        mlp(6, 4, 2).run_one(np.zeros(6, dtype=int), out)
