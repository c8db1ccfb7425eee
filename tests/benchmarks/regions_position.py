"""Networks of regions beside dense ones, in integers, on events of the shipped position study.

``python tests/benchmarks/regions_position.py --seed 20261158`` trains, through quantizers and on
the same events from the same number of initializations, a small dense network, the same network in
so many cells and ranges of depth (``pulsefront.networks.regions``), and dense networks with as many
weights as those of all regions. It prints what the integers of each cost and reach: the median
error against the first interaction in three dimensions on test events, and how much worse it is
than the small dense network's, with bounds at one-sided 95 % each, paired over stage positions and
initializations. LUTs and DSPs are estimates: for a new event every clock, constants as adders
where weights are constants, multipliers of general kind where they are chosen; and for time-shared
Verilog on a part at a rate, of the first initialization.
"""

from __future__ import annotations

import argparse
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from shipped_task import shipped_task

from pulsefront.firmware.fit.choose import fit
from pulsefront.networks.regions.settings import RegionNetworkSettings
from pulsefront.networks.regions.training import RegionData, train_regions
from pulsefront.networks.training import repeatable
from pulsefront.search.noninferiority import Figures, compare_figures, event_groups
from pulsefront.search.regions import region_cost
from pulsefront.search.residual_metrics import median_distance
from pulsefront.search.trainer import seed_of_stage

SHAPES = ("cells_2", "cells_4", "cells_8", "depth_2", "depth_4", "dense_2", "dense_4")


def weights_of(hidden: tuple[int, ...]) -> int:
    """Return the weights of a network of 64 charges and three outputs."""
    return sum(a * b for a, b in pairwise((64, *hidden, 3)))


def larger(hidden: tuple[int, ...], times: int) -> tuple[int, ...]:
    """Return layers in the same proportion with at most so many times the weights."""
    scale, most = 1.0, times * weights_of(hidden)
    while weights_of(tuple(int((scale + 0.01) * nodes) for nodes in hidden)) <= most:
        scale += 0.01
    return tuple(int(scale * nodes) for nodes in hidden)


def main() -> None:
    """Print one line a shape."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--shapes", nargs="+", default=SHAPES)
    parser.add_argument("--seed", type=int, default=20261158)
    parser.add_argument("--share", type=float, default=0.25, help="of the study's training events")
    parser.add_argument("--hidden", nargs="+", type=int, default=[16, 8])
    parser.add_argument("--epochs", type=float, default=12.0, help="floating point, all in all")
    parser.add_argument("--initializations", type=int, default=3)
    parser.add_argument("--board", default="ecp5_85")
    parser.add_argument("--rate", type=float, default=1e6, help="events per second")
    parser.add_argument("--count", action="store_true", help="by yosys, minutes")
    parser.add_argument("--cache", type=Path, default=Path("out/shapes"))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    shipped = shipped_task("position_lyso_monolithic", 0, asked.share, asked.cache, seed=asked.seed)
    task, kind, test = shipped.task, shipped.kind, shipped.parts.test
    rows = shipped.parts.split.test
    truth = np.column_stack([test["first_interaction_mm"][:, :2], test["depth_mm"]])
    grid = np.asarray(test["grid_index"], np.int64)
    groups = event_groups(len(test), (grid[:, 0] << 20) + grid[:, 1], seed=asked.seed)
    given = RegionData(task.inputs[task.train], task.input_format, task.output_format, shipped.data)
    half = shipped.search.float_training.model_copy(update={"epochs": asked.epochs / 2})
    small = RegionNetworkSettings(
        hidden=tuple(asked.hidden),
        weight_bits=8,
        shared_training=half,
        region_training=half.model_copy(update={"learning_rate": half.learning_rate / 2}),
        quantized_training=shipped.search.quantized_training,
    )
    seeds = [seed_of_stage(asked.seed, number) for number in range(asked.initializations)]
    say(f"seed {asked.seed}: {len(shipped.data):,} training, {len(test):,} test events")
    dense: Figures | None = None
    with repeatable():
        for shape in dict.fromkeys(("dense_1", *asked.shapes)):
            start = time.process_time()
            by, _, count = shape.rpartition("_")
            settings, regions = small, int(count)
            if by == "dense":
                hidden = larger(small.hidden, regions)
                settings, regions = small.model_copy(update={"hidden": hidden}), 1
            else:
                settings = small.model_copy(update={"by": by})
            models = train_regions(given, settings, regions, seeds, name="net")
            if None in models:
                say(f"{shape}: diverged")
                continue
            raw = task.inputs[rows].astype(np.int64)
            residuals = []
            for model in models:
                (output,) = model.output_formats.values()
                found = kind.estimates_of(test, output.values(model.run(raw)))
                residuals.append(np.asarray(found, np.float64) - truth)
            figures = Figures.of(residuals, median_distance, groups)
            dense = figures if dense is None else dense
            change, cost = compare_figures(figures, dense), region_cost(models)
            shared = fit(
                models[0], asked.board, asked.rate, routes=["time-shared"], count=asked.count
            ).design
            used = ", ".join(f"{count:,} {what}" for what, count in shared.used.items())
            say(
                f"{shape} {'-'.join(map(str, settings.hidden))}: {cost.macs:,} MACs, "
                f"{cost.ebops:,} EBOPs, {cost.weight_bytes:,} bytes, {cost.lut:,} LUT and "
                f"{cost.dsp} DSP unrolled, {used} in turns of {shared.interval_cycles} clocks "
                f"({shared.origin}), "
                f"median {figures.whole.mean():.4f} mm "
                f"({change.value:+.2%} [{change.low:+.2%}, {change.high:+.2%}]), "
                f"{time.process_time() - start:.0f} s"
            )


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
