"""Shapes of networks: where their zeros are, and that training and integers leave them there."""

import numpy as np
import pytest

from pulsefront.errors import ConfigError
from pulsefront.fixed_point import FixedPointFormat
from pulsefront.fixed_point.format import by_channel
from pulsefront.networks import (
    Convolution,
    LossSettings,
    MlpSettings,
    TrainingSettings,
    WidthSettings,
    train,
    train_with_ebops,
)
from pulsefront.networks.candidate import Candidate
from pulsefront.networks.data import prepare
from pulsefront.networks.deploy import deploy
from pulsefront.networks.lower import lower
from pulsefront.networks.shapes import shaped_candidate

SETTINGS = MlpSettings(hidden=(12, 6))
GRID = (4, 5)
WIDTHS = WidthSettings(per_weight=True)
SHAPES = ("row_column", "windows", "linear_residual")
COUNTS = FixedPointFormat(10, 10, signed=False)
OUT = FixedPointFormat(16, 7)


def weights(candidate: Candidate) -> int:
    return sum(int(np.count_nonzero(weight)) for weight in candidate.weights)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("hidden", [(12, 6), (30,), (9, 9, 4), (1, 1)])
def test_no_shape_has_more_weights_than_the_dense_network_unless_it_is_tiny(shape, hidden):
    settings = MlpSettings(hidden=hidden)
    dense = weights(shaped_candidate(settings, "dense", (8, 8), 2, seed=1))
    found = weights(shaped_candidate(settings, shape, (8, 8), 2, seed=1))
    if hidden != (1, 1):
        assert 0.8 * dense < found <= dense
    else:  # one node of each layer stays, and the straight way as it is
        assert found > 0


def test_nodes_of_row_column_read_every_row_and_column_alone():
    first = shaped_candidate(SETTINGS, "row_column", GRID, 2, seed=1).weights[0]
    row, column = np.indices(GRID).reshape(2, -1)
    lines = {frozenset(np.flatnonzero(node)) for node in first.T}
    rows = {frozenset(np.flatnonzero(row == n)) for n in range(4)}
    columns = {frozenset(np.flatnonzero(column == n)) for n in range(5)}
    assert lines == rows | columns


def test_windows_reach_every_input_and_are_four_wide():
    first = shaped_candidate(MlpSettings(hidden=(40, 4)), "windows", (6, 7), 2, seed=1).weights[0]
    row, column = np.indices((6, 7)).reshape(2, -1)
    for node in first.T:
        read = np.flatnonzero(node)
        assert len(read) == 16
        assert np.ptp(row[read]) == np.ptp(column[read]) == 3
    assert first.any(1).all()


def test_windows_of_one_row_are_four_samples():
    first = shaped_candidate(SETTINGS, "windows", (1, 9), 1, seed=1).weights[0]
    assert {tuple(np.flatnonzero(node)) for node in first.T} == {
        tuple(range(n, n + 4)) for n in range(6)
    }


