"""Batched training: all candidates see the same minibatches and take their own steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks.adam import FlatAdamW
from pulsefront.networks.candidate import Candidate, Scaling
from pulsefront.networks.settings import LossSettings, TrainingSettings
from pulsefront.networks.stack import Stack
from pulsefront.progress import Report, silent

__all__ = [
    "TrainingData",
    "batch_loss",
    "minibatches",
    "one_cycle",
    "prepare",
    "repeatable",
    "train",
]

CALIBRATION_EVENTS = 4096
INPUT_SCALE_FLOOR = 0.1


@dataclass(frozen=True)
class TrainingData:
    """Training events as float32 tensors in standardized units, with what standardized them.

    ``inputs`` is (event, n_in), for coincidences (event, 2, n_in). ``targets`` is (event, n_out);
    for coincidences the difference that the two corrections must have; for classification the
    class (event, 1) int64.
    """

    inputs: torch.Tensor
    targets: torch.Tensor
    scaling: Scaling
    loss: LossSettings

    def __len__(self) -> int:
        return len(self.targets)


def prepare(
    inputs: NDArray[np.integer],
    targets: NDArray[np.floating],
    input_format: FixedPointFormat,
    loss: LossSettings,
    *,
    coarse: NDArray[np.floating] | None = None,
    scaling: Scaling | None = None,
    common_scale: bool = False,
) -> TrainingData:
    """Standardize training events.

    Parameters
    ----------
    inputs
        Raw integers of *input_format*: (event, n_in), or (event, 2, n_in) for coincidences.
    targets
        (event, n_out); for coincidences the known difference t0 − t1 (event,); for
        classification the class (event,), 0, 1, ….
    coarse
        (event, 2) time that the network corrects, in the target's unit; coincidences only.
    scaling
        Use this one instead of fitting it on these events.
    common_scale
        Give all inputs one mean and scale, as a convolution over them needs.

    Raises
    ------
    DataError
        Shapes do not fit the loss, coarse times are missing, or a number is not finite.
    """
    values = np.ldexp(np.asarray(inputs, dtype=np.float32), -input_format.fraction)
    goal = np.asarray(targets, dtype=np.float64)
    if loss.kind == "coincidence":
        if coarse is None or values.ndim != 3 or values.shape[1] != 2:
            raise DataError(
                "a coincidence task needs windows (event, 2, sample) and coarse times (event, 2)",
                field="coarse" if coarse is None else "inputs",
                value=None if coarse is None else values.shape,
            )
        goal = (goal.reshape(-1) - (coarse[:, 0] - coarse[:, 1]))[:, None]
    elif loss.kind == "classification":
        goal = _classes(goal)
    elif values.ndim != 2 or goal.ndim != 2:
        raise DataError(
            "a regression task needs inputs (event, n_in) and targets (event, n_out)",
            value=(values.shape, goal.shape),
        )
    if len(goal) != len(values) or len(goal) == 0:
        raise DataError("no events to train on, or no target for some", value=len(goal))
    if not np.isfinite(goal).all():
        raise DataError(
            "a target is not finite", field="targets", remedy="select events that have a label"
        )
    if scaling is None:
        scaling = _fit_scaling(values.reshape(-1, values.shape[-1]), goal, loss)
        if common_scale:
            scaling = _common(scaling, values)
    standard_inputs = (values - scaling.input_mean) / scaling.input_scale
    if loss.kind == "classification":
        standard_targets = torch.from_numpy(goal.astype(np.int64))
    else:
        mean = 0.0 if loss.kind == "coincidence" else scaling.output_mean
        standard_targets = torch.from_numpy(
            ((goal - mean) / scaling.output_scale).astype(np.float32)
        )
    return TrainingData(
        torch.from_numpy(standard_inputs.astype(np.float32)), standard_targets, scaling, loss
    )


def _classes(goal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return class labels (event, 1) after a check."""
    labels = goal.reshape(-1)
    if len(labels) != len(goal) or (labels != np.floor(labels)).any() or (labels < 0).any():
        raise DataError(
            "a classification task needs one class 0, 1, … per event",
            field="targets",
            value=goal.shape,
        )
    return labels[:, None]


def _fit_scaling(
    inputs: NDArray[np.float32], goal: NDArray[np.float64], loss: LossSettings
) -> Scaling:
    deviation = inputs.std(0, dtype=np.float64)
    typical = float(np.sqrt(np.mean(deviation**2))) or 1.0
    if loss.kind == "classification":
        classes = int(goal.max()) + 1
        output_scale, output_mean = np.ones(classes), np.zeros(classes)
    else:
        output_scale, output_mean = goal.std(0), goal.mean(0)
    if loss.kind == "coincidence":
        # A correction's own spread is 1/√2 of a difference's, and its mean cannot be observed.
        output_scale = output_scale / np.sqrt(2.0)
        output_mean = np.zeros_like(output_mean)
    return Scaling(
        input_mean=inputs.mean(0, dtype=np.float64),
        # A channel that hardly varies carries noise: do not blow it up to unit variance.
        input_scale=np.maximum(deviation, INPUT_SCALE_FLOOR * typical),
        output_mean=output_mean,
        output_scale=np.where(output_scale > 0, output_scale, 1.0),
    )


