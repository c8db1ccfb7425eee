"""Weights that are chosen by the largest score: integers, intervals, costs, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point import (
    Assignment,
    ChosenDense,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Input,
    LargestIndex,
    estimate_resources,
)
from pulsefront.fixed_point.document import dumps, from_json
from reference_fixed_point import run_reference
from strategies_fixed_point import random_inputs, random_model

COUNTS, WEIGHTS, BIASES = FixedPointFormat(4, 4), FixedPointFormat(5, 3), FixedPointFormat(9, 7)
RESULT = Assignment(FixedPointFormat(7, 6), "RND", "SAT")


def chosen(**changes: Any) -> ChosenDense:
    """Return three sets of weights of two inputs and two outputs: 4, 5 and 6 in all places."""
    weights = np.broadcast_to(np.array([4, 5, 6])[:, None, None], (3, 2, 2))
    given = {"weights": weights, "weight_format": WEIGHTS, **changes}
    return ChosenDense("y", ("x", "region"), **given)


def model_of(layer: ChosenDense, scores: int = 3) -> FixedPointModel:
    """Return *layer* behind the scores 0, 2·x0 and x0 + x1, and 0 for more."""
    matrix = np.zeros((2, scores), int)
    matrix[:, 1:3] = [[2, 1], [0, 1]]
    return FixedPointModel(
        "net",
        (Input("x", (2,), COUNTS),),
        (
            Dense("scores", ("x",), matrix, FixedPointFormat(3, 3)),
            LargestIndex("region", ("scores",)),
            layer,
        ),
        ("y",),
    )


@pytest.mark.parametrize("seed", range(25))
def test_random_models_give_the_integers_of_the_reference(seed: int) -> None:
    model = random_model(seed, regions=True)
    inputs = random_inputs(model, 12, seed)
    found = model.emulator.run(model.input_arrays(inputs))
    for event in range(12):
        wanted = run_reference(model, {name: one[event] for name, one in inputs.items()})
        for name, integers in wanted.items():
            np.testing.assert_array_equal(found[name][event], integers)


def test_enough_of_the_random_models_choose_weights_and_some_scores_are_equal() -> None:
    drawn = [random_model(seed, regions=True) for seed in range(25)]
    having = [m for m in drawn if any(isinstance(one, ChosenDense) for one in m.layers)]
    assert len(having) > 10


def test_every_event_meets_the_weights_of_its_largest_score_and_the_first_of_equal_ones() -> None:
    raw = np.array([[a, b] for a in range(-8, 8) for b in range(-8, 8)])
    scores = np.stack([0 * raw[:, 0], 2 * raw[:, 0], raw.sum(1)], axis=1)
    region = [max(range(3), key=lambda k: (one[k], -k)) for one in scores.tolist()]
    assert np.bincount(region).min() > 20
    assert (np.sort(scores, 1)[:, 1] == np.sort(scores, 1)[:, 2]).sum() > 20
    weight = np.array([4, 5, 6])[region]
    found = model_of(chosen()).run(raw)
    np.testing.assert_array_equal(found, (weight * raw.sum(1))[:, None].repeat(2, 1))


def test_the_interval_is_that_of_all_sets() -> None:
    bias = np.array([[0, 0], [0, 100], [-100, 0]])
    step = model_of(chosen(bias=bias, bias_format=BIASES)).steps[-1]
    # sums of a set of weights w are from 2·w·(−8) to 2·w·7
    assert step.exact.low.tolist() == [-96 - 100, -96]
    assert step.exact.high.tolist() == [70, 70 + 100]


def test_multiplications_are_those_of_one_set_and_bytes_those_of_all() -> None:
    weights = np.array([[[1, 2], [0, 3]], [[8, 2], [0, 5]], [[0, 4], [0, 2]]])
    bias = np.zeros((3, 2), int)
    model = model_of(chosen(weights=weights, bias=bias, bias_format=BIASES))
    own = model.cost().layers[-1]
    assert own.macs == 4
    assert own.weight_bits == 3 * (4 * 5 + 2 * 9)
    # bits that any set needs: 1 | 8 = 1001, 2 | 4 = 11·2, none, 3 | 5 | 2 = 111
    assert own.ebops == (4 + 2 + 0 + 3) * COUNTS.width
    alone = Dense("y", ("x",), weights[0], WEIGHTS, bias[0], BIASES)
    dense = FixedPointModel("net", (Input("x", (2,), COUNTS),), (alone,), ("y",))
    assert dense.cost().macs == own.macs


def test_more_sets_take_more_memory_and_no_more_multipliers() -> None:
    def layer(sets: int) -> Any:
        weights = np.tile(np.arange(16).reshape(1, 2, 8), (sets, 1, 1))
        model = model_of(chosen(weights=weights), scores=sets)
        return estimate_resources(model, strategy="Resource", reuse_factor=16).layers[-1]

    few, many = layer(3), layer(64)
    assert (few.dsp, few.lut) == (many.dsp, many.lut)
    assert few.bram_18k < many.bram_18k


def test_the_document_holds_them() -> None:
    model = model_of(chosen(to=RESULT, bias=np.ones((3, 2), int), bias_format=BIASES))
    assert dumps(from_json(FixedPointModel, model.to_json())) == dumps(model)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"weights": np.ones((2, 2), int)}, r"weights have the shape \(set, n_in, n_out\)"),
        ({"weights": np.full((3, 2, 2), 99)}, r"weights at .* is outside fixed<5,3>"),
        ({"bias": np.ones((3, 2), int)}, "a bias needs a bias_format"),
        ({"bias": np.ones(2, int), "bias_format": BIASES}, r"the bias has the shape \(3, 2\)"),
        ({"weights": np.ones((2, 2, 2), int)}, r"'region' .*from 0 to 1, and is 1 from 0 to 2"),
        ({"weights": np.ones((3, 5, 2), int)}, r"its weights take 5 inputs"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(PrecisionError, match=told):
        model_of(chosen(**changes))


def test_a_number_that_is_no_whole_one_of_a_set_is_refused() -> None:
    layers = (
        Dense("region", ("x",), np.ones((2, 1), int), WEIGHTS),
        chosen(),
    )
    with pytest.raises(PrecisionError, match=r"one whole number from 0 to 2.*take the largest of"):
        FixedPointModel("net", (Input("x", (2,), COUNTS),), layers, ("y",))


def test_the_largest_of_rows_is_not_looked_for() -> None:
    layers = (LargestIndex("region", ("x",)),)
    with pytest.raises(PrecisionError, match=r"shape \(2, 2\).*put a Flatten before it"):
        FixedPointModel("net", (Input("x", (2, 2), COUNTS),), layers, ("region",))