def test_linear_residual_with_silent_nodes_is_a_weighted_sum():
    """What is left once the other nodes say nothing is linear in the inputs, from end to end."""
    found = shaped_candidate(SETTINGS, "linear_residual", GRID, 2, seed=1)
    inputs = np.random.default_rng(1).standard_normal((50, 20))
    value = inputs
    for layer, (weight, bias) in enumerate(zip(found.weights, found.biases, strict=True)):
        value = value @ weight + bias
        if layer < 2:
            value[:, 2:] = 0.0  # two outputs, so two nodes hand on
            value = np.maximum(value, 0.0)
    np.testing.assert_allclose(value, inputs @ found.weights[0][:, :2], atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_trained_shapes_keep_their_zeros_and_are_the_same_to_the_bit_as_integers(shape):
    random = np.random.default_rng(20261155)
    counts = random.integers(0, 1024, (3000, 20))
    slope = random.standard_normal((20, 2)) / 300.0
    data = prepare(counts, counts @ slope, COUNTS, LossSettings())
    start = shaped_candidate(SETTINGS, shape, GRID, 2, seed=1)
    training = TrainingSettings(epochs=4, batch=128, learning_rate=1e-2)
    (trained,) = train([start], data, training, seed=1)
    for before, after in zip(start.weights, trained.weights, strict=True):
        assert ((before == 0) == (after == 0)).all()
    narrow = trained.with_bits(
        weight_bits=(6,) * 3, bias_bits=(10,) * 3, activation_bits=(8,) * 2, per_channel=True
    )
    (tuned,) = train([narrow], data, training, seed=1)
    for before, after in zip(start.weights, tuned.weights, strict=True):
        assert (after[before == 0] == 0).all()
    model = lower(tuned, data.scaling, COUNTS, OUT, name="shaped")
    integers = deploy(tuned, data.scaling, COUNTS, OUT)
    for before, after in zip(start.weights, integers.weights, strict=True):
        assert (after[before == 0] == 0).all()
    # an independent sum in Python's integers, as the formats say
    value = counts.astype(object)
    fraction = COUNTS.fraction
    for layer, (weight, bias) in enumerate(zip(integers.weights, integers.biases, strict=True)):
        value, fraction = _layer(integers, layer, value, fraction, weight, bias)
    (output,) = model.output_formats.values()
    np.testing.assert_array_equal(model.run(counts), value.astype(np.int64))
    assert output.fraction == fraction


def _layer(integers, layer, value, fraction, weight, bias):
    formats = by_channel(integers.weight_formats[layer], weight.shape[1])
    own = [one.fraction for one in formats]
    result = []
    last = layer == len(integers.weights) - 1
    to = OUT if last else integers.activation_formats[layer]
    for node in range(weight.shape[1]):
        exact = fraction + own[node]
        at = max(exact, integers.bias_formats[layer].fraction)
        total = value @ weight[:, node].astype(object) * 2 ** (at - exact)
        total = total + int(bias[node]) * 2 ** (at - integers.bias_formats[layer].fraction)
        if not last:
            total = np.maximum(total, 0)
        down = at - to.fraction
        total = (total * 2 + 2**down) // 2 ** (down + 1) if down > 0 else total * 2**-down
        result.append(np.clip(total, to.minimum, to.maximum))
    return np.stack(result, 1), to.fraction


@pytest.mark.parametrize("shape", ["row_column", "windows"])
def test_learned_widths_bring_no_weight_back_that_a_shape_lacks(shape):
    random = np.random.default_rng(20261156)
    counts = random.integers(0, 1024, (2000, 20))
    data = prepare(counts, counts @ random.standard_normal((20, 2)), COUNTS, LossSettings())
    start = shaped_candidate(SETTINGS, shape, GRID, 2, seed=1)
    training = TrainingSettings(epochs=4, batch=128, learning_rate=1e-2)
    narrow = start.with_bits(
        weight_bits=(6,) * 3, bias_bits=(10,) * 3, activation_bits=(8,) * 2, per_channel=True
    )
    (found,) = train_with_ebops(
        [narrow], data, training, [0.1], seed=1, input_format=COUNTS, widths=WIDTHS
    )
    reads = [set(np.flatnonzero(node)) for node in start.weights[0].T]
    assert found.weights[0].any()
    for node in found.weights[0].T:  # nodes may have gone, and inputs
        read = set(found.kept_inputs[np.flatnonzero(node)])
        assert any(read <= one for one in reads)


def test_row_column_of_samples_names_the_field():
    with pytest.raises(ConfigError, match="rows and columns") as caught:
        shaped_candidate(SETTINGS, "row_column", (1, 20), 1, seed=1)
    assert caught.value.field == "shapes"


@pytest.mark.parametrize(
    "settings", [MlpSettings(hidden=()), MlpSettings(hidden=(4,), convolution=Convolution())]
)
def test_a_shape_without_a_hidden_layer_or_with_a_convolution_is_refused(settings):
    with pytest.raises(ConfigError, match="hidden layer and no convolution"):
        shaped_candidate(settings, "windows", (1, 20), 1, seed=1)
