"""Networks of look-up tables beside the searched one, judged by the same test on the same events.

For every number of nodes one network reads all inputs that the searched one reads, and further ones
those inputs alone that count most in it. All are trained in all initializations; the one with the
fewest look-up tables among those that are not inferior to the full float network is chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefront.evaluate.record import Record, Unbounded
from pulsefront.evaluate.spread import spread_over
from pulsefront.files import hash_json
from pulsefront.fixed_point.layers import InputTables
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.networks.tables.settings import TableNetworkSettings
from pulsefront.progress import Report, silent
from pulsefront.search.beside import chosen_trial, model_residuals, unrolled_estimate
from pulsefront.search.noninferiority import Figures, MetricChange, compare_figures, event_groups
from pulsefront.search.task import Task

__all__ = ["TableSearchSettings", "TableTrial", "TablesFound", "search_tables"]

RANKED = 10_000
"""Training events on which inputs are ranked, at most."""


class TableSearchSettings(TableNetworkSettings):
    """Networks of look-up tables, and how many inputs they read."""

    inputs: tuple[int, ...] = ()
    """numbers of inputs that are tried beside all that the searched network reads: those without
    which a network of tables of all of them loses most on training events"""


class TableTrial(Record):
    """One network of tables that was trained, in every initialization, and judged."""

    nodes: int
    inputs: tuple[int, ...]
    """indices of the raw inputs that it reads"""
    tables: int
    lut: int
    """look-up tables, estimated for unrolled Verilog: the most of any initialization"""
    ff: int
    """flip-flops, likewise"""
    latency_cycles: int
    """likewise"""
    table_bytes: int
    """all entries at their format's width, as memories would hold them"""
    metric: tuple[Unbounded, ...]
    """of each initialization, on selection events"""
    comparison: MetricChange
    """against the full float network"""
    non_inferior: bool
    accepted: bool = False
    diverged: bool = False
    """whether the training of an initialization ended in no number"""


@dataclass(frozen=True)
class TablesFound:
    """All networks that were tried, and which is the chosen one.

    *groups* are those of each trial that did not diverge, by initialization; *chosen* is the number
    of a trial, *best* its initialization with the smallest metric on selection events.
    """

    trials: tuple[TableTrial, ...]
    groups: tuple[tuple[FixedPointModel, ...], ...]
    chosen: int
    best: int

    @property
    def models(self) -> tuple[FixedPointModel, ...]:
        """The chosen network in every initialization."""
        return self.groups[self.chosen]

    @property
    def inputs(self) -> NDArray[np.intp]:
        """Indices of the raw inputs that it reads, in its order."""
        return np.array(self.trials[self.chosen].inputs, np.intp)


def search_tables(
    task: Task,
    settings: TableSearchSettings,
    kept: NDArray[np.integer],
    full: NDArray[np.float64],
    *,
    margin: float,
    seed: int,
    threads: int = 1,
    checkpoint: Path | None = None,
    report: Report = silent,
) -> TablesFound:
    """Train and judge all networks of tables that *settings* asks for.

    Parameters
    ----------
    kept
        Indices of the raw inputs that may be read.
    full
        Outputs of the full float network on selection events, (initialization, event, n_out); as
        many initializations are trained.
    margin, seed
        Of the search, so that the test is the same.
    checkpoint
        Folder of finished networks: a search that is killed goes on after them.

    Raises
    ------
    PulsefrontError
        Every training diverged.
    """
    from pulsefront.networks.device import repeatable

    with repeatable(), ThreadPoolExecutor(threads) as local:
        search = _TableSearch(task, settings, full, margin, seed, local, checkpoint)
        return search.run(np.asarray(kept, np.intp), report)


