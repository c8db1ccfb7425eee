"""Where an estimator is worse than elsewhere: found on one half, confirmed on the other.

Among many parts the worst is bad by chance. Those that look worst on one half are therefore tested
on the other half, which had no part in finding them, and their p-values are adjusted for their
number after Holm (1979): the chance that any of them is told without being true stays below the
stated one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from pulsefront.errors import DataError
from pulsefront.evaluate.intervals import Interval, bootstrap_replicates

__all__ = ["WeakSubgroup", "crossed", "find_weak_subgroups", "holm"]

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class WeakSubgroup:
    """A part that looked bad on the first half, as the second half shows it.

    ``ratio`` is its mean loss over that of all other events of the second half, with an interval
    that is its own; ``adjusted_p`` is against a ratio of at most the factor asked for.
    """

    name: str
    events: int
    ratio_found: float
    ratio: Interval
    adjusted_p: float
    confirmed: bool


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return p-values adjusted for their number, step-down (Holm 1979).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p_values, np.float64)
    order = np.argsort(values, kind="stable")
    steps = (len(values) - np.arange(len(values))) * values[order]
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def crossed(masks: Mapping[str, Mask]) -> dict[str, Mask]:
    """Return the parts and the intersection of every two of them, where that is a part of both."""
    found = dict(masks)
    for (first, a), (second, b) in combinations(masks.items(), 2):
        both = a & b
        if both.any() and (both != a).any() and (both != b).any():
            found[f"{first}; {second}"] = both
    return found


def find_weak_subgroups(
    losses: ArrayLike,
    masks: Mapping[str, Mask],
    *,
    groups: ArrayLike | None = None,
    factor: float = 1.25,
    most: int = 8,
    least_events: int = 50,
    significance: float = 0.05,
    replicates: int = 500,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[WeakSubgroup, ...]:
    """Return the parts with the largest losses of one half of the events, tested on the other.

    Parameters
    ----------
    losses
        (event,) not negative.
    masks
        Name → (event,).
    groups
        (event,) or (event, k) labels of events that are not independent; whole groups go to one
        half and are resampled together. None: single events.
    factor
        A part is weak where its mean loss is more than so many times that of all other events.
    most
        Parts that are tested, at most: the fewer, the sharper the test. Of two that share more
        than nine tenths of their events the worse is taken.
    least_events
        In either half.
    significance
        Chance that any part is confirmed whose ratio is not above *factor*.

    Raises
    ------
    DataError
        Losses that are not finite, or a mask of another length.
    """
    values = np.asarray(losses, np.float64)
    if not np.isfinite(values).all():
        raise DataError("losses are not all finite", field="losses")
    wrong = [name for name, mask in masks.items() if len(mask) != len(values)]
    if wrong:
        raise DataError("mask and losses differ in length", field=wrong[0])
    first = _half(len(values), groups, seed)
    chosen = _worst(values, masks, first, most, least_events)
    second = ~first
    labels = None if groups is None else np.asarray(groups)[second]
    rows = []
    for name, found in chosen:
        inside = masks[name][second]
        ratio, p = _tested(values[second], inside, labels, factor, replicates, confidence, seed)
        rows.append((name, int(inside.sum()), found, ratio, p))
    adjusted = holm([row[4] for row in rows])
    return tuple(
        WeakSubgroup(name, events, found, ratio, float(p), bool(p <= significance))
        for (name, events, found, ratio, _), p in zip(rows, adjusted, strict=True)
    )


def _half(events: int, groups: ArrayLike | None, seed: int) -> Mask:
    """Return which events find; whole groups go together where there are at least four."""
    random = np.random.default_rng(seed)
    if groups is not None:
        labels = np.asarray(groups).reshape(events, -1)
        unique, of_event = np.unique(labels, axis=0, return_inverse=True)
        if len(unique) >= 4:
            finds = np.zeros(len(unique), np.bool_)
            finds[random.permutation(len(unique))[: len(unique) // 2]] = True
            return np.asarray(finds[np.asarray(of_event).reshape(-1)])
    finds = np.zeros(events, np.bool_)
    finds[random.permutation(events)[: events // 2]] = True
    return finds


def _worst(
    values: NDArray[np.float64],
    masks: Mapping[str, Mask],
    first: Mask,
    most: int,
    least_events: int,
) -> list[tuple[str, float]]:
    ratios = []
    for name, mask in masks.items():
        inside, outside = mask & first, ~mask & first
        enough = min(inside.sum(), outside.sum(), (mask & ~first).sum(), (~mask & ~first).sum())
        if enough >= least_events:
            ratios.append((float(values[inside].mean() / values[outside].mean()), name))
    chosen: list[tuple[str, float]] = []
    for ratio, name in sorted(ratios, reverse=True):
        if ratio <= 1.0 or len(chosen) == most:
            break
        if not any(_alike(masks[name], masks[other]) for other, _ in chosen):
            chosen.append((name, ratio))
    return chosen


def _alike(one: Mask, other: Mask) -> bool:
    return bool((one & other).sum() > 0.9 * (one | other).sum())


def _tested(
    values: NDArray[np.float64],
    inside: Mask,
    groups: NDArray[np.generic] | None,
    factor: float,
    replicates: int,
    confidence: float,
    seed: int,
) -> tuple[Interval, float]:
    """Return the ratio with its interval, and the one-sided p-value against *factor*.

    Log ratios of means are nearly normal; their spread comes from resampling.
    """
    within, without = inside.astype(np.float64), (~inside).astype(np.float64)

    def log_ratio(weights: NDArray[np.float64]) -> float:
        a, b = weights @ within, weights @ without
        if a == 0 or b == 0:
            return float("nan")
        return float(
            np.log((weights * within) @ values / a) - np.log((weights * without) @ values / b)
        )

    value = log_ratio(np.ones(len(values)))
    count = 0 if groups is None else len(np.unique(groups.reshape(len(groups), -1), axis=0))
    found = bootstrap_replicates(
        log_ratio,
        len(values),
        groups=groups if count >= 2 else None,
        replicates=replicates,
        seed=seed,
    )
    error = float(np.nanstd(found, ddof=1))
    units = count if count >= 2 else len(values)
    z = float(stats.t.ppf((1 + confidence) / 2, units - 1))
    ends: Sequence[float] = [float(np.exp(value + sign * z * error)) for sign in (-1, 1)]
    p = float(stats.t.sf((value - np.log(factor)) / error, units - 1)) if error > 0 else 1.0
    return Interval(float(np.exp(value)), ends[0], ends[1], confidence), p
