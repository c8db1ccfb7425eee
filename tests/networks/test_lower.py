"""Lowering: the float64 quantized forward pass and the emulator give the same integers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.errors import ConfigError, PrecisionError, UnsupportedLayer
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks import (
    Convolution,
    LossSettings,
    MlpSettings,
    TrainingSettings,
    deploy,
    initial_candidate,
    lower,
    prepare,
    run_float64,
    train,
    window_sums,
)
from pulsefront.networks.candidate import Candidate, Scaling
from strategies_networks import coincidences, light_response

ADC = FixedPointFormat(12, 12, signed=False)
OUT = FixedPointFormat(16, 6)


def extremes(n_in: int, input_format: FixedPointFormat, seed: int) -> np.ndarray:
    """Return vectors of the format's ends: all low, all high, one-hot and random corners."""
    random = np.random.default_rng(seed)
    low, high = input_format.minimum, input_format.maximum
    corners = random.choice([low, high], (400, n_in))
    hot = np.full((n_in, n_in), low)
    np.fill_diagonal(hot, high)
    return np.concatenate([np.full((1, n_in), low), np.full((1, n_in), high), hot, corners])


def assert_same_integers(
    candidate: Candidate, scaling: Scaling, vectors: np.ndarray, input_format: FixedPointFormat
) -> None:
    network = deploy(candidate, scaling, input_format, OUT)
    model = lower(candidate, scaling, input_format, OUT, name="net")
    expected = model.run(vectors[:, candidate.kept_inputs])
    assert np.array_equal(run_float64(network, vectors), expected)


def test_a_trained_position_network_equals_the_emulator_on_every_vector() -> None:
    counts, position = light_response(6000)
    data = prepare(counts, position, ADC, LossSettings())
    start = [initial_candidate(MlpSettings(hidden=(24, 12)), 64, 3, seed=s) for s in range(2)]
    full = train(start, data, TrainingSettings(epochs=3), seed=1)
    quantized = train(
        [
            c.with_bits(weight_bits=(8, 7, 8), bias_bits=(16, 12, 9), activation_bits=(8, 9))
            for c in full
        ],
        data,
        TrainingSettings(epochs=2, learning_rate=1e-3),
        seed=2,
    )
    vectors = np.concatenate([counts, extremes(64, ADC, 3)])
    for candidate in quantized:
        assert_same_integers(candidate, data.scaling, vectors, ADC)


