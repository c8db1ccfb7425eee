"""The judge of a search: metric, margin test and cost of one architecture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.fixed_point.resources import ResourceModel, estimate_resources
from pulsefront.networks.candidate import Candidate, Scaling
from pulsefront.networks.cost import NetworkCost, cost_of
from pulsefront.networks.lower import lower
from pulsefront.search.noninferiority import Figures, MetricChange, compare_figures, event_groups
from pulsefront.search.result import Architecture, PathPoint, TrialNetwork
from pulsefront.search.task import Task

__all__ = ["Judge"]


class Judge:
    """Judges architectures, each given as its initializations, against the full float network.

    Parameters
    ----------
    full
        The full float network's initializations.
    margin
        Relative non-inferiority margin.
    seed
        Of the jackknife groups of the selection set.
    resources
        Tells LUTs, flip-flops, DSPs and cycles of a lowered network.
    """

    def __init__(
        self,
        task: Task,
        scaling: Scaling,
        full: Sequence[Candidate],
        *,
        margin: float,
        seed: int,
        resources: ResourceModel = estimate_resources,
    ) -> None:
        self._resources = resources
        self.task = task
        self.scaling = scaling
        self.margin = margin
        labels = None if task.groups is None else task.groups[task.selection]
        self._groups = event_groups(len(task.selection), labels, seed=seed)
        self._measured: dict[tuple[int, ...], tuple[tuple[Candidate, ...], Figures]] = {}
        self._full = self._figures(full)
        self.full_metric = tuple(map(float, self._full.whole))

    def residuals(self, candidate: Candidate) -> NDArray[np.float64]:
        """Return residuals on the selection set, (event, n_out)."""
        return self.task.residuals(candidate, self.scaling, self.task.selection)

    def _figures(self, candidates: Sequence[Candidate]) -> Figures:
        key = tuple(map(id, candidates))
        if key not in self._measured:
            residuals = [self.residuals(candidate) for candidate in candidates]
            found = Figures.of(residuals, self.task.metric, self._groups)
            # the candidates are kept, so that no other can get their identity
            self._measured[key] = (tuple(candidates), found)
        return self._measured[key][1]

    def _forget_all_but(self, candidates: Sequence[Candidate]) -> None:
        key = tuple(map(id, candidates))
        self._measured = {key: self._measured[key]}

    def metric(self, candidate: Candidate) -> float:
        """Return the deciding figure on the selection set."""
        return self.task.metric(self.residuals(candidate))

    def trial(
        self,
        stage: str,
        move: str,
        candidates: Sequence[Candidate],
        untrained: Sequence[Candidate],
    ) -> TrialNetwork:
        """Measure trained *candidates*; those that diverged are priced as they were before."""
        diverged = not all(candidate.finite for candidate in candidates)
        if diverged:
            metric = (float("inf"),) * len(candidates)
            comparison = MetricChange(float("inf"), float("inf"), float("inf"), metric)
        else:
            found = self._figures(candidates)
            metric = tuple(map(float, found.whole))
            comparison = compare_figures(found, self._full)
        return TrialNetwork(
            stage=stage,
            move=move,
            architecture=Architecture.of(candidates[0]),
            cost=self.cost(untrained if diverged else candidates),
            metric=metric,
            comparison=comparison,
            non_inferior=comparison.non_inferior(self.margin),
            accepted=False,
            diverged=diverged,
        )

    def step(
        self,
        number: int,
        trial: TrialNetwork,
        before: Sequence[Candidate],
        after: Sequence[Candidate],
    ) -> PathPoint:
        """Return the path point of an accepted trial, with what it changed."""
        change = compare_figures(self._figures(after), self._figures(before))
        self._forget_all_but(after)
        gone = np.setdiff1d(before[0].kept_inputs, after[0].kept_inputs)
        return PathPoint(
            step=number,
            move=trial.move,
            architecture=trial.architecture,
            cost=trial.cost,
            metric=trial.metric,
            comparison=trial.comparison,
            non_inferior=trial.non_inferior,
            change=change,
            removed_inputs=tuple(self.task.input_names[i] for i in gone),
        )

    def lowered(self, candidate: Candidate) -> FixedPointModel:
        """Return the integers of *candidate*, which is no float network."""
        task = self.task
        return lower(
            candidate,
            self.scaling,
            task.input_format,
            task.output_format,
            name=task.name,
            front_end=task.front_end,
        )

    def cost(self, candidates: Sequence[Candidate]) -> NetworkCost:
        """Return the largest cost of any initialization: they differ where zeros count."""
        task = self.task
        costs = [
            asdict(
                cost_of(
                    candidate,
                    self.scaling,
                    task.input_format,
                    task.output_format,
                    task.front_end,
                    self._resources,
                )
            )
            for candidate in candidates
        ]

        def largest(name: str) -> Any:
            values = [cost[name] for cost in costs]
            return None if None in values else max(values)

        return NetworkCost(**{name: largest(name) for name in costs[0]})
