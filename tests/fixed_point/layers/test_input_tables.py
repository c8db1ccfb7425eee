"""Tables of chosen inputs: the entry of every code, what can be reached, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point import (
    Assignment,
    FixedPointFormat,
    FixedPointModel,
    Input,
    InputTables,
    Quantize,
    estimate_resources,
)
from pulsefront.fixed_point.document import dumps, from_json
from pulsefront.fixed_point.truth_tables import table_luts
from reference_fixed_point import run_reference
from strategies_fixed_point import random_inputs, random_model

COUNTS = FixedPointFormat(8, 8)
RESULT = FixedPointFormat(6, 6)


def tables(
    bits: int = 3, fan_in: int = 1, first: tuple[int, ...] = (0, 2), **changes
) -> InputTables:
    """Return two tables of one node, of inputs of *bits* bits."""
    chosen = np.array([[[0, 1][:fan_in]], [[1, 0][:fan_in]]])
    entries = np.arange(2 << (bits * fan_in)).reshape(2, 1, -1) % 32
    given = {"chosen": chosen, "first_bit": np.array(first), "bits": bits, "entries": entries}
    return InputTables("t", ("codes",), **{**given, "format": RESULT, **changes})


def model_of(layer: InputTables, *formats: FixedPointFormat) -> FixedPointModel:
    cut = Quantize("codes", ("x",), Assignment(formats, "TRN", "SAT"))
    return FixedPointModel("net", (Input("x", (len(formats),), COUNTS),), (cut, layer), ("t",))


SIGNED, COARSE = FixedPointFormat(3, 3), FixedPointFormat(3, 5, signed=False)


@pytest.mark.parametrize("seed", range(25))
def test_random_models_give_the_integers_of_the_reference(seed):
    model = random_model(seed, tables=True)
    inputs = random_inputs(model, 12, seed)
    found = model.emulator.run(model.input_arrays(inputs))
    for event in range(12):
        wanted = run_reference(model, {name: one[event] for name, one in inputs.items()})
        for name, integers in wanted.items():
            np.testing.assert_array_equal(found[name][event], integers)


def test_enough_of_the_random_models_have_tables():
    drawn = [random_model(seed, tables=True) for seed in range(25)]
    assert sum(any(isinstance(one, InputTables) for one in m.layers) for m in drawn) > 10


def test_every_code_of_both_inputs_finds_its_entry():
    layer = tables(fan_in=2, entries=np.arange(128).reshape(2, 1, 64) % 61 - 30)
    model = model_of(layer, SIGNED, COARSE)
    raw = np.array([[a, 4 * b] for a in range(-4, 4) for b in range(8)])
    found = model.run(raw)[:, :, 0]
    address = (raw[:, 0] & 7) + 8 * (raw[:, 1] >> 2)
    np.testing.assert_array_equal(found[:, 0], layer.entries[0, 0][address])
    other = (raw[:, 1] >> 2) + 8 * (raw[:, 0] & 7)
    np.testing.assert_array_equal(found[:, 1], layer.entries[1, 0][other])


def test_the_interval_is_that_of_the_entries_that_can_be_reached():
    narrow = FixedPointFormat(2, 2, signed=False)  # codes 0 to 3 of 0 to 7
    layer = tables(entries=np.array([[[3, -5, 7, 0, 30, 30, 30, 30]], [[1, 2, 3, 4, 5, 6, 7, 8]]]))
    step = model_of(layer, narrow, COARSE).steps[-1]
    assert step.exact.low.tolist() == [[-5], [1]]
    assert step.exact.high.tolist() == [[7], [8]]


def test_what_a_code_cannot_tell_apart_is_refused():
    wide = FixedPointFormat(4, 4)
    with pytest.raises(PrecisionError, match=r"element 0 .* from -8 to 7, more than 3 bits.*Quant"):
        model_of(tables(), wide, COARSE)
    with pytest.raises(PrecisionError, match=r"'codes' has 2 elements, first_bit is of 3"):
        model_of(tables(first=(0, 2, 0)), SIGNED, COARSE)


def test_tables_that_are_too_large_or_of_another_shape_are_refused():
    with pytest.raises(
        PrecisionError, match=r"2 inputs of 7 bits need tables of 2\^14 .*4096.*few"
    ):
        tables(7, 2)
    with pytest.raises(PrecisionError, match=r"have entries of shape \(2, 1, 8\)"):
        tables(entries=np.zeros((2, 1, 4), int))
    with pytest.raises(PrecisionError, match=r"entries at .* outside fixed<6,6>"):
        tables(entries=np.full((2, 1, 8), 99))
    with pytest.raises(PrecisionError, match=r"entries are not finite.*diverged"):
        tables(entries=np.full((2, 1, 8), np.nan))


def test_the_document_holds_them_and_they_cost_their_entries():
    model = model_of(tables(), SIGNED, COARSE)
    assert dumps(from_json(FixedPointModel, model.to_json())) == dumps(model)
    assert model.cost().weight_bytes == 2 * 8 * 6 // 8
    assert model.cost().macs == model.cost().ebops == 0
    # of entries 0 … 15 each bit but the highest is one input or a function of three
    luts = [table_luts(np.arange(8)), table_luts(np.arange(8, 16))]
    found = estimate_resources(model, strategy="distributed_arithmetic").layers[-1].lut
    assert found == sum(luts) == 0  # each bit is a wire or a constant


@pytest.mark.parametrize(
    ("inputs", "table", "luts"),
    [
        (6, [i % 3 % 2 for i in range(64)], 1),
        (
            7,
            [i % 3 % 2 for i in range(128)],
            2,
        ),  # both halves, joined by a multiplexer of the slice
        (7, [i % 64 % 3 % 2 for i in range(128)], 1),  # the seventh input changes nothing
        (8, [i % 5 % 2 for i in range(256)], 4),
        (2, [0, 1, 1, 0], 1),
        (2, [0, 0, 1, 1], 0),  # an input itself
        (1, [0, -1], 0),
    ],
)
def test_a_truth_table_takes_as_many_look_up_tables_as_its_halves(inputs, table, luts):
    assert len(table) == 1 << inputs
    assert table_luts(np.array(table)) == luts
