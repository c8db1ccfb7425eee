"""Lives of the parts of a camera: they end when their wear first passes 1, or without any."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.qc.simulate.wear import Life, draw_lives

DAYS, PARTS = 1_826, 4_000


@pytest.fixture(scope="module")
def lives() -> list[Life]:
    random = np.random.default_rng(0)
    ages = random.integers(0, 2_190, PARTS)
    return [life for age in ages for life in draw_lives("part", int(age), DAYS, random)]


def test_wear_first_passes_1_on_the_last_day_of_a_life(lives):
    worn = [life for life in lives if len(life.wear) > 1]
    assert len(worn) > 500
    for life in worn:
        assert life.wear[-1] >= 1.0
        assert life.wear[:-1].max() < 1.0
        assert life.wear.min() >= 0.0
        last = life.onset + len(life.wear) - 1
        assert life.ends < last if life.taken else life.ends == last


def test_ten_parts_fail_as_often_as_a_scanner_and_one_failure_in_five_gives_no_warning(lives):
    failed = [life for life in lives if life.ends < DAYS and not life.taken]
    assert len(failed) / PARTS * 10 / 5 == pytest.approx(0.38, abs=0.06)
    assert np.mean([len(life.wear) == 1 for life in failed]) == pytest.approx(0.2, abs=0.05)


def test_wear_is_rough_and_differs_from_life_to_life(lives):
    worn = [life.wear for life in lives if len(life.wear) > 20]
    steps = [np.abs(np.diff(wear)).max() / np.diff(wear).mean() for wear in worn]
    assert np.median(steps) > 5.0
    days = [len(wear) for wear in worn]
    assert np.quantile(days, 0.9) > 2.5 * np.quantile(days, 0.1)


def test_shown_wear_is_that_of_the_days_looked_at():
    life = Life("part", -2, np.array([0.1, 0.2, 0.4, 0.8, 1.1]), 2, taken=False)
    days, wear = life.shown(100)
    assert days == slice(0, 2)
    assert wear.tolist() == [0.4, 0.8]
    assert life.shown(1)[1].tolist() == [0.4]
    assert not len(Life("part", 5, np.zeros(1), 5, taken=False).shown(100)[1])
