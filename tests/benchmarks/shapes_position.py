"""Shapes of networks beside the dense one, on the events of the shipped position study.

``python tests/benchmarks/shapes_position.py --seed 20261155`` trains networks of several shapes in
floating point, each with as many weights as the dense one may have and on as many passes over the
same events, from the same number of initializations, and prints of each the median error in three
dimensions and the FWHM of the point-spread function on test events, against the first interaction,
and how much worse it is than the dense one with a paired 90 % interval over stage positions and
initializations.

Beside the shapes that a search can try (`pulsefront.networks.shapes`):

- ``shared_rows``: a convolution whose filters read every row of photosensors alike;
  ``shared_windows`` the same with windows of 4×4. Weights are counted as multiplications.
- ``cells_K``, ``depths_K``: a linear estimate says in which of K regions of the folded block, or in
  which of K ranges of depth, the event is, and a small network of its own for each says where: all
  have the shape of the dense network and run in the same multipliers, with weights K times. Half of
  the training is that of one network on all events, half that of each on its own.
- ``dense_K``: dense networks with as many weights as K regions have.

With ``--study position_lyso_learned_bits --strengths 1 4`` the shapes that the search can try go on
through quantizers and learn the width of every weight at these prices, as that study does; of each
price it prints effective bit operations and the median of test events, of the mean of all
initializations, and the look-up tables of the first by alkaid's count.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from shipped_task import ShippedTask, shipped_task

from alkaid_fixed_point import alkaid_logic
from pulsefront.evaluate.statistics import point_spread_statistic
from pulsefront.networks import Candidate, Convolution, MlpSettings, TrainingData, initial_candidate
from pulsefront.networks.batches import batches
from pulsefront.networks.learned_bits import train_with_ebops
from pulsefront.networks.losses import slope_of
from pulsefront.networks.optimizer import optimizer_for
from pulsefront.networks.settings import ShapeName, TrainingSettings
from pulsefront.networks.shapes import shaped_candidate
from pulsefront.networks.stack import Stack
from pulsefront.networks.training import one_cycle, repeatable, train
from pulsefront.search.noninferiority import Figures, compare_figures, event_groups
from pulsefront.search.residual_metrics import median_distance
from pulsefront.search.silent import without_silent

Floats = NDArray[np.float64]
GRID = (8, 8)
BIN_MM = 0.05
"""Bins of the point-spread function: one width for all shapes."""
SHAPES = (
    "dense",
    "row_column",
    "windows",
    "linear_residual",
    "shared_rows",
    "shared_windows",
    "cells_2",
    "cells_4",
    "cells_8",
    "depths_2",
    "depths_3",
    "dense_2",
    "dense_4",
)


@dataclass(frozen=True)
class Bench:
    """What every shape gets."""

    shipped: ShippedTask
    network: MlpSettings
    training: TrainingSettings
    initializations: int
    seed: int

    def starts(self, build: Callable[[int], Candidate]) -> list[Candidate]:
        """Return the networks that *build* makes of seeds."""
        return [build(self.seed * 1000 + k) for k in range(self.initializations)]

    def part(self, share: float) -> TrainingSettings:
        """Return a training of a *share* of all passes."""
        return self.training.model_copy(update={"epochs": share * self.training.epochs})

    def test_residuals(self, outputs: Floats) -> Floats:
        """Return estimate − first interaction in mm, turned back, (test event, 3)."""
        test = self.shipped.parts.test
        found = np.asarray(self.shipped.kind.estimates_of(test, outputs), np.float64)
        truth = np.column_stack([test["first_interaction_mm"][:, :2], test["depth_mm"]])
        return np.asarray(found - truth, np.float64)


def of_candidates(bench: Bench, found: Sequence[Candidate], data: TrainingData) -> list[Floats]:
    """Return the test residuals of trained networks."""
    task = bench.shipped.task
    inputs = task.inputs[bench.shipped.parts.split.test]
    return [bench.test_residuals(task.predict(one, data.scaling, inputs)) for one in found]


def known(bench: Bench, shape: str) -> tuple[int, list[Floats]]:
    """Train a shape that the search can try."""
    data = bench.shipped.data
    starts = bench.starts(lambda seed: shaped_candidate(bench.network, shape, GRID, 3, seed))
    trained = train(starts, data, bench.training, seed=bench.seed)
    return _weights(starts[0]), of_candidates(bench, trained, data)


def priced(bench: Bench, shape: ShapeName, strengths: Sequence[float]) -> Iterator[str]:
    """Yield what a shape costs and does at every price of the study's own search."""
    shipped, data, search = bench.shipped, bench.shipped.data, bench.shipped.search
    assert search.price is not None, "a study with a price is needed"
    starts = bench.starts(lambda seed: shaped_candidate(bench.network, shape, GRID, 3, seed))
    found = train(starts, data, bench.training, seed=bench.seed)
    coarse = [
        one.with_bits(
            weight_bits=search.network.bits_of_layers,
            bias_bits=(search.network.bias_bits,) * len(one.weights),
            activation_bits=(search.network.activation_bits,) * (len(one.weights) - 1),
            per_channel=True,
        )
        for one in found
    ]
    base = train(coarse, data, search.quantized_training, seed=bench.seed)
    for strength in strengths:
        learned = train_with_ebops(
            base,
            data,
            search.price.training,
            [strength] * len(base),
            seed=bench.seed,
            input_format=shipped.task.network_format,
            widths=search.price.widths,
        )
        points = [shipped.point(one) for one in without_silent(learned, data)]
        luts = float(alkaid_logic(points[0].model).cost)
        yield (
            f"price {strength:g}: {np.mean([one.ebops for one in points]):,.0f} EBOPs, "
            f"{np.mean([one.test for one in points]):.4f} mm, first {points[0].ebops:,} EBOPs, "
            f"{luts:,.0f} LUT, {points[0].test:.4f} mm"
        )


