"""A budget that names a part: networks are priced as the best design of them for it."""

from __future__ import annotations

import pytest

from pulsefront.errors import ConfigError
from pulsefront.firmware.fit import fit
from pulsefront.networks.cost import model_cost
from pulsefront.search import Budget
from pulsefront.search.part import demand_of_budget, part_of
from toys_rtl import position_like, timing_like


def test_a_network_costs_what_its_best_design_takes():
    budget = Budget(board="arty_a7_35", events_per_second=1e6, weight_bytes=10_000)
    cost = model_cost(position_like(), part_of(budget))
    best = fit(position_like(), "arty_a7_35", 1e6)
    used = best.design.used
    assert (cost.lut, cost.ff, cost.dsp) == (used["lut"], used["ff"], used["dsp"])
    assert cost.block_ram_kbit == used["block_ram_kbit"]
    assert cost.latency_ns == best.latency_ns
    assert cost.part_use == max(best.shares.values())
    assert budget.fits(cost)


def test_sharing_is_chosen_anew_for_each_rate():
    costs = [
        model_cost(position_like(), part_of(Budget(board="ecp5_85", events_per_second=rate)))
        for rate in (1e4, 1e5, 1e6)
    ]
    assert costs[0].lut < costs[1].lut < costs[2].lut
    assert costs[0].latency_ns > costs[1].latency_ns > costs[2].latency_ns


def test_what_may_be_used_rate_and_latency_are_kept():
    model = position_like()
    whole = model_cost(model, part_of(Budget(board="ecp5_85", events_per_second=1e6)))
    for limits in (
        {"lut": whole.lut // 2, "dsp": 0},
        {"latency_ns": 100.0},
        {"events_per_second": 1e8, "lut": whole.lut},
    ):
        budget = Budget(**{"board": "ecp5_85", "events_per_second": 1e6, **limits})
        cost = model_cost(model, part_of(budget))
        assert cost.part_use > 1
        assert not budget.fits(cost)
        assert budget.tightest(cost) == "part_use"


def test_a_budget_without_a_part_prices_as_before():
    assert part_of(Budget(weight_bytes=1000)) is None
    assert model_cost(timing_like()).part_use is None


def test_what_does_not_fit_is_told_with_what_to_cut():
    part = part_of(Budget(board="ice40_up5k", events_per_second=1e6))
    error = part.error(position_like())
    assert error.budget == "part_use of ice40_up5k at 1e+06 events/s"
    assert error.best > error.limit == 1
    assert "are there" in error.remedy
    assert "lower the rate to" in error.remedy


def test_a_rate_above_the_clock_is_refused():
    with pytest.raises(ConfigError, match="more than one event a clock") as caught:
        demand_of_budget(Budget(board="ecp5_25", events_per_second=1.01e8))
    assert caught.value.field == "events_per_second"
    assert demand_of_budget(Budget(board="ecp5_25", events_per_second=1e8)).cycles == 1
