"""Batched training: all candidates see the same minibatches and take their own steps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch

from pulsefront.errors import ConfigError
from pulsefront.evaluate.spread import spread_over
from pulsefront.networks.batch_norm import BatchNormStack
from pulsefront.networks.batches import batches, chosen_inputs, one_by_one
from pulsefront.networks.candidate import Candidate
from pulsefront.networks.data import TrainingData, prepare
from pulsefront.networks.device import one_thread, repeatable, require_device
from pulsefront.networks.losses import loss_of, slope_of
from pulsefront.networks.optimizer import optimizer_for
from pulsefront.networks.patience import Patience
from pulsefront.networks.settings import LossSettings, TrainingSettings
from pulsefront.networks.stack import Stack
from pulsefront.progress import Report, silent

__all__ = [
    "TrainingData",
    "batch_loss",
    "one_cycle",
    "prepare",
    "repeatable",
    "train",
]

EVENTS_AT_ONCE = 4096


def train(
    candidates: Sequence[Candidate],
    data: TrainingData,
    settings: TrainingSettings,
    *,
    seed: int,
    report: Report = silent,
    device: str = "cpu",
    keep_formats: bool = False,
) -> list[Candidate]:
    """Train *candidates* together and return them in their order.

    All are float networks or all have formats; those with formats are calibrated first, unless
    *keep_formats* says that their binary points are to stay, and then trained through their
    quantizers. A candidate whose loss turns NaN comes back with NaN
    weights (``candidate.finite`` is false); the others are not touched by it.

    Where *data* has a stream, its events are taken in the place of those of *data*, whose number
    still says how many an epoch has, and which say how candidates are calibrated.

    With ``settings.patience`` a candidate stops once its loss on ``data.selection`` no longer
    falls, and comes back as it was when that was least. *device* is ``cpu`` (one thread of it) or
    ``cuda``.

    Raises
    ------
    ConfigError
        There is no such device, a patience without selection events, or batch normalization of
        networks that have formats.
    """
    where = require_device(device)
    if settings.patience is not None and data.selection is None:
        raise ConfigError(
            "early stopping needs selection events",
            field="patience",
            value=settings.patience,
            remedy="give the training data selection events or leave patience out",
        )
    with one_thread(), torch.no_grad():
        data = data.to(where)
        if settings.batch_norm:
            stack: Stack = BatchNormStack(candidates, data.scaling, where)
        else:
            stack = Stack(candidates, data.scaling, where)
        if not keep_formats:
            few = torch.from_numpy(spread_over(len(data), stack.calibration_events))
            stack.calibrate(one_by_one(chosen_inputs(stack, data.inputs[few])))
        if settings.patience is None:
            _run(stack, data, settings, seed, report, None)
            return stack.unstack()
        patience = Patience(stack, settings.patience)
        _run(stack, data, settings, seed, report, patience)
        return patience.best()


def _run(
    stack: Stack,
    data: TrainingData,
    settings: TrainingSettings,
    seed: int,
    report: Report,
    patience: Patience | None,
) -> None:
    optimizer = optimizer_for(stack, settings)
    steps = settings.steps(len(data))
    check = max(1, round(settings.check_epochs * len(data) / settings.batch))
    chosen = batches(stack, data, settings.batch, steps, seed)
    for step, (inputs, targets) in enumerate(chosen):
        stack.refresh()
        outputs = stack.outputs(inputs)
        # The sum over candidates: each one's gradient is its own loss's alone.
        stack.backward(slope_of(outputs, targets, data.loss))
        stack.hold_pruned()
        rate = settings.learning_rate * one_cycle(step / steps, settings.warm_up)
        optimizer.step(stack.gradient, rate)
        looks = (step + 1) % check == 0 or step + 1 == steps
        if patience is not None and data.selection is not None and looks:
            stack.refresh()
            going = patience.look(stack, _loss_on(stack, data.selection))
            if len(going) == 0:
                report(steps, steps)
                return
            if len(going) < len(stack):
                optimizer.keep(partial(stack.part, indices=going), going)
                stack.keep(going)
                optimizer.parameters = stack.latent
        report(step + 1, steps)


def _loss_on(stack: Stack, data: TrainingData) -> torch.Tensor:
    """Return the mean loss (C,) on all events of *data*."""
    total = torch.zeros(len(stack), device=stack.device)
    for start in range(0, len(data), EVENTS_AT_ONCE):
        part = slice(start, start + EVENTS_AT_ONCE)
        inputs, targets = chosen_inputs(stack, data.inputs[part]), data.targets[part]
        total += batch_loss(stack, inputs, targets, data.loss) * len(targets)
    return total / len(data)


@torch.no_grad()
def batch_loss(
    stack: Stack, inputs: torch.Tensor, targets: torch.Tensor, loss: LossSettings
) -> torch.Tensor:
    """Return the mean loss (C,) of each candidate on standardized events."""
    return loss_of(stack.outputs(one_by_one(inputs)), targets, loss)


def one_cycle(progress: float, warm_up: float) -> float:
    """Return the learning rate at *progress* 0 … 1, relative to its peak."""
    if progress < warm_up:
        return (progress + 1e-3) / (warm_up + 1e-3)
    return 0.5 * (1.0 + float(np.cos(np.pi * (progress - warm_up) / max(1.0 - warm_up, 1e-9))))
