"""Sums in an accumulator of one fixed-point format, as hls4ml's latency strategy forms them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pulsefront.fixed_point.format import Assignment, Integers, assign
from pulsefront.fixed_point.intervals import assigned_interval

__all__ = ["Sums", "accumulated_sums"]


@dataclass(frozen=True, eq=False)
class Sums:
    """Interval of sums in a narrow accumulator, and the *reach* of any partial sum."""

    low: Integers
    high: Integers
    reach: tuple[int, int]


def accumulated_sums(
    rows: tuple[Integers, Integers],
    weights: Integers,
    bias: Integers,
    fraction: int,
    to: Assignment,
) -> Sums:
    """Return sums of products that are assigned to the accumulator one by one, then added there.

    Parameters
    ----------
    rows
        Smallest and largest value of each number, shape (row, n_in).
    weights, bias
        Shapes (n_in, n_out) and (n_out,), so that products and bias have *fraction* fraction bits.
    """
    low, high = rows
    target = to.container
    ends = np.stack([low[:, :, None] * weights, high[:, :, None] * weights])
    products = assigned_interval(ends.min(axis=0), ends.max(axis=0), fraction, to)
    assigned_bias = assign(bias, fraction, to)
    # In any order of summation no partial sum leaves the sums of each sign alone.
    reach_low = np.minimum(products[0], 0).sum(axis=1) + np.minimum(assigned_bias, 0)
    reach_high = np.maximum(products[1], 0).sum(axis=1) + np.maximum(assigned_bias, 0)
    outside = (reach_low < target.minimum) | (reach_high > target.maximum)
    lowest = np.where(outside, target.minimum, products[0].sum(axis=1) + assigned_bias)
    highest = np.where(outside, target.maximum, products[1].sum(axis=1) + assigned_bias)
    return Sums(lowest, highest, (int(reach_low.min()), int(reach_high.max())))
