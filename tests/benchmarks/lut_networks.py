"""Networks of look-up tables beside learned bit widths, on a finished timing study.

``python tests/benchmarks/lut_networks.py RUN --shapes pairs --seeds 1 2 3`` trains networks whose
neurons are truth tables on the run's own events, exports the tables, and prints their central width
on selection and test events and their 6-input look-up tables, beside the run's own network, which
alkaid counts.

A neuron is a sum of tables of a few inputs of a few bits each, cut off at its code's ends: with
one table it is that of LogicNets (Umuroglu et al. 2020, arXiv:2004.03021), with a small network
trained inside each table that of NeuraLUT (Andronic and Constantinides 2024, arXiv:2403.00849),
with several that of PolyLUT-Add (Lou et al. 2024, arXiv:2406.04910). Which inputs a table has is
drawn at random for each seed. What counts is made of the integers of the tables alone; they must
give what torch gives.

Look-up tables are counted as `table_gates` says, in favour of these networks. A code that is cut
off at both ends takes one for each of its bits, and so does the subtraction that brings a sample to
it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from table_gates import sum_cost, table_cost

from alkaid_fixed_point import alkaid_logic
from pulsefront.fixed_point import FixedPointModel
from pulsefront.networks.losses import loss_of
from pulsefront.networks.training import one_cycle
from pulsefront.search import Task
from pulsefront.studies.folders import RunFolders, read_split
from pulsefront.studies.kinds import kind_of
from pulsefront.studies.load import load_study

Integers = NDArray[np.int64]
Tables = list[list[list[Integers]]]
"""By layer, node and term."""
Run = Callable[[NDArray[np.intp]], NDArray[np.float64]]
OUTPUT_STEP_NS = 2.0**-9
EXTRA_BITS = 1
"""Finer steps of tables that are summed, before the sum becomes a code."""
INSIDE = 8
"""Nodes of the network that is trained inside a table."""
QUANTIZED_FROM = 0.3
"""Share of the training after which codes are whole numbers."""


@dataclass(frozen=True)
class Layer:
    """Neurons of ``terms`` tables each, of ``fan_in`` inputs; codes of ``bits`` come out."""

    nodes: int
    terms: int
    fan_in: int
    bits: int


@dataclass(frozen=True)
class Shape:
    """Bits of a sample's code, then layers; the last has one neuron, whose sum is the output."""

    sample_bits: int
    layers: tuple[Layer, ...]


SHAPES = {
    # every node is a sum of functions of single samples
    "additive, 4 nodes": Shape(8, (Layer(4, 9, 1, 6), Layer(1, 4, 1, 0))),
    "additive, 3 nodes": Shape(7, (Layer(3, 9, 1, 6), Layer(1, 3, 1, 0))),
    "additive, 2 nodes": Shape(7, (Layer(2, 9, 1, 6), Layer(1, 2, 1, 0))),
    # one table of two samples a node, as in LogicNets; the output is a sum of tables
    "pairs": Shape(4, (Layer(24, 1, 2, 4), Layer(12, 1, 2, 4), Layer(1, 6, 2, 0))),
    # sums of two tables of two samples
    "sums of pairs": Shape(4, (Layer(12, 2, 2, 4), Layer(1, 6, 2, 0))),
}


@dataclass(frozen=True)
class Codes:
    """How samples become codes: less ``low``, without their lowest bits, cut off at both ends."""

    samples: NDArray[np.intp]
    low: Integers
    shift: Integers
    bits: int

    @classmethod
    def of(cls, training: Integers, samples: Sequence[int], bits: int) -> Codes:
        """Hold all but a thousandth of the training samples at either end."""
        chosen = np.asarray(samples)
        low, high = np.quantile(training[:, chosen], [0.001, 0.999], axis=0)
        shift = np.ceil(np.log2(np.maximum((high - low) / 2.0**bits, 1.0))).astype(np.int64)
        return cls(chosen, np.floor(low / 2.0**shift).astype(np.int64) << shift, shift, bits)

    def apply(self, integers: Integers) -> Integers:
        """Return codes (event, sample)."""
        found = (integers[:, self.samples] - self.low) >> self.shift
        return np.clip(found, 0, (1 << self.bits) - 1)

    def look_up_tables(self, width: int) -> int:
        """Return the cost of subtracting and cutting off, for samples of *width* bits."""
        subtracted = np.where(self.low == 0, 0, width - self.shift)
        return int((subtracted + self.bits).sum())


