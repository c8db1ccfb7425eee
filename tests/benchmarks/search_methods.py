"""Ways to a small network on one timing problem, all through the same batched training."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks import (
    Candidate,
    LossSettings,
    MlpSettings,
    TrainingData,
    TrainingSettings,
    cost_of,
    initial_candidate,
    train,
    train_with_ebops,
)
from pulsefront.search import Budget, SearchSettings, Task, central_width, run_ablation
from pulsefront.search.checkpoint import SearchCheckpoint
from pulsefront.search.moves import Moments, drop_inputs, drop_nodes
from strategies_networks import coincidences

ADC = FixedPointFormat(12, 12, signed=False)
MARGIN = 0.05
FLOAT = TrainingSettings(epochs=20, batch=256)
QUANTIZED = TrainingSettings(epochs=8, batch=256, learning_rate=2e-3)
TUNING = TrainingSettings(epochs=2, batch=256, learning_rate=2e-3)
FULL = MlpSettings(hidden=(16, 8))
LEARNED = TrainingSettings(epochs=12, batch=256, learning_rate=2e-3)
GOLDEN = 0.6180339887498949
"""Multiples of it spread evenly over the unit interval, however many there are."""
ARCHITECTURES_AT_ONCE = 3
INITIALIZATIONS = 3


@dataclass(frozen=True)
class Point:
    """Costs (largest), figures on selection and test set (means) over the initializations."""

    weight_bytes: int
    ebops: int
    selection: float
    test: float


@dataclass(frozen=True)
class Shape:
    """One architecture that a sampling method may try."""

    inputs: tuple[int, ...]
    hidden: tuple[int, int]
    weight_bits: int
    activation_bits: int
    bias_bits: int


@dataclass(frozen=True)
class Problem:
    """The task, its training data and the events that only the judge sees."""

    task: Task
    data: TrainingData
    test: np.ndarray

    def point(self, candidates: Sequence[Candidate]) -> Point:
        """Judge one architecture."""

        def figure(rows: np.ndarray) -> float:
            scaling = self.data.scaling
            return float(
                np.mean([central_width(self.task.residuals(c, scaling, rows)) for c in candidates])
            )

        costs = [cost_of(c, self.data.scaling, ADC, self.task.output_format) for c in candidates]
        return Point(
            max(cost.weight_bytes for cost in costs),
            max(cost.ebops for cost in costs),
            figure(self.task.selection),
            figure(self.test),
        )


def problem(seed: int) -> Problem:
    """Return a timing problem of 6,000 training pairs."""
    events = coincidences(16_000, samples=16, seed=seed)
    task = Task(
        "pickoff",
        events.windows,
        events.known_ns,
        np.arange(6000),
        np.arange(6000, 10_000),
        ADC,
        FixedPointFormat(16, 6),
        LossSettings(kind="coincidence"),
        central_width,
        "central width [ns]",
        coarse=events.coarse_ns,
    )
    return Problem(task, task.training_data(), np.arange(10_000, 16_000))


def ablation(given: Problem, seed: int, folder: Path) -> tuple[list[Point], float, float]:
    """Return the accepted path of the ablation, the full float figure and the CPU seconds."""
    settings = SearchSettings(
        network=FULL,
        seed=seed,
        margin=MARGIN,
        float_training=FLOAT,
        quantized_training=QUANTIZED,
        fine_tuning=TUNING,
        final_training=QUANTIZED,
        max_rounds=14,
        threads=1,
    )
    start = time.process_time()
    result = run_ablation(given.task, settings, Budget(weight_bytes=512), folder)
    seconds = time.process_time() - start
    stored = SearchCheckpoint(None, "")
    stored.folder = folder
    stages = ["quantized", *sorted(f.stem for f in folder.glob("round_*.npz")), "final"]
    points = [given.point(content[0]) for s in stages if (content := stored.load(s)) is not None]
    return points, given.point(result.full_candidates).test, seconds


def train_shapes(given: Problem, shapes: Sequence[Shape], seed: int) -> list[Point]:
    """Train architectures from scratch, all initializations in one batch."""
    start = []
    for shape in shapes:
        for k in range(INITIALIZATIONS):
            network = initial_candidate(
                MlpSettings(hidden=shape.hidden), len(shape.inputs), 1, seed=100 * seed + k
            )
            start.append(
                Candidate(np.array(shape.inputs), network.weights, network.biases, None, k)
            )
    trained = train(start, given.data, FLOAT, seed=seed)
    coarse = [
        candidate.with_bits(
            weight_bits=(shape.weight_bits,) * 3,
            bias_bits=(shape.bias_bits,) * 3,
            activation_bits=(shape.activation_bits,) * 2,
        )
        for candidate, shape in zip(trained, np.repeat(np.array(shapes), 3), strict=True)
    ]
    done = train(coarse, given.data, QUANTIZED, seed=seed + 1)
    return [given.point(done[3 * n : 3 * n + 3]) for n in range(len(shapes))]


def for_seconds(seconds: float) -> Iterator[int]:
    """Count up until the CPU time is spent."""
    start = time.process_time()
    count = 0
    while time.process_time() - start < seconds:
        yield count
        count += 1


def random_search(given: Problem, seed: int, seconds: float) -> list[Point]:
    """Draw architectures at random."""
    random = np.random.default_rng(seed)
    points: list[Point] = []
    for batch in for_seconds(seconds):
        shapes = [
            Shape(
                tuple(sorted(random.choice(16, int(random.integers(4, 17)), replace=False))),
                (int(random.integers(2, 17)), int(random.integers(2, 9))),
                int(random.integers(3, 11)),
                int(random.integers(4, 13)),
                int(random.integers(6, 17)),
            )
            for _ in range(ARCHITECTURES_AT_ONCE)
        ]
        points += train_shapes(given, shapes, 1000 * seed + batch)
    return points


def nsga2(given: Problem, seed: int, seconds: float) -> list[Point]:
    """Let Optuna's NSGA-II draw them; inputs are one contiguous stretch, the easier space."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.NSGAIISampler(seed=seed, population_size=12)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    points: list[Point] = []
    for batch in for_seconds(seconds):
        trials = [study.ask() for _ in range(ARCHITECTURES_AT_ONCE)]
        shapes = []
        for trial in trials:
            first = trial.suggest_int("first", 0, 12)
            length = trial.suggest_int("length", 4, 16)
            shapes.append(
                Shape(
                    tuple(range(first, min(first + length, 16))),
                    (trial.suggest_int("nodes_1", 2, 16), trial.suggest_int("nodes_2", 2, 8)),
                    trial.suggest_int("weight_bits", 3, 10),
                    trial.suggest_int("activation_bits", 4, 12),
                    trial.suggest_int("bias_bits", 6, 16),
                )
            )
        found = train_shapes(given, shapes, 1000 * seed + batch)
        for trial, point in zip(trials, found, strict=True):
            study.tell(trial, [float(point.weight_bytes), point.selection])
        points += found
    return points


