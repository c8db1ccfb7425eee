"""The paired margin test: right coverage, right verdicts."""

from __future__ import annotations

import numpy as np

from pulsefront.search import central_width, compare, mean_distance
from pulsefront.search.noninferiority import JACKKNIFE_GROUPS, event_groups


def pairs(
    random: np.random.Generator, events: int, factor: float, spread: float, count: int = 3
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return residuals of candidates that are *factor* as wide as their references."""
    common = random.normal(0.0, 1.0, (events, 1))
    references = [common + random.normal(0.0, 0.3, (events, 1)) for _ in range(count)]
    candidates = [
        (factor + random.normal(0.0, spread)) * r + random.normal(0.0, 0.1, (events, 1))
        for r in references
    ]
    return candidates, references


def test_equal_networks_are_non_inferior_and_differ_by_nothing() -> None:
    random = np.random.default_rng(0)
    references = [random.normal(0.0, 1.0, (4000, 1)) for _ in range(3)]
    result = compare(references, references, central_width, event_groups(4000))
    assert result.value == 0.0
    assert result.non_inferior(0.001)


def test_a_network_worse_than_the_margin_is_not_non_inferior() -> None:
    candidates, references = pairs(np.random.default_rng(1), 4000, 1.10, 0.0)
    result = compare(candidates, references, mean_distance, event_groups(4000))
    assert not result.non_inferior(0.05)
    assert result.low > 0.05


def test_initializations_that_disagree_widen_the_interval() -> None:
    random = np.random.default_rng(2)
    close = compare(*pairs(random, 4000, 1.0, 0.0), central_width, event_groups(4000))
    apart = compare(*pairs(random, 4000, 1.0, 0.05), central_width, event_groups(4000))
    assert apart.high - apart.low > 2 * (close.high - close.low)


def test_a_truly_inferior_network_is_accepted_in_at_most_five_percent_of_trials() -> None:
    """At the margin itself the one-sided 95 % test errs in about one trial of twenty."""
    random = np.random.default_rng(3)
    groups = event_groups(600)
    accepted = 0
    trials = 300
    truth = np.sqrt(1.06**2 * 1.09 + 0.01) / np.sqrt(1.09) - 1.0
    for _ in range(trials):
        candidates, references = pairs(random, 600, 1.06, 0.02)
        accepted += compare(candidates, references, _spread, groups).non_inferior(truth)
    # binomial upper 99.9 % limit around 5 % of 300 trials
    assert accepted / trials < 0.05 + 3.1 * np.sqrt(0.05 * 0.95 / trials)


def test_an_equal_network_is_accepted_within_the_needed_margin_in_four_trials_of_five() -> None:
    random = np.random.default_rng(4)
    groups = event_groups(600)
    equal = float(np.sqrt(1.0 - 0.01 / 1.09))
    found = [compare(*pairs(random, 600, equal, 0.02, 8), _spread, groups) for _ in range(300)]
    margin = float(np.median([one.needed for one in found]))
    accepted = np.mean([one.non_inferior(margin) for one in found])
    # Three standard errors of 300 trials around 80 %, and what the estimate of the error adds.
    assert abs(accepted - 0.8) < 3 * np.sqrt(0.8 * 0.2 / 300) + 0.02


def _spread(residuals: np.ndarray) -> float:
    return float(residuals.std())


def test_a_metric_that_is_not_finite_is_never_non_inferior() -> None:
    bad = [np.full((100, 1), np.nan)] * 3
    good = [np.random.default_rng(0).normal(size=(100, 1))] * 3
    assert not compare(bad, good, _spread, event_groups(100)).non_inferior(1.0)


def test_events_of_one_position_stay_in_one_group() -> None:
    labels = np.random.default_rng(0).integers(0, 200, 5000)
    groups = event_groups(5000, labels)
    assert len(np.unique(groups)) == JACKKNIFE_GROUPS
    for label in range(200):
        assert len(np.unique(groups[labels == label])) == 1


def test_central_width_is_the_full_width_at_half_maximum_of_a_gaussian() -> None:
    residuals = np.random.default_rng(0).normal(0.0, 2.0, (200_000, 1))
    assert abs(central_width(residuals) / (2.0 * 2.3548) - 1.0) < 0.01