class TableLayer(torch.nn.Module):
    """What is trained: a small network for each table, on inputs from −1 to 1."""

    def __init__(
        self, layer: Layer, inputs: int, scale: float, random: np.random.Generator
    ) -> None:
        super().__init__()
        self.layer, self.scale = layer, scale
        shape = (layer.nodes, layer.terms, layer.fan_in)
        if layer.fan_in == 1 and layer.terms == inputs:
            chosen = np.broadcast_to(np.arange(inputs)[None, :, None], shape)
        else:
            each = layer.terms * layer.fan_in
            chosen = np.stack([_drawn(random, inputs, each) for _ in range(layer.nodes)])
        self.chosen = torch.from_numpy(chosen.reshape(shape).copy())
        self.first = _parameter(random, (*shape, INSIDE), 2.0)
        self.knots = _parameter(random, (*shape[:2], INSIDE), 0.7)
        self.second = _parameter(random, (*shape[:2], INSIDE), 0.3 / np.sqrt(shape[1]))
        self.straight = _parameter(random, shape, 1.0 / np.sqrt(shape[1] * shape[2]))
        self.offset = torch.nn.Parameter(torch.zeros(shape[:2]))

    def tables(self, given: torch.Tensor) -> torch.Tensor:
        """Return what tables say, (event, node, term), of inputs (event, node, term, input)."""
        inside = torch.relu(torch.einsum("bntf,ntfh->bnth", given, self.first) + self.knots)
        found = (inside * self.second).sum(-1) + (given * self.straight).sum(-1)
        return self.scale * (found + self.offset)

    def forward(self, inputs: torch.Tensor, *, whole: bool) -> torch.Tensor:
        """Return the sums of the tables, (event, node), in steps."""
        found = self.tables(inputs[:, self.chosen])
        if whole:
            found = found + (torch.floor(found + 0.5) - found).detach()
        return found.sum(2)


