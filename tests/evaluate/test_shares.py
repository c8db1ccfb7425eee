"""Shares and their intervals against formulas, and where groups of cases go together."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pulsefront.evaluate.shares import clustered_share, design_effect_of, wilson_interval


@pytest.mark.parametrize(("events", "cases"), [(0, 10), (3, 10), (10, 10), (57, 100)])
def test_the_wilson_interval_is_its_formula(events: int, cases: int) -> None:
    found = wilson_interval(events, cases)
    z, share = stats.norm.ppf(0.975), events / cases
    middle = (share + z**2 / (2 * cases)) / (1 + z**2 / cases)
    root = np.sqrt(share * (1 - share) / cases + (z / (2 * cases)) ** 2)
    half = z / (1 + z**2 / cases) * root
    assert (found.low, found.high) == pytest.approx((middle - half, middle + half), abs=1e-12)
    # At no events and at nothing but events the ends are exact.
    assert (found.low == 0) == (events == 0)
    assert (found.high == 1) == (events == cases)


def test_a_share_of_groups_of_one_is_nearly_that_of_wilson() -> None:
    outcome = np.array([1] * 57 + [0] * 43)
    found, plain = clustered_share(outcome, np.ones(100)), wilson_interval(57, 100)
    assert (found.low, found.high) == pytest.approx((plain.low, plain.high), abs=0.003)
    assert found.high - found.low > plain.high - plain.low


def test_cases_that_agree_count_for_one() -> None:
    ones = np.array([1] * 12 + [0] * 28)
    alone, eightfold = clustered_share(ones, np.ones(40)), clustered_share(8 * ones, [8] * 40)
    assert (eightfold.value, eightfold.low, eightfold.high) == pytest.approx(
        (alone.value, alone.low, alone.high)
    )
    assert design_effect_of(8 * ones, [8] * 40) == pytest.approx(8 * 40 / 39)
    assert design_effect_of([0, 0], [5, 3]) is None
    assert design_effect_of([2], [5]) is None


def test_where_all_cases_agree_the_design_effect_is_that_of_others() -> None:
    none = [0] * 40
    by_group, by_case = (
        clustered_share(none, [8] * 40, design_effect=effect) for effect in (None, 1.0)
    )
    assert by_group.low == by_case.low == 0.0
    assert by_group.high == pytest.approx(clustered_share(none, [1] * 40).high)
    assert by_case.high < by_group.high / 5
