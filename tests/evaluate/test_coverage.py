"""The coverage of intervals is counted right; `make studies` counts it of every kind."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.evaluate.coverage import CASES, CoverageCase, cover, main
from pulsefront.evaluate.coverage_clustered import CLUSTERED_CASES
from pulsefront.evaluate.coverage_folds import FOLD_CASES
from pulsefront.evaluate.intervals import Interval, bootstrap, mean_statistic


def test_an_interval_that_says_too_much_is_noticed() -> None:
    def normal(width: float) -> CoverageCase:
        def interval(random: np.random.Generator) -> Interval:
            value = float(random.normal())
            return Interval(value, value - width, value + width)

        return CoverageCase("known", 0.0, interval)

    right, narrow, wide = (cover(normal(width), 1000, seed=1) for width in (1.96, 1.5, 2.6))
    assert right.holds
    assert right.covered == pytest.approx(0.95, abs=0.014)
    assert narrow.covered < 0.9
    assert not narrow.holds
    assert not wide.holds
    assert narrow.above == pytest.approx(narrow.below, abs=0.04)
    assert right.offset == pytest.approx(0.0, abs=0.1)


def test_few_groups_need_ends_further_out() -> None:
    """A percentile interval over eight positions held the truth in 89 % of repetitions."""
    groups = np.repeat(np.arange(8), 5)
    held = {"percentile": 0, "expanded": 0}
    for seed in range(300):
        random = np.random.default_rng(seed)
        values = random.normal(size=8)[groups] + 0.1 * random.normal(size=40)
        for method in held:
            found = bootstrap(
                mean_statistic(values),
                40,
                groups=groups,
                replicates=200,
                seed=seed,
                method=method,
            )
            held[method] += found.low < 0 < found.high
    assert held["percentile"] < 0.91 * 300
    assert 0.93 * 300 <= held["expanded"] <= 0.98 * 300


def test_expansion_is_nothing_where_there_are_many() -> None:
    values = np.random.default_rng(3).normal(size=5000)
    both = [
        bootstrap(mean_statistic(values), 5000, replicates=300, method=method)
        for method in ("percentile", "expanded")
    ]
    assert both[1].high - both[1].low == pytest.approx(both[0].high - both[0].low, rel=0.01)


def test_every_case_has_a_name_of_its_own_and_a_finite_truth() -> None:
    cases = (*CASES, *FOLD_CASES, *CLUSTERED_CASES)
    assert len({case.name for case in cases}) == len(cases)
    assert all(np.isfinite(case.truth) for case in cases)
    # The cheapest of each sort runs here; all of them run under `make studies`.
    for name in (
        "median, Student's t of 3",
        "wrong share, 16 positions",
        "mean over 5 folds",
        "precision of alerts, 24 scanners",
        "share in a bin of few failures",
        "growth by shuffling, 1,000 events",
    ):
        (case,) = (one for one in cases if one.name == name)
        found = cover(case, 20, seed=5)
        assert 0.7 <= found.covered <= 1.0
        assert found.above + found.below == pytest.approx(1 - found.covered)


def test_words_choose_what_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["60", "3", "mean over 5 f", "mean over 10 f"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.startswith("60 repetitions, seed 3")
    assert [row.split("  ")[0] for row in rows] == ["mean over 5 folds", "mean over 10 folds"]
