"""Which proposal a round takes, and what becomes of the others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pulsefront.networks import NetworkCost
from pulsefront.search import Architecture, MetricChange, TrialNetwork
from pulsefront.search.moves import Move
from pulsefront.search.proposals import Proposal, choose, saving, update_moves
from pulsefront.search.records import State, record_of, state_from

BEFORE = NetworkCost(1000, 100, 2000, 100_000.0, 9000, 1900, 5000, 900, 4, 12)
SHAPE = Architecture(8, (4,), 1, (8, 8), (12, 12), (8,))


def trial(
    harm: float, weight_bytes: int, *, ok: bool = True, diverged: bool = False
) -> TrialNetwork:
    cost = replace(BEFORE, weight_bytes=weight_bytes, bops=100.0 * weight_bytes)
    comparison = MetricChange(harm, harm - 0.01, harm + 0.01, (harm,) * 3)
    return TrialNetwork("round 1", "move", SHAPE, cost, (1.0,) * 3, comparison, ok, False, diverged)


def test_saving_is_the_mean_of_bytes_and_bit_operations() -> None:
    after = replace(BEFORE, weight_bytes=500, bops=90_000.0)
    assert saving(BEFORE, after) == pytest.approx(0.5 * (0.5 + 0.1))


def test_what_the_budget_limits_counts_as_saved_too() -> None:
    pruned = replace(BEFORE, ebops=4500, lut=2500)
    assert saving(BEFORE, pruned) == 0.0
    assert saving(BEFORE, pruned, ("weight_bytes", "bops", "lut")) == pytest.approx(0.5 / 3)
    trials = [replace(trial(0.0, 1000), cost=pruned)]
    assert choose(trials, BEFORE, margin=0.03, forced=False) is None
    assert choose(trials, BEFORE, margin=0.03, forced=False, saved=("lut",)) == 0


def test_of_harmless_removals_the_one_that_saves_most_is_taken() -> None:
    trials = [trial(-0.01, 950), trial(0.0, 800), trial(-0.02, 900)]
    assert choose(trials, BEFORE, margin=0.03, forced=False) == 1


def test_harm_counts_against_saving() -> None:
    trials = [trial(0.02, 850), trial(0.0, 900)]
    assert choose(trials, BEFORE, margin=0.03, forced=False) == 1


def test_an_inferior_removal_is_taken_only_where_the_budget_forces() -> None:
    trials = [trial(0.2, 500, ok=False), trial(0.1, 900, ok=False)]
    assert choose(trials, BEFORE, margin=0.03, forced=False) is None
    assert choose(trials, BEFORE, margin=0.03, forced=True) == 0


def test_what_earlier_steps_cost_does_not_favour_a_large_removal() -> None:
    trials = [trial(0.2, 500, ok=False), trial(0.052, 930, ok=False)]
    assert choose(trials, BEFORE, margin=0.03, forced=True) == 0
    assert choose(trials, BEFORE, margin=0.03, forced=True, harm_before=0.05) == 1


def test_a_removal_that_diverged_is_never_taken() -> None:
    trials = [trial(float("inf"), 100, ok=False, diverged=True)]
    assert choose(trials, BEFORE, margin=0.03, forced=True) is None


def test_rejected_moves_halve_and_approved_ones_are_remembered() -> None:
    inputs, nodes, bits = Move("inputs", None, 4), Move("nodes", 0, 3), Move("weight_bits", 0, 1)
    state = State([inputs, nodes, bits], [], [], [])
    proposals = [Proposal((move,), ()) for move in (inputs, nodes, bits)]
    trials = [trial(0.2, 500, ok=False), trial(0.0, 900), trial(0.3, 950, ok=False)]
    update_moves(state, proposals, trials, chosen=None)
    assert state.moves == [Move("inputs", None, 2), nodes]
    assert state.approved == [nodes]


def test_the_state_of_a_search_survives_json() -> None:
    import json

    state = State([Move("inputs", None, 4)], [Move("nodes", 1, 2)], [trial(0.01, 800)], [], 3)
    again = state_from(json.loads(json.dumps(record_of(state))))
    assert again == state
