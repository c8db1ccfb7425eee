"""A quantized network behind ``fit`` and ``predict``: a thin layer over `pulsefront.search`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pulsefront.config import validate
from pulsefront.fixed_point import FixedPointFormat, FixedPointModel
from pulsefront.learn.arrays import counts, groups_of, labels, selection_events
from pulsefront.learn.base import DetectorEstimator
from pulsefront.learn.report import EstimatorReport, Stage, report_of
from pulsefront.networks.candidate import Candidate, Scaling
from pulsefront.networks.cost import cost_of
from pulsefront.networks.lower import lower
from pulsefront.networks.settings import MlpSettings, TrainingSettings
from pulsefront.progress import progress
from pulsefront.search.budget import Budget
from pulsefront.search.result import AblationResult, Architecture
from pulsefront.search.settings import SearchSettings
from pulsefront.search.task import Task

__all__ = ["QuantizedNetwork", "output_format"]

SPARE_OUTPUT_BITS = 1
"""Above the largest label: an estimate may lie beyond the labels that were trained on."""


@dataclass(frozen=True)
class _Learned:
    """What training left: networks per initialization, and how counts become their inputs."""

    task: Task
    scaling: Scaling
    full: Sequence[Candidate]
    candidates: Sequence[Candidate]

    @property
    def metric(self) -> list[float]:
        """The deciding figure on selection events, per initialization."""
        rows = self.task.selection
        return [
            self.task.metric(self.task.residuals(one, self.scaling, rows))
            for one in self.candidates
        ]

    @property
    def best(self) -> Candidate:
        """The network of the smallest figure."""
        return self.candidates[int(np.argmin(self.metric))]


class QuantizedNetwork(DetectorEstimator):
    """A multi-layer perceptron of integers, trained with the formats that it ends with.

    ``fit`` trains in floats, then through the quantizers, from ``initializations`` beginnings.
    `quantize` does the latter again at other widths; `ablate` removes what is not needed. After
    any of them `model` is the integers, ``stages_`` what each stage cost and reached.
    """

    hidden: tuple[int, ...]
    weight_bits: int
    activation_bits: int
    epochs: float
    batch: int
    initializations: int
    selection_fraction: float
    seed: int
    device: str

    # --- what a kind of network says -----------------------------------------------------------

    def _task(
        self,
        events: NDArray[np.integer],
        known: NDArray[np.float64],
        groups: NDArray[np.int64] | None,
    ) -> Task:
        raise NotImplementedError

    # --- training ------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:  # noqa: N803
        """Train on events; see the class for the shapes and units of *X* and *y*.

        Parameters
        ----------
        groups
            (event,) or (event, column) labels of what events share, such as the source position:
            every choice is made on whole groups that no training has seen.

        Raises
        ------
        ConfigError
            A parameter has no sense.
        DataError
            Shapes do not fit, labels are not finite, or counts are no whole numbers.
        PulsefrontError
            Training diverged.
        """
        from pulsefront.search.stages import train_float

        settings = self._settings()
        events = counts(X, self.axes)
        known = labels(y, len(events))
        task = self._task(events, known, groups_of(groups, len(events)))
        full = train_float(task, settings)
        self._scaling = task.training_data().scaling
        self.n_features_in_ = events.shape[1]
        self._learned = _Learned(task, self._scaling, full, full)
        self.stages_ = [self._stage("float")]
        return self.quantize()

    def quantize(self, weight_bits: int | None = None, activation_bits: int | None = None) -> Self:
        """Train the float networks on through quantizers; widths as in the parameters if left out.

        What was ablated comes back: this begins with the float networks.
        """
        from pulsefront.search.stages import train_quantized

        self._require_fitted()
        settings = self._settings(weight_bits, activation_bits)
        learned = self._learned
        trained = train_quantized(learned.task, settings, learned.full)
        self._learned = _Learned(learned.task, learned.scaling, learned.full, trained)
        self._bits = (max(settings.network.bits_of_layers), settings.network.activation_bits)
        self.ablation_: AblationResult | None = None
        self._lower()
        self.stages_ = [self.stages_[0], self._stage(f"{self._bits[0]}-bit weights")]
        return self

    def ablate(
        self,
        margin: float = 0.05,
        *,
        max_weight_bytes: int | None = None,
        budget: Budget | None = None,
        rounds: int = 8,
        fine_tuning_epochs: float = 1.5,
    ) -> Self:
        """Remove inputs, nodes, layers and bits while the network is provably not worse.

        Parameters
        ----------
        margin
            How much worse the figure on selection events may be than that of the full float
            network, as a share of it, at one-sided 95 % confidence.
        max_weight_bytes, budget
            What the network must keep in any case, whatever that costs.
        rounds
            Rounds of removal; those that only a limit drives come on top.
        fine_tuning_epochs
            Of every candidate.

        Raises
        ------
        BudgetError
            No network keeps the limits, and how near the smallest comes.
        ConfigError
            The margin is not positive, or there are fewer than no rounds.
        """
        from pulsefront.search import run_ablation

        self._require_fitted()
        learned = self._learned
        asked = validate(SearchSettings, {"margin": margin, "max_rounds": rounds})
        settings = self._settings(*self._bits).model_copy(
            update={
                "margin": asked.margin,
                "max_rounds": asked.max_rounds,
                "fine_tuning": self._short(fine_tuning_epochs),
            }
        )
        limit = budget or Budget(weight_bytes=max_weight_bytes or self._cost().weight_bytes)
        with progress("Removing what is not needed", "stages") as report:
            found = run_ablation(
                learned.task, settings, limit, report=report, full=tuple(learned.full)
            )
        self._learned = _Learned(
            learned.task, learned.scaling, learned.full, found.final_candidates
        )
        self.ablation_ = found
        self._lower()
        self.stages_ = [*self.stages_[:2], self._stage(f"ablated, margin {margin:.0%}")]
        return self

    # --- what comes out ------------------------------------------------------------------------

    @property
    def model(self) -> FixedPointModel:
        """The integers that firmware computes: what `export_model` writes and `verify` proves."""
        self._require_fitted()
        return self.model_

    def report(
        self,
        X: Any,  # noqa: N803
        y: Any,
        *,
        beside: Mapping[str, DetectorEstimator] | None = None,
        groups: Any = None,
        seed: int = 0,
    ) -> EstimatorReport:
        """Return how good the network is on events that it has not seen, with intervals.

        Parameters
        ----------
        X, y
            Test events, as of ``fit``.
        beside
            Fitted estimators to stand beside it, by name; intervals of gains are paired.
        groups
            (event,) labels of what events share; whole groups are resampled.
        seed
            Of the resampling.
        """
        estimators = {"network": self, **(beside or {})}
        return report_of(
            estimators, X, y, groups=groups, stages=self.stages_, model=self.model, seed=seed
        )

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_learned")

    # --- shared --------------------------------------------------------------------------------

    def _settings(
        self, weight_bits: int | None = None, activation_bits: int | None = None
    ) -> SearchSettings:
        network = {
            "hidden": _listed(self.hidden),
            "weight_bits": self.weight_bits if weight_bits is None else weight_bits,
            "activation_bits": self.activation_bits if activation_bits is None else activation_bits,
        }
        search = {
            "initializations": self.initializations,
            "seed": self.seed,
            "device": self.device,
        }
        # Checked one by one, so that an error names the parameter as it is called here.
        return validate(SearchSettings, search).model_copy(
            update={
                "network": validate(MlpSettings, network),
                "float_training": validate(
                    TrainingSettings, {"epochs": self.epochs, "batch": self.batch}
                ),
                "quantized_training": self._short(8.0),
                "fine_tuning": self._short(1.5),
                "final_training": self._short(8.0),
            }
        )

    def _short(self, epochs: float) -> TrainingSettings:
        """Return a training that goes on from weights that are good already."""
        return validate(
            TrainingSettings, {"epochs": epochs, "batch": self.batch, "learning_rate": 2e-3}
        )

    def _parts(
        self, events: int, groups: NDArray[np.int64] | None
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        return selection_events(events, groups, self.selection_fraction, self.seed)

    def _lower(self) -> None:
        task, best = self._learned.task, self._learned.best
        self.model_ = lower(
            best, self._learned.scaling, task.input_format, task.output_format, name=task.name
        )
        self.kept_inputs_ = np.asarray(best.kept_inputs)

    def _cost(self) -> Any:
        task = self._learned.task
        return cost_of(
            self._learned.best, self._learned.scaling, task.input_format, task.output_format, None
        )

    def _stage(self, name: str) -> Stage:
        cost = self._cost()
        return Stage(
            name=name,
            architecture=str(Architecture.of(self._learned.best)),
            figure=self._learned.task.metric_name,
            figures=tuple(self._learned.metric),
            weight_bytes=cost.weight_bytes,
            macs=cost.macs,
        )

    def _run(self, integers: NDArray[np.integer]) -> NDArray[np.float64]:
        """Return outputs in the labels' unit for the integers of all inputs, (row, n_in)."""
        raw = self.model.run(np.ascontiguousarray(integers[:, self.kept_inputs_]))
        return np.asarray(self._learned.task.output_format.values(raw), np.float64)


def _listed(hidden: Any) -> Any:
    """Return a list or an array of nodes as a tuple; what is neither, as it is, to be refused."""
    return tuple(hidden) if isinstance(hidden, Iterable) and not isinstance(hidden, str) else hidden


def output_format(largest: float, bits: int) -> FixedPointFormat:
    """Return a signed format of *bits* that holds twice the *largest* value."""
    integer = int(np.ceil(np.log2(max(largest, 1e-9)))) + 1 + SPARE_OUTPUT_BITS
    return FixedPointFormat(bits, integer)
