"""Sums in the place of inputs: chosen well, computed by the model, counted honestly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.fixed_point import FixedPointFormat
from pulsefront.networks import (
    MlpSettings,
    cost_of,
    initial_candidate,
    lower,
    row_column_sums,
    window_sums,
)
from pulsefront.networks.stack import Stack
from pulsefront.search import Budget, run_ablation
from pulsefront.search.importance import RemovalCost
from pulsefront.search.moves import Move, apply, starting_moves
from pulsefront.search.sums import extended, families, replace_by_sums
from strategies_networks import light_response
from strategies_search import ADC, OUT, position_task, short, timing_task


def test_the_families_know_what_their_sums_hold() -> None:
    pairs, fours = window_sums(8, 2), window_sums(8, 4)
    both = extended(8, [f"s{i}" for i in range(8)], (pairs, fours))
    assert both.names[7:10] == ("s7", "samples_0_to_1", "samples_2_to_3")
    two, four = families(both, (pairs, fours))
    assert two.columns.tolist() == [8, 9, 10, 11]
    assert np.flatnonzero(two.holds[1]).tolist() == [2, 3]
    # a sum of four holds the sums of two that lie within it
    assert np.flatnonzero(four.holds[0]).tolist() == [0, 1, 2, 3, 8, 9]
    assert not two.at_once
    assert families(extended(16, ["c"] * 16, (row_column_sums(4, 4),)), (row_column_sums(4, 4),))[
        0
    ].at_once
    kept = np.array([0, 1, 2, 8 + 2, 8 + 3])
    assert two.useful(kept).tolist() == [0]
    assert four.useful(kept).tolist() == [0, 1]


def test_a_network_of_single_inputs_behind_sums_costs_what_it_costs_without_them() -> None:
    counts, position = light_response(200, channels=4)
    task = replace(position_task(counts, position, fit=100), sums=(row_column_sums(4, 4),))
    data = task.training_data()
    candidate = initial_candidate(MlpSettings(hidden=(5,)), task.n_start, 3, seed=0).with_bits(
        weight_bits=(8, 8), bias_bits=(12, 12), activation_bits=(8,)
    )
    stack = Stack([candidate], data.scaling)
    stack.calibrate(data.inputs[:, :16])
    (candidate,) = stack.unstack()
    with_sums = lower(candidate, data.scaling, ADC, OUT, name="n", front_end=task.front_end)
    without = lower(candidate, data.scaling, ADC, OUT, name="n")
    assert [layer.name for layer in with_sums.layers] == ["dense_1", "relu_1", "dense_2"]
    assert np.array_equal(with_sums.run(counts), without.run(counts))
    assert with_sums.cost() == without.cost()
    assert cost_of(candidate, data.scaling, ADC, OUT, task.front_end) == cost_of(
        candidate, data.scaling, ADC, OUT
    )


def test_a_sum_takes_the_place_of_inputs_with_equal_weights_at_no_loss() -> None:
    task = replace(timing_task(600), sums=(window_sums(12, 2),))
    data = task.training_data()
    candidate = initial_candidate(MlpSettings(hidden=(6,)), 12, 1, seed=0)
    # in ADC counts the weights of samples 4 and 5 are equal
    scale = data.scaling.input_scale
    candidate.weights[0][5] = candidate.weights[0][4] * scale[5] / scale[4]
    ranking = RemovalCost([candidate], data, events=360, families=task.families)
    # all but the ridge that steadies the least squares
    assert abs(ranking.sums(0)[2]) < 0.02 * np.abs(ranking.sums(0)).max()
    merged = replace_by_sums(candidate, task.families[0], np.array([2]), ranking.all_moments)
    assert merged.kept_inputs.tolist() == [0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 12 + 2]
    assert merged.weights[0].shape == (11, 6)


def test_moves_into_sums_take_the_least_harmful_and_overlapping_ones_go_together() -> None:
    counts, position = light_response(500, channels=4)
    blocks = window_sums(16, 4)
    task = replace(position_task(counts, position, fit=400), sums=(blocks, row_column_sums(4, 4)))
    data = task.training_data()
    start = [
        initial_candidate(MlpSettings(hidden=(5,)), 16, 3, seed=s).with_bits(
            weight_bits=(8, 8), bias_bits=(12, 12), activation_bits=(8,)
        )
        for s in range(3)
    ]
    moves = [m for m in starting_moves(start[0], 0.25, task.families) if m.kind == "sums"]
    assert moves == [Move("sums", None, 1, 0), Move("sums", None, 8, 1)]
    assert str(moves[1]) == "inputs into 8 sums"
    ranking = RemovalCost(start, data, events=300, families=task.families)
    one = apply(moves[0], start, ranking, floor_bits=3)
    assert one is not None
    best = int(np.argmin(ranking.sums(0)))
    assert all(16 + best in c.kept_inputs and len(c.kept_inputs) == 13 for c in one)
    rows = apply(moves[1], start, ranking, floor_bits=3)
    assert rows is not None
    assert rows[0].kept_inputs.tolist() == list(range(20, 28))
    assert apply(Move("sums", None, 4, 1), start, ranking, floor_bits=3) is None
    again = RemovalCost(rows, data, events=300, families=task.families)
    assert apply(moves[0], rows, again, floor_bits=3) is None


def test_a_search_that_may_sum_gives_a_model_of_raw_counts() -> None:
    counts, position = light_response(3000)
    task = replace(position_task(counts, position, fit=2200), sums=(row_column_sums(8, 8),))
    settings = short(
        network=MlpSettings(hidden=(10,), weight_bits=8, activation_bits=10), max_rounds=2
    )
    result = run_ablation(task, settings, Budget(weight_bytes=420))
    assert any("into 16 sums" in trial.move for trial in result.candidates)
    integers = result.final_model.run(task.inputs[:, result.kept_inputs])
    expected = result.predict_final(task, task.inputs)[result.best]
    assert np.array_equal(OUT.values(integers), expected)
    assert result.final_model.cost().weight_bytes == result.final_cost.weight_bytes
    assert {name for name, _ in result.input_ranking} == {f"input_{i}" for i in range(64)}


def test_sums_of_sums_are_refused() -> None:
    counts, position = light_response(100)
    task = position_task(counts, position, fit=50)
    with pytest.raises(DataError, match="sums of a front end's sums"):
        replace(task, front_end=row_column_sums(8, 8), sums=(row_column_sums(8, 8),))
    with pytest.raises(DataError, match="sums 16 inputs"):
        replace(task, sums=(row_column_sums(4, 4),))
    assert isinstance(task.network_format, FixedPointFormat)
