"""Real numbers that are exactly on a format's grid, and those that are not."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point import (
    Assignment,
    FixedPointFormat,
    assign,
    format_of_scale,
    raw_integers,
)
from pulsefront.fixed_point.real_values import round_half_up


def test_raw_integers_are_exact_or_refused():
    one = FixedPointFormat(6, 2)
    assert raw_integers([0.5, -2.0, 1.9375], one).tolist() == [8, -32, 31]
    with pytest.raises(PrecisionError, match=r"no multiple of 0.0625 \(got 0.3\)"):
        raw_integers([0.3], one)
    with pytest.raises(PrecisionError, match=r"outside the format \(got 2.0\)"):
        raw_integers([2.0], one)
    with pytest.raises(PrecisionError, match="not finite"):
        raw_integers([np.nan], one)


def test_values_are_the_inverse_of_raw_integers():
    one = FixedPointFormat(9, -2)
    integers = np.arange(one.minimum, one.maximum + 1)
    np.testing.assert_array_equal(raw_integers(one.values(integers), one), integers)


@pytest.mark.parametrize("exponent", [-20, -1, 0, 3])
def test_a_power_of_two_scale_is_a_format(exponent):
    one = format_of_scale(8, 2.0**exponent)
    assert (one.step, one.width, one.signed) == (2.0**exponent, 8, True)
    assert not format_of_scale(8, 2.0**exponent, signed=False).signed


@pytest.mark.parametrize(
    ("scale", "remedy"),
    [
        (0.3, "power-of-two scale, such as 0.25"),
        (-0.5, "power-of-two scale$"),
        (0.0, "power-of-two scale$"),
        (float("nan"), "power-of-two scale$"),
        (float("inf"), "power-of-two scale$"),
    ],
)
def test_any_other_scale_is_refused_by_name_and_value(scale, remedy):
    with pytest.raises(PrecisionError, match=rf"^dense1: the scale is no .*{remedy}") as caught:
        format_of_scale(8, scale, field="dense1")
    assert caught.value.value is scale


def test_ties_round_up_as_rnd_does():
    values = np.array([-1.5, -0.5, 0.5, 1.5, 0.49, -0.51])
    assert round_half_up(values).tolist() == [-1, 0, 1, 2, 0, -1]
    integers = np.arange(-40, 41)
    to = Assignment(FixedPointFormat(20, 20), "RND", "SAT")
    np.testing.assert_array_equal(round_half_up(integers / 8), assign(integers, 3, to))
