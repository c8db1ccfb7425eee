"""Batched training against the same candidates one after the other in plain torch.

Equal candidates, equal minibatches, equal steps, one thread each: float networks, and networks that
train through their quantizers, which is what a search mostly does. The last case has the stages of
a whole search.

Both sides multiply the same matrices, and no batching makes a processor multiply faster. What is
compared is therefore the time beside the products, which the machine's own rate gives: the whole
ratio would say as much about the processor as about the code.

Run it alone with output: pytest -s tests/benchmarks/test_training_speed.py
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
import torch

from machine import macs_per_s
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks import (
    Candidate,
    LossSettings,
    MlpSettings,
    TrainingData,
    TrainingSettings,
    initial_candidate,
    prepare,
    train,
)
from pulsefront.networks.batches import minibatches
from pulsefront.networks.stack import Stack
from pulsefront.networks.training import batch_loss, one_cycle, repeatable
from strategies_networks import coincidences, light_response

ADC = FixedPointFormat(12, 12, signed=False)
CANDIDATES = 24


@dataclass(frozen=True)
class Problem:
    """A shipped family on toy data, and how it is trained."""

    data: TrainingData
    shape: MlpSettings
    settings: TrainingSettings


class Rounded(torch.autograd.Function):
    """RND to the grid of *scale* with SAT to [low, high]; straight through inside."""

    @staticmethod
    def forward(ctx, value, scale, low, high):  # type: ignore[no-untyped-def]
        raw = torch.floor(value * scale + 0.5)
        ctx.save_for_backward((raw > low) & (raw < high))
        return raw.clamp(low, high) / scale

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        return gradient * ctx.saved_tensors[0], None, None, None


class PlainNetwork(torch.nn.Module):
    """A candidate as an ordinary torch module; with formats, quantized in the ordinary way."""

    def __init__(self, candidate: Candidate) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList()
        for weight, bias in zip(candidate.weights, candidate.biases, strict=True):
            dense = torch.nn.Linear(*weight.shape)
            with torch.no_grad():
                dense.weight.copy_(torch.from_numpy(weight.T))
                dense.bias.copy_(torch.from_numpy(bias))
            self.layers.append(dense)
        self.precision = candidate.precision

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        formats = self.precision
        for number, dense in enumerate(self.layers):
            if formats is None:
                value = torch.relu(value) if number else value
                value = dense(value)
                continue
            if number:
                top = 2.0 ** formats.activation_bits[number - 1] - 1
                scale = 2.0 ** formats.activation_fraction[number - 1]
                value = Rounded.apply(value, scale, 0.0, top)
            half = 2.0 ** (formats.weight_bits[number] - 1)
            weight = Rounded.apply(
                dense.weight, 2.0 ** formats.weight_fraction[number][0], -half, half - 1
            )
            half = 2.0 ** (formats.bias_bits[number] - 1)
            bias = Rounded.apply(dense.bias, half / 8.0, -half, half - 1)
            value = torch.nn.functional.linear(value, weight, bias)
        return value


def train_plainly(
    candidates: list[Candidate], data: TrainingData, settings: TrainingSettings, seed: int
) -> list[PlainNetwork]:
    """Train one network after the other with torch.nn, torch.optim and a Huber loss."""
    trained = []
    steps = max(1, round(settings.epochs * len(data) / settings.batch))
    for candidate in candidates:
        network = PlainNetwork(candidate)
        optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.0)
        loss_of = torch.nn.HuberLoss(delta=data.loss.huber)
        for step, rows in enumerate(minibatches(len(data), settings.batch, steps, seed)):
            inputs = data.inputs[rows]
            if data.loss.kind == "coincidence":
                outputs = network(inputs[:, 0]) - network(inputs[:, 1])
            else:
                outputs = network(inputs)
            # torch's loss is δ times ours; AdamW does not see the factor
            loss = loss_of(outputs, data.targets[rows]) / data.loss.huber
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate * one_cycle(step / steps, settings.warm_up)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        trained.append(network)
    return trained


def timing_problem() -> Problem:
    """Return the shipped timing family: 16-16-8-1 on coincidences."""
    events = coincidences(12_800, samples=16)
    loss = LossSettings(kind="coincidence", huber=0.3)
    data = prepare(events.windows, events.known_ns, ADC, loss, coarse=events.coarse_ns)
    return Problem(data, MlpSettings(hidden=(16, 8)), TrainingSettings(epochs=1, batch=128))


def position_problem() -> Problem:
    """Return the shipped position family: 64-72-44-3."""
    counts, position = light_response(25_600)
    data = prepare(counts, position, ADC, LossSettings())
    return Problem(data, MlpSettings(hidden=(72, 44)), TrainingSettings(epochs=1, batch=256))


def small_position_problem() -> Problem:
    """Return the position family as an ablation leaves it: 64-24-16-3."""
    whole = position_problem()
    return Problem(whole.data, MlpSettings(hidden=(24, 16)), whole.settings)


def start_of(problem: Problem, count: int, *, quantized: bool) -> list[Candidate]:
    """Return initial networks, their binary points calibrated in standardized units."""
    n_in, n_out = problem.data.inputs.shape[-1], problem.data.targets.shape[1]
    start = [initial_candidate(problem.shape, n_in, n_out, seed=s) for s in range(count)]
    if not quantized:
        return start
    start = [
        c.with_bits(weight_bits=(8,) * 3, bias_bits=(16,) * 3, activation_bits=(12,) * 2)
        for c in start
    ]
    stack = Stack(start, problem.data.scaling)
    stack.calibrate(problem.data.inputs[:4096].reshape(-1, n_in))
    return stack.unstack()


def in_standard_units(candidates: list[Candidate]) -> list[Candidate]:
    """Return *candidates* with binary points for plain torch, which knows no scaling to fold."""
    result = []
    for candidate in candidates:
        precision = candidate.precision
        if precision is not None:
            points = tuple(
                (int(np.floor(np.log2(127.0 / np.abs(weight).max()))),)
                for weight in candidate.weights
            )
            precision = type(precision)(
                precision.weight_bits,
                points,
                precision.bias_bits,
                precision.activation_bits,
                precision.activation_fraction,
            )
        result.append(
            Candidate(
                candidate.kept_inputs,
                candidate.weights,
                candidate.biases,
                precision,
                candidate.seed,
            )
        )
    return result


PROBLEMS: dict[str, Callable[[], Problem]] = {
    "timing 16-16-8-1": timing_problem,
    "position 64-72-44-3": position_problem,
    "position, ablated, 64-24-16-3": small_position_problem,
}

# How many times as long plain torch must take beside the matrix products.
LEAST = {
    ("timing 16-16-8-1", False): 8.0,
    ("timing 16-16-8-1", True): 8.0,
    ("position 64-72-44-3", False): 3.0,
    ("position 64-72-44-3", True): 4.0,
    ("position, ablated, 64-24-16-3", False): 5.0,
    ("position, ablated, 64-24-16-3", True): 8.0,
}


def training_macs(sizes: Sequence[int]) -> int:
    """Return the multiply-accumulates of an event's way through dense layers and back.

    A layer multiplies once forward and twice backward; no gradient of the inputs is wanted.
    """
    return 3 * sum(n * m for n, m in pairwise(sizes)) - sizes[0] * sizes[1]


def macs_of_an_epoch(problem: Problem) -> int:
    """Return the multiply-accumulates of one network's products in an epoch."""
    inputs, targets = problem.data.inputs, problem.data.targets
    rows = inputs.numel() // inputs.shape[-1]
    return rows * training_macs([inputs.shape[-1], *problem.shape.hidden, targets.shape[1]])


