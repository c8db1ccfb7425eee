"""What an ablation found, as plain data for reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.networks.candidate import Candidate, Scaling
from pulsefront.networks.cost import Cost
from pulsefront.search.noninferiority import Comparison
from pulsefront.search.task import Task

__all__ = [
    "AblationResult",
    "Architecture",
    "AttributionRow",
    "PathPoint",
    "Trial",
    "front_of",
    "pareto_front",
]


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
class Trial:
    """One candidate that was trained (in every initialization) and judged.

    ``comparison`` is against the full float network; ``diverged`` says that an initialization
    ended in NaN.
    """

    stage: str
    move: str
    architecture: Architecture
    cost: Cost
    metric: tuple[float, ...]
    comparison: Comparison
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
    cost: Cost
    metric: tuple[float, ...]
    comparison: Comparison
    non_inferior: bool
    change: Comparison
    removed_inputs: tuple[str, ...]


@dataclass(frozen=True)
class AttributionRow:
    """What one removal cost: the change of the metric relative to the step before it.

    ``saved`` has the savings of all costs of `networks.Cost` by name; those of something built
    start at the quantized network.
    """

    step: int
    removed: str
    removed_inputs: tuple[str, ...]
    weight_bytes_saved: int
    macs_saved: int
    saved: dict[str, float]
    change: Comparison


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
        Accepted steps; every candidate tried; places in ``candidates`` of the Pareto front of
        weight bytes against the metric.
    input_ranking
        (name, relative rise of the metric when the full network gets the input's mean instead),
        worst loss first.
    final, final_metric, final_comparison
        The final architecture's networks per initialization, their metric, and the test against
        the full float network.
    final_models, best
        The same networks lowered to integers, and the place of the one with the smallest metric.
    kept_inputs
        Indices of the raw inputs that ``final_model`` reads, in its order.
    budget_met, non_inferior
        Whether the final network keeps the budget (always true: otherwise `BudgetError`) and the
        margin.
    """

    task_name: str
    metric_name: str
    margin: float
    full: tuple[float, ...]
    full_quantized: tuple[float, ...]
    path: tuple[PathPoint, ...]
    candidates: tuple[Trial, ...]
    front: tuple[int, ...]
    input_ranking: tuple[tuple[str, float], ...]
    scaling: Scaling
    full_candidates: tuple[Candidate, ...]
    final_candidates: tuple[Candidate, ...]
    final_metric: tuple[float, ...]
    final_comparison: Comparison
    final_cost: Cost
    best: int
    final_models: tuple[FixedPointModel, ...]
    kept_inputs: NDArray[np.intp]
    budget_met: bool
    non_inferior: bool

    @property
    def final_model(self) -> FixedPointModel:
        """The lowered network of the best initialization."""
        return self.final_models[self.best]

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
        return len(self.candidates)

    @property
    def networks_trained(self) -> int:
        """Trainings of one network: architectures, the full one included, × initializations."""
        return len(self.full) * len(self.candidates)

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

    def summary(self) -> dict[str, Any]:
        """Return everything but the networks as plain JSON values; infinite becomes None."""
        content: dict[str, Any] = _finite(self._content())
        return content

    def _content(self) -> dict[str, Any]:
        return {
            "task": self.task_name,
            "metric": self.metric_name,
            "margin": self.margin,
            "full": list(self.full),
            "full_quantized": list(self.full_quantized),
            "path": [asdict(point) for point in self.path],
            "candidates_tried": self.candidates_tried,
            "networks_trained": self.networks_trained,
            "candidates": [asdict(trial) for trial in self.candidates],
            "front": list(self.front),
            "fronts": {
                field.name: list(front_of(self.candidates, field.name)) for field in fields(Cost)
            },
            "attribution": [asdict(row) for row in self.attribution],
            "input_ranking": [list(entry) for entry in self.input_ranking],
            "final_metric": list(self.final_metric),
            "final_comparison": asdict(self.final_comparison),
            "final_cost": asdict(self.final_cost),
            "final_architecture": asdict(Architecture.of(self.final_candidates[self.best])),
            "best_initialization": self.best,
            "kept_inputs": [int(i) for i in self.kept_inputs],
            "budget_met": self.budget_met,
            "non_inferior": self.non_inferior,
        }


def _finite(value: Any) -> Any:
    """Return *value* with infinities and NaN as None, as JSON wants it."""
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _saved(before: Cost, after: Cost) -> dict[str, float]:
    pairs = {f.name: (getattr(before, f.name), getattr(after, f.name)) for f in fields(Cost)}
    return {name: a - b for name, (a, b) in pairs.items() if a is not None and b is not None}


def front_of(trials: Sequence[Trial], cost: str) -> tuple[int, ...]:
    """Return the places in *trials* of the Pareto front of one *cost* against the metric.

    A float network has no cost of something built and is left out there.
    """
    priced = [n for n, trial in enumerate(trials) if getattr(trial.cost, cost) is not None]
    front = pareto_front(
        np.array([getattr(trials[n].cost, cost) for n in priced], dtype=np.float64),
        np.array([trials[n].comparison.value for n in priced]),
    )
    return tuple(priced[place] for place in front)


def pareto_front(costs: NDArray[np.float64], losses: NDArray[np.float64]) -> tuple[int, ...]:
    """Return the places that no other beats in both *costs* and *losses*, cheapest first."""
    order = np.lexsort((losses, costs))
    front = []
    best = np.inf
    for place in order:
        if losses[place] < best:
            best = float(losses[place])
            front.append(int(place))
    return tuple(front)