def magnitude_pruning(given: Problem, seed: int, seconds: float) -> list[Point]:
    """Prune inputs and nodes of smallest weights step by step, at 8, 6 and 4 bits throughout."""
    start = [initial_candidate(FULL, 16, 1, seed=100 * seed + k) for k in range(INITIALIZATIONS)]
    begin = time.process_time()
    full = train(start, given.data, FLOAT, seed=seed)
    chains = []
    for bits in (8, 6, 4):
        chains += [
            c.with_bits(
                weight_bits=(bits,) * 3, bias_bits=(12,) * 3, activation_bits=(bits + 2,) * 2
            )
            for c in full
        ]
    chains = train(chains, given.data, QUANTIZED, seed=seed + 1)
    points = [given.point(chains[n : n + 3]) for n in (0, 3, 6)]
    for step in for_seconds(seconds - (time.process_time() - begin)):
        smaller = [_prune(chains[n : n + 3]) for n in (0, 3, 6)]
        chains = train([c for one in smaller for c in one], given.data, TUNING, seed=seed + step)
        points += [given.point(chains[n : n + 3]) for n in (0, 3, 6)]
        if len(chains[0].kept_inputs) <= 2:
            break
    return points


def _prune(candidates: Sequence[Candidate]) -> list[Candidate]:
    inputs = len(candidates[0].kept_inputs)
    size = np.mean([(c.weights[0] ** 2).sum(1) for c in candidates], axis=0)
    keep = np.sort(np.argsort(-size)[: max(2, inputs - max(1, inputs // 8))])
    result = []
    for candidate in candidates:
        one = drop_inputs(candidate, keep)
        for layer, nodes in enumerate(one.hidden):
            norm = (one.weights[layer] ** 2).sum(0) * (one.weights[layer + 1] ** 2).sum(1)
            left = np.sort(np.argsort(-norm)[: max(2, nodes - max(1, nodes // 8))])
            one = drop_nodes(one, layer, left, Moments(np.zeros(nodes), np.eye(nodes)))
        result.append(one)
    return result


def ebops_regularization(given: Problem, seed: int, seconds: float) -> list[Point]:
    """Learn the widths of every node's weights against a price on EBOPs (Sun et al. 2024).

    One float training, then prices from a tenth of a thousandth of the loss's unit up to one,
    spread evenly in their logarithm however many the time allows.
    """
    begin = time.process_time()
    start = [initial_candidate(FULL, 16, 1, seed=100 * seed + k) for k in range(INITIALIZATIONS)]
    full = [
        candidate.with_bits(
            weight_bits=(8,) * 3,
            bias_bits=(12,) * 3,
            activation_bits=(10,) * 2,
            per_channel=True,
        )
        for candidate in train(start, given.data, FLOAT, seed=seed)
    ]
    points: list[Point] = []
    for batch in for_seconds(seconds - (time.process_time() - begin)):
        places = (batch * ARCHITECTURES_AT_ONCE + np.arange(ARCHITECTURES_AT_ONCE)) * GOLDEN
        prices = 10.0 ** (-4.0 + 4.0 * (places % 1.0))
        trained = train_with_ebops(
            full * ARCHITECTURES_AT_ONCE,
            given.data,
            LEARNED,
            np.repeat(prices, INITIALIZATIONS).tolist(),
            seed=seed + batch,
            input_format=ADC,
        )
        points += [
            given.point(trained[n : n + INITIALIZATIONS])
            for n in range(0, len(trained), INITIALIZATIONS)
        ]
    return points
