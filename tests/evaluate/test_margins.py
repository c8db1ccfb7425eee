"""Margins between scores of classes, and sets that hold the true class as often as stated."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.evaluate.margins import conformal_reach, margins_of, shortfalls_of
from pulsefront.studies.uncertainty.class_step import calibrated_margin
from pulsefront.studies.uncertainty.settings import UncertaintySettings


def scored(events: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return scores (event, 5) of which the largest is that of the true class in most events."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 5, events)
    scores = random.normal(0, 20, (events, 5))
    scores[np.arange(events), truth] += random.exponential(60, events)
    return np.rint(scores).astype(np.int64), truth


def test_a_margin_is_the_largest_less_the_second() -> None:
    scores = np.array([[3, 9, 7], [4, 4, 1], [-5, -9, -7]])
    assert margins_of(scores).tolist() == [2, 0, 2]
    assert shortfalls_of(scores, np.array([2, 0, 1])).tolist() == [2, 0, 4]
    with pytest.raises(DataError, match="two classes at least"):
        margins_of(scores[:, :1])


@pytest.mark.parametrize("share", [0.5, 0.68, 0.9, 0.95])
def test_the_reach_is_the_smallest_that_holds_enough(share: float) -> None:
    shortfalls = shortfalls_of(*scored(777, 3))
    reach = conformal_reach(shortfalls, share)
    wanted = math.ceil(778 * share)
    assert (shortfalls <= reach).sum() >= wanted
    assert reach == 0 or (shortfalls < reach).sum() < wanted


def test_sets_hold_the_true_class_of_new_events_as_often_as_stated() -> None:
    inside = []
    for seed in range(200):
        reach = conformal_reach(shortfalls_of(*scored(199, 2 * seed)), 0.9)
        inside.append((shortfalls_of(*scored(400, 2 * seed + 1)) <= reach).mean())
    # At least 0.9, and of 199 events 0.005 more at most but for ties; one standard error is 0.002.
    assert 0.895 < np.mean(inside) < 0.92


def test_too_few_events_are_refused() -> None:
    with pytest.raises(DataError, match=r"18 selection events are too few.*give at least 19"):
        conformal_reach(np.zeros(18, np.int64), 0.95)
    with pytest.raises(DataError, match="between 0 and 1"):
        conformal_reach(np.zeros(18, np.int64), 1.0)


@pytest.mark.parametrize("coarse", [1, 40, 1000])
def test_bins_and_cuts_are_what_they_say(coarse: int) -> None:
    scores, truth = scored(2000, 5)
    scores //= coarse  # the more so, the more margins are equal
    found = calibrated_margin(scores, truth, 0.5, UncertaintySettings(parts=8))
    margins, right = margins_of(scores), scores.argmax(axis=1) == truth
    edges = [row.above for row in found.bins] + [int(margins.max())]
    for row, low, high in zip(found.bins, edges[:-1], edges[1:], strict=True):
        inside = (margins > low) & (margins <= high)
        assert row.events == inside.sum() > 0
        assert row.right == right[inside].sum()
    assert sum(row.events for row in found.bins) == 2000
    for share, cut in found.cuts.items():
        assert (margins >= cut).mean() >= float(share)
        assert (margins > cut).mean() < float(share)
