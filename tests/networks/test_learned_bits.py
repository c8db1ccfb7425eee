"""Learned widths: cheaper with the price, whole in the end, and exact to the bit."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
import torch

from pulsefront.errors import ConfigError, PrecisionError
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks import (
    Candidate,
    Convolution,
    LossSettings,
    MlpSettings,
    TrainingSettings,
    WidthSettings,
    cost_of,
    initial_candidate,
    learned_bits,
    lower,
    predict,
    prepare,
    train,
    train_with_ebops,
    without_dead,
)
from pulsefront.networks.adam import FlatAdamW
from pulsefront.networks.learned_stack import LearnedStack
from pulsefront.networks.losses import slope_of
from pulsefront.networks.weightwise_stack import WeightwiseStack
from strategies_networks import light_response
from strategies_trained import coarse_networks

ADC = FixedPointFormat(12, 12, signed=False)
OUT = FixedPointFormat(16, 6)
STRENGTHS = (0.0, 0.02, 0.3)


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("filters", [None, Convolution(kernel=8, channels=3, stride=4)])
def test_widths_fall_with_their_price_and_the_network_stays_exact(
    per_channel: bool, filters: Convolution | None
) -> None:
    counts, position = light_response(8000)
    data = prepare(counts, position, ADC, LossSettings(), common_scale=filters is not None)
    start = coarse_networks(data, 3, per_channel=per_channel, filters=filters)
    settings = TrainingSettings(epochs=10, batch=256, learning_rate=2e-3)
    trained = train_with_ebops(start, data, settings, STRENGTHS, seed=2, input_format=ADC)
    costs = [cost_of(c, data.scaling, ADC, OUT).ebops for c in trained]
    assert costs[0] > 1.3 * costs[1] > 1.3**2 * costs[2]
    errors = []
    corners = np.random.default_rng(1).choice([0, 1, 4094, 4095], (500, 64))
    for candidate in trained:
        model = lower(candidate, data.scaling, ADC, OUT, name="net")
        for vectors in (counts, corners):
            raw = vectors[:, candidate.kept_inputs]
            got = OUT.values(model.run(raw[..., None] if filters else raw))
            assert np.array_equal(got, predict(candidate, data.scaling, vectors, ADC, OUT))
        outputs = predict(candidate, data.scaling, counts, ADC, OUT)
        errors.append(float(np.abs(outputs - position).mean()))
        formats = candidate.precision
        assert formats is not None
        assert max(formats.weight_bits) <= 9
        assert max(formats.activation_bits) <= 10
        assert (formats.channel_bits is not None) == per_channel
    assert errors[1] < 1.25 * errors[0]
    assert len(candidate.kept_inputs) <= 64


@pytest.mark.parametrize("filters", [None, Convolution(kernel=8, channels=3, stride=4)])
def test_a_width_for_every_weight_is_exact_and_cheaper_than_one_for_an_output(
    filters: Convolution | None,
) -> None:
    counts, position = light_response(8000)
    data = prepare(counts, position, ADC, LossSettings(), common_scale=filters is not None)
    start = coarse_networks(data, 2, per_channel=True, filters=filters)
    settings = TrainingSettings(epochs=10, batch=256, learning_rate=2e-3)
    corners = np.random.default_rng(1).choice([0, 1, 4094, 4095], (500, 64))
    found = {}
    for per_weight in (False, True):
        widths = WidthSettings(per_weight=per_weight)
        trained = train_with_ebops(
            start, data, settings, (0.02, 0.3), seed=2, input_format=ADC, widths=widths
        )
        for candidate in trained:
            model = lower(candidate, data.scaling, ADC, OUT, name="net")
            for vectors in (counts, corners):
                raw = vectors[:, candidate.kept_inputs]
                got = OUT.values(model.run(raw[..., None] if filters else raw))
                assert np.array_equal(got, predict(candidate, data.scaling, vectors, ADC, OUT))
        outputs = [predict(c, data.scaling, counts, ADC, OUT) for c in trained]
        errors = [float(np.abs(one - position).mean()) for one in outputs]
        costs = [cost_of(c, data.scaling, ADC, OUT).ebops for c in trained]
        found[per_weight] = errors, costs
    (shared_errors, shared), (own_errors, own) = found[False], found[True]
    assert own[0] > 1.2 * own[1]
    for n in range(2):
        assert own[n] < shared[n] or own_errors[n] < shared_errors[n]


def test_a_learned_front_beats_one_width_for_all_at_equal_cost() -> None:
    counts, position = light_response(8000)
    data = prepare(counts, position, ADC, LossSettings())
    start = coarse_networks(data, 1, per_channel=True)
    settings = TrainingSettings(epochs=10, batch=256, learning_rate=2e-3)
    learned = train_with_ebops(start, data, settings, (0.05,), seed=2, input_format=ADC)[0]
    widths = [
        start[0].with_bits(weight_bits=(b,) * 3, bias_bits=(16,) * 3, activation_bits=(b + 1,) * 2)
        for b in (3, 4, 5, 6)
    ]
    uniform = train(widths, data, settings, seed=2)

    def point(candidate: Candidate) -> tuple[int, float]:
        outputs = predict(candidate, data.scaling, counts, ADC, OUT)
        cost = cost_of(candidate, data.scaling, ADC, OUT)
        return cost.ebops, float(np.abs(outputs - position).mean())

    ebops, error = point(learned)
    for other in uniform:
        cost, left = point(other)
        assert ebops < cost or error < left


def test_the_slope_of_a_binary_point_follows_the_loss_and_the_price() -> None:
    counts, position = light_response(400)
    data = prepare(counts, position, ADC, LossSettings(huber=2.0))
    start = coarse_networks(data, 1, per_channel=False)
    stack = LearnedStack(start, data.scaling, 12)
    stack.calibrate(data.inputs)
    stack.round_points()
    stack.refresh()
    outputs = stack.outputs(data.inputs)
    stack.backward(slope_of(outputs, data.targets, data.loss))
    free = stack.slope_of_points(torch.zeros(1))
    priced = stack.slope_of_points(torch.ones(1))
    before = stack.ebops()
    # One bit less everywhere in one tensor: the price falls by what its slope says.
    for place in range(len(stack.points)):
        stack.points[place] -= 1.0
        stack.round_points()
        stack.refresh()
        change = before - stack.ebops()
        stack.points[place] += 1.0
        stack.round_points()
        stack.refresh()
        expected = float(priced[place] - free[place])
        # weights that round to zero with the bit gone cost nothing any more
        assert expected * 0.999 <= float(change) <= expected * 1.3


def test_nodes_and_inputs_without_effect_go_and_the_integers_stay() -> None:
    random = np.random.default_rng(4)
    counts = random.integers(0, 4096, (300, 6))
    data = prepare(counts, random.normal(0, 3, (300, 2)), ADC, LossSettings())
    start = initial_candidate(MlpSettings(hidden=(5, 4)), 6, 2, seed=0).with_bits(
        weight_bits=(6,) * 3, bias_bits=(10,) * 3, activation_bits=(8, 8), per_channel=True
    )
    candidate = train([start], data, TrainingSettings(epochs=1), seed=0)[0]
    first, second, third = candidate.weights
    first[2] = 0.0  # an input
    third[1] = 0.0  # a node of the second layer that nothing reads
    second[:, 3] = 0.0
    candidate.biases[1][3] = -0.5  # one that is always off
    first[:, 4] = 0.0
    candidate.biases[0][4] = 0.5  # one that is always on must stay
    smaller = without_dead(candidate)
    assert smaller.kept_inputs.tolist() == [0, 1, 3, 4, 5]
    assert smaller.hidden == (5, 2)
    assert np.array_equal(
        predict(candidate, data.scaling, counts, ADC, OUT),
        predict(smaller, data.scaling, counts, ADC, OUT),
    )


def test_what_cannot_be_is_refused() -> None:
    counts, position = light_response(50)
    data = prepare(counts, position, ADC, LossSettings())
    plain = initial_candidate(MlpSettings(hidden=(2,)), 64, 3, seed=0)
    settings = TrainingSettings(epochs=1)
    with pytest.raises(PrecisionError, match="with_bits"):
        train_with_ebops([plain], data, settings, (0.1,), seed=0, input_format=ADC)
    coarse = plain.with_bits(weight_bits=(8, 8), bias_bits=(8, 8), activation_bits=(8,))
    for strengths in ((0.1, 0.2), (-0.1,), (float("nan"),)):
        with pytest.raises(ConfigError, match="strengths"):
            train_with_ebops([coarse], data, settings, strengths, seed=0, input_format=ADC)


def test_a_width_for_every_weight_needs_a_format_for_every_output() -> None:
    counts, position = light_response(100)
    data = prepare(counts, position, ADC, LossSettings())
    start = coarse_networks(data, 1, per_channel=False)
    with pytest.raises(ConfigError, match="per_channel"):
        train_with_ebops(
            start, data, TrainingSettings(epochs=1), (0.1,), seed=0, input_format=ADC,
            widths=WidthSettings(per_weight=True),
        )  # fmt: skip


def test_the_slope_of_a_weights_own_point_follows_the_price() -> None:
    counts, position = light_response(200)
    data = prepare(counts, position, ADC, LossSettings())
    stack = WeightwiseStack(coarse_networks(data, 1, per_channel=True), data.scaling, 12)
    stack.calibrate(data.inputs)
    stack.round_points()
    stack.refresh()
    stack.backward(slope_of(stack.outputs(data.inputs), data.targets, data.loss))
    asked = stack.slope_of_points(torch.ones(1)) - stack.slope_of_points(torch.zeros(1))
    before, random = stack.ebops(), np.random.default_rng(0)
    for place in random.choice(64 * 16, 40, replace=False):
        stack.points[place] -= 1.0
        stack.round_points()
        stack.refresh()
        change = float(before - stack.ebops())
        stack.points[place] += 1.0
        # one bit of one weight, read by 12 bits of its input; two where the rounding carries
        assert change == pytest.approx(float(asked[place]), abs=1e-3) or change == 0.0


def test_the_price_presses_weights_by_the_bits_that_they_take() -> None:
    counts, position = light_response(200)
    data = prepare(counts, position, ADC, LossSettings())
    stack = WeightwiseStack(coarse_networks(data, 1, per_channel=True), data.scaling, 12)
    stack.calibrate(data.inputs)
    stack.round_points()
    stack.refresh()
    stack.gradient.zero_()
    stack.press(torch.ones(1))
    pressed = stack.gradient.clone()[: 16 * 64].view(16, 64)
    used, raw = stack._used_weights[0][0].clone(), stack._raw(0)[0]
    before = float(stack.ebops())
    even = torch.nonzero((raw != 0) & (raw % 2 == 0))
    assert len(even) > 100
    for node, entry in even[:60].tolist():
        latent = stack.weights[0][0, node, entry].clone()
        stack.weights[0][0, node, entry] = used[node, entry] / 2
        stack.refresh()
        # Half of a weight takes one bit less, which 12 bits of the input are charged for.
        assert before - float(stack.ebops()) == 12.0
        slope = float(pressed[node, entry] * used[node, entry])
        assert slope * float(np.log(2.0)) == pytest.approx(12.0, rel=1e-5)
        stack.weights[0][0, node, entry] = latent
    assert bool((pressed[raw == 0] == 0).all())


def test_widths_at_rest_from_the_start_are_those_given() -> None:
    counts, position = light_response(500)
    data = prepare(counts, position, ADC, LossSettings())
    start = coarse_networks(data, 1, per_channel=False)
    still = train_with_ebops(
        start,
        data,
        TrainingSettings(epochs=2),
        (1.0,),
        seed=0,
        input_format=ADC,
        widths=WidthSettings(frozen_share=1),
    )[0]
    assert still.precision is not None
    assert still.precision.weight_bits == (9,) * 3
    assert still.precision.activation_bits == (10, 10)


@pytest.mark.parametrize("per_node", [False, True])
def test_a_training_that_diverges_comes_back_marked(per_node: bool) -> None:
    counts, position = light_response(1000)
    data = prepare(counts, position, ADC, LossSettings())
    start = coarse_networks(data, 1, per_channel=True)
    found = train_with_ebops(
        start, data, TrainingSettings(epochs=2, learning_rate=1e30), (0.3,), seed=2,
        input_format=ADC, widths=WidthSettings(per_node=per_node),
    )  # fmt: skip
    assert not found[0].finite


@pytest.mark.parametrize("pace", ["even", "with_rate"])
def test_widths_move_by_their_reach_at_either_pace(
    pace: Literal["even", "with_rate"], monkeypatch: pytest.MonkeyPatch
) -> None:
    counts, position = light_response(4000)
    data = prepare(counts, position, ADC, LossSettings())
    start = coarse_networks(data, 1, per_channel=True)
    moved: list[float] = []

    class Recorded(FlatAdamW):
        def step(self, gradient: torch.Tensor, learning_rate: float) -> None:
            moved.append(learning_rate)
            super().step(gradient, learning_rate)

    monkeypatch.setattr(learned_bits, "FlatAdamW", Recorded)
    widths = WidthSettings(pace=pace, reach=7.0, frozen_share=0.0)
    settings = TrainingSettings(epochs=4, batch=100)
    train_with_ebops(start, data, settings, (0.1,), seed=2, input_format=ADC, widths=widths)
    assert len(moved) == 160
    assert sum(moved) == pytest.approx(7.0, rel=0.02)
    assert (max(moved) / moved[-1] > 100) == (pace == "with_rate")