def _drawn(random: np.random.Generator, inputs: int, count: int) -> Integers:
    whole = [random.permutation(inputs) for _ in range(-(-count // inputs))]
    return np.concatenate(whole)[:count]


def _parameter(
    random: np.random.Generator, shape: tuple[int, ...], width: float
) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.from_numpy(random.normal(0.0, width, shape)).float())


class TableNetwork(torch.nn.Module):
    """Layers of tables; outputs are in ns."""

    def __init__(self, shape: Shape, samples: int, spread_ns: float, seed: int) -> None:
        super().__init__()
        random = np.random.default_rng([0x6C7574, seed])
        self.shape = shape
        entering, layers = samples, []
        for layer in shape.layers:
            last = layer is shape.layers[-1]
            scale = spread_ns / OUTPUT_STEP_NS if last else 2.0 ** (layer.bits - 1 + EXTRA_BITS)
            layers.append(TableLayer(layer, entering, scale, random))
            entering = layer.nodes
        self.layers = torch.nn.ModuleList(layers)

    def forward(self, codes: torch.Tensor, *, whole: bool) -> torch.Tensor:
        """Return corrections (event, 1) in ns for codes (event, sample)."""
        value, bits = codes, self.shape.sample_bits
        for layer in self.layers[:-1]:
            total = layer(_centred(value, bits), whole=whole)
            bits = layer.layer.bits
            value = total * 0.5**EXTRA_BITS + 2.0 ** (bits - 1)
            if whole:
                value = value + (torch.floor(value) - value).detach()
            value = value.clamp(0, 2**bits - 1)
        return self.layers[-1](_centred(value, bits), whole=whole) * OUTPUT_STEP_NS

    def truth_tables(self) -> Tables:
        """Return the integers of every table by layer, node and term, (2^(fan_in·bits),)."""
        found, bits = [], self.shape.sample_bits
        for layer in self.layers:
            given = _every_code(layer.layer.fan_in, bits)
            inputs = _centred(torch.from_numpy(given).double(), bits)[:, None, None, :]
            inputs = inputs.expand(-1, layer.layer.nodes, layer.layer.terms, -1)
            steps = torch.floor(layer.tables(inputs) + 0.5).long().numpy()
            found.append([list(node.T) for node in steps.transpose(1, 0, 2)])
            bits = layer.layer.bits
        return found


def _centred(codes: torch.Tensor, bits: int) -> torch.Tensor:
    return codes * (2.0 / (2**bits - 1)) - 1.0


def _every_code(fan_in: int, bits: int) -> Integers:
    """Return all inputs of a table, (2^(fan_in·bits), fan_in), the first in the lowest bits."""
    every = np.arange(1 << (fan_in * bits))[:, None]
    return (every >> (bits * np.arange(fan_in))) & ((1 << bits) - 1)


def run_tables(network: TableNetwork, tables: Tables, codes: Integers) -> Integers:
    """Return the output (event,) in steps, of integers alone."""
    value, bits = codes, network.shape.sample_bits
    for layer, own in zip(network.layers, tables, strict=True):
        chosen, fan_in = layer.chosen.numpy(), layer.layer.fan_in
        total = np.zeros((len(value), layer.layer.nodes), np.int64)
        for node, terms in enumerate(own):
            for term, table in enumerate(terms):
                place = value[:, chosen[node, term]] << (bits * np.arange(fan_in))
                total[:, node] += table[place.sum(1)]
        if layer is network.layers[-1]:
            return total[:, 0]
        bits = layer.layer.bits
        value = np.clip((total >> EXTRA_BITS) + (1 << (bits - 1)), 0, (1 << bits) - 1)
    raise AssertionError("a network has layers")


def look_up_tables(tables: Tables, shape: Shape) -> int:
    """Return the 6-input look-up tables of tables, sums and codes."""
    total = 0
    for own, layer in zip(tables, shape.layers, strict=True):
        for terms in own:
            total += sum(table_cost(table) for table in terms)
            total += sum_cost(terms) + layer.bits * (layer.terms > 1)
    return total


def train(
    network: TableNetwork, codes: Integers, task: Task, asked: argparse.Namespace, seed: int
) -> None:
    """Train on the coincidences of *task*; codes are (event, 2, sample)."""
    rows = task.train
    given = torch.from_numpy(codes[rows]).float()
    coarse = np.asarray(task.coarse)[rows]
    wanted = torch.from_numpy(
        np.asarray(task.targets)[rows] - (coarse[:, 0] - coarse[:, 1])
    ).float()
    spread = float(wanted.std())
    optimizer = torch.optim.Adam(network.parameters(), lr=asked.rate)
    steps = round(asked.epochs * len(rows) / asked.batch)
    random = torch.Generator().manual_seed(seed)
    for step in range(steps):
        some = torch.randint(len(rows), (asked.batch,), generator=random)
        both = torch.cat((given[some, 0], given[some, 1]))
        outputs = network(both, whole=step > QUANTIZED_FROM * steps)
        loss = loss_of(outputs.T[None] / spread, wanted[some, None] / spread, task.loss).sum()
        optimizer.zero_grad()
        loss.backward()
        for group in optimizer.param_groups:
            group["lr"] = asked.rate * one_cycle(step / steps, 0.1)
        optimizer.step()


def judge(task: Task, test: NDArray[np.intp], name: str, tables: float, run: Run) -> None:
    """Print what a network takes and the widths of its corrections, (2 · event,) in ns by *run*."""
    said = []
    for part, rows in (("selection", task.selection), ("test", test)):
        outputs = run(rows)[:, None]
        width = task.metric(task.goal.residuals(outputs, task.labels, rows))
        said.append(f"{part} {1000.0 * float(width):.1f} ps")
    sys.stdout.write(f"{name}: {tables:,.0f} LUT, {', '.join(said)}\n")
    sys.stdout.flush()


def of_model(run: Path, task: Task, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the corrections of a run's own network."""
    folders = RunFolders(run / "steps")
    model = FixedPointModel.load(folders.model)
    with np.load(folders.of("search") / "test.npz") as arrays:
        kept = arrays["kept_inputs"]
    (output,) = model.output_formats.values()
    raw = np.asarray(task.inputs)[rows].reshape(-1, task.inputs.shape[-1])[:, kept]
    return np.asarray(output.values(model.run(raw.astype(np.int64))), np.float64)[:, 0]


def trained_tables(
    shape: Shape, codes: Integers, task: Task, asked: argparse.Namespace, seed: int
) -> tuple[TableNetwork, Tables]:
    """Return a trained network and its truth tables, which give what torch gives."""
    coarse = np.asarray(task.coarse)[task.train]
    spread = float(np.std(np.asarray(task.targets)[task.train] - (coarse[:, 0] - coarse[:, 1])))
    network = TableNetwork(shape, codes.shape[-1], spread / np.sqrt(2.0), seed)
    train(network, codes, task, asked, seed)
    network = network.double()
    tables = network.truth_tables()
    some = codes[task.selection].reshape(-1, codes.shape[-1])
    with torch.no_grad():
        by_torch = network(torch.from_numpy(some).double(), whole=True).numpy()[:, 0]
    steps = run_tables(network, tables, some)
    differing = int((steps != np.rint(by_torch / OUTPUT_STEP_NS)).sum())
    assert differing == 0, f"{differing} integers differ from torch"
    return network, tables


def main() -> None:
    """Print one line a network."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--shapes", nargs="+", choices=tuple(SHAPES), default=tuple(SHAPES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--epochs", type=float, default=60.0)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--rate", type=float, default=1e-2)
    parser.add_argument(
        "--samples", nargs=2, type=int, default=(-4, 5), help="from and to, from the trigger on"
    )
    asked = parser.parse_args()
    torch.set_num_threads(1)
    study, _ = load_study(asked.run / "study.toml")
    folders = RunFolders(asked.run / "steps")
    parts = read_split(folders)
    task = kind_of(study).learning_task(parts, folders)
    told = partial(judge, task, parts.split.test)
    model = FixedPointModel.load(folders.model)
    own = partial(of_model, asked.run, task)
    told("the run's network", float(alkaid_logic(model).cost), own)
    first = study.events.samples_before
    samples = range(first + asked.samples[0], first + asked.samples[1])
    raw = np.asarray(task.inputs, np.int64)
    for name in asked.shapes:
        shape = SHAPES[name]
        coder = Codes.of(raw[task.train].reshape(-1, raw.shape[-1]), samples, shape.sample_bits)
        codes = coder.apply(raw.reshape(-1, raw.shape[-1])).reshape(*raw.shape[:2], -1)
        for seed in asked.seeds:
            network, tables = trained_tables(shape, codes, task, asked, seed)
            cost = look_up_tables(tables, shape) + coder.look_up_tables(task.input_format.width)
            told(f"{name}, seed {seed}", cost, partial(of_tables, network, tables, codes))


def of_tables(
    network: TableNetwork, tables: Tables, codes: Integers, rows: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return the corrections of a network of tables."""
    given = codes[rows].reshape(-1, codes.shape[-1])
    return run_tables(network, tables, given) * OUTPUT_STEP_NS


if __name__ == "__main__":
    main()
