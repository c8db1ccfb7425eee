"""Charges brought to one sum: by fractions, golden integers, the extremes."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.fixed_point.normalise import AT_ONCE, SumNormalisation

COUNTS = FixedPointFormat(12, 12, signed=False)


def by_fractions(row: list[int], made: SumNormalisation, to: FixedPointFormat) -> list[int]:
    total = sum(row)
    most = 2**made.reciprocal_bits - 1
    factor = min(floor(Fraction(made.total * 2**made.shift, total)), most) if total else most
    found = [floor(Fraction(x * factor, 2**made.shift) + Fraction(1, 2)) for x in row]
    return [min(max(x, to.minimum), to.maximum) for x in found]


@pytest.mark.parametrize("total", [16, 7891, 8192, 2**24 - 1])
@pytest.mark.parametrize("lowest", [1, 7120])
def test_thousands_of_events_are_what_fractions_say(total: int, lowest: int) -> None:
    rng = np.random.default_rng(1)
    bright = rng.integers(0, 4096, (400, 6))
    dim = rng.poisson(3.0, (400, 6))
    one = np.zeros((7, 6), np.int64)
    one[np.arange(7), rng.integers(0, 6, 7)] = [0, 1, 2, 3, 100, 4094, 4095]
    rows = np.concatenate([bright, dim, one, np.full((1, 6), 4095), np.eye(6, dtype=np.int64)])
    made = SumNormalisation(total, 12, lowest)
    wanted = [by_fractions(row, made, COUNTS) for row in rows.tolist()]
    np.testing.assert_array_equal(made.apply(rows, COUNTS), wanted)


def test_golden_integers() -> None:
    made = SumNormalisation(8192, 12)
    rows = np.array([[100, 200, 6700, 0], [0, 0, 0, 0], [1, 0, 0, 0], [4095, 4095, 4095, 4095]])
    wanted = [[117, 234, 4095, 0], [0, 0, 0, 0], [4095, 0, 0, 0], [2048, 2048, 2048, 2048]]
    np.testing.assert_array_equal(made.apply(rows, COUNTS), wanted)
    wide = FixedPointFormat(16, 16, signed=False)
    np.testing.assert_array_equal(made.apply(rows[:1], wide), [[117, 234, 7841, 0]])


def test_events_beyond_one_block_are_all_scaled() -> None:
    rows = np.random.default_rng(2).integers(0, 4096, (AT_ONCE + 3, 3), dtype=np.uint16)
    made = SumNormalisation(8192, 12)
    whole = made.apply(rows, COUNTS)
    assert whole.dtype == np.uint16
    np.testing.assert_array_equal(whole[-5:], made.apply(rows[-5:], COUNTS))


def test_a_common_loss_of_light_moves_a_charge_by_its_rounding_alone() -> None:
    rng = np.random.default_rng(3)
    rows = rng.integers(100, 1000, (2000, 16))
    made = SumNormalisation(8192, 12)
    # A whole factor is exact: what moves is the rounding of each result, less than 3/4 and 3/4.
    moved = made.apply(4 * rows, COUNTS).astype(int) - made.apply(rows, COUNTS)
    assert np.abs(moved).max() <= 1


@pytest.mark.parametrize(("total", "bits"), [(0, 12), (2**24, 36)])
def test_sums_that_cannot_be_are_refused(total: int, bits: int) -> None:
    with pytest.raises(PrecisionError):
        SumNormalisation(total, bits)
