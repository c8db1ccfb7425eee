"""Ways to a front of small networks on a shipped task, at equal processor time of one thread.

All train through `pulsefront.networks`, with the study's own batch, rates and optimizer; what a
stage may take is turned into epochs by the pace of its first steps. The float network that three
of them start from is trained once, and each is charged for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from shipped_task import Point, ShippedTask

from pulsefront.networks import (
    Candidate,
    MlpSettings,
    TrainingSettings,
    initial_candidate,
    train,
    train_with_ebops,
)
from pulsefront.networks.candidate import without_dead
from pulsefront.search.settings import PriceSettings
from pulsefront.search.silent import without_silent
from pulsefront.search.surgery import drop_weights

__all__ = [
    "FloatStart",
    "float_start",
    "learned_widths",
    "magnitude_pruning",
    "nsga2",
    "random_search",
]

PROBE_STEPS = 20
"""Steps that tell the pace of a training."""
FLOAT_SHARE, QUANTIZED_SHARE = 0.25, 0.2
"""Shares of the time of pruning's float start and of its first quantized training."""
PRUNED_BITS = (8, 6, 5, 4)
"""Uniform widths that are pruned side by side."""
PRUNING_ROUNDS = 12
PRUNED_SHARE = 0.2
"""Of the weights that are left, the smallest go in each round (Frankle and Carbin 2019)."""
BATCHES_OF_SHAPES, SHAPES_AT_ONCE = 8, 3
PRICES, HIGHEST_PRICE = 7, 3.0
"""Prices for each size of network, from the lowest of the study to this one."""
SIZES = (1.0, 2 / 3, 0.42)
"""Hidden layers of the networks that widths are learned of, in those of the study."""
SMALLER_SHARE = 0.05
"""Of the time, what each smaller network gets in floating point."""

Training = Callable[[TrainingSettings], list[Candidate]]


@dataclass(frozen=True)
class FloatStart:
    """The full float network, its figure on test events and what it took."""

    network: Candidate
    test: float
    seconds: float


def _within(given: ShippedTask, seconds: float, settings: TrainingSettings, run: Training) -> list:
    """Run a training that takes *seconds* of processor time, its first steps' pace included."""
    epoch = min(settings.batch, len(given.data)) / len(given.data)
    whole = time.process_time()
    run(settings.model_copy(update={"epochs": epoch}))  # the first call compiles
    begin = time.process_time()
    run(settings.model_copy(update={"epochs": epoch}))
    middle = time.process_time()
    run(settings.model_copy(update={"epochs": (1 + PROBE_STEPS) * epoch}))
    now = time.process_time()
    # What does not grow with the steps, calibration and copies, is paid once more.
    step = max((now - middle) - (middle - begin), 0.2 * (now - middle)) / PROBE_STEPS
    steps = max(1.0, (seconds - (now - whole) - (middle - begin)) / step)
    return run(settings.model_copy(update={"epochs": steps * epoch}))


def float_start(given: ShippedTask, seed: int, seconds: float | None) -> FloatStart:
    """Train the study's full float network, for *seconds* or as long as the study says."""
    search = given.search
    start = [initial_candidate(search.network, given.task.n_in, given.task.n_out, seed=seed)]
    begin = time.process_time()

    def run(settings: TrainingSettings) -> list[Candidate]:
        return train(start, given.data, settings, seed=seed)

    settings = search.float_training
    (found,) = run(settings) if seconds is None else _within(given, seconds, settings, run)
    taken = time.process_time() - begin
    return FloatStart(found, given.test_figure(_float_outputs(given, found)), taken)


def _float_outputs(given: ShippedTask, network: Candidate) -> Callable[[np.ndarray], np.ndarray]:
    task, scaling = given.task, given.data.scaling
    return lambda raw: task.predict(network, scaling, raw)


def _with_bits(network: Candidate, weight: int, bias: int, activation: int) -> Candidate:
    layers = len(network.weights)
    return network.with_bits(
        weight_bits=(weight,) * layers,
        bias_bits=(bias,) * layers,
        activation_bits=(activation,) * (layers - 1),
        per_channel=True,
    )


