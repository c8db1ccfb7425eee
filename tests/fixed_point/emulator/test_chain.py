"""The compiled chain: the same integers as the general emulator, for every type and batch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

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
    Quantize,
    Relu,
)
from pulsefront.fixed_point.emulator import chain
from pulsefront.fixed_point.emulator.links import links_of
from pulsefront.fixed_point.emulator.tile_code import BLOCK, ROWS
from reference_fixed_point import run_reference
from toys_fixed_point import chain_model, inputs_of


@pytest.fixture(autouse=True, scope="module", params=[False, True], ids=["float", "narrow"])
def kernel(request):
    """Run every test with both kernels, whichever is faster here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chain, "NARROW_IS_FASTER", request.param)
        yield request.param


@given(st.integers(0, 10**6), st.integers(1, 3 * ROWS))
@settings(max_examples=60, deadline=None)
def test_random_chains_equal_the_general_emulator(seed, events):
    model = chain_model(seed)
    x = inputs_of(model, events, seed)
    fast = model.emulator.run_fast(x)
    assert fast is not None
    np.testing.assert_array_equal(fast, model.emulator.run({"x": x})[model.outputs[0]])


def test_a_chain_equals_the_reference_in_fractions():
    model = chain_model(3, sizes=(9, 17, 3))
    x = inputs_of(model, 30)
    for event, found in zip(x, model.run(x), strict=True):
        np.testing.assert_array_equal(run_reference(model, {"x": event})[model.outputs[0]], found)


@pytest.mark.parametrize("bits", [4, 12, 26])
def test_the_narrowest_exact_type_as_the_proof_allows(bits, kernel):
    model = chain_model(8, bits=bits, sizes=(20, 33, 5))
    x = inputs_of(model, 50)
    assert model.emulator.run_fast(x) is not None
    kinds = {4: np.float32, 12: np.float64, 26: np.float64}
    if kernel:
        kinds |= {4: np.int32, 12: np.int32}
    assert model.emulator._chain.constants.dtype == kinds[bits]
    np.testing.assert_array_equal(
        model.emulator.run_fast(x), model.emulator.run({"x": x})[model.outputs[0]]
    )


def extreme_model(weight: int, source: FixedPointFormat, n_in: int) -> FixedPointModel:
    weights = np.full((n_in, 3), weight)
    layer = Dense("d", ("x",), weights, FixedPointFormat(17, 17))
    return FixedPointModel("net", (Input("x", (n_in,), source),), (layer,), ("d",))


@pytest.mark.parametrize(
    ("weight", "source", "n_in", "narrow"),
    [
        (32767, FixedPointFormat(12, 12, signed=False), 16, True),
        (-32767, FixedPointFormat(16, 16), 2, True),
        (-32767, FixedPointFormat(16, 16), 3, False),  # the sum does not fit 32 bits
        (-32768, FixedPointFormat(12, 12), 1, False),
        (5, FixedPointFormat(16, 16, signed=False), 1, False),
    ],
)
def test_sums_at_the_ends_of_32_bits(weight, source, n_in, narrow):
    model = extreme_model(weight, source, n_in)
    links = links_of(model.steps, model.outputs)
    assert chain.fits_narrow(links, source) == narrow
    x = np.array([[source.minimum], [source.maximum], [0]]).repeat(n_in, axis=1)
    x = np.concatenate((x, inputs_of(model, 20)))
    found = model.emulator.run_fast(x)
    assert found is not None
    np.testing.assert_array_equal(found, x @ model.layers[0].weights)


def test_wide_activations_between_layers_are_not_narrow():
    weights, wide = np.full((2, 2), 100), FixedPointFormat(17, 17)
    layers = (
        Dense("d", ("x",), weights, FixedPointFormat(8, 8), to=Assignment(wide, "TRN", "SAT")),
        Dense("e", ("d",), weights, FixedPointFormat(8, 8)),
    )
    source = Input("x", (2,), FixedPointFormat(10, 10))
    model = FixedPointModel("net", (source,), layers, ("e",))
    assert not chain.fits_narrow(links_of(model.steps, ("e",)), source.format)
    first = FixedPointModel("net", (source,), layers[:1], ("d",))
    assert chain.fits_narrow(links_of(first.steps, ("d",)), source.format)
    x = inputs_of(model, 40)
    between = np.clip(x @ weights, wide.minimum, wide.maximum)
    np.testing.assert_array_equal(model.run(x), between @ weights)


