"""Networks of regions beside the searched one, judged by the same test on the same events.

Each number of regions gives a network of the same shape in all of them; it reads all inputs that
the searched network reads and is trained in all initializations. The one with the fewest bytes
among those that are not inferior to the full float network is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefront.evaluate.record import Record, Unbounded
from pulsefront.files import hash_json
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.networks.regions.settings import RegionNetworkSettings
from pulsefront.progress import Report, silent
from pulsefront.search.beside import chosen_trial, model_residuals, unrolled_estimate
from pulsefront.search.noninferiority import Figures, MetricChange, compare_figures, event_groups
from pulsefront.search.task import Task

__all__ = ["RegionCost", "RegionTrial", "RegionsFound", "region_cost", "search_regions"]


class RegionCost(Record):
    """What one network costs: of several initializations the most."""

    macs: int
    """multiplications of one event, those of the coarse stage among them"""
    ebops: int
    """effective bit operations of one event; a multiplier that takes its weights from a memory
    needs every bit that any of them has"""
    weight_bytes: int
    """weights and biases of all regions and of the coarse stage"""
    lut: int
    """look-up tables, estimated for a new event every clock: constants as adders, weights that are
    chosen as multipliers of general kind"""
    dsp: int
    """multiplier blocks, likewise"""


class RegionTrial(Record):
    """One network of regions that was trained, in every initialization, and judged."""

    regions: int
    """1 is the same network without regions"""
    cost: RegionCost
    metric: tuple[Unbounded, ...]
    """of each initialization, on selection events"""
    comparison: MetricChange
    """against the full float network"""
    over_one: MetricChange | None
    """against the network without regions; null where that was not tried"""
    non_inferior: bool
    accepted: bool = False
    diverged: bool = False
    """whether the training of an initialization ended in no number"""


@dataclass(frozen=True)
class RegionsFound:
    """All networks that were tried, and which is the chosen one.

    *groups* are those of each trial that did not diverge, by initialization; *chosen* is the number
    of a trial, *best* its initialization with the smallest metric on selection events. All read
    the raw inputs *inputs*, in their order.
    """

    trials: tuple[RegionTrial, ...]
    groups: tuple[tuple[FixedPointModel, ...], ...]
    chosen: int
    best: int
    inputs: NDArray[np.intp]

    @property
    def models(self) -> tuple[FixedPointModel, ...]:
        """The chosen network in every initialization."""
        return self.groups[self.chosen]


def search_regions(
    task: Task,
    settings: RegionNetworkSettings,
    kept: NDArray[np.integer],
    full: NDArray[np.float64],
    *,
    margin: float,
    seed: int,
    threads: int = 1,
    checkpoint: Path | None = None,
    report: Report = silent,
) -> RegionsFound:
    """Train and judge all networks of regions that *settings* asks for.

    Parameters
    ----------
    task
        A regression of x and y and, where known, depth.
    kept
        Indices of the raw inputs that are read.
    full
        Outputs of the full float network on selection events, (initialization, event, n_out); as
        many initializations are trained.
    margin, seed
        Of the search, so that the test is the same.
    checkpoint
        Folder of finished networks: a search that is killed goes on after them.

    Raises
    ------
    ConfigError
        The depth is not known, or a region has no events.
    PulsefrontError
        Every training diverged.
    """
    from pulsefront.networks.device import repeatable

    with repeatable(), ThreadPoolExecutor(threads) as local:
        search = _RegionSearch(task, settings, np.asarray(kept, np.intp), full, seed, local)
        return search.run(margin, checkpoint, report)


class _RegionSearch:
    def __init__(
        self,
        task: Task,
        settings: RegionNetworkSettings,
        kept: NDArray[np.intp],
        full: NDArray[np.float64],
        seed: int,
        executor: ThreadPoolExecutor,
    ) -> None:
        # A front end's sums are other inputs; a stream's events are left to the searched network.
        given = replace(
            task, inputs=task.inputs[..., kept], input_names=(), front_end=None, sums=(),
            stream=None, grid=None,
        )  # fmt: skip
        self.task, self.settings, self.seed, self.kept = given, settings, seed, kept
        self.executor = executor
        self.initializations = len(full)
        rows = task.selection
        labels = None if task.groups is None else task.groups[rows]
        self.groups = event_groups(len(rows), labels, seed=seed)
        self.full = self._figures([task.goal.residuals(one, task.labels, rows) for one in full])

    def _figures(self, residuals: Sequence[NDArray[np.float64]]) -> Figures:
        return Figures.of(residuals, self.task.metric, self.groups)

    def run(self, margin: float, checkpoint: Path | None, report: Report) -> RegionsFound:
        train = self._trainer(checkpoint)
        trials: list[RegionTrial] = []
        groups: list[tuple[FixedPointModel, ...]] = []
        one: Figures | None = None
        # The network without regions comes first: the others are compared with it, too.
        for count in sorted(self.settings.counts):
            models = train(count)
            good = tuple(model for model in models if model is not None)
            found = None
            if len(good) == len(models):
                found = self._figures(
                    [
                        model_residuals(self.task, model, _all(self.kept), self.task.selection)
                        for model in good
                    ]
                )
                one = found if count == 1 else one
            trials.append(self._trial(count, good, found, None if count == 1 else one, margin))
            groups.append(good)
            report(len(trials), len(self.settings.counts))
        index = chosen_trial(
            trials,
            lambda trial: trial.cost.weight_bytes,
            family="regions",
            field="regions.shared_training.learning_rate",
        )
        trials[index] = trials[index].model_copy(update={"accepted": True})
        best = int(np.argmin(trials[index].metric))
        return RegionsFound(tuple(trials), tuple(groups), index, best, self.kept)

    def _trial(
        self,
        count: int,
        models: Sequence[FixedPointModel],
        found: Figures | None,
        one: Figures | None,
        margin: float,
    ) -> RegionTrial:
        change = MetricChange(np.inf, np.inf, np.inf, (np.inf,) * self.initializations)
        metric: tuple[float, ...] = (np.inf,) * self.initializations
        if found is not None:
            metric = tuple(map(float, found.whole))
            change = compare_figures(found, self.full)
        return RegionTrial(
            regions=count,
            cost=region_cost(models),
            metric=metric,
            comparison=change,
            over_one=None if found is None or one is None else compare_figures(found, one),
            non_inferior=change.non_inferior(margin),
            diverged=found is None,
        )

    def _trainer(
        self, checkpoint: Path | None
    ) -> Callable[[int], Sequence[FixedPointModel | None]]:
        """Return what trains a network of so many regions, or reads what it has trained before."""
        from pulsefront.networks.regions.training import RegionData, train_regions
        from pulsefront.search.trainer import seed_of_stage

        task, settings = self.task, self.settings
        seeds = [seed_of_stage(self.seed, number) for number in range(self.initializations)]
        name = f"{task.name}_regions"
        folder = checkpoint and checkpoint / hash_json(
            [task.fingerprint(), settings.model_dump(mode="json", exclude={"counts"}), seeds]
        )
        given: list[RegionData] = []

        def train(count: int) -> Sequence[FixedPointModel | None]:
            files = [folder / f"{count}_{n}.json" for n in range(len(seeds))] if folder else []
            if files and all(file.is_file() for file in files):
                return [FixedPointModel.load(file) for file in files]
            if not given:
                inputs, data = task.inputs[task.train], task.training_data()
                if task.others is not None:
                    beside = task.others.beside(task.train, task.groups)
                    inputs = np.concatenate([inputs, task.inputs[beside]])
                given.append(RegionData(inputs, task.input_format, task.output_format, data))
            found = train_regions(
                given[0], settings, count, seeds, name=name, mapper=self.executor.map
            )
            for file, model in zip(files, found, strict=False):
                if model is not None:
                    file.parent.mkdir(parents=True, exist_ok=True)
                    model.save(file)
            return found

        return train


def region_cost(models: Sequence[FixedPointModel]) -> RegionCost:
    """Return what a network costs that is there in several initializations; none costs nothing."""
    costs = [model.cost() for model in models]
    built = [unrolled_estimate(model) for model in models]
    return RegionCost(
        macs=max((one.macs for one in costs), default=0),
        ebops=max((one.ebops for one in costs), default=0),
        weight_bytes=max((one.weight_bytes for one in costs), default=0),
        lut=max((one.lut for one in built), default=0),
        dsp=max((one.dsp for one in built), default=0),
    )


def _all(kept: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the places of the kept inputs among themselves."""
    return np.arange(len(kept))
