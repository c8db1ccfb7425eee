"""A subgroup's metric is that of its events alone."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.evaluate import metrics
from pulsefront.evaluate.intervals import fwhm_statistic, mean_statistic
from pulsefront.evaluate.subgroups import bins, regions, subgroup_table


def test_each_row_holds_the_metric_of_its_events() -> None:
    random = np.random.default_rng(0)
    wide = np.arange(4_000) % 2 == 0
    values = random.normal(0, np.where(wide, 2.0, 1.0))
    rows = subgroup_table(
        values, {"wide": wide, "narrow": ~wide, "few": np.arange(4_000) < 5}, fwhm_statistic
    )
    assert [row.name for row in rows] == ["wide", "narrow", "few"]
    assert rows[0].events == 2_000
    assert rows[0].interval is not None
    assert rows[1].interval is not None
    assert rows[0].interval.value == metrics.fwhm(values[wide])
    assert rows[0].interval.low > rows[1].interval.high
    assert rows[2].interval is None
    assert rows[2].note == "fewer than 50 events"


def test_a_subgroup_without_width_gets_a_note_not_an_abort() -> None:
    rows = subgroup_table(np.zeros(100), {"all": np.ones(100, bool)}, fwhm_statistic)
    assert rows[0].interval is None
    assert "no width" in rows[0].note


def test_groups_are_resampled_within_the_subgroup() -> None:
    groups = np.repeat(np.arange(10), 20)
    values = groups.astype(float)
    (row,) = subgroup_table(values, {"all": values >= 0}, mean_statistic, groups=groups)
    (free,) = subgroup_table(values, {"all": values >= 0}, mean_statistic)
    assert row.interval is not None
    assert free.interval is not None
    assert row.interval.high - row.interval.low > 3 * (free.interval.high - free.interval.low)


def test_regions_are_a_partition() -> None:
    position = np.array([[0, 0, 1], [24, 0, 1], [0, -23, 1], [24, -24, 1], [20.9, 20.9, 0]])
    masks = regions(position, half_width_mm=25, edge_mm=4)
    assert masks["centre"].tolist() == [True, False, False, False, True]
    assert masks["edge"].tolist() == [False, True, True, False, False]
    assert masks["corner"].tolist() == [False, False, False, True, False]


def test_bins_are_half_open_but_for_the_last() -> None:
    masks = bins([0, 4, 8, 16, 17], [0, 8, 16], "depth", "mm")
    assert masks["depth 0 to 8 mm"].tolist() == [True, True, False, False, False]
    assert masks["depth 8 to 16 mm"].tolist() == [False, False, True, True, False]


def test_bad_requests_raise() -> None:
    with pytest.raises(DataError, match="rise"):
        bins([1.0], [2, 1], "x", "mm")
    with pytest.raises(DataError, match="length"):
        subgroup_table(np.zeros(3), {"all": np.ones(2, bool)}, mean_statistic)
