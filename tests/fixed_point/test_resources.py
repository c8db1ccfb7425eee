"""Estimated resources: by hand where a circuit is small enough, and how they move with settings."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import ConfigError
from pulsefront.fixed_point import (
    Assignment,
    Clip,
    Concatenate,
    Conv1d,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Flatten,
    Input,
    MaxPool,
    Relu,
    ResourceEstimate,
    ResourceModel,
    WindowSum,
    estimate_resources,
)
from toys_firmware import mlp

PLAIN = {"strategy": "Resource"}
"""Without reuse its circuits are plain ones; a new event comes every two cycles."""


def one_layer(weights, *, bits: int = 8, weight_bits: int = 6, bias=None, to=None):
    layer = Dense(
        "d",
        ("x",),
        np.array(weights),
        FixedPointFormat(weight_bits, weight_bits),
        None if bias is None else np.array(bias),
        None if bias is None else FixedPointFormat(12, 12),
        to,
    )
    source = Input("x", (len(weights),), FixedPointFormat(bits, bits))
    return FixedPointModel("net", (source,), (layer,), ("d",))


@pytest.mark.parametrize(
    ("weight", "adders"),
    # 7 = 8 − 1 has two signed digits, 21 = 16 + 4 + 1 three; a power of two is only wires.
    [(0, 0), (1, 0), (8, 0), (-16, 0), (7, 1), (3, 1), (21, 2), (-11, 2)],
)
def test_one_constant_takes_one_adder_less_than_its_signed_digits(weight, adders):
    estimate = estimate_resources(one_layer([[weight]]), clock_period_ns=100, **PLAIN)
    assert estimate.lut == sum(8 + depth for depth in (1, 2)[:adders])
    assert estimate.dsp == estimate.bram_18k == 0


def test_a_tree_of_four_inputs_by_hand():
    model = one_layer([[1], [2], [4], [8]])
    loose = estimate_resources(model, clock_period_ns=5.0, **PLAIN)
    # Two adders of 9 bits, one of 10; one register of the result, no other in between.
    assert (loose.lut, loose.ff) == (9 + 9 + 10, model.tensors["d"].format.width)
    assert (loose.latency_cycles, loose.interval_cycles) == (1 + 1, 2)
    tight = estimate_resources(model, clock_period_ns=2.5, **PLAIN)
    assert (tight.latency_cycles, tight.lut) == (2 + 1, loose.lut)
    assert tight.ff == loose.ff + 2 * 9


def test_a_bias_is_one_more_term_and_a_zero_bias_none():
    plain = estimate_resources(one_layer([[1], [1]]), **PLAIN)
    assert estimate_resources(one_layer([[1], [1]], bias=[0]), **PLAIN) == plain
    assert estimate_resources(one_layer([[1], [1]], bias=[9]), **PLAIN).lut == plain.lut + 10


def test_zero_weights_cost_nothing_without_reuse():
    rng = np.random.default_rng(0)
    full = rng.integers(-31, 32, (16, 8))
    half = np.where(rng.random((16, 8)) < 0.5, 0, full)
    assert estimate_resources(one_layer(half)).lut < 0.6 * estimate_resources(one_layer(full)).lut


def test_wide_products_go_to_dsps_but_not_in_distributed_arithmetic():
    model = one_layer([[1023], [513]], bits=12, weight_bits=12)
    assert estimate_resources(model, **PLAIN).dsp == 2
    assert estimate_resources(model, strategy="distributed_arithmetic").dsp == 0
    narrow = one_layer([[1023], [513]], bits=9, weight_bits=12)
    assert estimate_resources(narrow, **PLAIN).dsp == 0
    very = one_layer([[(1 << 30) + 1]], bits=20, weight_bits=33)
    assert estimate_resources(very, **PLAIN).dsp == 4


def test_reuse_divides_multipliers_and_multiplies_the_interval():
    rng = np.random.default_rng(1)
    model = one_layer(rng.integers(-2047, 2048, (32, 16)), bits=12, weight_bits=12)
    found = {
        reuse: estimate_resources(model, strategy="Resource", reuse_factor=reuse)
        for reuse in (2, 4, 32)
    }
    assert {reuse: one.dsp for reuse, one in found.items()} == {2: 256, 4: 128, 32: 16}
    assert {reuse: one.interval_cycles for reuse, one in found.items()} == {2: 2, 4: 4, 32: 32}
    assert found[32].latency_cycles > found[4].latency_cycles > found[2].latency_cycles
    # 16 multipliers of 12 bits read 192 bits a cycle: six block RAMs of 36 bits.
    assert found[32].bram_18k == 6
    assert found[32].lut < found[4].lut < found[2].lut
    latency = estimate_resources(model, strategy="Latency", reuse_factor=4)
    assert (latency.dsp, latency.bram_18k) == (128, 0)


def test_sharing_of_partial_sums_saves_adders():
    model = mlp(16, 8, 4, 2)
    shared = estimate_resources(model, strategy="distributed_arithmetic", reuse_factor=8)
    assert shared.lut < estimate_resources(model).lut
    assert shared.interval_cycles == 1  # reuse means nothing to it


def test_a_convolution_runs_its_positions_in_turn():
    kernels = np.ones((3, 2, 4), dtype=int)
    layers = (
        Conv1d("c", ("x",), kernels, FixedPointFormat(2, 2)),
        MaxPool("m", ("c",), 2, 2),
        WindowSum("s", ("m",), 2, 1),
        Flatten("f", ("s",)),
        Clip("l", ("f",), -4, 9),
    )
    model = FixedPointModel("net", (Input("x", (10, 2), FixedPointFormat(6, 6)),), layers, ("l",))
    estimate = estimate_resources(model, strategy="Resource")
    rows = {row.layer: row for row in estimate.layers}
    assert rows["c"].interval_cycles == estimate.interval_cycles == 8 * 2
    assert estimate_resources(model).interval_cycles == 8
    # Six terms of 6 bits for each of four filters: three adders of 7 bits, one of 8, one of 9.
    assert rows["c"].lut == 4 * (3 * 7 + 8 + 9)
    assert rows["m"].lut == 2 * 16 * model.tensors["m"].format.width
    assert rows["f"].lut == rows["f"].ff == rows["f"].latency_cycles == 0
    assert sum(row.lut for row in estimate.layers) == estimate.lut


def test_rounding_and_saturation_are_counted_where_they_can_happen():
    wide = one_layer([[1], [1]], to=Assignment(FixedPointFormat(9, 9), "RND", "SAT"))
    plain = estimate_resources(one_layer([[1], [1]]), **PLAIN)
    assert (
        estimate_resources(wide, **PLAIN).lut == plain.lut
    )  # nothing is dropped, nothing overflows
    narrow = one_layer([[1], [1]], to=Assignment(FixedPointFormat(5, 7), "RND", "SAT"))
    estimate = estimate_resources(narrow, **PLAIN)
    assert estimate.lut == plain.lut + 5 + 5
    assert estimate.latency_cycles == plain.latency_cycles == 1 + 1  # two adders in one period
    tight = estimate_resources(narrow, clock_period_ns=2.5, **PLAIN)
    assert tight.latency_cycles == 2 + 1


def test_latency_follows_the_longest_path():
    weights = np.ones((4, 1), dtype=int)
    layers = (
        Dense("short", ("x",), weights, FixedPointFormat(2, 2)),
        Relu("act", ("short",)),
        Dense("other", ("x",), weights, FixedPointFormat(2, 2)),
        Concatenate("both", ("act", "other")),
    )
    source = Input("x", (4,), FixedPointFormat(6, 6))
    model = FixedPointModel("net", (source,), layers, ("both",))
    assert estimate_resources(model, **PLAIN).latency_cycles == (1 + 1) + 1
    one = FixedPointModel("net", (source,), layers[2:3], ("other",))
    assert estimate_resources(one, **PLAIN).latency_cycles == 1 + 1


def test_an_estimate_says_so_and_a_tools_figure_can_take_its_place():
    def synthesized(model: FixedPointModel) -> ResourceEstimate:
        return ResourceEstimate(7, 5, 3, 1, 9, 1, origin="a tool 1.0")

    models: list[ResourceModel] = [estimate_resources, synthesized]
    origins = [one(mlp(4, 3, 2)).origin for one in models]
    assert origins == ["estimated", "a tool 1.0"]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"strategy": "Fast"}, "strategy: unknown strategy .*use one of Latency"),
        ({"family": "spartan"}, "family: unknown family .*use one of 7series, ultrascale"),
        ({"reuse_factor": 0}, "reuse_factor: is at least 1"),
        ({"clock_period_ns": 0.0}, "clock_period_ns: is positive"),
        ({"clock_period_ns": float("nan")}, "clock_period_ns: is positive"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, problem):
    with pytest.raises(ConfigError, match=problem):
        estimate_resources(mlp(4, 3, 2), **settings)
