"""Widths of single inputs and nodes: learned, exact to the bit, cheaper than one for a layer."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pulsefront.errors import ConfigError
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks import (
    LossSettings,
    TrainingData,
    TrainingSettings,
    WidthSettings,
    cost_of,
    lower,
    predict,
    prepare,
    train_with_ebops,
)
from pulsefront.networks.channelwise_stack import ChannelwiseStack, with_channel_formats
from pulsefront.networks.losses import slope_of
from pulsefront.networks.stack import Stack
from strategies_networks import light_response
from strategies_trained import coarse_networks

ADC = FixedPointFormat(12, 12, signed=False)
OUT = FixedPointFormat(16, 6)


def channelwise(events: int) -> tuple[ChannelwiseStack, TrainingData]:
    counts, position = light_response(events)
    data = prepare(counts, position, ADC, LossSettings())
    start = with_channel_formats(coarse_networks(data, 1, per_channel=True), data, ADC)
    stack = ChannelwiseStack(start, data.scaling, ADC.width)
    stack.calibrate(data.inputs)
    stack.round_points()
    stack.refresh()
    stack.backward(slope_of(stack.outputs(data.inputs), data.targets, data.loss))
    return stack, data


def test_inputs_and_nodes_find_widths_of_their_own_and_the_bits_stay_exact() -> None:
    counts, position = light_response(8000)
    counts = counts // np.array([1, 4, 16, 64] * 16)  # channels of unlike ranges
    data = prepare(counts, position, ADC, LossSettings())
    start = coarse_networks(data, 2, per_channel=True)
    settings = TrainingSettings(epochs=10, batch=256, learning_rate=2e-3)
    trained = train_with_ebops(
        start, data, settings, (0.02, 0.3), seed=2, input_format=ADC, widths=WidthSettings()
    )
    corners = np.random.default_rng(1).choice([0, 1, 4094, 4095], (2000, 64))
    for candidate in trained:
        assert candidate.precision is not None
        channels = candidate.precision.channels
        assert channels is not None
        assert [len(one) for one in channels.node_bits] == list(candidate.hidden)
        peaks = counts[:, candidate.kept_inputs].max(0)
        for bits, fraction, peak in zip(
            channels.input_bits, channels.input_fraction, peaks, strict=True
        ):
            assert bits - fraction <= max(int(peak).bit_length(), 1)  # the range of its events
        assert len(set(channels.input_fraction)) > 1
        assert len(set(channels.node_bits[0])) > 1
        model = lower(candidate, data.scaling, ADC, OUT, name="net")
        for vectors in (counts, corners):
            got = OUT.values(model.run(vectors[:, candidate.kept_inputs]))
            assert np.array_equal(got, predict(candidate, data.scaling, vectors, ADC, OUT))
        again = Stack([candidate], data.scaling)
        outputs = again.forward(data.inputs[:, torch.from_numpy(candidate.kept_inputs)])[0]
        scaled = outputs.numpy() * data.scaling.output_scale + data.scaling.output_mean
        exact = predict(candidate, data.scaling, counts, ADC, OUT)
        low, high = OUT.values([OUT.minimum, OUT.maximum])
        # float32 sums may round a node the other way, in few events
        beyond = np.abs(np.clip(scaled, low, high) - exact).max(1) > 3 * OUT.step
        assert beyond.mean() < 2e-3
    fewer, fewest = (sum(c.precision.channels.input_bits) for c in trained)  # type: ignore[union-attr]
    assert fewest / len(trained[1].kept_inputs) < fewer / len(trained[0].kept_inputs)


def test_widths_of_inputs_and_nodes_beat_those_of_layers_at_equal_cost() -> None:
    counts, position = light_response(8000)
    data = prepare(counts, position, ADC, LossSettings())
    start = coarse_networks(data, 3, per_channel=True)
    settings = TrainingSettings(epochs=10, batch=256, learning_rate=2e-3)
    costs, errors = {}, {}
    for per_node in (False, True):
        trained = train_with_ebops(
            start, data, settings, (0.05, 0.15, 0.5), seed=2, input_format=ADC,
            widths=WidthSettings(per_node=per_node),
        )  # fmt: skip
        costs[per_node] = [cost_of(c, data.scaling, ADC, OUT).ebops for c in trained]
        errors[per_node] = [
            float(np.abs(predict(c, data.scaling, counts, ADC, OUT) - position).mean())
            for c in trained
        ]
    for place in (1, 2):
        own = np.interp(errors[False][place], errors[True], np.log(costs[True]))
        assert np.exp(own) < 0.9 * costs[False][place]


def test_the_slopes_of_inputs_and_nodes_follow_the_price() -> None:
    stack, _ = channelwise(200)
    asked = stack.slope_of_points(torch.ones(1)) - stack.slope_of_points(torch.zeros(1))
    before, weights = stack.ebops(), sum(w.numel() for w in stack.weights)
    for place in range(weights, len(stack.points)):
        stack.points[place] -= 1.0
        stack.round_points()
        change = float(before - stack.ebops())
        stack.points[place] += 1.0
        assert change == pytest.approx(float(asked[place]), abs=1e-2)
    assert len(stack.points) - weights == 16 + 8 + 64


def test_ranges_of_nodes_follow_their_results() -> None:
    stack, data = channelwise(2000)
    for _ in range(200):
        stack.outputs(data.inputs)
    stack.limit_points()
    stack.round_points()
    peaks = stack.activations(data.inputs)
    for layer, (bits, fraction) in enumerate(
        zip(stack.formats.activation_bits, stack.formats.activation_fraction, strict=True)
    ):
        top = torch.exp2(bits - fraction)[0]
        peak = peaks[layer][0].amax(0)
        assert bool((peak <= top).all())
        assert bool((peak > top / 2)[peak > 0.01].all())
    assert int(stack.formats.activation_bits[0].max()) <= 10


def test_a_width_for_every_node_needs_one_for_every_weight() -> None:
    counts, position = light_response(100)
    data = prepare(counts, position, ADC, LossSettings())
    start = coarse_networks(data, 1, per_channel=True)
    with pytest.raises(ConfigError, match="per_node"):
        train_with_ebops(
            start, data, TrainingSettings(epochs=1), (0.1,), seed=0, input_format=ADC,
            widths=WidthSettings(per_weight=False, per_node=True),
        )  # fmt: skip
