"""Estimates of Verilog beside kept counts of yosys, at designs that nothing was fitted to."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from counted_designs import TIME_SHARED, UNROLLED, design, numbers_of, read_counts
from gates_error import FAMILIES, Row, all_designs, errors

from pulsefront.firmware.rtl.resources.estimate import (
    SPREAD,
    count_time_shared,
    estimate_time_shared,
    estimate_unrolled,
)
from pulsefront.firmware.rtl.resources.parts import KINDS, kind_of
from pulsefront.firmware.rtl.time_shared.plan import plan
from toys_rtl import timing_like

MEDIANS = {
    ("time-shared", "lut"): 1.10,
    ("time-shared", "ff"): 1.15,
    ("time-shared", "dsp"): 1.0,
    ("time-shared", "block_ram_kbit"): 1.0,
    ("unrolled", "lut"): 1.35,
    ("unrolled", "ff"): 1.25,
    ("unrolled", "dsp"): 1.0,
    ("unrolled", "block_ram_kbit"): 1.0,
    ("unrolled", "latency_cycles"): 1.1,
}
"""Largest median factor at designs held out."""

OF_FAMILY = {
    ("ice40", "unrolled", "lut"): 1.4,
    ("nexus", "time-shared", "lut"): 1.15,
    ("polarfire", "unrolled", "lut"): 1.4,
    # The present circuits, whose sums lie in DSP blocks, leave fewer tables and larger ratios.
    ("xc7", "time-shared", "lut"): 1.15,
}
"""The same where a family differs."""


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return [row for family in FAMILIES for row in errors(family, KINDS[family].weights)]


def test_half_of_the_designs_is_held_out_and_all_are_counted() -> None:
    halves = Counter((one.plan is None, one.held_out) for one in all_designs())
    assert set(halves.values()) == {12}
    counts = read_counts()
    assert set(counts) == set(FAMILIES)
    for family in FAMILIES:
        assert set(counts[family]) == set(map(str, numbers_of(family)))
        shared = sum(number in TIME_SHARED for number in numbers_of(family))
        assert shared >= 12
        assert shared == sum(number in UNROLLED for number in numbers_of(family))


def test_a_design_is_the_same_each_time_it_is_made() -> None:
    for number in (3, 30):
        one, again = design(number), design(number)
        assert one.plan == again.plan
        for mine, others in zip(one.model.layers, again.model.layers, strict=True):
            if hasattr(mine, "weights"):
                np.testing.assert_array_equal(mine.weights, others.weights)


def test_the_median_error_of_designs_held_out_is_small(rows) -> None:
    assert {(row.built, row.figure) for row in rows} == set(MEDIANS)
    for row in rows:
        most = OF_FAMILY.get((row.family, row.built, row.figure), MEDIANS[row.built, row.figure])
        assert np.median(row.held_out) <= most, row


def test_nine_of_ten_held_out_lie_in_the_range_told(rows) -> None:
    for row in rows:
        told = SPREAD[row.built].get(row.figure)
        if told is not None:
            assert np.mean(row.held_out <= told) >= 0.8, row


def test_a_table_of_constants_goes_to_block_ram_where_it_fills_enough_of_it() -> None:
    model = timing_like()
    few, many = (plan(model, number) for number in (1, 13))
    ecp5 = kind_of("ecp5")
    # One lane: 156 words of 8 bits fill 7 % of a block. Thirteen: 12 words of 104 bits, less.
    assert count_time_shared(model, few, ecp5).block_ram_kbit == 0
    assert count_time_shared(model, many, ecp5).block_ram_kbit == 0
    eager = replace(ecp5, ram_share=0.05)
    assert count_time_shared(model, few, eager).block_ram_kbit == 18
    whole, tables = (count_time_shared(model, few, kind).rom_tables for kind in (ecp5, eager))
    assert whole - tables == pytest.approx(8 * 156 / 16)


def test_a_multiplier_of_look_up_tables_takes_more_of_them_and_no_block() -> None:
    model, kind = timing_like(), kind_of("ecp5")
    blocks, fabric = (
        estimate_time_shared(model, plan(model, 2, dsp=dsp), kind) for dsp in (None, 0)
    )
    assert (blocks.dsp, fabric.dsp) == (plan(model, 2).dsp, 0)
    assert fabric.lut > blocks.lut


def test_an_unrolled_design_takes_no_block_and_grows_with_its_constants() -> None:
    small, large = (estimate_unrolled(design(number).model, kind_of("xc7")) for number in (24, 36))
    assert small.dsp == large.dsp == 0
    assert small.lut < large.lut
    assert small.latency_cycles < large.latency_cycles