def test_a_trained_timing_network_equals_the_emulator_on_every_vector() -> None:
    events = coincidences(3000)
    data = prepare(
        events.windows,
        events.known_ns,
        ADC,
        LossSettings(kind="coincidence", huber=1.0),
        coarse=events.coarse_ns,
    )
    start = initial_candidate(MlpSettings(hidden=(8, 4)), 12, 1, seed=5)
    full = train([start], data, TrainingSettings(epochs=3, batch=128), seed=1)[0]
    candidate = train(
        [full.with_bits(weight_bits=(6, 6, 6), bias_bits=(14, 12, 8), activation_bits=(8, 6))],
        data,
        TrainingSettings(epochs=2, batch=128, learning_rate=1e-3),
        seed=2,
    )[0]
    vectors = np.concatenate([events.windows.reshape(-1, 12), extremes(12, ADC, 4)])
    assert_same_integers(candidate, data.scaling, vectors, ADC)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    hidden=st.lists(st.integers(1, 6), max_size=3).map(tuple),
    weight_bits=st.integers(2, 12),
    bias_bits=st.integers(3, 18),
    activation_bits=st.integers(1, 12),
    signed=st.booleans(),
    fraction=st.integers(-3, 5),
    per_channel=st.booleans(),
)
def test_any_network_of_any_widths_equals_the_emulator(
    seed: int,
    hidden: tuple[int, ...],
    weight_bits: int,
    bias_bits: int,
    activation_bits: int,
    signed: bool,
    fraction: int,
    per_channel: bool,
) -> None:
    random = np.random.default_rng(seed)
    input_format = FixedPointFormat(10, 10 - fraction, signed)
    n_in = int(random.integers(1, 7))
    vectors = random.integers(input_format.minimum, input_format.maximum + 1, (300, n_in))
    vectors = np.concatenate([vectors, extremes(n_in, input_format, seed)])
    targets = random.normal(0.0, 5.0, (len(vectors), 2))
    data = prepare(vectors, targets, input_format, LossSettings())
    layers = len(hidden) + 1
    start = initial_candidate(MlpSettings(hidden=hidden), n_in, 2, seed=seed).with_bits(
        weight_bits=(weight_bits,) * layers,
        bias_bits=(bias_bits,) * layers,
        activation_bits=(activation_bits,) * (layers - 1),
        per_channel=per_channel,
    )
    candidate = train([start], data, TrainingSettings(epochs=1, batch=256), seed=seed)[0]
    assert_same_integers(candidate, data.scaling, vectors, input_format)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    kernel=st.integers(1, 5),
    channels=st.integers(1, 4),
    stride=st.integers(1, 3),
    per_channel=st.booleans(),
)
def test_any_convolution_equals_the_emulator(
    seed: int, kernel: int, channels: int, stride: int, per_channel: bool
) -> None:
    random = np.random.default_rng(seed)
    vectors = np.concatenate([random.integers(0, 4096, (200, 9)), extremes(9, ADC, seed)])
    targets = random.normal(0.0, 5.0, (len(vectors), 2))
    data = prepare(vectors, targets, ADC, LossSettings(), common_scale=True)
    shape = MlpSettings(
        hidden=(4,),
        convolution=Convolution(kernel=kernel, channels=channels, stride=stride),
    )
    start = initial_candidate(shape, 9, 2, seed=seed).with_bits(
        weight_bits=(6, 5, 6),
        bias_bits=(14, 12, 10),
        activation_bits=(7, 8),
        per_channel=per_channel,
    )
    candidate = train([start], data, TrainingSettings(epochs=2, batch=128), seed=seed)[0]
    network = deploy(candidate, data.scaling, ADC, OUT)
    model = lower(candidate, data.scaling, ADC, OUT, name="net")
    assert np.array_equal(run_float64(network, vectors), model.run(vectors[..., None]))


def test_a_convolution_behind_a_front_end_is_refused() -> None:
    shape = MlpSettings(hidden=(2,), convolution=Convolution(kernel=2))
    candidate = initial_candidate(shape, 4, 1, seed=0).with_bits(
        weight_bits=(6, 6, 6), bias_bits=(8, 8, 8), activation_bits=(6, 6)
    )
    scaling = Scaling(np.zeros(4), np.ones(4), np.zeros(1), np.ones(1))
    with pytest.raises(UnsupportedLayer, match=r"'conv_1'.*not sums"):
        lower(candidate, scaling, ADC, OUT, name="net", front_end=window_sums(8, 2))


def test_a_kernel_longer_than_the_samples_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"convolution.kernel: the kernel does not fit 4"):
        initial_candidate(MlpSettings(convolution=Convolution(kernel=5)), 4, 1, seed=0)


def test_a_float_network_cannot_be_lowered() -> None:
    candidate = initial_candidate(MlpSettings(hidden=(2,)), 3, 1, seed=0)
    scaling = Scaling(np.zeros(3), np.ones(3), np.zeros(1), np.ones(1))
    with pytest.raises(PrecisionError, match="train it quantized first"):
        lower(candidate, scaling, ADC, OUT, name="net")


def test_weights_that_are_not_finite_cannot_be_lowered() -> None:
    candidate = initial_candidate(MlpSettings(hidden=()), 3, 1, seed=0).with_bits(
        weight_bits=(8,), bias_bits=(8,), activation_bits=()
    )
    candidate.weights[0][0, 0] = np.nan
    scaling = Scaling(np.zeros(3), np.ones(3), np.zeros(1), np.ones(1))
    with pytest.raises(PrecisionError, match="not finite"):
        lower(candidate, scaling, ADC, OUT, name="net")
