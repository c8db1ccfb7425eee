"""Budgets."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import TypeAdapter, ValidationError

from pulsefront.errors import BudgetError, ConfigError
from pulsefront.networks import NetworkCost
from pulsefront.search import Budget

COST = NetworkCost(
    weight_bytes=600,
    activation_bytes=50,
    macs=1000,
    bops=64000.0,
    ebops=9000,
    nonzero_weights=900,
    lut=4000,
    ff=800,
    dsp=2,
    latency_cycles=12,
)


def test_a_cost_fits_when_no_limit_is_passed() -> None:
    assert Budget(weight_bytes=600, macs=1000).fits(COST)
    assert not Budget(weight_bytes=599).fits(COST)
    assert not Budget(weight_bytes=600, bops=63999).fits(COST)


def test_excess_is_that_of_the_tightest_limit() -> None:
    assert Budget(weight_bytes=500, macs=2000).excess(COST) == pytest.approx(0.2)
    assert Budget(weight_bytes=700).excess(COST) == 0.0


def test_a_budget_that_limits_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"limits nothing.*weight_bytes"):
        _ = Budget().limits


def test_a_budget_below_the_smallest_network_says_how_near_it_came() -> None:
    with pytest.raises(BudgetError, match="macs ≤ 900: the best came to 1000") as caught:
        Budget(weight_bytes=1000, macs=900).require_possible(COST)
    assert (caught.value.budget, caught.value.limit, caught.value.best) == ("macs", 900, 1000)


def test_resources_are_limits_like_others_and_none_is_a_limit_of_zero() -> None:
    assert Budget(lut=4000, ff=800, dsp=2, latency_cycles=12, nonzero_weights=900).fits(COST)
    assert not Budget(dsp=0).fits(COST)
    assert Budget(dsp=0, lut=2000).exceeded(COST) == ("lut", "dsp")
    assert Budget(dsp=0, lut=3900).tightest(COST) == "dsp"


def test_a_float_network_keeps_no_limit_of_something_built() -> None:
    cost = NetworkCost(600, 50, 1000, 64000.0, 9000, 900)
    assert Budget(weight_bytes=600).fits(cost)
    assert Budget(weight_bytes=600, lut=10**9).excess(cost) == float("inf")


def test_a_part_needs_a_rate_and_a_rate_a_part() -> None:
    for given, missing in (
        ({"board": "ecp5_25"}, "board needs events_per_second"),
        ({"events_per_second": 1e6}, "events_per_second needs board"),
        ({"latency_ns": 100.0}, "latency_ns needs board and events_per_second"),
        ({"board": "ecp5_25", "latency_ns": 9.0}, "board needs events_per_second"),
        ({"count_gates": True}, "count_gates needs board and events_per_second"),
    ):
        with pytest.raises(ValidationError, match=missing):
            Budget(**given)
    for wrong in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ValidationError):
            Budget(board="ecp5_25", events_per_second=wrong)


def test_beside_a_part_resources_say_what_may_be_used_of_it() -> None:
    budget = Budget(board="ecp5_25", events_per_second=1e6, lut=9000, dsp=0, weight_bytes=600)
    assert budget.limits == {"weight_bytes": 600, "part_use": 1.0}
    assert budget.room == {"lut": 9000, "dsp": 0}
    fitted = replace(COST, lut=50_000, part_use=0.9)
    assert budget.fits(fitted)
    assert budget.exceeded(replace(fitted, part_use=1.5)) == ("part_use",)


def test_a_budget_without_a_part_is_written_as_before_there_were_parts() -> None:
    assert "board" not in Budget(weight_bytes=8192).model_dump(mode="json")
    named = Budget(board="ecp5_25", events_per_second=1e6)
    assert Budget.model_validate(named.model_dump(mode="json")) == named
    written = TypeAdapter(NetworkCost).dump_python(COST, mode="json")
    assert "part_use" not in written
    assert TypeAdapter(NetworkCost).validate_python(written) == COST
    whole = TypeAdapter(NetworkCost).dump_python(replace(COST, part_use=0.5), mode="json")
    assert whole["part_use"] == 0.5
