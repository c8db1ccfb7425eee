"""The audit: intervals, headroom, and refusal of a wrap that nobody asked for."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import OverflowPossible
from pulsefront.fixed_point import (
    Assignment,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Input,
    Quantize,
    Relu,
)

X = Input("x", (2,), FixedPointFormat(4, 4))
WEIGHTS = np.array([[1, -2], [3, 0]])
W = FixedPointFormat(4, 4)


def audit(layer, data=None, inputs=(X,)):
    layers = (Dense("d", ("x",), WEIGHTS, W), layer)
    return FixedPointModel("net", inputs, layers, (layer.name,)).audit(data).rows


def test_intervals_and_headroom_by_hand():
    # Inputs −8 … 7: x0 + 3·x1 lies within −32 … 28, −2·x0 within −14 … 16.
    exact, row = audit(Quantize("q", ("d",), Assignment(FixedPointFormat(8, 8))))
    assert exact.proven == (-32, 28)
    assert exact.format == FixedPointFormat(6, 6)
    assert (row.proven, row.headroom_bits, row.can_overflow) == ((-32, 28), 2, False)


def test_missing_bits_cure_the_overflow():
    def quantized(width):
        return audit(Quantize("q", ("d",), Assignment(FixedPointFormat(width, width))))[1]

    row = quantized(4)
    assert row.can_wrap
    assert row.missing_bits == 2
    assert not quantized(4 + row.missing_bits).can_overflow
    assert quantized(3 + row.missing_bits).can_overflow


def test_rounding_up_can_be_what_overflows():
    # 28 / 8 = 3.5 rounds to 4, one more than fixed<3,6> holds.
    row = audit(Quantize("q", ("d",), Assignment(FixedPointFormat(3, 6), "RND")))[1]
    assert (row.proven, row.missing_bits) == ((-4, 4), 1)
    assert not audit(Quantize("q", ("d",), Assignment(FixedPointFormat(3, 6), "TRN")))[
        1
    ].can_overflow


def test_a_negative_value_in_an_unsigned_format_overflows():
    row = audit(Quantize("q", ("d",), Assignment(FixedPointFormat(9, 9, signed=False))))[1]
    assert row.can_wrap
    relu = audit(Relu("q", ("d",), Assignment(FixedPointFormat(9, 9, signed=False))))[1]
    assert (relu.proven, relu.headroom_bits) == ((0, 28), 4)


def test_the_range_seen_in_data_is_before_overflow():
    data = np.array([[7, 7], [-1, 2]])
    to = Assignment(FixedPointFormat(4, 4), "TRN", "SAT")
    exact, row = audit(Quantize("q", ("d",), to), data)
    assert exact.seen == (-14, 28)
    assert row.seen == (-14, 28)
    assert row.proven == (-32, 28)


def test_the_channel_with_the_least_headroom_is_shown():
    to = Assignment((FixedPointFormat(8, 8), FixedPointFormat(4, 4)), "TRN", "WRAP")
    row = audit(Quantize("q", ("d",), to), np.array([[7, 7]]))[1]
    assert (row.format, row.proven, row.seen) == (FixedPointFormat(4, 4), (-14, 16), (-14, -14))


def test_a_narrow_accumulator_has_a_row_of_its_own():
    layer = Dense("a", ("d",), WEIGHTS, W, accumulator=Assignment(FixedPointFormat(5, 5)))
    rows = audit(layer)
    row = next(one for one in rows if one.layer == "a.accumulator")
    assert row.can_wrap
    wide = Dense("a", ("d",), WEIGHTS, W, accumulator=Assignment(FixedPointFormat(12, 12)))
    assert not next(one for one in audit(wide) if one.layer == "a.accumulator").can_overflow


def test_a_wrap_is_refused_with_layer_interval_and_bits():
    to = Assignment(FixedPointFormat(4, 4))
    model = FixedPointModel(
        "net", (X,), (Dense("d", ("x",), WEIGHTS, W), Quantize("q", ("d",), to)), ("q",)
    )
    with pytest.raises(OverflowPossible) as caught:
        model.audit().refuse_wrap()
    assert caught.value.layer == "q"
    assert caught.value.interval == (-32, 28)
    assert caught.value.missing_bits == 2
    assert "give it 2 more integer bit(s)" in str(caught.value)
    assert "reads 'd' within -32 … 28 of fixed<6,6>" in str(caught.value)
    model.audit().refuse_wrap(("q",))


@pytest.mark.parametrize("overflow", ["SAT", "SAT_ZERO", "SAT_SYM"])
def test_saturation_is_never_refused(overflow):
    to = Assignment(FixedPointFormat(4, 4), "TRN", overflow)
    layers = (Dense("d", ("x",), WEIGHTS, W), Quantize("q", ("d",), to))
    FixedPointModel("net", (X,), layers, ("q",)).audit().refuse_wrap()