@pytest.mark.parametrize("quantized", [False, True], ids=["float", "quantized"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_batched_training_is_faster_and_ends_at_the_same_loss(
    name: str, quantized: bool, record_property: object
) -> None:
    problem = PROBLEMS[name]()
    data, settings = problem.data, problem.settings
    start = start_of(problem, CANDIDATES, quantized=quantized)
    with repeatable():
        # CPU seconds of one thread: another program on the machine does not count
        train(start[:1], data, TrainingSettings(epochs=0.1), seed=0)
        before = time.process_time()
        batched = train(start, data, settings, seed=0)
        middle = time.process_time()
        plain = train_plainly(in_standard_units(start), data, settings, seed=0)
        after = time.process_time()
        stack = Stack(batched, data.scaling)
        ours = batch_loss(stack, flat(data, stack), data.targets, data.loss).numpy()
        with torch.no_grad():
            theirs = np.array([_loss(network, data) for network in plain])
    products = CANDIDATES * macs_of_an_epoch(problem) / macs_per_s()
    ours_s, theirs_s = middle - before, after - middle
    record_property("speedup", theirs_s / ours_s)  # type: ignore[operator]
    kind = "quantized" if quantized else "float"
    print(  # noqa: T201
        f"\n{CANDIDATES} × {name}, {kind}: batched {ours_s:.2f} s, one after the other"
        f" {theirs_s:.2f} s: {theirs_s / ours_s:.1f} ×; products {products:.2f} s of both"
    )
    # equal steps in another order of float32 sums, and quantizers that round inputs' scales
    # elsewhere: trainings drift apart, their quality does not
    assert abs(np.median(ours) / np.median(theirs) - 1.0) < 0.1
    assert ours_s < products + (theirs_s - products) / LEAST[name, quantized]


def flat(data: TrainingData, stack: Stack) -> torch.Tensor:
    """Return all inputs that the stack reads."""
    return data.inputs[..., torch.from_numpy(stack.inputs)]


def test_the_stages_of_a_search_take_less_time_than_one_network_after_the_other() -> None:
    """Full float training, quantized training and rounds of fine-tuning of shrinking networks.

    A search of the position family with a twelfth of the shipped study's steps: float and
    quantized training of 3 networks (2,250 and 300 steps), then 12 rounds of 15 networks (40
    steps each), from 100 % to 40 % of the nodes.
    """
    whole = position_problem().data
    data = TrainingData(whole.inputs[:20_480], whole.targets[:20_480], whole.scaling, whole.loss)
    stages: list[tuple[list[Candidate], TrainingSettings]] = []
    full = Problem(data, MlpSettings(hidden=(72, 44)), TrainingSettings(epochs=28.1, batch=256))
    stages.append((start_of(full, 3, quantized=False), full.settings))
    stages.append((start_of(full, 3, quantized=True), TrainingSettings(epochs=7.5, batch=512)))
    for width in np.linspace(1.0, 0.4, 12):
        hidden = (round(72 * width), round(44 * width))
        smaller = Problem(data, MlpSettings(hidden=hidden), TrainingSettings(epochs=1, batch=512))
        stages.append((start_of(smaller, 15, quantized=True), smaller.settings))
    ours = theirs = 0.0
    with repeatable():
        for candidates, settings in stages:
            start = time.process_time()
            for job in range(0, len(candidates), 9):  # as the search groups them
                train(candidates[job : job + 9], data, settings, seed=0)
            middle = time.process_time()
            train_plainly(in_standard_units(candidates), data, settings, seed=0)
            ours += middle - start
            theirs += time.process_time() - middle
    print(  # noqa: T201
        f"\nstages of a position search: batched {ours:.2f} s, one after the other {theirs:.2f} s:"
        f" {theirs / ours:.1f} ×"
    )
    assert theirs > 2.0 * ours


def _loss(network: torch.nn.Module, data: TrainingData) -> float:
    if data.loss.kind == "coincidence":
        outputs = network(data.inputs[:, 0]) - network(data.inputs[:, 1])
    else:
        outputs = network(data.inputs)
    loss = torch.nn.functional.huber_loss(outputs, data.targets, delta=data.loss.huber)
    return float(loss) / data.loss.huber
