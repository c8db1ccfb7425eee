"""Removals change what they say and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks import LossSettings, MlpSettings, cost_of, initial_candidate, prepare
from pulsefront.networks.stack import Stack
from pulsefront.search.importance import RemovalCost
from pulsefront.search.moves import (
    Moments,
    Move,
    after_layer_removal,
    apply,
    drop_inputs,
    drop_nodes,
    is_waiting,
    shrink,
    starting_moves,
)
from pulsefront.search.surgery import Bridge, drop_layer, drop_weights
from strategies_networks import light_response

ADC = FixedPointFormat(12, 12, signed=False)
OUT = FixedPointFormat(16, 6)


@pytest.fixture(params=[False, True], ids=["per_layer", "per_channel"])
def base(request: pytest.FixtureRequest) -> tuple[list, object]:
    counts, position = light_response(600)
    data = prepare(counts, position, ADC, LossSettings())
    candidates = [
        initial_candidate(MlpSettings(hidden=(6, 4)), 64, 3, seed=s).with_bits(
            weight_bits=(8, 8, 8),
            bias_bits=(12, 12, 12),
            activation_bits=(8, 8),
            per_channel=request.param,
        )
        for s in range(3)
    ]
    for n, candidate in enumerate(candidates):
        stack = Stack([candidate], data.scaling)
        stack.calibrate(data.inputs)
        candidates[n] = stack.unstack()[0]
    return candidates, data


def test_every_move_removes_its_amount(base: tuple) -> None:
    candidates, data = base
    ranking = RemovalCost(candidates, data, events=300)
    for move in starting_moves(candidates[0], 0.25):
        after = apply(move, candidates, ranking, floor_bits=3)
        assert after is not None
        assert len(after) == 3
        one = after[0]
        for weight, fractions in zip(one.weights, one.precision.weight_fraction, strict=True):
            assert len(fractions) in (1, weight.shape[1])
        if move.kind == "inputs":
            assert len(one.kept_inputs) == 64 - move.amount
            assert all(np.array_equal(a.kept_inputs, one.kept_inputs) for a in after)
        elif move.kind == "nodes":
            assert one.hidden[move.layer] == candidates[0].hidden[move.layer] - move.amount
        elif move.kind == "weights":
            zeros = int((one.weights[move.layer] == 0).sum())
            stored = int((ranking.weights(move.layer)[0] == 0).sum())
            assert move.amount <= zeros <= move.amount + stored
        elif move.kind == "layer":
            assert len(one.weights) == 2
            assert one.hidden == tuple(np.delete(candidates[0].hidden, move.layer))
        elif move.kind == "channel_bits":
            bits = [
                np.array(c.precision.bits_of_weights(move.layer)) for c in (*after, *candidates)
            ]
            assert all((b - a).sum() == move.amount for a, b in zip(bits, bits[3:], strict=False))
        else:
            before = getattr(candidates[0].precision, move.kind)[move.layer]
            assert getattr(one.precision, move.kind)[move.layer] == before - move.amount


def test_an_input_without_weight_changes_nothing_when_it_goes(base: tuple) -> None:
    candidates, data = base
    for candidate in candidates:
        candidate.weights[0][[5, 40]] = 0.0
    ranking = RemovalCost(candidates, data, events=300)
    assert np.abs(ranking.inputs[[5, 40]]).max() < 1e-6


def test_the_least_needed_signals_go_and_of_twins_only_one() -> None:
    random = np.random.default_rng(0)
    signals = random.normal(size=(5000, 4))
    signals[:, 1] = signals[:, 0] + 0.01 * random.normal(size=5000)
    moments = Moments.of(signals)
    # either twin is cheap while the other one stays; signal 3 is needed a little, 2 a lot
    rises = np.array([0.001, 0.0011, 5.0, 0.5])
    assert moments.least_needed(rises, 1).tolist() == [1, 2, 3]
    assert moments.least_needed(rises, 2).tolist() == [1, 2]
    assert moments.least_needed(rises, 3).tolist() == [2]


def test_the_others_stand_in_for_a_node_that_is_gone(base: tuple) -> None:
    candidates, data = base
    candidate = replace(candidates[0], precision=None)
    stack = Stack([candidate], data.scaling)
    signals = stack.activations(data.inputs)[1][0].double().detach().numpy()
    before = stack.forward(data.inputs)[0].detach().numpy()
    keep = np.array([0, 2, 3])
    moments = Moments.of(signals)
    helped = drop_nodes(candidate, 1, keep, moments)
    outputs = Stack([helped], data.scaling).forward(data.inputs)[0].detach().numpy()
    # by hand: least squares of the lost node on the others and a constant
    design = np.column_stack([signals[:, keep], np.ones(len(signals))])
    fit = np.linalg.lstsq(design, signals[:, 1], rcond=None)[0]
    lost = (signals[:, 1] - design @ fit)[:, None] * candidate.weights[2][1]
    assert np.allclose(before - outputs, lost, atol=2e-2)


def test_an_input_that_another_one_repeats_costs_nothing(base: tuple) -> None:
    candidates, data = base
    data.inputs[:, 7] = data.inputs[:, 20]
    candidate = replace(candidates[0], precision=None)
    moments = Moments.of(data.inputs.double().numpy())
    keep = np.delete(np.arange(64), 7)
    before = Stack([candidate], data.scaling).forward(data.inputs)
    after = Stack([drop_inputs(candidate, keep, moments)], data.scaling).forward(
        data.inputs[:, keep]
    )
    assert float((before - after).detach().abs().max()) < 0.01


def test_a_move_that_would_leave_nothing_is_impossible(base: tuple) -> None:
    candidates, data = base
    ranking = RemovalCost(candidates, data, events=300)
    assert apply(Move("inputs", None, 64), candidates, ranking, floor_bits=3) is None
    assert apply(Move("nodes", 1, 4), candidates, ranking, floor_bits=3) is None
    assert apply(Move("weight_bits", 0, 6), candidates, ranking, floor_bits=3) is None


def test_moves_halve_down_to_one() -> None:
    move = shrink(Move("inputs", None, 5))
    assert move == Move("inputs", None, 2)
    assert move is not None
    last = shrink(move)
    assert last == Move("inputs", None, 1)
    assert last is not None
    assert shrink(last) is None


def test_a_layer_that_does_nothing_but_pass_on_costs_nothing_when_it_goes(base: tuple) -> None:
    candidates, data = base
    candidate = replace(candidates[0], precision=None)
    biases = list(candidate.biases)
    biases[1] = biases[1] + 100.0  # every ReLU of the layer is open for all events
    candidate = replace(candidate, biases=tuple(biases))
    stack = Stack([candidate], data.scaling)
    first, second = (v[0].double().detach().numpy() for v in stack.activations(data.inputs))
    shorter = drop_layer(candidate, 1, Bridge.of(first, second))
    assert shorter.hidden == (6,)
    before = stack.forward(data.inputs)[0].detach().numpy()
    after = Stack([shorter], data.scaling).forward(data.inputs)[0].detach().numpy()
    spread = before.std(0)
    assert np.abs(before - after).max() < 0.02 * spread.max()


def test_the_weights_that_add_least_go_first_and_stay_gone(base: tuple) -> None:
    candidates, data = base
    ranking = RemovalCost(candidates, data, events=300)
    after = apply(Move("weights", 1, 5), candidates, ranking, floor_bits=3)
    assert after is not None
    for k, (one, before) in enumerate(zip(after, candidates, strict=True)):
        gone = (one.weights[1] == 0) & (before.weights[1] != 0)
        size = ranking.weights(1)[k]
        kept = size[~gone & (size > 0)]
        strongest = size.max(0)  # one of every output always stays
        assert size[gone].max() <= np.sort(kept[~np.isin(kept, strongest)])[0]
    again = drop_nodes(after[0], 0, np.array([0, 1, 2, 4, 5]), ranking.moments(0)[0])
    pruned = after[0].weights[1][[0, 1, 2, 4, 5]] == 0
    assert (again.weights[1][pruned] == 0).all()


def test_every_output_keeps_its_strongest_weight(base: tuple) -> None:
    candidates, data = base
    ranking = RemovalCost(candidates[:1], data, events=300)
    most = candidates[0].weights[1].size - 4 - int((ranking.weights(1)[0] == 0).sum())
    assert apply(Move("weights", 1, most + 1), candidates[:1], ranking, floor_bits=3) is None
    (bare,) = apply(Move("weights", 1, most), candidates[:1], ranking, floor_bits=3) or [None]
    assert bare is not None
    assert ((bare.weights[1] != 0).sum(0) == 1).all()
    assert drop_weights(bare, 1, bare.weights[1] == 0).weights[1].shape == (6, 4)


def test_a_layer_waits_until_it_is_small_enough(base: tuple) -> None:
    candidates, data = base
    ranking = RemovalCost(candidates, data, events=300)
    move = Move("layer", 0, 6)
    assert not is_waiting(move, candidates[0])
    smaller = shrink(move)
    assert smaller == Move("layer", 0, 3)
    assert smaller is not None
    assert is_waiting(smaller, candidates[0])
    assert apply(smaller, candidates, ranking, floor_bits=3) is None


def test_moves_count_layers_anew_when_one_is_gone() -> None:
    moves = [
        Move("inputs", None, 4),
        Move("nodes", 0, 2),
        Move("nodes", 1, 3),
        Move("layer", 1, 8),
        Move("weight_bits", 0, 1),
        Move("weight_bits", 1, 1),
        Move("weight_bits", 2, 1),
        Move("activation_bits", 0, 1),
        Move("activation_bits", 1, 1),
    ]
    assert after_layer_removal(moves, 1) == [
        Move("inputs", None, 4),
        Move("nodes", 0, 2),
        Move("weight_bits", 0, 1),
        Move("weight_bits", 1, 1),
        Move("activation_bits", 0, 1),
    ]
    assert after_layer_removal(moves, 0) == [
        Move("inputs", None, 4),
        Move("nodes", 0, 3),
        Move("layer", 0, 8),
        Move("weight_bits", 0, 1),
        Move("weight_bits", 1, 1),
        Move("activation_bits", 0, 1),
    ]


def test_widths_of_nodes_follow_their_nodes_and_never_pass_their_layers(base: tuple) -> None:
    candidates, data = base
    if not candidates[0].precision.per_channel:
        with pytest.raises(StopIteration):
            next(m for m in starting_moves(candidates[0], 0.5) if m.kind == "channel_bits")
        return
    ranking = RemovalCost(candidates, data, events=300)
    (one, *_) = apply(Move("channel_bits", 0, 3), candidates, ranking, floor_bits=3) or [None]
    assert one is not None
    bits = np.array(one.precision.channel_bits[0])
    rises = ranking.nodes(0)[0]
    assert sorted(bits) == [7, 7, 7, 8, 8, 8]
    assert rises[bits == 7].max() <= rises[bits == 8].min()
    keep = np.array([0, 2, 3, 5])
    smaller = drop_nodes(one, 0, keep, ranking.moments(0)[0])
    assert smaller.precision.channel_bits[0] == tuple(bits[keep])
    narrow = apply(
        Move("weight_bits", 0, 2), [one], RemovalCost([one], data, events=99), floor_bits=3
    )
    assert narrow is not None
    assert set(narrow[0].precision.channel_bits[0]) == {6}
    shorter = drop_layer(one, 0, ranking.bridges(0)[0])
    assert shorter.precision.channel_bits == one.precision.channel_bits[1:]
    # as cheap as it says, and it still trains and runs
    scaling = data.scaling
    saved = [cost_of(c, scaling, ADC, OUT).weight_bytes for c in (candidates[0], one)]
    assert saved[0] - saved[1] == 3 * 64 // 8
    stack = Stack([one], scaling)
    stack.calibrate(data.inputs)
    assert stack.unstack()[0].precision.channel_bits == one.precision.channel_bits