def larger(bench: Bench, times: int) -> tuple[int, list[Floats]]:
    """Train a dense network of so many times the weights, its layers in the same proportion."""
    most, hidden = times * _most(bench), bench.network.hidden
    scale = 1.0
    while _of((64, *(int(scale * nodes) for nodes in hidden), 3)) <= most:
        scale += 0.01
    network = MlpSettings(hidden=tuple(int((scale - 0.01) * nodes) for nodes in hidden))
    return known(replace(bench, network=network), "dense")


def _weights(candidate: Candidate) -> int:
    return sum(int(np.count_nonzero(weight)) for weight in candidate.weights)


def shared_rows(bench: Bench) -> tuple[int, list[Floats]]:
    """Train a convolution over rows."""
    data = bench.shipped.task.training_data(common_scale=True)
    most, after = _most(bench), bench.network.hidden[1]
    channels = (most - after * 3) // (64 + 8 * after)
    network = MlpSettings(
        hidden=bench.network.hidden[1:],
        convolution=Convolution(kernel=8, channels=channels, stride=8),
    )
    starts = bench.starts(lambda seed: initial_candidate(network, 64, 3, seed))
    trained = train(starts, data, bench.training, seed=bench.seed)
    return 64 * channels + 8 * channels * after + after * 3, of_candidates(bench, trained, data)


def _most(bench: Bench) -> int:
    return _weights(initial_candidate(bench.network, 64, 3, 0))


class Tied(Stack):
    """Nodes of the first layer that read another window each, with the weights of one filter."""

    ties: torch.Tensor

    def refresh(self) -> None:
        """Bring the weights of all places of a filter to their mean."""
        if hasattr(self, "ties"):
            weight, bias = self.weights[0], self.biases[0]
            places, filters, _ = self.ties.shape
            nodes = torch.arange(places * filters).view(places, filters)
            some = weight[:, nodes[:, :, None], self.ties]
            weight[:, nodes[:, :, None], self.ties] = some.mean(1, keepdim=True).expand_as(some)
            one = bias[:, nodes]
            bias[:, nodes] = one.mean(1, keepdim=True).expand_as(one)
        super().refresh()