@pytest.mark.parametrize("events", [1, 2, 3, ROWS - 1, ROWS, ROWS + 1, ROWS + 2, ROWS + 3])
@pytest.mark.parametrize("before", [0, BLOCK])
def test_every_remainder_of_a_block(events, before):
    model = chain_model(5, sizes=(7, 35, 4))
    x = inputs_of(model, before + events)
    np.testing.assert_array_equal(model.run(x), model.emulator.run({"x": x})[model.outputs[0]])


@pytest.mark.parametrize("kind", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", ">i2", ">u4"])
def test_every_integer_type_in_every_layout(kind):
    model = chain_model(6, sizes=(7, 5, 2))
    x = np.abs(inputs_of(model, 12)) % 100
    expected = model.run(x)
    typed = x.astype(kind)
    np.testing.assert_array_equal(model.run(typed), expected)
    np.testing.assert_array_equal(model.run(np.asfortranarray(typed)), expected)
    typed.setflags(write=False)
    np.testing.assert_array_equal(model.run(typed), expected)
    wide = np.zeros((24, 7), typed.dtype)
    wide[::2] = typed
    np.testing.assert_array_equal(model.run(wide[::2]), expected)


@pytest.mark.parametrize("bad", [-1, 1024])
@pytest.mark.parametrize("index", [(0, 0), (130, 6)])
def test_a_value_outside_is_found_wherever_it_is(bad, index):
    model = chain_model(2, sizes=(7, 5, 2))
    model = FixedPointModel(
        "chain",
        (Input("x", (7,), FixedPointFormat(10, 10, signed=False)),),
        model.layers,
        model.outputs,
    )
    x = np.zeros((131, 7), dtype=np.int32)
    x[index] = bad
    assert model.emulator.run_fast(x) is None
    with pytest.raises(PrecisionError, match=r"lies outside ufixed<10,10>"):
        model.run(x)


def test_a_large_unsigned_value_does_not_slip_through():
    model = chain_model(2, sizes=(7, 5, 2))
    with pytest.raises(PrecisionError, match="lies outside"):
        model.run(np.full((1, 7), 2**64 - 1, dtype=np.uint64))


def test_no_events_give_no_results():
    model = chain_model(1, sizes=(7, 5, 2))
    assert model.run(np.zeros((0, 7), dtype=int)).shape == (0, 2)


def test_one_chain_may_run_in_several_threads():
    model = chain_model(9, sizes=(32, 24, 3))
    parts = [inputs_of(model, 500, seed) for seed in range(16)]
    expected = [model.run(part) for part in parts]
    with ThreadPoolExecutor(4) as pool:
        for found, wanted in zip(pool.map(model.run, parts), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_what_is_no_chain_takes_the_general_path():
    source = Input("x", (4,), FixedPointFormat(6, 6))
    dense = Dense("d", ("x",), np.eye(4, dtype=int), FixedPointFormat(2, 2))
    rounding = Quantize("q", ("d",), Assignment(FixedPointFormat(4, 6), "RND_CONV", "SAT"))
    for layers, outputs in [
        ((dense, rounding), ("q",)),
        ((dense, Relu("r", ("d",))), ("d", "r")),
        ((Relu("r", ("x",)),), ("r",)),
        ((dense, Dense("e", ("x",), np.eye(4, dtype=int), FixedPointFormat(2, 2))), ("d", "e")),
    ]:
        model = FixedPointModel("net", (source,), layers, outputs)
        x = inputs_of(model, 9)
        assert model.emulator.run_fast(x) is None
        found = model.emulator.run({"x": x})
        for event in range(9):
            for name, wanted in run_reference(model, {"x": x[event]}).items():
                np.testing.assert_array_equal(found[name][event], wanted)
