"""Multipliers per layer, and the clocks that follow from them."""

from __future__ import annotations

import pytest

from pulsefront.errors import ExportError
from pulsefront.firmware.rtl.time_shared.plan import plan, plan_for_interval
from toys_rtl import position_like, timing_like


def test_a_layer_takes_its_columns_as_many_at_a_time_as_it_has_multipliers():
    found = plan(position_like(), {"dense0": 16, "dense1": 5})
    first, second, third = found.matrices.values()
    assert (first.groups, first.tail, first.cycles) == (4, 16, 4 * 64)
    assert (second.groups, second.tail, second.cycles) == (7, 2, 7 * 64)
    assert (third.lanes, third.cycles) == (1, 3 * 32)
    assert found.interval_cycles == 7 * 64
    assert found.limit == "layer dense1 with 5 multipliers"
    assert found.multipliers == 22


def test_more_multipliers_than_outputs_are_left_out():
    found = plan(timing_like(), 100)
    assert [one.lanes for one in found.matrices.values()] == [13, 6, 1]
    assert found.matrices["dense0"].cycles == 14  # thirteen sums leave while the next come


def test_fewest_multipliers_for_an_interval():
    model = position_like()
    for cycles in (70, 100, 128, 200, 500, 2000, 5000):
        found = plan_for_interval(model, cycles)
        assert found.interval_cycles <= cycles
        for name, one in found.matrices.items():
            if one.lanes > 1:
                fewer = {key: value.lanes for key, value in found.matrices.items()}
                fewer[name] -= 1
                assert plan(model, fewer).interval_cycles > cycles


def test_where_no_design_is_that_fast_the_fastest_is_given():
    found = plan_for_interval(position_like(), 10)
    assert found.interval_cycles == 65
    assert found.matrices["dense0"].lanes == 64


def test_dsp_blocks_go_to_the_widest_products():
    found = plan(position_like(), 100, dsp=70)
    assert {name: one.dsp_lanes for name, one in found.matrices.items()} == {
        "dense0": 64,
        "dense1": 6,
        "dense2": 0,
    }
    assert found.dsp == 70


def test_a_register_behind_the_multipliers_costs_a_clock_a_layer():
    without, with_it = (plan(position_like(), 16, registers_behind=one) for one in (0, 1))
    assert with_it.interval_cycles == without.interval_cycles
    assert with_it.latency_cycles == without.latency_cycles + 3


@pytest.mark.parametrize("multipliers", [0, {"dense0": -1}, {"nothing": 4}, {"relu0": 4}])
def test_refused(multipliers):
    with pytest.raises(ExportError):
        plan(timing_like(), multipliers)
