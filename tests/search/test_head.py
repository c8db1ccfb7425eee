"""A head learns the quantile that it is asked for, and gets no larger than that takes."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from pulsefront.config import validate
from pulsefront.errors import ConfigError
from pulsefront.fixed_point import FixedPointFormat
from pulsefront.networks.goals import GOALS, Labels
from pulsefront.networks.losses import loss_of, slope_of
from pulsefront.networks.settings import LossSettings, TrainingSettings
from pulsefront.search.head import HeadSettings, quantile_loss, train_head
from pulsefront.search.task import Task

QUANTILE = 0.68
EVENTS, TRAINING = 12_000, 8000
FAST = HeadSettings(
    nodes=(8, 4),
    pruned=(0.5,),
    float_training=TrainingSettings(epochs=12.0, batch=256, learning_rate=1e-2),
    quantized_training=TrainingSettings(epochs=4.0, batch=256, learning_rate=2e-3),
)


def task(seed: int) -> tuple[Task, np.ndarray]:
    """Return errors of an exponential law whose mean follows two of five inputs, and that mean."""
    random = np.random.default_rng(seed)
    inputs = random.integers(0, 128, (EVENTS, 5))
    mean = 0.5 + np.abs(inputs[:, 0] - 64) / 16 + inputs[:, 1] / 64
    errors = random.exponential(mean)
    return (
        Task(
            name="error",
            inputs=inputs,
            targets=errors[:, None],
            train=np.arange(TRAINING),
            selection=np.arange(TRAINING, EVENTS),
            input_format=FixedPointFormat(7, 7, signed=False),
            output_format=FixedPointFormat(16, 7),
            loss=LossSettings(quantile=QUANTILE),
            metric=partial(quantile_loss, QUANTILE),
            metric_name="quantile_loss",
        ),
        mean,
    )


def test_a_head_tells_the_quantile_of_each_event_and_is_as_small_as_that_allows() -> None:
    learned, _ = task(1)
    found = train_head(learned, FAST, bits=7, seed=3)
    fresh, mean = task(2)
    (output,) = found.model.output_formats.values()
    told = output.values(found.model.run(fresh.inputs))[:, 0]
    # Of an exponential law the quantile is −ln(1 − q) times the mean.
    true = -np.log(1 - QUANTILE) * mean
    assert np.corrcoef(told, true)[0, 1] > 0.97
    assert np.median(np.abs(told / true - 1)) < 0.08
    below = fresh.targets[:, 0] <= told
    assert below.mean() == pytest.approx(QUANTILE, abs=0.02)
    # A constant answer has as many below it and tells nothing: the loss knows the difference.
    constant = np.quantile(fresh.targets[:, 0], QUANTILE)
    residual = told[:, None] - fresh.targets
    assert quantile_loss(QUANTILE, residual) < 0.97 * quantile_loss(
        QUANTILE, constant - fresh.targets
    )
    trial = found.trials[0]
    assert trial.accepted
    assert trial.worse_at_most >= trial.worse
    taken = [one for one in found.trials if one.accepted][-1]
    dense = [layer for layer in found.model.layers if layer.kind == "dense"]
    zero = np.mean(dense[0].weights == 0)
    assert found.nodes == taken.nodes
    assert zero >= taken.pruned - 0.05


def test_the_slope_of_the_quantile_loss_is_its_derivative() -> None:
    random = torch.Generator().manual_seed(1)
    outputs = torch.randn(2, 2, 40, generator=random, dtype=torch.float64)
    targets = torch.randn(40, 2, generator=random, dtype=torch.float64)
    loss = LossSettings(quantile=0.8, output_weights=(1.0, 0.3))
    slope = slope_of(outputs.clone(), targets, loss)
    step = 1e-7
    for index in ((0, 0, 3), (1, 1, 7), (0, 1, 20)):
        moved = outputs.clone()
        moved[index] += step
        change = (loss_of(moved, targets, loss) - loss_of(outputs, targets, loss)) / step
        assert float(change[index[0]]) == pytest.approx(float(slope[index]), rel=1e-4)


def test_the_scales_of_a_pair_are_added_and_both_learn_from_their_sum() -> None:
    random = torch.Generator().manual_seed(2)
    first, second = (torch.randn(2, 1, 30, generator=random, dtype=torch.float64) for _ in "ab")
    targets = torch.randn(30, 1, generator=random, dtype=torch.float64)
    both = torch.cat((first, second), 2)
    pair = LossSettings(kind="pair_sum", quantile=0.6)
    alone = LossSettings(quantile=0.6)
    assert torch.equal(loss_of(both, targets, pair), loss_of(first + second, targets, alone))
    slope = slope_of(both, targets, pair)
    expected = slope_of(first + second, targets, alone)
    assert torch.equal(slope[:, :, :30], expected)
    assert torch.equal(slope[:, :, 30:], expected)
    goal = GOALS["pair_sum"]
    errors = np.abs(np.random.default_rng(3).normal(2.0, 1.0, (30, 1)))
    mean, scale = goal.scaling(errors)
    standard = goal.standardized(errors, mean, scale)
    # Two outputs that are each half of a standardized target give the target back.
    outputs = np.repeat(standard / 2.0, 2, axis=0) * scale + mean
    residuals = goal.residuals(outputs, Labels(errors), np.arange(30))
    np.testing.assert_allclose(residuals, 0.0, atol=1e-6)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"nodes": (4, 8)}, "nodes: are different whole numbers, the largest first"),
        ({"nodes": (4, 4)}, "nodes: are different"),
        ({"nodes": (4, 0)}, "nodes"),
        ({"pruned": (1.0,)}, "pruned: shares lie between 0 and 1"),
    ],
)
def test_settings_that_make_no_head_are_refused(keys: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        validate(HeadSettings, keys)


def test_a_quantile_loss_is_one_of_a_regression_alone() -> None:
    with pytest.raises(ConfigError, match="quantile: is a loss of its own"):
        validate(LossSettings, {"quantile": 0.5, "cauchy": 0.1})
