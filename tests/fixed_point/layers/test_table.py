"""Tables: every entry is what the function says, and what cannot be a table is refused."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point import (
    Assignment,
    FixedPointFormat,
    FixedPointModel,
    FunctionTable,
    Input,
    Quantize,
    estimate_resources,
    function_table,
)
from pulsefront.fixed_point.document import dumps, from_json

READS = FixedPointFormat(8, 4)
TO = Assignment(FixedPointFormat(10, 1), "RND", "SAT")


def model_of(table: FunctionTable, shape: tuple[int, ...] = (1,)) -> FixedPointModel:
    return FixedPointModel("net", (Input("x", shape, table.reads_format),), (table,), ("t",))


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize(
    ("name", "function"), [("tanh", math.tanh), ("sigmoid", lambda x: 1 / (1 + math.exp(-x)))]
)
def test_every_entry_is_the_function_rounded_once(name, function, signed):
    reads = FixedPointFormat(8, 4, signed=signed)
    model = model_of(function_table("t", "x", name, reads, TO))
    raw = np.arange(reads.minimum, reads.maximum + 1)
    wanted = [
        min(math.floor(Fraction(function(one / 16)) * 512 + Fraction(1, 2)), 511)
        for one in raw.tolist()
    ]
    assert model.run(raw[:, None])[:, 0].tolist() == wanted
    assert model.output_formats["t"] == TO.format


def test_both_ends_of_the_interval_are_those_that_inputs_reach():
    entries = np.array([3, -5, 7, 0])  # of −2, −1, 0, 1
    table = FunctionTable(
        "t", ("q",), "drawn", entries, FixedPointFormat(2, 2), FixedPointFormat(4, 4)
    )
    narrow = Quantize("q", ("x",), Assignment(FixedPointFormat(2, 2), "TRN", "SAT"))
    port = Input("x", (1,), FixedPointFormat(1, 1, signed=False))
    model = FixedPointModel("net", (port,), (narrow, table), ("t",))
    assert model.steps[1].exact.interval == (0, 7)  # of 0 and 1 alone
    np.testing.assert_array_equal(model.run(np.array([[0], [1]])), [[7], [0]])


def test_a_table_has_at_most_twelve_bits_of_input():
    with pytest.raises(PrecisionError, match=r"'t': a table of tanh has at most 4096 .*12 bits"):
        function_table("t", "x", "tanh", FixedPointFormat(13, 4), TO)
    assert function_table("t", "x", "tanh", FixedPointFormat(12, 4), TO).entries.size == 4096


def test_what_is_no_table_of_the_tensor_is_refused():
    table, port = function_table("t", "x", "tanh", READS, TO), Input("x", (1,), TO.container)
    with pytest.raises(PrecisionError, match=r"reads fixed<8,4>; 'x' is fixed<10,1>.*Quantize"):
        FixedPointModel("net", (port,), (table,), ("t",))
    with pytest.raises(PrecisionError, match="a table for fixed<8,4> has 256 entries"):
        FunctionTable("t", ("x",), "drawn", np.zeros(3, int), READS, READS)
    with pytest.raises(PrecisionError, match=r"no table of this function.*one of sigmoid, tanh"):
        function_table("t", "x", "mish", READS, TO)
    both = (FixedPointFormat(4, 1), FixedPointFormat(5, 1))
    with pytest.raises(PrecisionError, match="one format for all channels"):
        function_table("t", "x", "tanh", READS, Assignment(both))


def test_the_document_holds_it_and_it_costs_its_entries():
    model = model_of(function_table("t", "x", "sigmoid", READS, TO), (3,))
    assert dumps(from_json(FixedPointModel, model.to_json())) == dumps(model)
    assert model.cost().weight_bytes == 256 * 10 // 8
    # four look-up tables of 64 entries and the choice of one of four, for each bit of each element
    assert estimate_resources(model, strategy="Resource").layers[0].lut == 3 * 10 * 5
