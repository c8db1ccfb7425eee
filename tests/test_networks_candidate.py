"""Candidates and their cost."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.networks import MlpSettings, cost_of, initial_candidate
from pulsefront.networks.candidate import minimal_cost


def test_initial_candidates_repeat_for_a_seed_and_differ_between_seeds() -> None:
    first, again, other = (initial_candidate(MlpSettings(), 8, 2, seed=s) for s in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(first.weights, again.weights, strict=True))
    assert not np.array_equal(first.weights[0], other.weights[0])


def test_cost_counts_weights_and_biases_at_their_widths() -> None:
    candidate = initial_candidate(MlpSettings(hidden=(5, 3)), 7, 2, seed=0)
    assert cost_of(candidate, 12).weight_bytes == 4 * (35 + 15 + 6 + 5 + 3 + 2)
    quantized = candidate.with_bits(
        weight_bits=(6, 5, 4), bias_bits=(16, 12, 10), activation_bits=(8, 7)
    )
    cost = cost_of(quantized, 12)
    stored = 35 * 6 + 15 * 5 + 6 * 4 + 5 * 16 + 3 * 12 + 2 * 10
    assert cost.weight_bytes == -(-stored // 8)
    assert cost.macs == 35 + 15 + 6
    assert cost.bops == 35 * 6 * 12 + 15 * 5 * 8 + 6 * 4 * 7
    assert cost.activation_bytes == -(-(7 * 12 + 5 * 8 + 3 * 7) // 8)


def test_cost_agrees_with_the_fixed_point_model() -> None:
    model_cost = pytest.importorskip("pulsefront.fixed_point.cost")
    assert model_cost is not None
    from pulsefront.fixed_point.format import FixedPointFormat
    from pulsefront.networks import Scaling, lower

    candidate = initial_candidate(MlpSettings(hidden=(5, 3)), 7, 2, seed=0).with_bits(
        weight_bits=(6, 5, 4), bias_bits=(16, 12, 10), activation_bits=(8, 7)
    )
    scaling = Scaling(np.zeros(7), np.ones(7), np.zeros(2), np.ones(2))
    model = lower(
        candidate,
        scaling,
        FixedPointFormat(12, 12, signed=False),
        FixedPointFormat(16, 6),
        name="net",
    )
    ours, theirs = cost_of(candidate, 12), model.cost()
    assert theirs.weight_bytes == ours.weight_bytes
    assert theirs.macs == ours.macs


def test_the_smallest_network_has_one_of_everything() -> None:
    assert minimal_cost(3, 2, 12, 3).macs == 1 + 1 + 2
