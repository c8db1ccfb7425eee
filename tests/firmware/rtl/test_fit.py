"""Which design fits a part at a rate, and what is said where none does."""

from __future__ import annotations

import pytest

from pulsefront.errors import BudgetError, ConfigError
from pulsefront.firmware.board import load_board
from pulsefront.firmware.rtl.fit import FIT_BOARDS, fit, fit_table
from pulsefront.firmware.rtl.plan import plan
from toys_rtl import position_like, timing_like


def test_a_large_network_is_time_shared_and_meets_the_rate():
    for rate in (1e4, 2e5, 1e6):
        found = fit(position_like(), "ecp5_85", rate)
        assert found.fits
        assert found.strategy == "time-shared"
        assert found.events_per_second >= rate
        design = plan(position_like(), found.multipliers)
        assert design.interval_cycles == found.interval_cycles
        assert found.origin == "estimated"


def test_a_rate_beyond_one_element_a_clock_is_unrolled():
    found = fit(timing_like(), "arty_a7_100", 1e8)
    assert found.fits
    assert found.strategy == "unrolled"
    assert found.interval_cycles == 1
    assert not found.multipliers


def test_more_rate_takes_more_of_the_part():
    found = [fit(position_like(), "ecp5_85", rate).used["lut"] for rate in (1e4, 1e5, 1e6)]
    assert found[0] < found[1] < found[2]


def test_a_faster_clock_takes_fewer_multipliers():
    slow, fast = (
        sum(fit(position_like(), "ecp5_85", 5e5, clock_mhz=clock).multipliers.values())
        for clock in (80, 160)
    )
    assert fast < slow


def test_what_is_missing_is_named_with_the_nearest():
    found = fit_table(position_like(), ["ice40_up5k"], [1e6])
    (choice,) = found.choices
    assert not choice.fits
    with pytest.raises(BudgetError) as caught:
        found.raise_on_failure()
    assert caught.value.budget == "lut of ice40_up5k"
    assert caught.value.limit == 5280
    assert choice.limit == "rate: layer dense0 with 64 multipliers"


def test_the_table_has_a_row_for_each_part_and_rate():
    found = fit_table(timing_like())
    assert len(found.choices) == 3 * len(FIT_BOARDS)
    found.raise_on_failure()
    lines = found.table().splitlines()
    assert len(lines) == 3 + len(found.choices)
    assert all("estimated" in line for line in lines[1:-2])
    assert found.to_json()["choices"][0]["board"] == "ice40_up5k"


def test_a_part_that_is_not_known_is_refused():
    unknown = load_board("ecp5_25").model_copy(update={"lut": 0})
    with pytest.raises(ConfigError, match="is not known"):
        fit(timing_like(), unknown, 1e6)
    with pytest.raises(ConfigError, match="not positive"):
        fit(timing_like(), "ecp5_25", 0)
