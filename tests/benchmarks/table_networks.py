"""Networks of look-up tables and of learned widths on a finished timing study, counted alike.

``python tests/benchmarks/table_networks.py RUN --strengths 0.5 1.2`` trains, on the run's own
events, the networks that ``[tables]`` of the shipped study asks for, and networks whose widths are
learned at each strength of the price. It prints, of every initialization, the look-up tables that
yosys counts of its unrolled Verilog, streams included, and its central width on selection and test
events; of every network also how much wider than the full float network it is on selection events,
with the upper end of the one-sided 95 % interval that the search judges by.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pulsefront.firmware.rtl.counted import counted_unrolled
from pulsefront.fixed_point import FixedPointModel
from pulsefront.networks.learned_bits import train_with_ebops
from pulsefront.networks.lower import lower
from pulsefront.search import PriceSettings
from pulsefront.search.beside import model_residuals
from pulsefront.search.noninferiority import Figures, compare_figures, event_groups
from pulsefront.search.result import SearchSummary
from pulsefront.search.silent import without_silent
from pulsefront.search.stages import train_float, train_quantized
from pulsefront.search.tables import TableSearchSettings, search_tables
from pulsefront.search.task import Task
from pulsefront.search.trainer import FINAL_STAGE, seed_of_stage
from pulsefront.studies.folders import RunFolders, read_split
from pulsefront.studies.kinds import kind_of
from pulsefront.studies.load import load_study

SHIPPED = "timing_lyso_pair_tables"
PART = "xczu9eg-ffvb1156-2-e"
Network = tuple[FixedPointModel, np.ndarray]


class Judged:
    """Measures networks as the search does, and prints what they take."""

    def __init__(self, task: Task, test: np.ndarray, full: np.ndarray, seed: int) -> None:
        self.task, self.test = task, test
        rows = task.selection
        self.groups = event_groups(len(rows), task.groups[rows], seed=seed)
        residuals = [task.goal.residuals(one, task.labels, rows) for one in full]
        self.full = Figures.of(residuals, task.metric, self.groups)

    def tell(self, name: str, networks: Sequence[Network]) -> None:
        """Print one line of *networks*, those of one training in all initializations."""
        task = self.task
        residuals = [model_residuals(task, one, kept, task.selection) for one, kept in networks]
        found = Figures.of(residuals, task.metric, self.groups)
        change = compare_figures(found, self.full)
        test = [task.metric(model_residuals(task, one, kept, self.test)) for one, kept in networks]
        luts = [counted_unrolled(model, PART).lut for model, _ in networks]
        sys.stdout.write(
            f"{name}: LUT {luts}, selection {_ps(found.whole)} ps, test {_ps(test)} ps, "
            f"{100 * change.value:+.1f} % up to {100 * change.high:+.1f} %\n"
        )
        sys.stdout.flush()


def _ps(widths: Sequence[float] | np.ndarray) -> str:
    return ", ".join(f"{1000.0 * float(one):.1f}" for one in widths)


def main() -> None:
    """Print one line a network."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--strengths", nargs="*", type=float, default=(0.5, 1.2))
    parser.add_argument("--inputs", nargs="*", type=int, help="numbers of inputs; those shipped")
    parser.add_argument("--no-tables", action="store_true", help="learned widths alone")
    asked = parser.parse_args()
    study, _ = load_study(asked.run / "study.toml")
    tables = load_study(SHIPPED)[0].tables or TableSearchSettings()
    if asked.inputs is not None:
        tables = tables.model_copy(update={"inputs": tuple(asked.inputs)})
    folders = RunFolders(asked.run / "steps")
    parts = read_split(folders)
    task = kind_of(study).learning_task(parts, folders)
    settings, kept = study.search, np.array(SearchSummary.read(folders.search).kept_inputs)
    start = train_float(task, settings)
    data = task.training_data()
    raw = task.inputs[task.selection].reshape(-1, task.inputs.shape[-1])
    full = np.stack([task.predict(one, data.scaling, raw) for one in start])
    judged = Judged(task, parts.split.test, full, settings.seed)
    if not asked.no_tables:
        found = search_tables(
            task, tables, kept, full, margin=settings.margin, seed=settings.seed,
            threads=settings.threads,
        )  # fmt: skip
        for trial, group in zip(found.trials, found.groups, strict=True):
            inputs = np.array(trial.inputs)
            name = f"{trial.nodes} sums of {len(inputs)} inputs {inputs.tolist()}, {trial.lut} LUT"
            judged.tell(f"{name} estimated", [(model, inputs) for model in group])
    price = settings.price or PriceSettings()
    coarse = train_quantized(task, settings, start)
    for strength in asked.strengths:
        trained = train_with_ebops(
            coarse, data, price.training, [strength] * len(coarse),
            seed=seed_of_stage(settings.seed, FINAL_STAGE),
            input_format=task.network_format, widths=price.widths,
        )  # fmt: skip
        networks = [
            (
                lower(one, data.scaling, task.input_format, task.output_format, name=task.name),
                one.kept_inputs,
            )
            for one in without_silent(trained, data)
        ]
        judged.tell(f"learned widths, price {strength:g}", networks)


if __name__ == "__main__":
    main()
