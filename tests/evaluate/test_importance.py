"""Inputs that matter grow the loss, inputs that do not leave it as it is."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.evaluate.importance import (
    occlusion_importance,
    permutation_importance,
    rank_agreement,
    saliency,
)

RANDOM = np.random.default_rng(0)
INPUTS = RANDOM.normal(size=(4_000, 4))
TRUTH = 2 * INPUTS[:, 0] + INPUTS[:, 1]
COLUMNS = {"strong": [0], "weak": [1], "unused": [2], "pair": [2, 3]}


def predict(inputs: np.ndarray) -> np.ndarray:
    return 2 * inputs[:, 0] + inputs[:, 1]


def loss(estimates: np.ndarray) -> np.ndarray:
    return (estimates - TRUTH) ** 2


def test_shuffling_an_input_of_weight_w_costs_twice_its_variance() -> None:
    found = permutation_importance(predict, INPUTS, loss, COLUMNS)
    growth = {item.name: item.growth for item in found}
    assert [item.name for item in found[:2]] == ["strong", "weak"]
    assert growth["strong"].value == pytest.approx(8, rel=0.08)
    assert growth["weak"].value == pytest.approx(2, rel=0.08)
    assert growth["strong"].low < 8 < growth["strong"].high + 0.3
    assert growth["unused"].value == growth["pair"].value == 0


def test_an_event_whose_input_is_given_to_others_counts_too() -> None:
    """Of the losses of shuffled events alone 80 in a hundred intervals held the truth."""
    held = 0
    for seed in range(120):
        random = np.random.default_rng(seed)
        x = random.normal(size=(300, 1))
        y = x[:, 0] + 0.5 * random.normal(size=300)
        (found,) = permutation_importance(
            lambda v: v[:, 0],
            x,
            lambda e, y=y: np.abs(e - y),
            {"x": [0]},
            replicates=200,
            seed=seed,
        )
        held += found.growth.low < np.sqrt(2 / np.pi) < found.growth.high
    assert 0.9 * 120 <= held < 120


def test_covering_an_input_costs_its_mean_square() -> None:
    found = {i.name: i.growth.value for i in occlusion_importance(predict, INPUTS, loss, COLUMNS)}
    assert found["strong"] == pytest.approx(4 * (INPUTS[:, 0] ** 2).mean())
    cover = INPUTS.mean(axis=0)
    better = occlusion_importance(predict, INPUTS, loss, {"strong": [0]}, cover=cover)
    assert better[0].growth.value == pytest.approx(4 * INPUTS[:, 0].var())


def test_inputs_are_not_changed() -> None:
    before = INPUTS.copy()
    permutation_importance(predict, INPUTS, loss, {"strong": [0]}, repeats=1, replicates=10)
    occlusion_importance(predict, INPUTS, loss, {"strong": [0]}, replicates=10)
    np.testing.assert_array_equal(INPUTS, before)


def test_redundant_inputs_matter_only_together() -> None:
    copies = np.column_stack([INPUTS[:, 0], INPUTS[:, 0]])

    def either(inputs: np.ndarray) -> np.ndarray:
        # An estimator that takes the input nearer to the truth: one copy suffices.
        return np.where(np.abs(inputs[:, 0] - copies[:, 0]) < 1e-9, inputs[:, 0], inputs[:, 1])

    found = permutation_importance(
        either,
        copies,
        lambda e: (e - copies[:, 0]) ** 2,
        {"first": [0], "second": [1], "both": [0, 1]},
    )
    growth = {item.name: item.growth.value for item in found}
    assert growth["first"] == pytest.approx(0, abs=1e-6)
    assert growth["second"] == 0
    assert growth["both"] > 1


def test_unusable_requests_raise() -> None:
    with pytest.raises(DataError, match="no such input"):
        permutation_importance(predict, INPUTS, loss, {"beyond": [4]})
    with pytest.raises(DataError, match="loss"):
        occlusion_importance(predict, INPUTS, lambda e: e[:10], {"strong": [0]})


def test_saliency_is_the_central_difference_of_the_model() -> None:
    random = np.random.default_rng(5)
    inputs = np.column_stack([random.integers(300, 700, 400), random.integers(480, 520, 400)])
    weights = np.array([0.5, -3.0])
    found = saliency(lambda x: x @ weights, inputs, {"a": [0], "b": [1]}, low=0, high=1023)
    by_name = {row.name: row.growth for row in found}
    for k, name in enumerate("ab"):
        step = round(inputs[:, k].std() / 2)
        assert by_name[name].value == pytest.approx(2 * step * abs(weights[k]))
    # At the end of the format half of the step is not there.
    top = np.full((10, 1), 1023)
    top[0] = 1013
    (clipped,) = saliency(lambda x: x * 1.0, top, {"a": [0]}, low=0, high=1023)
    assert clipped.growth.value < 2 * max(1, round(top.std() / 2))


def test_rankings_of_one_order_agree_and_of_the_other_do_not() -> None:
    one = {"a": 3.0, "b": 2.0, "c": 1.0}
    assert rank_agreement(one, {"a": 9.0, "b": 5.0, "c": 4.0}) == pytest.approx(1.0)
    assert rank_agreement(one, {"a": 1.0, "b": 2.0, "c": 3.0}) == pytest.approx(-1.0)
    assert np.isnan(rank_agreement(one, dict.fromkeys("abc", 0.0)))
