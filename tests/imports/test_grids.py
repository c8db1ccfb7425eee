"""Real numbers on grids: as the integer form of an assignment, and the smallest formats."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point import Assignment, FixedPointFormat, Overflow, Rounding, assign
from pulsefront.fixed_point.real_values import real_assigned
from pulsefront.imports.grids import formats_of_values

FRACTION = 20


@given(
    st.lists(st.integers(-(2**30), 2**30), min_size=1, max_size=40),
    st.integers(1, 20), st.integers(-4, 12), st.booleans(),
    st.sampled_from(list(Rounding)), st.sampled_from(list(Overflow)),
)  # fmt: skip
def test_real_numbers_are_assigned_as_integers_are(raw, width, integer, signed, rounding, overflow):
    to = Assignment(FixedPointFormat(width, integer, signed), rounding, overflow)
    expected = to.container.values(assign(np.array(raw), FRACTION, to))
    assert np.array_equal(real_assigned(np.ldexp(np.array(raw, float), -FRACTION), to), expected)


def test_every_channel_has_its_own_format():
    forms = FixedPointFormat(4, 2), FixedPointFormat(6, 1, signed=False)
    to = Assignment(forms, Rounding.RND, Overflow.SAT)
    found = real_assigned(np.array([[9.0, 9.0], [-9.0, -9.0], [0.3, 0.3]]), to)
    assert found.tolist() == [[1.75, 1.96875], [-2.0, 0.0], [0.25, 0.3125]]


@given(st.lists(st.integers(-(2**22), 2**22), min_size=1, max_size=20), st.integers(-10, 30))
def test_smallest_formats_hold_their_numbers_and_no_fewer_bits_do(raw, fraction):
    values = np.ldexp(np.array(raw, float), -fraction)[:, None]
    (form,) = formats_of_values(values, "weights")
    whole = np.ldexp(values, form.fraction)
    assert np.array_equal(whole, np.rint(whole))
    assert form.holds(int(whole.min()), int(whole.max()))
    if np.any(values) and form.width > 1:
        less = FixedPointFormat(form.width - 1, form.integer - 1, form.signed)
        odd = np.any(whole % 2 == 1)
        assert odd
        assert not less.holds(int(whole.min()), int(whole.max()))


def test_numbers_of_floats_have_no_format_and_infinite_ones_are_refused():
    assert formats_of_values(np.random.default_rng(0).normal(0, 1, (50, 2)), "weights") is None
    with pytest.raises(PrecisionError, match="weights: is not finite"):
        formats_of_values(np.array([[np.inf]]), "weights")