def quantized_start(given: ShippedTask, network: Candidate) -> Candidate:
    """Return *network* with the widths that the study's search starts from."""
    chosen = given.search.network
    return _with_bits(network, chosen.weight_bits, chosen.bias_bits, chosen.activation_bits)


def learned_widths(
    given: ShippedTask, start: FloatStart, seed: int, seconds: float | None
) -> list[Point]:
    """Return the quantized network, then this package's front: learned widths at a price each.

    Networks of several sizes are trained in floating point and through their quantizers, then all
    prices of each at once, with a width for every input and node, too. Without *seconds* every
    training is as long as the study says; with it all are shortened or lengthened alike.
    """
    begin = time.process_time()
    nets = [start.network, *(_smaller(given, size, seed, seconds) for size in SIZES[1:])]
    left = None if seconds is None else seconds - start.seconds - (time.process_time() - begin)
    weights = [sum(one.size for one in net.weights) for net in nets]
    points: list[Point] = []
    for net, own in zip(nets, weights, strict=True):
        part = None if left is None else left * own / sum(weights)
        found = _priced(given, net, seed, part)
        points += found if not points else found[1:]
    return points


def _smaller(given: ShippedTask, size: float, seed: int, seconds: float | None) -> Candidate:
    """Return the float network whose hidden layers have a share *size* of the study's nodes."""
    search = given.search
    hidden = tuple(max(2, round(size * nodes)) for nodes in search.network.hidden)
    network = MlpSettings(hidden=hidden)
    start = [initial_candidate(network, given.task.n_in, given.task.n_out, seed=seed)]

    def run(settings: TrainingSettings) -> list[Candidate]:
        return train(start, given.data, settings, seed=seed)

    settings = search.float_training
    if seconds is None:
        return run(settings)[0]
    (found,) = _within(given, SMALLER_SHARE * seconds, settings, run)
    return found


def _priced(
    given: ShippedTask, network: Candidate, seed: int, seconds: float | None
) -> list[Point]:
    """Return a float network quantized, then with widths learned at every price."""
    search = given.search
    price = search.price or PriceSettings()
    strengths = np.geomspace(min(price.strengths), HIGHEST_PRICE, PRICES).tolist()
    widths = price.widths.model_copy(update={"per_node": True})
    first, second = search.quantized_training, price.training
    base = [quantized_start(given, network)]

    def quantized(settings: TrainingSettings) -> list[Candidate]:
        return train(base, given.data, settings, seed=seed + 1)

    def priced(settings: TrainingSettings) -> list[Candidate]:
        return train_with_ebops(
            base * len(strengths),
            given.data,
            settings,
            strengths,
            seed=seed + 2,
            input_format=given.task.network_format,
            widths=widths,
        )

    if seconds is None:
        base = quantized(first)
        found = priced(second)
    else:
        share = first.epochs / (first.epochs + second.epochs * len(strengths))
        base = _within(given, share * seconds, first, quantized)
        found = _within(given, (1 - share) * seconds, second, priced)
    return [given.point(base[0]), *_points(given, found)]


def _points(given: ShippedTask, found: Sequence[Candidate]) -> list[Point]:
    """Judge what did not diverge, without nodes that are silent on all training events."""
    sane = [one for one in found if one.finite]
    return [given.point(one) for one in without_silent(sane, given.data)] if sane else []


def magnitude_pruning(
    given: ShippedTask, start: FloatStart, seed: int, seconds: float
) -> list[Point]:
    """Prune the smallest weights round by round, at uniform widths, training after each round."""
    search = given.search
    left = seconds - start.seconds
    chains = [_with_bits(start.network, bits, 12, bits + 2) for bits in PRUNED_BITS]
    points: list[Point] = []
    for number in range(PRUNING_ROUNDS + 1):
        if number:
            chains = [_pruned(one) for one in chains]
            part = (1 - QUANTIZED_SHARE) / PRUNING_ROUNDS
        else:
            part = QUANTIZED_SHARE
        before = list(chains)

        def run(
            settings: TrainingSettings, before: Sequence[Candidate] = before, number: int = number
        ) -> list[Candidate]:
            return train(before, given.data, settings, seed=seed + number)

        chains = _within(given, part * left, search.quantized_training, run)
        points += _points(given, [without_dead(one) for one in chains])
    return points


