"""Sham labels: data of the same form in which there is nothing to find.

A whole pipeline run on them shows what it finds by chance alone: leaks, tuning and repeated looks
included. Which null is right depends on what makes events alike: labels are shuffled so that what
is held fixed (the series of a unit, the events of a position) stays as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.errors import DataError
from pulsefront.evaluate.intervals import Interval

__all__ = ["shift_within_groups", "shuffle_labels", "swap_between_groups", "within_sham"]


def shuffle_labels(labels: ArrayLike, *, seed: int) -> NDArray[Any]:
    """Return labels shuffled over all events: nothing but the distribution of labels is kept."""
    values = np.asarray(labels)
    return np.asarray(values[np.random.default_rng(seed).permutation(len(values))])


def shift_within_groups(labels: ArrayLike, groups: ArrayLike, *, seed: int) -> NDArray[Any]:
    """Return each group's series of labels shifted cyclically by a random step.

    The share of each label per group and the order within the series are kept: what remains to
    be found is the difference between groups. Events must be in the order of time. A group of one
    event cannot shift.

    Raises
    ------
    DataError
        Labels and groups differ in length.
    """
    values, index = _grouped(labels, groups)
    random = np.random.default_rng(seed)
    result = values.copy()
    for group in range(int(index.max()) + 1):
        members = np.flatnonzero(index == group)
        if len(members) > 1:
            result[members] = np.roll(values[members], random.integers(1, len(members)), axis=0)
    return result


def swap_between_groups(labels: ArrayLike, groups: ArrayLike, *, seed: int) -> NDArray[Any]:
    """Return each group with the series of labels of another group, none with its own.

    A longer series is cut, a shorter one repeated. Nothing that a group is can foretell its
    labels then.

    Raises
    ------
    DataError
        Labels and groups differ in length, or there is a single group.
    """
    values, index = _grouped(labels, groups)
    count = int(index.max()) + 1
    if count < 2:
        raise DataError("a single group has none to swap with", field="groups", value=count)
    # A random cycle through all groups is a permutation without a fixed point.
    cycle = np.random.default_rng(seed).permutation(count)
    result = values.copy()
    for here, there in zip(cycle, np.roll(cycle, 1), strict=True):
        members, source = np.flatnonzero(index == here), np.flatnonzero(index == there)
        result[members] = values[source[np.arange(len(members)) % len(source)]]
    return result


def _grouped(labels: ArrayLike, groups: ArrayLike) -> tuple[NDArray[Any], NDArray[np.int64]]:
    values, names = np.asarray(labels), np.asarray(groups)
    if len(values) != len(names) or len(values) == 0:
        raise DataError("labels and groups must be equally many", value=(len(values), len(names)))
    _, index = np.unique(names.reshape(len(names), -1), axis=0, return_inverse=True)
    return values, np.asarray(index).reshape(-1)


def within_sham(value: float, sham: Sequence[float], confidence: float = 0.95) -> Interval:
    """Return *value* with the range that sham labels span, as the interval's ends.

    Where the value lies within its own "interval", the pipeline has found no more than chance.

    Raises
    ------
    DataError
        Fewer sham runs than the quantiles need (19 for 95 %, one-sided at least).
    """
    runs = np.asarray(sham, dtype=np.float64)
    least = int(np.ceil(1 / (1 - confidence))) - 1
    if len(runs) < least or not np.isfinite(runs).all():
        raise DataError(
            "too few sham runs for this confidence",
            field="sham",
            value=len(runs),
            remedy=f"run at least {least}",
        )
    low, high = np.quantile(runs, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(value, float(low), float(high), confidence)
