"""Batched training: it learns, candidates do not touch each other, and it repeats."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks import (
    Convolution,
    LossSettings,
    MlpSettings,
    TrainingSettings,
    initial_candidate,
    predict,
    prepare,
    train,
)
from strategies_networks import coincidences, light_response

ADC = FixedPointFormat(12, 12, signed=False)
OUT = FixedPointFormat(16, 6)
SHORT = TrainingSettings(epochs=2)


def test_a_candidate_trains_the_same_alone_and_beside_others_of_other_shapes() -> None:
    counts, position = light_response(4000)
    data = prepare(counts, position, ADC, LossSettings())
    start = [
        initial_candidate(MlpSettings(hidden=hidden), 64, 3, seed=s)
        for s, hidden in enumerate([(6, 4), (12, 3), (9, 8)])
    ]
    gentle = TrainingSettings(epochs=1, learning_rate=2e-3)
    together = train(start, data, gentle, seed=1)
    for one, beside in zip(start, together, strict=True):
        alone = train([one], data, gentle, seed=1)[0]
        # float32 sums may differ in their order between batch shapes, nothing more
        for a, b in zip(alone.weights, beside.weights, strict=True):
            assert a.shape == b.shape
            assert np.abs(a - b).max() < 1e-4


def test_training_repeats_to_the_bit() -> None:
    counts, position = light_response(2000)
    data = prepare(counts, position, ADC, LossSettings())
    start = [initial_candidate(MlpSettings(hidden=(6, 4)), 64, 3, seed=0)]
    first, second = (train(start, data, SHORT, seed=4)[0] for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first.weights, second.weights, strict=True))


def test_a_candidate_that_diverges_leaves_the_others_alone() -> None:
    counts, position = light_response(2000)
    data = prepare(counts, position, ADC, LossSettings())
    good = initial_candidate(MlpSettings(hidden=(6, 4)), 64, 3, seed=0)
    bad = replace(good, weights=(np.full_like(good.weights[0], np.nan), *good.weights[1:]))
    kept, lost = train([good, bad], data, SHORT, seed=1)
    assert kept.finite
    assert not lost.finite


def test_position_training_beats_the_spread_of_the_targets_by_far() -> None:
    counts, position = light_response(12000)
    data = prepare(counts[:10000], position[:10000], ADC, LossSettings())
    start = [initial_candidate(MlpSettings(hidden=(16, 8)), 64, 3, seed=0)]
    trained = train(start, data, TrainingSettings(epochs=40, batch=256), seed=1)[0]
    error = predict(trained, data.scaling, counts[10000:], ADC, OUT) - position[10000:]
    assert np.sqrt((error**2).mean(0)).max() < 0.25 * position.std(0).max()


def test_eight_bit_training_comes_near_the_float_network() -> None:
    counts, position = light_response(12000)
    data = prepare(counts[:10000], position[:10000], ADC, LossSettings())
    start = [initial_candidate(MlpSettings(hidden=(16, 8)), 64, 3, seed=0)]
    full = train(start, data, TrainingSettings(epochs=8), seed=1)[0]
    quantized = train(
        [full.with_bits(weight_bits=(8,) * 3, bias_bits=(14,) * 3, activation_bits=(10, 10))],
        data,
        TrainingSettings(epochs=4, learning_rate=1e-3),
        seed=2,
    )[0]

    def error(candidate: object) -> float:
        outputs = predict(candidate, data.scaling, counts[10000:], ADC, OUT)  # type: ignore[arg-type]
        return float(np.abs(outputs - position[10000:]).mean())

    assert error(quantized) < 1.1 * error(full)


def test_coincidence_training_is_unbiased_over_the_source_offset() -> None:
    events = coincidences(16000)
    fit, check = slice(0, 12000), slice(12000, None)
    data = prepare(
        events.windows[fit],
        events.known_ns[fit],
        ADC,
        LossSettings(kind="coincidence", huber=1.0),
        coarse=events.coarse_ns[fit],
    )
    start = [initial_candidate(MlpSettings(hidden=(8, 4)), 12, 1, seed=0)]
    training = TrainingSettings(epochs=20, batch=256, learning_rate=1e-2)
    trained = train(start, data, training, seed=1)[0]
    flat = events.windows[check].reshape(-1, 12)
    times = predict(trained, data.scaling, flat, ADC, OUT).reshape(-1, 2)
    times = times + events.coarse_ns[check]
    known = events.known_ns[check]
    residual = times[:, 0] - times[:, 1] - known
    coarse_only = events.coarse_ns[check][:, 0] - events.coarse_ns[check][:, 1] - known
    assert residual.std() < 0.3 * coarse_only.std()
    slope = np.polyfit(known, residual, 1)[0]
    slope_error = residual.std() / known.std() / np.sqrt(len(known))
    assert abs(slope) < 4 * slope_error + 0.02


def test_a_convolution_trains_beside_others_of_fewer_channels_as_alone() -> None:
    events = coincidences(2000)
    data = prepare(
        events.windows,
        events.known_ns,
        ADC,
        LossSettings(kind="coincidence"),
        coarse=events.coarse_ns,
        common_scale=True,
    )
    start = [
        initial_candidate(
            MlpSettings(hidden=(6,), convolution=Convolution(kernel=3, channels=channels)),
            12,
            1,
            seed=channels,
        )
        for channels in (2, 5)
    ]
    gentle = TrainingSettings(epochs=1, learning_rate=2e-3)
    together = train(start, data, gentle, seed=1)
    for one, beside in zip(start, together, strict=True):
        alone = train([one], data, gentle, seed=1)[0]
        for a, b in zip(alone.weights, beside.weights, strict=True):
            assert a.shape == b.shape
            assert np.abs(a - b).max() < 1e-4
        assert np.abs(alone.weights[0] - one.weights[0]).max() > 1e-3


def test_a_target_that_is_not_finite_is_refused() -> None:
    counts, position = light_response(10)
    position[3, 1] = np.nan
    with pytest.raises(DataError, match=r"targets: a target is not finite.*label"):
        prepare(counts, position, ADC, LossSettings())


def test_a_coincidence_task_without_coarse_times_is_refused() -> None:
    events = coincidences(10)
    with pytest.raises(DataError, match="coarse"):
        prepare(events.windows, events.known_ns, ADC, LossSettings(kind="coincidence"))


def test_cauchy_loss_is_not_steered_by_wrong_labels() -> None:
    inputs, targets = light_response(4000, seed=5)
    wrong = targets.copy()
    # Four labels in ten are wrong, all to one side: their mean and their median are biased.
    wrong[::5, 0] += 15.0
    wrong[1::5, 0] += 15.0
    settings = TrainingSettings(epochs=12, batch=128, learning_rate=8e-3)
    errors = {}
    for name, loss in {
        "absolute": LossSettings(huber=0.01),
        "cauchy": LossSettings(cauchy=0.05),
    }.items():
        data = prepare(inputs, wrong, ADC, loss)
        start = initial_candidate(MlpSettings(hidden=(24,)), inputs.shape[1], targets.shape[1], 1)
        (candidate,) = train([start], data, settings, seed=1)
        found = predict(candidate, data.scaling, inputs, ADC, OUT)
        errors[name] = float(np.median(np.abs(found - targets)[:, 0]))
    assert errors["cauchy"] < 0.7 * errors["absolute"]


def test_a_pruned_weight_stays_zero_and_costs_no_other_candidate_anything() -> None:
    counts, position = light_response(1500)
    data = prepare(counts, position, ADC, LossSettings())
    shapes = ((6, 4), (5, 3))
    first, second = (
        initial_candidate(MlpSettings(hidden=h), 64, 3, seed=s) for s, h in enumerate(shapes)
    )
    pruned = replace(first, weights=tuple(w * (np.abs(w) > 0.1) for w in first.weights))
    settings = TrainingSettings(epochs=2, batch=128)
    trained, beside = train([pruned, second], data, settings, seed=1)
    for before, after in zip(pruned.weights, trained.weights, strict=True):
        assert np.array_equal(before == 0, after == 0)
    alone = train([second], data, settings, seed=1)[0]
    assert all(
        np.allclose(a, b, atol=1e-5) for a, b in zip(alone.weights, beside.weights, strict=True)
    )