def _common(scaling: Scaling, inputs: NDArray[np.float32]) -> Scaling:
    same = np.ones_like(scaling.input_mean)
    return replace(
        scaling,
        input_mean=same * inputs.mean(dtype=np.float64),
        input_scale=same * (inputs.std(dtype=np.float64) or 1.0),
    )


def train(
    candidates: Sequence[Candidate],
    data: TrainingData,
    settings: TrainingSettings,
    *,
    seed: int,
    report: Report = silent,
) -> list[Candidate]:
    """Train *candidates* together and return them in their order.

    All are float networks or all have formats; those with formats are calibrated first and then
    trained through their quantizers. A candidate whose loss turns NaN comes back with NaN
    weights (``candidate.finite`` is false); the others are not touched by it.
    """
    stack = Stack(candidates, data.scaling)
    inputs = data.inputs[..., torch.from_numpy(stack.inputs)].contiguous()
    stack.calibrate(inputs[:CALIBRATION_EVENTS].reshape(-1, inputs.shape[-1]))
    optimizer = FlatAdamW(stack.latent, weight_decay=settings.weight_decay)
    steps = max(1, round(settings.epochs * len(data) / settings.batch))
    for step, rows in enumerate(minibatches(len(data), settings.batch, steps, seed)):
        stack.refresh()
        stack.gradient.zero_()
        loss = batch_loss(
            stack, inputs.index_select(0, rows), data.targets.index_select(0, rows), data.loss
        )
        # The sum over candidates: each one's gradient is its own loss's alone.
        loss.sum().backward()  # type: ignore[no-untyped-call]
        stack.hold_pruned()
        rate = settings.learning_rate * one_cycle(step / steps, settings.warm_up)
        optimizer.step(stack.gradient, rate)
        report(step + 1, steps)
    return stack.unstack()


def batch_loss(
    stack: Stack, inputs: torch.Tensor, targets: torch.Tensor, loss: LossSettings
) -> torch.Tensor:
    """Return the mean loss (C,) of each candidate on standardized events."""
    if loss.kind == "classification":
        chances = torch.log_softmax(stack.forward(inputs), dim=2)
        return -chances.gather(2, targets.expand(len(stack), -1, -1)).mean((1, 2))
    if loss.kind == "coincidence":
        outputs = stack.forward(torch.cat((inputs[:, 0], inputs[:, 1])))
        residual = outputs[:, : len(inputs)] - outputs[:, len(inputs) :] - targets
    else:
        residual = stack.forward(inputs) - targets
    if loss.cauchy is not None:
        if loss.output_weights is not None:
            residual = residual * torch.tensor(loss.output_weights).sqrt()
        # All outputs together: an event that is far off in one says little in the others.
        return torch.log1p(residual.square().sum(2) / loss.cauchy**2).mean(1)
    size = residual.abs()
    near = size.clamp_max(loss.huber)
    # Huber 1964: near²/2 + δ·(size − near), divided by δ so that far slopes are one.
    value = near * (size - 0.5 * near) * (1.0 / loss.huber)
    if loss.output_weights is not None:
        value = value * torch.tensor(loss.output_weights)
    return value.mean((1, 2))


def minibatches(events: int, batch: int, steps: int, seed: int) -> Iterator[torch.Tensor]:
    """Yield the event indices of *steps* minibatches; every epoch has its own order."""
    random = torch.Generator().manual_seed(seed)
    batch = min(batch, events)
    order = torch.empty(0, dtype=torch.int64)
    place = 0
    for _ in range(steps):
        if place + batch > len(order):
            order = torch.randperm(events, generator=random)
            place = 0
        yield order[place : place + batch]
        place += batch


def one_cycle(progress: float, warm_up: float) -> float:
    """Return the learning rate at *progress* 0 … 1, relative to its peak."""
    if progress < warm_up:
        return (progress + 1e-3) / (warm_up + 1e-3)
    return 0.5 * (1.0 + float(np.cos(np.pi * (progress - warm_up) / max(1.0 - warm_up, 1e-9))))


@contextmanager
def repeatable() -> Iterator[None]:
    """Run torch in one thread with deterministic kernels, then restore what was set.

    Small networks gain little from threads inside an operation, and lose much where another
    program holds one of the cores; jobs run side by side instead (see `parallel`).
    """
    before = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(mode=True)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        torch.use_deterministic_algorithms(mode=deterministic)
