"""What hls4ml's latency strategy asks for, counted by hand, and what is made of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pulsefront.fixed_point import (
    Assignment,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Input,
    Relu,
    estimate_resources,
)
from pulsefront.fixed_point.hls import (
    FITTED,
    SPREAD,
    HlsTarget,
    MatrixWork,
    elements_read,
    matrix_work,
    price_matrix,
)

ULTRASCALE = HlsTarget("ultrascale+", 5.0)


def network(*matrices, bits: int = 8, weight_bits: int = 8, bias=None) -> FixedPointModel:
    """Return dense layers with ReLUs between them."""
    layers: list[Dense | Relu] = []
    source = "x"
    for number, weights in enumerate(matrices):
        if number:
            to = Assignment(FixedPointFormat(8, 8, signed=False), "RND", "SAT")
            layers.append(Relu(f"r{number}", (source,), to))
            source = f"r{number}"
        constants = None if bias is None else np.array(bias)
        wide = None if bias is None else FixedPointFormat(12, 12)
        one = FixedPointFormat(weight_bits, weight_bits)
        layers.append(Dense(f"d{number}", (source,), np.array(weights), one, constants, wide))
        source = f"d{number}"
    port = Input("x", (len(matrices[0]),), FixedPointFormat(bits, bits))
    return FixedPointModel("net", (port,), tuple(layers), (source,))


def work_of(model: FixedPointModel, target: HlsTarget = ULTRASCALE, reuse: int = 1) -> MatrixWork:
    read = elements_read(model.steps, model.outputs)
    step = model.steps[0]
    return matrix_work(step, reuse=reuse, target=target, read=read[step.result.name])


def test_shifts_pairs_and_multipliers_by_hand():
    # 4 is a shift, 7 = 8 − 1 and 6 = 4 + 2 are pairs, 11 = 8 + 4 − 1 and 21 multipliers.
    work = work_of(network([[4, 7, 11], [0, 6, 21]], bits=8))
    np.testing.assert_array_equal(work.terms, [1, 2, 2])
    # Bits of the input and of the constant without its zeros: 7 and 3.
    assert work.pair_bits == (8 + 3) + (8 + 2)
    assert (work.dsp, work.fabric, work.fabric_bits) == (0, 2, 8 * 4 + 8 * 5)
    assert work.input_bits == 16


def test_equal_constants_of_one_input_share_their_product_and_opposite_ones_do_not():
    once = work_of(network([[11, 0, 0]]))
    assert work_of(network([[11, 11, 11]])).fabric == once.fabric == 1
    assert work_of(network([[11, -11, 0]])).fabric == 2
    assert work_of(network([[11, 0], [0, 11]])).fabric == 2


@pytest.mark.parametrize(("bits", "dsp"), [(11, 0), (12, 2), (27, 2), (28, 0)])
def test_inputs_of_twelve_bits_go_to_dsp_blocks_that_hold_them(bits, dsp):
    work = work_of(network([[11], [21]], bits=bits))
    assert (work.dsp, work.fabric) == (dsp, 2 - dsp)
    narrower = work_of(network([[11], [21]], bits=bits), HlsTarget("7series", 5.0))
    assert narrower.dsp == (dsp if bits <= 25 else 0)


def test_multipliers_go_where_they_are_told():
    model = network([[11], [21]], bits=8)
    assert work_of(model, replace(ULTRASCALE, multipliers="dsp")).dsp == 2
    wide = network([[11], [21]], bits=16)
    assert work_of(wide, replace(ULTRASCALE, multipliers="fabric")).dsp == 0


def test_a_reuse_factor_limits_multipliers_and_leaves_the_adders():
    rng = np.random.default_rng(0)
    weights = rng.choice([11, 21, 37, 43, 0], (8, 16))
    model = network(weights, bits=12)
    zeros = int((weights == 0).sum())
    one, ten = work_of(model), work_of(model, reuse=10)
    assert ten.limit == -(-8 * 16 // 10) - zeros // 10
    built = estimate_resources(model, reuse_factor=10)
    assert built.dsp == ten.limit
    assert built.interval_cycles == min(10, -(-one.multipliers // ten.limit) + 2)
    np.testing.assert_array_equal(one.terms, ten.terms)
    assert built.lut > 0.8 * estimate_resources(model).lut


def test_what_nothing_reads_is_not_built():
    first = np.full((4, 3), 11)
    whole = network(first, [[1], [1], [1]])
    dead = network(first, [[1], [0], [1]])
    assert work_of(whole).terms.tolist() == [4, 4, 4]
    assert work_of(dead).terms.tolist() == [4, 4]
    assert estimate_resources(dead).lut < estimate_resources(whole).lut


def test_look_up_tables_are_the_sum_of_what_is_counted():
    # Four adders as wide as the sum, one pair; no multiplier.
    model = network([[1, 7], [1, 2], [1, 4]], bits=8, bias=[0, 0])
    width = model.steps[0].exact.format.width
    exact = FITTED.lut_ultrascale * (4 * width + (8 + 3) + FITTED.layer_lut)
    assert estimate_resources(model).lut == round(exact)
    routed = estimate_resources(model, routed=True).lut
    assert routed == round(exact / FITTED.lut_ultrascale * FITTED.lut_routed)
    series = estimate_resources(model, family="7series").lut
    assert series == round(exact / FITTED.lut_ultrascale * FITTED.lut_7series)


def test_a_faster_clock_and_an_older_family_register_more():
    model = network(np.full((16, 4), 1))
    found = {
        (family, period): estimate_resources(model, family=family, clock_period_ns=period)
        for family in ("7series", "ultrascale+")
        for period in (3.0, 6.0, 20.0)
    }
    for family in ("7series", "ultrascale+"):
        slow, usual, fast = (found[family, period] for period in (20.0, 6.0, 3.0))
        assert slow.latency_cycles <= usual.latency_cycles < fast.latency_cycles
        assert slow.ff <= usual.ff < fast.ff
        assert slow.lut == fast.lut
    assert found["7series", 6.0].latency_cycles > found["ultrascale+", 6.0].latency_cycles


def test_a_tree_is_cut_where_the_period_ends():
    # Eight terms, three levels: 2.33 ns each, one in 3.33 ns less the margin.
    work = work_of(network(np.full((8, 1), 1)), HlsTarget("7series", 3.33))
    priced = price_matrix(work, HlsTarget("7series", 3.33))
    assert priced.latency_cycles == 1 + 2
    between = (4 + 2) * work.sum_bits
    assert priced.ff == round(between + FITTED.result_ff * work.result_bits)


def test_an_estimate_has_a_range_and_what_no_report_stands_behind_has_none():
    model = network([[11, 7], [5, 3]], bits=14)
    found = estimate_resources(model)
    low, high = found.range_of("lut")
    assert low < found.lut < high
    assert high <= found.lut * SPREAD["lut"] + 1
    assert estimate_resources(model, strategy="Resource").range_of("lut") is None
