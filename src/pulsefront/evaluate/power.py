"""How many events a study needs: power of a paired comparison, parts of a training set.

The spread of a metric over resampled pilot events falls with the root of their number; from it
follows how many test events show a given gain, or bring an interval to a given width. Where
events cluster, numbers of clusters take the place of events throughout.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from pulsefront.errors import DataError
from pulsefront.evaluate.intervals import (
    Statistic,
    bootstrap_replicates,
    difference,
)

__all__ = [
    "PowerPlan",
    "events_for_half_width",
    "plan_paired_test",
    "power_of_paired_test",
    "training_subsets",
]


@dataclass(frozen=True)
class PowerPlan:
    """What a pilot says about the size of a test set.

    ``standard_error`` is that of the paired difference at ``pilot`` events (or clusters);
    ``needed`` are the events that show ``gain`` with ``power`` at a one-sided ``significance``.
    """

    pilot: int
    standard_error: float
    gain: float
    power: float
    significance: float
    needed: int


def plan_paired_test(
    candidate: Statistic,
    reference: Statistic,
    events: int,
    *,
    gain: float,
    power: float = 0.9,
    significance: float = 0.025,
    groups: ArrayLike | None = None,
    replicates: int = 500,
    seed: int = 0,
) -> PowerPlan:
    """Return how many events a paired test needs to show *gain*, from pilot events.

    Parameters
    ----------
    candidate, reference
        Prepared from the same *events*; smaller is better.
    gain
        The difference reference − candidate that must not be missed, in the metric's unit.
    groups
        (event,) clusters; numbers are of clusters then.

    Raises
    ------
    DataError
        A gain that is not positive, or shares beyond 0 … 1.
    """
    if not (gain > 0 and 0 < power < 1 and 0 < significance < 1):
        raise DataError(
            "gain must be positive, power and significance within 0 … 1",
            value=(gain, power, significance),
        )
    replicated = bootstrap_replicates(
        difference(reference, candidate), events, groups=groups, replicates=replicates, seed=seed
    )
    pilot = _clusters(events, groups)
    error = float(np.std(replicated, ddof=1))
    quantiles = float(special.ndtri(1 - significance) + special.ndtri(power))
    needed = max(2, math.ceil(pilot * (quantiles * error / gain) ** 2))
    return PowerPlan(pilot, error, gain, power, significance, needed)


def power_of_paired_test(plan: PowerPlan, events: int) -> float:
    """Return the chance that a test with *events* (or clusters) shows the planned gain."""
    error = plan.standard_error * math.sqrt(plan.pilot / events)
    return float(special.ndtr(plan.gain / error - special.ndtri(1 - plan.significance)))


def events_for_half_width(
    statistic: Statistic,
    events: int,
    *,
    half_width: float,
    confidence: float = 0.95,
    groups: ArrayLike | None = None,
    replicates: int = 500,
    seed: int = 0,
) -> int:
    """Return how many events bring the interval of a metric to ± *half_width*.

    With *groups*, (event,) or (event, k), the number is of clusters.

    Raises
    ------
    DataError
        A half width that is not positive.
    """
    if not half_width > 0:
        raise DataError("must be positive", field="half_width", value=half_width)
    replicated = bootstrap_replicates(
        statistic, events, groups=groups, replicates=replicates, seed=seed
    )
    z = float(special.ndtri((1 + confidence) / 2))
    pilot = _clusters(events, groups)
    return max(2, math.ceil(pilot * (z * float(np.std(replicated, ddof=1)) / half_width) ** 2))


def _clusters(events: int, groups: ArrayLike | None) -> int:
    if groups is None:
        return events
    labels = np.asarray(groups)
    return len(np.unique(labels.reshape(len(labels), -1), axis=0))


def training_subsets(
    training: ArrayLike, sizes: Sequence[int], *, groups: ArrayLike | None = None, seed: int = 0
) -> tuple[NDArray[np.int64], ...]:
    """Return nested parts of the training events, each spread evenly over the groups.

    Raises
    ------
    DataError
        A size below one or above the number of training events.
    """
    everything = np.asarray(training, dtype=np.int64)
    wrong = [size for size in sizes if not 1 <= size <= len(everything)]
    if wrong:
        raise DataError(
            "no such number of training events",
            field="sizes",
            value=wrong[0],
            remedy=f"there are {len(everything)}",
        )
    random = np.random.default_rng(seed)
    order = random.permutation(len(everything))
    if groups is not None:
        labels = np.asarray(groups)
        _, coded = np.unique(labels.reshape(len(labels), -1), axis=0, return_inverse=True)
        index = np.asarray(coded).reshape(-1)[order]
        by_group = np.argsort(index, kind="stable")
        counts = np.bincount(index)
        rank = np.empty(len(order), np.int64)
        rank[by_group] = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        # First one event of every group, then a second of every group, and so on.
        order = order[np.argsort(rank, kind="stable")]
    return tuple(np.sort(everything[order[:size]]) for size in sizes)
