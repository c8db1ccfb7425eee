"""Costs of networks: by hand, and never below the bound that refuses a budget."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.fixed_point.resources import estimate_resources
from pulsefront.networks import (
    Candidate,
    MlpSettings,
    NetworkCost,
    Scaling,
    cost_of,
    initial_candidate,
    lower,
)
from pulsefront.networks.cost import OF_PART, minimal_cost

ADC = FixedPointFormat(12, 12, signed=False)
OUT = FixedPointFormat(16, 6)


def price(candidate: Candidate, n_in: int, n_out: int) -> NetworkCost:
    scaling = Scaling(np.zeros(n_in), np.ones(n_in), np.zeros(n_out), np.ones(n_out))
    return cost_of(candidate, scaling, ADC, OUT)


def test_a_float_network_counts_32_bits_a_number() -> None:
    cost = price(initial_candidate(MlpSettings(hidden=(5, 3)), 7, 2, seed=0), 7, 2)
    assert cost.weight_bytes == 4 * (35 + 15 + 6 + 5 + 3 + 2)
    assert cost.macs == 35 + 15 + 6


def test_a_quantized_network_counts_its_widths() -> None:
    candidate = initial_candidate(MlpSettings(hidden=(5, 3)), 7, 2, seed=0).with_bits(
        weight_bits=(6, 5, 4), bias_bits=(16, 12, 10), activation_bits=(8, 7)
    )
    cost = price(candidate, 7, 2)
    stored = 35 * 6 + 15 * 5 + 6 * 4 + 5 * 16 + 3 * 12 + 2 * 10
    assert cost.weight_bytes == -(-stored // 8)
    assert cost.macs == 35 + 15 + 6
    products = ((35, 6, 12, 7), (15, 5, 8, 5), (6, 4, 7, 3))
    assert np.isclose(cost.bops, sum(n * (w * a + w + a + np.log2(k)) for n, w, a, k in products))


def test_resources_are_those_of_the_model_and_pruned_weights_take_none() -> None:
    dense = initial_candidate(MlpSettings(hidden=(5, 3)), 7, 2, seed=0).with_bits(
        weight_bits=(6, 5, 4), bias_bits=(16, 12, 10), activation_bits=(8, 7)
    )
    precision = replace(dense.precision, weight_fraction=((4,), (3,), (2,)))
    dense = replace(dense, precision=precision)
    bare = replace(
        dense, weights=(dense.weights[0] * (np.arange(35).reshape(7, 5) % 2), *dense.weights[1:])
    )
    scaling = Scaling(np.zeros(7), np.ones(7), np.zeros(2), np.ones(2))
    built = estimate_resources(lower(dense, scaling, ADC, OUT, name="n"))
    before, after = price(dense, 7, 2), price(bare, 7, 2)
    assert (before.lut, before.ff, before.dsp) == (built.lut, built.ff, built.dsp)
    assert before.latency_cycles == built.latency_cycles
    assert before.nonzero_weights - after.nonzero_weights >= 10
    assert after.lut is not None
    assert after.lut < built.lut
    assert after.ebops < before.ebops
    # dense storage and dense arithmetic do not see zeros
    assert (after.weight_bytes, after.macs, after.bops) == (
        before.weight_bytes,
        before.macs,
        before.bops,
    )


def test_a_float_network_is_not_built() -> None:
    cost = price(initial_candidate(MlpSettings(hidden=(5, 3)), 7, 2, seed=0), 7, 2)
    assert (cost.lut, cost.ff, cost.dsp, cost.latency_cycles) == (None,) * 4


@settings(max_examples=30, deadline=None)
@given(
    hidden=st.lists(st.integers(1, 5), min_size=1, max_size=3).map(tuple),
    n_in=st.integers(1, 5),
    n_out=st.integers(1, 3),
    bits=st.integers(2, 8),
)
def test_no_network_is_cheaper_than_the_smallest(
    hidden: tuple[int, ...], n_in: int, n_out: int, bits: int
) -> None:
    layers = len(hidden) + 1
    candidate = initial_candidate(MlpSettings(hidden=hidden), n_in, n_out, seed=1).with_bits(
        weight_bits=(bits,) * layers,
        bias_bits=(bits,) * layers,
        activation_bits=(bits,) * (layers - 1),
    )
    cost, least = price(candidate, n_in, n_out), minimal_cost(layers, n_out, 12, 2)
    priced = [one.name for one in fields(NetworkCost) if getattr(cost, one.name) is not None]
    assert set(priced) == {one.name for one in fields(NetworkCost)} - set(OF_PART)
    for name in priced:
        assert getattr(cost, name) >= getattr(least, name)
