"""Formats, rounding and overflow."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point import (
    Assignment,
    FixedPointFormat,
    Overflow,
    Rounding,
    assign,
    format_holding,
)
from pulsefront.fixed_point.format import container
from reference_fixed_point import assigned
from strategies_fixed_point import assignments


def test_a_format_is_ap_fixed():
    one = FixedPointFormat(8, 3)
    assert (one.fraction, one.minimum, one.maximum, one.step) == (5, -128, 127, 1 / 32)
    assert str(one) == "fixed<8,3>"
    unsigned = FixedPointFormat(12, 12, signed=False)
    assert (unsigned.fraction, unsigned.minimum, unsigned.maximum) == (0, 0, 4095)
    assert str(unsigned) == "ufixed<12,12>"


@pytest.mark.parametrize(
    ("width", "integer", "step"), [(4, 6, 4.0), (4, -2, 2.0**-6), (1, 1, 1.0), (1, 0, 0.5)]
)
def test_the_point_may_lie_outside_the_bits(width, integer, step):
    assert FixedPointFormat(width, integer).step == step


@pytest.mark.parametrize("width", [0, -1, 63])
def test_a_width_out_of_range_is_refused(width):
    with pytest.raises(PrecisionError, match="1 to 62 bits"):
        FixedPointFormat(width, 1)


def test_a_width_that_is_no_integer_is_refused():
    with pytest.raises(PrecisionError, match="width of a fixed-point format is no integer"):
        FixedPointFormat(8.5, 1)  # type: ignore[arg-type]


# value in steps of the target:   −2.75 −2.5 −2.25 −1.5 −0.5 0.5 1.5 2.25 2.5 2.75
HALVES = [-11, -10, -9, -6, -2, 2, 6, 9, 10, 11]


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [
        ("TRN", [-3, -3, -3, -2, -1, 0, 1, 2, 2, 2]),
        ("RND", [-3, -2, -2, -1, 0, 1, 2, 2, 3, 3]),
        ("RND_CONV", [-3, -2, -2, -2, 0, 0, 2, 2, 2, 3]),
        ("TRN_ZERO", [-2, -2, -2, -1, 0, 0, 1, 2, 2, 2]),
        ("RND_ZERO", [-3, -2, -2, -1, 0, 0, 1, 2, 2, 3]),
        ("RND_INF", [-3, -3, -2, -2, -1, 1, 2, 2, 3, 3]),
        ("RND_MIN_INF", [-3, -3, -2, -2, -1, 0, 1, 2, 2, 3]),
    ],
)
def test_each_rounding_mode_by_hand(rounding, expected):
    to = Assignment(FixedPointFormat(8, 8), rounding)
    assert assign(HALVES, 2, to).tolist() == expected


@pytest.mark.parametrize(
    ("overflow", "expected"),
    [
        ("WRAP", [7, -8, -8, 7, -8, -7]),
        ("SAT", [-8, -8, -8, 7, 7, 7]),
        ("SAT_ZERO", [0, -8, -8, 7, 0, 0]),
        ("SAT_SYM", [-7, -7, -7, 7, 7, 7]),
    ],
)
def test_each_overflow_mode_by_hand(overflow, expected):
    to = Assignment(FixedPointFormat(4, 4), Rounding.TRN, overflow)
    values = [-9, -8, -8, 7, 8, 9]
    assert assign(values, 0, to).tolist() == expected


def test_one_signed_bit_keeps_minus_one_under_symmetric_saturation_as_ap_fixed_does():
    to = Assignment(FixedPointFormat(1, 1), Rounding.TRN, Overflow.SAT_SYM)
    assert assign([-5, -1, 0, 1, 5], 0, to).tolist() == [-1, -1, 0, 0, 0]


def test_rounding_comes_before_overflow():
    # 7.5 rounds to 8, which no longer fits.
    to = Assignment(FixedPointFormat(4, 4), Rounding.RND, Overflow.WRAP)
    assert assign([15], 1, to).tolist() == [-8]


@given(assignments(), st.integers(-(2**40), 2**40), st.integers(-4, 24))
def test_assign_equals_the_rules_in_fractions(to, raw, fraction):
    value = raw * Fraction(2) ** -fraction
    expected = assigned(value, to.format, to) * Fraction(2) ** to.format.fraction
    shift = to.format.fraction - fraction
    if shift + raw.bit_length() > 62:
        with pytest.raises(PrecisionError, match="64-bit integers do not suffice"):
            assign([raw], fraction, to)
    else:
        assert assign([raw], fraction, to).tolist() == [expected]


def test_formats_per_channel_share_the_largest_fraction():
    formats = (FixedPointFormat(4, 2), FixedPointFormat(6, 1), FixedPointFormat(3, 3, signed=False))
    to = Assignment(formats, Rounding.TRN, Overflow.SAT)
    assert to.container == FixedPointFormat(9, 4)
    # 1.75, −0.96875 and 9 → 1.75, −0.96875 and 7, all in steps of 2^−5
    assert assign([[56, -31, 288]], 5, to).tolist() == [[56, -31, 224]]


def test_a_container_holds_every_value_of_its_formats():
    formats = (FixedPointFormat(4, 4, signed=False), FixedPointFormat(4, 0))
    whole = container(formats)
    for one in formats:
        shift = whole.fraction - one.fraction
        assert whole.holds(one.minimum << shift, one.maximum << shift)


def test_as_many_formats_as_channels_are_needed():
    to = Assignment((FixedPointFormat(4, 2),) * 3)
    with pytest.raises(PrecisionError, match="as many formats as channels"):
        assign(np.zeros((5, 2), dtype=int), 0, to)


@given(st.integers(-(2**50), 2**50), st.integers(0, 2**50), st.integers(-5, 20))
def test_format_holding_is_the_smallest(low, span, fraction):
    high = low + span
    one = format_holding(low, high, fraction)
    assert one.holds(low, high)
    assert one.fraction == fraction
    if one.width > 1:
        narrower = FixedPointFormat(one.width - 1, one.integer - 1, one.signed)
        assert not narrower.holds(low, high)


def test_an_unknown_mode_names_the_known_ones():
    with pytest.raises(PrecisionError, match="use one of TRN, RND"):
        Assignment(FixedPointFormat(4, 2), "ROUND")
