"""What an ablation found, as plain data for reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from pulsefront.evaluate.record import Record, Unbounded
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.networks.candidate import Candidate, Scaling
from pulsefront.networks.cost import NetworkCost
from pulsefront.networks.settings import ShapeName
from pulsefront.search.noninferiority import MetricChange
from pulsefront.search.task import Task

__all__ = [
    "SILENT",
    "AblationResult",
    "Architecture",
    "AttributionRow",
    "PathPoint",
    "SearchSummary",
    "ShapeTrial",
    "TrialNetwork",
    "front_of",
    "pareto_front",
]

SILENT = "nodes that never change"
"""The step that needs no training, among those of a search; see `silent`."""


@dataclass(frozen=True)
class Architecture:
    """Shape of a network: inputs, nodes per hidden layer, outputs, bits (None where float)."""

    inputs: int
    hidden: tuple[int, ...]
    outputs: int
    weight_bits: tuple[int, ...] | None
    bias_bits: tuple[int, ...] | None
    activation_bits: tuple[int, ...] | None

    @staticmethod
    def of(candidate: Candidate) -> Architecture:
        """Return the shape of *candidate*."""
        formats = candidate.precision
        return Architecture(
            len(candidate.kept_inputs),
            candidate.hidden,
            candidate.weights[-1].shape[1],
            formats.weight_bits if formats else None,
            formats.bias_bits if formats else None,
            formats.activation_bits if formats else None,
        )

    def __str__(self) -> str:
        return "-".join(str(n) for n in (self.inputs, *self.hidden, self.outputs))


@dataclass(frozen=True)
class ShapeTrial:
    """A shape of the full float network that was trained and judged, in every initialization.

    ``weights`` are those that are not zero; ``comparison`` is against the first shape.
    """

    shape: ShapeName
    hidden: tuple[int, ...]
    weights: int
    metric: tuple[Unbounded, ...]
    comparison: MetricChange
    accepted: bool


@dataclass(frozen=True)
class TrialNetwork:
    """One candidate that was trained (in every initialization) and judged.

    ``comparison`` is against the full float network; ``diverged`` says that an initialization
    ended in NaN.
    """

    stage: str
    move: str
    architecture: Architecture
    cost: NetworkCost
    metric: tuple[Unbounded, ...]
    comparison: MetricChange
    non_inferior: bool
    accepted: bool
    diverged: bool


@dataclass(frozen=True)
class PathPoint:
    """A network that the search stood at: the accepted trials in order, the full one first.

    ``comparison`` is against the full float network, ``change`` against the step before.
    """

    step: int
    move: str
    architecture: Architecture
    cost: NetworkCost
    metric: tuple[Unbounded, ...]
    comparison: MetricChange
    non_inferior: bool
    change: MetricChange
    removed_inputs: tuple[str, ...]


@dataclass(frozen=True)
class AttributionRow:
    """What one removal cost: the change of the metric relative to the step before it.

    ``saved`` has the savings of all costs of `networks.NetworkCost` by name; those of something
    built start at the quantized network.
    """

    step: int
    removed: str
    removed_inputs: tuple[str, ...]
    weight_bytes_saved: int
    macs_saved: int
    saved: dict[str, float]
    change: MetricChange


@dataclass(frozen=True)
class AblationResult:
    """End of `run_ablation`.

    Attributes
    ----------
    metric_name, margin
        Figure that decided, and the relative margin of the non-inferiority test.
    full, full_quantized
        The metric on the selection set of the full network, per initialization: float, and after
        quantization-aware training at the starting widths.
    path, candidates, front
        Accepted steps; every candidate tried; indices in ``candidates`` of the Pareto front of
        weight bytes against the metric.
    input_ranking
        (name, relative rise of the metric when the full network gets the input's mean instead),
        worst loss first.
    final, final_metric, final_comparison
        The final architecture's networks per initialization, their metric, and the test against
        the full float network.
    final_models, best
        The same networks lowered to integers, and the index of the one with the smallest metric.
    kept_of_each, input_names
        Indices of the raw inputs that each of ``final_models`` reads, in its order, which differ
        where weights were priced to zero; names of the task's inputs.
    budget_met, non_inferior
        Whether the final network keeps the budget (always true: otherwise `BudgetError`) and the
        margin.
    streamed_events
        Distinct events that networks were trained on, at most; None where there is no stream.
    shapes
        Shapes of the full network that were trained and judged; empty where there was one.
    """

    task_name: str
    metric_name: str
    margin: float
    full: tuple[float, ...]
    full_quantized: tuple[float, ...]
    path: tuple[PathPoint, ...]
    candidates: tuple[TrialNetwork, ...]
    front: tuple[int, ...]
    input_ranking: tuple[tuple[str, float], ...]
    scaling: Scaling
    full_candidates: tuple[Candidate, ...]
    final_candidates: tuple[Candidate, ...]
    final_metric: tuple[float, ...]
    final_comparison: MetricChange
    final_cost: NetworkCost
    best: int
    final_models: tuple[FixedPointModel, ...]
    kept_of_each: tuple[NDArray[np.intp], ...]
    budget_met: bool
    non_inferior: bool
    input_names: tuple[str, ...]
    streamed_events: int | None = None
    shapes: tuple[ShapeTrial, ...] = ()

    @property
    def final_model(self) -> FixedPointModel:
        """The lowered network of the best initialization."""
        return self.final_models[self.best]

    @property
    def kept_inputs(self) -> NDArray[np.intp]:
        """Indices of the raw inputs that ``final_model`` reads, in its order."""
        return self.kept_of_each[self.best]

    @property
    def attribution(self) -> tuple[AttributionRow, ...]:
        """What each step removed and what that cost."""
        return tuple(
            AttributionRow(
                step=after.step,
                removed=after.move,
                removed_inputs=after.removed_inputs,
                weight_bytes_saved=before.cost.weight_bytes - after.cost.weight_bytes,
                macs_saved=before.cost.macs - after.cost.macs,
                saved=_saved(before.cost, after.cost),
                change=after.change,
            )
            for before, after in zip(self.path[:-1], self.path[1:], strict=True)
        )

    @property
    def candidates_tried(self) -> int:
        """Architectures trained and judged."""
        return len(self.candidates) + max(0, len(self.shapes) - 1)

    @property
    def networks_trained(self) -> int:
        """Trainings of one network: architectures, the full one included, × initializations."""
        more = max(0, len(self.shapes) - 1)
        return len(self.full) * (more + sum(trial.move != SILENT for trial in self.candidates))

    def predict_full(self, task: Task, integers: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return the full float networks' outputs (initialization, event, n_out)."""
        return self._predict(self.full_candidates, task, integers)

    def predict_final(self, task: Task, integers: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return the final networks' outputs (initialization, event, n_out)."""
        return self._predict(self.final_candidates, task, integers)

    def _predict(
        self, candidates: tuple[Candidate, ...], task: Task, integers: NDArray[np.integer]
    ) -> NDArray[np.float64]:
        return np.stack([task.predict(c, self.scaling, integers) for c in candidates])

    def summary(self) -> SearchSummary:
        """Return everything but the networks."""
        return SearchSummary(
            task=self.task_name,
            metric=self.metric_name,
            margin=self.margin,
            full=self.full,
            full_quantized=self.full_quantized,
            path=self.path,
            candidates_tried=self.candidates_tried,
            networks_trained=self.networks_trained,
            candidates=self.candidates,
            front=self.front,
            fronts={
                field.name: front_of(self.candidates, field.name)
                for field in fields(NetworkCost)
                if getattr(self.final_cost, field.name) is not None
            },
            attribution=self.attribution,
            input_ranking=self.input_ranking,
            final_metric=self.final_metric,
            final_comparison=self.final_comparison,
            final_cost=self.final_cost,
            final_architecture=Architecture.of(self.final_candidates[self.best]),
            best_initialization=self.best,
            kept_inputs=tuple(int(i) for i in self.kept_inputs),
            budget_met=self.budget_met,
            non_inferior=self.non_inferior,
            input_names=self.input_names,
            streamed_events=self.streamed_events,
            shapes=self.shapes,
        )


class SearchSummary(Record):
    """What a search tried and found, everything but the networks; see `AblationResult`."""

    task: str
    metric: str
    """the figure that decided, with its unit"""
    margin: float
    """relative margin of the non-inferiority test"""
    full: tuple[Unbounded, ...]
    """the metric of the full float network, per initialization, on selection events"""
    full_quantized: tuple[Unbounded, ...]
    """the same after quantization-aware training at the starting widths"""
    path: tuple[PathPoint, ...]
    """the accepted steps"""
    candidates_tried: int
    networks_trained: int
    candidates: tuple[TrialNetwork, ...]
    """every candidate that was trained and judged"""
    front: tuple[int, ...]
    """indices among the candidates of the Pareto front of weight bytes against the metric"""
    fronts: dict[str, tuple[int, ...]]
    """the same for every cost"""
    attribution: tuple[AttributionRow, ...]
    """what each accepted removal saved and cost"""
    input_ranking: tuple[tuple[str, float], ...]
    """relative rise of the metric when an input is replaced by its mean, worst loss first"""
    final_metric: tuple[Unbounded, ...]
    final_comparison: MetricChange
    final_cost: NetworkCost
    final_architecture: Architecture
    best_initialization: int
    kept_inputs: tuple[int, ...]
    """indices of the raw inputs that the final network reads"""
    budget_met: bool
    non_inferior: bool
    input_names: tuple[str, ...]
    streamed_events: int | None = None
    """distinct events that networks were trained on, at most; absent where none are streamed"""
    shapes: tuple[ShapeTrial, ...] = ()
    """shapes of the full float network that were tried; empty where there was one"""


def _saved(before: NetworkCost, after: NetworkCost) -> dict[str, float]:
    pairs = {f.name: (getattr(before, f.name), getattr(after, f.name)) for f in fields(NetworkCost)}
    return {name: a - b for name, (a, b) in pairs.items() if a is not None and b is not None}


def front_of(trials: Sequence[TrialNetwork], cost: str) -> tuple[int, ...]:
    """Return the indices in *trials* of the Pareto front of one *cost* against the metric.

    A float network has no cost of something built and is left out there.
    """
    priced = [n for n, trial in enumerate(trials) if getattr(trial.cost, cost) is not None]
    front = pareto_front(
        np.array([getattr(trials[n].cost, cost) for n in priced], dtype=np.float64),
        np.array([trials[n].comparison.value for n in priced]),
    )
    return tuple(priced[index] for index in front)


def pareto_front(costs: NDArray[np.float64], losses: NDArray[np.float64]) -> tuple[int, ...]:
    """Return the indices that no other beats in both *costs* and *losses*, cheapest first."""
    order = np.lexsort((losses, costs))
    front = []
    best = np.inf
    for index in order:
        if losses[index] < best:
            best = float(losses[index])
            front.append(int(index))
    return tuple(front)