def _pruned(candidate: Candidate) -> Candidate:
    """Return *candidate* without the smallest of its weights, each beside its layer's spread."""
    sizes = [np.abs(weight) / (weight[weight != 0].std() or 1.0) for weight in candidate.weights]
    alive = np.concatenate([size[size > 0] for size in sizes])
    limit = np.quantile(alive, PRUNED_SHARE)
    for layer, size in enumerate(sizes):
        candidate = drop_weights(candidate, layer, size <= limit)
    return candidate


@dataclass(frozen=True)
class Shape:
    """One architecture that a sampling method may try."""

    hidden: tuple[int, ...]
    weight_bits: int
    activation_bits: int


def _train_shapes(
    given: ShippedTask, shapes: Sequence[Shape], seed: int, seconds: float
) -> list[Point | None]:
    """Train architectures from scratch, all of them at once; None for one that diverged."""
    search, task = given.search, given.task
    start = [
        initial_candidate(MlpSettings(hidden=one.hidden), task.n_in, task.n_out, seed=seed)
        for one in shapes
    ]

    def run_float(settings: TrainingSettings) -> list[Candidate]:
        return train(start, given.data, settings, seed=seed)

    floats = _within(given, 0.6 * seconds, search.float_training, run_float)
    coarse = [
        _with_bits(one, shape.weight_bits, 12, shape.activation_bits)
        for one, shape in zip(floats, shapes, strict=True)
    ]

    def run_quantized(settings: TrainingSettings) -> list[Candidate]:
        return train(coarse, given.data, settings, seed=seed + 1)

    done = _within(given, 0.4 * seconds, search.quantized_training, run_quantized)
    return [given.point(without_dead(one)) if one.finite else None for one in done]


def random_search(given: ShippedTask, seed: int, seconds: float) -> list[Point]:
    """Draw architectures and widths at random."""
    random = np.random.default_rng(seed)
    points: list[Point | None] = []
    for batch in range(BATCHES_OF_SHAPES):
        shapes = [
            Shape(
                tuple(_size(random.random(), most) for most in given.search.network.hidden),
                int(random.integers(3, 9)),
                int(random.integers(4, 13)),
            )
            for _ in range(SHAPES_AT_ONCE)
        ]
        points += _train_shapes(given, shapes, seed + batch, seconds / BATCHES_OF_SHAPES)
    return [one for one in points if one is not None]


def _size(share: float, most: int) -> int:
    """Return a layer's nodes, from a quarter of *most* to all, evenly in the logarithm."""
    return max(2, round(most * 4.0 ** (share - 1.0)))


def nsga2(given: ShippedTask, seed: int, seconds: float) -> list[Point]:
    """Let Optuna's NSGA-II choose them by error and EBOPs."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.NSGAIISampler(seed=seed, population_size=2 * SHAPES_AT_ONCE)
    study = optuna.create_study(directions=["minimize", "minimize"], sampler=sampler)
    points: list[Point] = []
    for batch in range(BATCHES_OF_SHAPES):
        trials = [study.ask() for _ in range(SHAPES_AT_ONCE)]
        shapes = [
            Shape(
                tuple(
                    _size(trial.suggest_float(f"size_{number}", 0.0, 1.0), most)
                    for number, most in enumerate(given.search.network.hidden)
                ),
                trial.suggest_int("weight_bits", 3, 8),
                trial.suggest_int("activation_bits", 4, 12),
            )
            for trial in trials
        ]
        found = _train_shapes(given, shapes, seed + batch, seconds / BATCHES_OF_SHAPES)
        for trial, point in zip(trials, found, strict=True):
            if point is None:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
                continue
            study.tell(trial, [float(point.ebops), point.selection])
            points.append(point)
    return points