def shared_windows(bench: Bench) -> tuple[int, list[Floats]]:
    """Train a convolution of 4×4 windows, two photosensors apart."""
    data = bench.shipped.task.training_data(common_scale=True)
    most, after = _most(bench), bench.network.hidden[1]
    windows = [
        [8 * (r + i) + c + j for i in range(4) for j in range(4)]
        for r in (0, 2, 4)
        for c in (0, 2, 4)
    ]
    filters = max(1, (most - after * 3) // (9 * (16 + after)))
    nodes = 9 * filters
    network = MlpSettings(hidden=(nodes, *bench.network.hidden[1:]))
    mask = np.zeros((64, nodes), bool)
    for node in range(nodes):
        mask[windows[node // filters], node] = True

    def build(seed: int) -> Candidate:
        start = initial_candidate(network, 64, 3, seed)
        first = np.where(mask, 2.0 * start.weights[0], 0.0).astype(np.float32)
        for node in range(filters, nodes):
            own, model = windows[node // filters], node % filters
            first[own, node] = first[windows[0], model]
        return replace(start, weights=(first, *start.weights[1:]))

    ties = torch.tensor(windows)[:, None, :].expand(9, filters, 16)
    starts = bench.starts(build)
    trained = _train_tied(starts, data, bench.training, bench.seed, ties)
    return _weights(starts[0]), of_candidates(bench, trained, data)


def _train_tied(
    starts: Sequence[Candidate],
    data: TrainingData,
    settings: TrainingSettings,
    seed: int,
    ties: torch.Tensor,
) -> list[Candidate]:
    stack = Tied(starts, data.scaling)
    stack.ties = ties
    optimizer, steps = optimizer_for(stack, settings), settings.steps(len(data))
    with torch.no_grad():
        for step, (inputs, targets) in enumerate(batches(stack, data, settings.batch, steps, seed)):
            stack.refresh()
            stack.backward(slope_of(stack.outputs(inputs), targets, data.loss))
            stack.hold_pruned()
            rate = settings.learning_rate * one_cycle(step / steps, settings.warm_up)
            optimizer.step(stack.gradient, rate)
        stack.refresh()
    return stack.unstack()


def regions(bench: Bench, count: int, what: str) -> tuple[int, list[Floats]]:
    """Train a network for each region that a linear estimate tells."""
    shipped, data = bench.shipped, bench.shipped.data
    # what tells the region: least squares of standardized inputs, as a layer of its own would
    inputs = data.inputs.double().numpy()
    ones = np.column_stack([inputs, np.ones(len(inputs))])
    slope = np.linalg.lstsq(ones, data.targets.double().numpy(), rcond=None)[0]

    def coarse(standard: Floats) -> Floats:
        return np.asarray(np.column_stack([standard, np.ones(len(standard))]) @ slope)

    own = coarse(inputs)
    of = _depths(own, count) if what == "depths" else _cells(own, count, data.scaling.output_scale)
    told = 3 if what == "cells" else 1
    hidden = bench.network.hidden
    while _of((64, *hidden, 3)) + 64 * (told - (what == "cells")) > _most(bench):
        hidden = (hidden[0] - 1, *hidden[1:])
    network = bench.network.model_copy(update={"hidden": hidden})
    starts = bench.starts(lambda seed: initial_candidate(network, 64, 3, seed))
    shared = train(starts, data, bench.part(0.5), seed=bench.seed)
    later = bench.part(0.5).model_copy(update={"learning_rate": 0.5 * bench.training.learning_rate})
    region = of(own)
    test = shipped.task.inputs[shipped.parts.split.test]
    scaling = data.scaling
    values = np.ldexp(test.astype(np.float64), -shipped.task.network_format.fraction)
    there = of(coarse((values - scaling.input_mean) / scaling.input_scale))
    outputs = [np.zeros((len(test), 3)) for _ in starts]
    for number in range(count):
        rows = torch.from_numpy(np.flatnonzero(region == number))
        some = replace(data, inputs=data.inputs[rows], targets=data.targets[rows])
        small = min(later.batch, max(256, len(rows) * later.batch // len(data)))
        found = train(shared, some, later.model_copy(update={"batch": small}), seed=bench.seed)
        mine = there == number
        for output, one in zip(outputs, found, strict=True):
            output[mine] = shipped.task.predict(one, scaling, test[mine])
    return _weights(starts[0]) + 64 * told, [bench.test_residuals(one) for one in outputs]


def _of(nodes: tuple[int, ...]) -> int:
    return sum(a * b for a, b in pairwise(nodes))


def _depths(own: Floats, count: int) -> Callable[[Floats], NDArray[np.intp]]:
    edges = np.quantile(own[:, 2], np.arange(1, count) / count)
    return lambda said: np.searchsorted(edges, said[:, 2])


def _cells(own: Floats, count: int, scale: Floats) -> Callable[[Floats], NDArray[np.intp]]:
    """Return cells with as many events each: cut across the longer side, again and again."""
    from scipy.cluster.vq import kmeans2

    plane = own[:, :2] * scale[:2]
    centres, _ = kmeans2(plane[:: max(1, len(plane) // 20_000)], count, minit="++", seed=1)

    def of(said: Floats) -> NDArray[np.intp]:
        distance = ((said[:, None, :2] * scale[:2] - centres) ** 2).sum(-1)
        return np.asarray(distance.argmin(1))

    return of


def trained(bench: Bench, shape: str) -> tuple[int, list[Floats]]:
    """Return the weights that an event meets, and test residuals per initialization."""
    name, _, count = shape.rpartition("_")
    if name == "dense":
        return larger(bench, int(count))
    if name in ("cells", "depths"):
        return regions(bench, int(count), name)
    if shape == "shared_rows":
        return shared_rows(bench)
    if shape == "shared_windows":
        return shared_windows(bench)
    return known(bench, shape)


def point_spread_fwhm(residual: Floats) -> float:
    """Return the FWHM in mm of residuals (event, 3)."""
    return point_spread_statistic(residual, BIN_MM)(np.ones(len(residual)))


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> None:
    """Print one line a shape."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--shapes", nargs="+", default=SHAPES)
    parser.add_argument("--study", default="position_lyso_monolithic")
    parser.add_argument("--strengths", nargs="+", type=float, default=[])
    parser.add_argument("--seed", type=int, default=20261155)
    parser.add_argument("--share", type=float, default=0.5, help="of the study's training events")
    parser.add_argument("--hidden", nargs="+", type=int, default=[48, 24])
    parser.add_argument("--epochs", type=float, default=12.0)
    parser.add_argument("--initializations", type=int, default=3)
    parser.add_argument("--cache", type=Path, default=Path("out/shapes"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    shipped = shipped_task(asked.study, 0, asked.share, asked.cache, seed=asked.seed)
    training = shipped.search.float_training.model_copy(update={"epochs": asked.epochs})
    network = MlpSettings(hidden=tuple(asked.hidden))
    bench = Bench(shipped, network, training, asked.initializations, asked.seed)
    test = shipped.parts.test
    say(f"seed {asked.seed}: {len(shipped.data):,} training, {len(test):,} test events")
    if asked.strengths:
        with repeatable():
            for shape in asked.shapes:
                for line in priced(bench, shape, asked.strengths):
                    say(f"{shape}, {line}")
        return
    groups = event_groups(len(test), _places(test["grid_index"]), seed=asked.seed)
    figures = {"median": median_distance, "FWHM": point_spread_fwhm}
    dense: dict[str, Figures] = {}
    with repeatable():
        for shape in dict.fromkeys(("dense", *asked.shapes)):
            start = time.process_time()
            weights, residuals = trained(bench, shape)
            spent = time.process_time() - start
            told = []
            for name, figure in figures.items():
                found = Figures.of(residuals, figure, groups)
                change = compare_figures(found, dense.setdefault(name, found))
                told.append(
                    f"{name} {found.whole.mean():.4f} mm ({100 * change.value:+.2f} "
                    f"[{100 * change.low:+.2f}, {100 * change.high:+.2f}] %)"
                )
            say(f"{shape}: {weights:,} weights, {', '.join(told)}, {spent:.0f} s")


def _places(grid: NDArray[np.integer]) -> NDArray[np.int64]:
    both = np.asarray(grid, np.int64)
    return np.asarray((both[:, 0] << 20) + both[:, 1])


if __name__ == "__main__":
    main()