class _TableSearch:
    def __init__(
        self,
        task: Task,
        settings: TableSearchSettings,
        full: NDArray[np.float64],
        margin: float,
        seed: int,
        executor: ThreadPoolExecutor,
        checkpoint: Path | None,
    ) -> None:
        # A front end's sums are other inputs: tables read the raw ones.
        self.task = replace(task, front_end=None, sums=(), stream=None)
        self.settings, self.margin, self.seed = settings, margin, seed
        self.executor = executor
        self.initializations = len(full)
        self.data = self.task.training_data()
        rows = task.selection
        labels = None if task.groups is None else task.groups[rows]
        self.groups = event_groups(len(rows), labels, seed=seed)
        residuals = [task.goal.residuals(one, task.labels, rows) for one in full]
        self.full = Figures.of(residuals, task.metric, self.groups)
        self.folder = checkpoint and checkpoint / hash_json(
            [
                task.fingerprint(),
                settings.model_dump(mode="json", exclude={"inputs", "nodes"}),
                seed,
            ]
        )

    def run(self, kept: NDArray[np.intp], report: Report) -> TablesFound:
        trials: list[TableTrial] = []
        groups: list[tuple[FixedPointModel, ...]] = []
        fewer = sorted({count for count in self.settings.inputs if count < len(kept)}, reverse=True)
        most = len(self.settings.nodes) * (1 + len(fewer))
        for nodes in self.settings.nodes:
            whole = self._trained(kept, nodes)
            self._judge(whole, kept, nodes, trials, groups)
            report(len(trials), most)
            # The inputs of a network that diverged are ranked by nobody.
            if None in whole:
                continue
            order = self._ranked(whole, kept)
            for count in fewer:
                chosen = np.sort(kept[order[:count]])
                self._judge(self._trained(chosen, nodes), chosen, nodes, trials, groups)
                report(len(trials), most)
        index = chosen_trial(
            trials, lambda trial: trial.lut, family="tables", field="tables.training.learning_rate"
        )
        trials[index] = trials[index].model_copy(update={"accepted": True})
        best = int(np.argmin(trials[index].metric))
        return TablesFound(tuple(trials), tuple(groups), index, best)

    def _trained(self, inputs: NDArray[np.intp], nodes: int) -> tuple[FixedPointModel | None, ...]:
        train = partial(self._train_one, inputs, nodes)
        return tuple(self.executor.map(train, range(self.initializations)))

    def _train_one(
        self, inputs: NDArray[np.intp], nodes: int, number: int
    ) -> FixedPointModel | None:
        from pulsefront.networks.tables.training import TableData, train_tables
        from pulsefront.search.trainer import seed_of_stage

        task = self.task
        file = self.folder and self.folder / (
            hash_json([inputs.tolist(), nodes, number])[:16] + ".json"
        )
        if file is not None and file.is_file():
            return FixedPointModel.load(file)
        given = TableData(
            task.inputs[task.train][..., inputs], task.input_format, task.output_format, self.data
        )
        seed = seed_of_stage(self.seed, number)
        model = train_tables(given, self.settings, nodes, seed, name=f"{task.name}_tables")
        if model is not None and file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            model.save(file)
        return model

    def _judge(
        self,
        models: tuple[FixedPointModel | None, ...],
        inputs: NDArray[np.intp],
        nodes: int,
        trials: list[TableTrial],
        groups: list[tuple[FixedPointModel, ...]],
    ) -> None:
        """Put the trial of *models* into *trials*, and those that came out into *groups*."""
        good = tuple(model for model in models if model is not None)
        groups.append(good)
        diverged = len(good) < len(models)
        costs = [unrolled_estimate(model) for model in good]
        change = MetricChange(np.inf, np.inf, np.inf, (np.inf,) * len(models))
        metric: tuple[float, ...] = (np.inf,) * len(models)
        if not diverged:
            rows = self.task.selection
            residuals = [model_residuals(self.task, model, inputs, rows) for model in good]
            found = Figures.of(residuals, self.task.metric, self.groups)
            metric = tuple(map(float, found.whole))
            change = compare_figures(found, self.full)
        trials.append(
            TableTrial(
                nodes=nodes,
                inputs=tuple(inputs.tolist()),
                tables=max((_tables(model) for model in good), default=0),
                lut=max((cost.lut for cost in costs), default=0),
                ff=max((cost.ff for cost in costs), default=0),
                latency_cycles=max((cost.latency_cycles for cost in costs), default=0),
                table_bytes=max((model.cost().weight_bytes for model in good), default=0),
                metric=metric,
                comparison=change,
                non_inferior=change.non_inferior(self.margin),
                diverged=diverged,
            )
        )

    def _ranked(
        self, models: Sequence[FixedPointModel | None], inputs: NDArray[np.intp]
    ) -> NDArray[np.intp]:
        """Return places in *inputs*, that first without which the metric rises most."""
        task = self.task
        rows = task.train[spread_over(len(task.train), RANKED)]
        flat = np.asarray(task.inputs)[rows].reshape(-1, task.inputs.shape[-1])
        middle = np.median(flat[:, inputs], axis=0).astype(np.int64)
        without = [
            np.mean(
                [
                    task.metric(model_residuals(task, model, inputs, rows, (place, int(value))))
                    for model in models
                    if model is not None
                ]
            )
            for place, value in enumerate(middle)
        ]
        return np.argsort(-np.array(without), kind="stable")


def _tables(model: FixedPointModel) -> int:
    return sum(
        int(np.prod(one.entries.shape[:2])) for one in model.layers if isinstance(one, InputTables)
    )
