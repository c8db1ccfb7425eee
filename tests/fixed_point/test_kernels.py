"""The loops against `assign`, for every mode, as functions of Python and compiled."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.fixed_point import Assignment, FixedPointFormat, Overflow, Rounding, assign, kernels

FORMATS = (
    FixedPointFormat(5, 3),
    FixedPointFormat(5, 3, signed=False),
    FixedPointFormat(1, 1),
    FixedPointFormat(1, 0, signed=False),
    FixedPointFormat(7, 9),
    FixedPointFormat(12, 2),
)
VALUES = np.concatenate([np.arange(-300, 301), [-(2**40), -(2**40) + 1, 2**40 - 1, 2**40]]).astype(
    np.int64
)


@pytest.mark.parametrize("overflow", Overflow)
@pytest.mark.parametrize("rounding", Rounding)
def test_assign_integers_equals_assign_in_every_mode(rounding, overflow):
    for fraction in (0, 3, 6):
        for one in FORMATS:
            to = Assignment(one, rounding, overflow)
            expected = assign(VALUES[:, None], fraction, to)
            target = np.zeros((len(VALUES), 1), dtype=np.int64)
            kernels.assign_integers(
                VALUES[:, None],
                target,
                np.array([fraction - one.fraction]),
                np.array([one.minimum]),
                np.array([one.maximum]),
                np.array([one.symmetric_minimum]),
                np.array([0]),
                kernels.ROUNDING_CODE[rounding],
                kernels.OVERFLOW_CODE[overflow],
            )
            np.testing.assert_array_equal(target, expected, err_msg=f"{one} {fraction}")


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("rounding", [Rounding.TRN, Rounding.RND])
def test_assign_floats_equals_assign_where_it_is_exact(kind, rounding):
    to = Assignment(FixedPointFormat(6, 4), rounding, Overflow.SAT)
    values = np.arange(-1000, 1001)[:, None]
    expected = assign(values, 5, to)
    bias = 0.5 if rounding is Rounding.RND else 0.0
    target = values.astype(kind)
    kernels.assign_floats(
        target,
        np.full(1, 2.0**-3, kind),
        np.full(1, bias, kind),
        np.full(1, to.format.minimum, kind),
        np.full(1, to.format.maximum, kind),
    )
    np.testing.assert_array_equal(target, expected)


def test_dense_integers_equals_a_product_of_python_integers():
    rng = np.random.default_rng(0)
    source = rng.integers(-(2**25), 2**25, (7, 5))
    weights = rng.integers(-(2**30), 2**30, (5, 3))
    bias = rng.integers(-(2**50), 2**50, 3)
    target = np.empty((7, 3), dtype=np.int64)
    kernels.dense_integers(source, weights, bias, target)
    expected = source.astype(object) @ weights.astype(object) + bias.astype(object)
    assert target.tolist() == expected.tolist()


def test_kernels_run_as_plain_python_too():
    source = np.array([[5, -3]])
    target = np.zeros((1, 1), dtype=np.int64)
    kernels.dense_integers.py_func(source, np.array([[2], [4]]), np.array([1]), target)
    assert target.tolist() == [[-1]]
