"""What is to be learned: arrays, formats, a loss and the figure that decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.evaluate import metrics
from pulsefront.files import hash_json
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks.candidate import Candidate, Scaling
from pulsefront.networks.deploy import predict
from pulsefront.networks.front_end import FrontEnd
from pulsefront.networks.settings import LossSettings
from pulsefront.search.noninferiority import Metric

if TYPE_CHECKING:
    from pulsefront.networks.training import TrainingData

__all__ = [
    "Task",
    "central_width",
    "mean_distance",
    "median_distance",
    "misclassified",
    "root_mean_square",
]


def central_width(residuals: NDArray[np.float64]) -> float:
    """Return `metrics.central_width` of the first output's residuals.

    It equals the FWHM for a Gaussian and, unlike a histogram's, varies smoothly with the events.
    """
    return metrics.central_width(residuals[:, 0])


def mean_distance(residuals: NDArray[np.float64]) -> float:
    """Return the mean Euclidean length of the residuals (event, n_out)."""
    return float(np.sqrt((residuals**2).sum(1)).mean())


def median_distance(residuals: NDArray[np.float64]) -> float:
    """Return the median Euclidean length of the residuals (event, n_out)."""
    return float(np.sqrt(np.median((residuals**2).sum(1))))


def misclassified(residuals: NDArray[np.float64]) -> float:
    """Return the share of events given the wrong class; residuals as of a classification."""
    return float(residuals[:, 0].mean())


def root_mean_square(residuals: NDArray[np.float64]) -> float:
    """Return the root mean square over events and outputs."""
    return float(np.sqrt((residuals**2).mean()))


@dataclass(frozen=True)
class Task:
    """One learning task for `run_ablation`.

    Attributes
    ----------
    name
        Becomes the model's name.
    inputs
        Raw integers of ``input_format``: (event, n_in), or (event, 2, n_in) for coincidences.
    targets
        (event, n_out); for coincidences the known difference t0 − t1 (event,); for
        classification the class (event,).
    train, selection
        Event indices. Training and every choice use these alone: keep the test set out of the
        task.
    input_format, output_format
        Of the deployed network's ends; outputs are in the target's unit.
    loss
        Its ``kind`` says which of the two tasks this is.
    metric, metric_name
        Figure on residuals (event, n_out), smaller is better, and its name with unit.
    coarse
        (event, 2) coarse times that the corrections are added to, in the target's unit;
        coincidences only.
    groups
        (event,) label, such as the source position, of events that share a bias.
    input_names, output_names
        For reports. Inputs are those of the network: sums where there is a front end.
    front_end
        Sums of the raw inputs that the network reads in their place.

    Raises
    ------
    DataError
        Shapes disagree, a label is missing, an input is outside its format, or training and
        selection overlap.
    """

    name: str
    inputs: NDArray[np.integer]
    targets: NDArray[np.floating]
    train: NDArray[np.intp]
    selection: NDArray[np.intp]
    input_format: FixedPointFormat
    output_format: FixedPointFormat
    loss: LossSettings
    metric: Metric
    metric_name: str
    input_names: tuple[str, ...] = ()
    output_names: tuple[str, ...] = ()
    coarse: NDArray[np.floating] | None = None
    groups: NDArray[np.integer] | None = None
    front_end: FrontEnd | None = None

    def __post_init__(self) -> None:
        if self.inputs.dtype.kind not in "iu":
            raise DataError(
                "inputs must be raw integers", field="inputs", value=str(self.inputs.dtype)
            )
        low, high = int(self.inputs.min(initial=0)), int(self.inputs.max(initial=0))
        if not self.input_format.holds(low, high):
            raise DataError(
                f"inputs reach {low} … {high}, outside {self.input_format}",
                field="inputs",
                remedy="choose a wider input format",
            )
        if np.intersect1d(self.train, self.selection).size:
            raise DataError(
                "training and selection events overlap",
                field="selection",
                remedy="split by group, then give disjoint indices",
            )
        if not len(self.train) or not len(self.selection):
            raise DataError("no training or no selection events", field="train, selection")
        if self.front_end is not None and self.front_end.n_raw != self.inputs.shape[-1]:
            raise DataError(
                f"the front end sums {self.front_end.n_raw} inputs",
                field="inputs",
                value=self.inputs.shape,
            )
        if not self.input_names:
            names = tuple(f"input_{i}" for i in range(self.n_in))
            names = self.front_end.names if self.front_end is not None else names
            object.__setattr__(self, "input_names", names)
        if not self.output_names:
            names = tuple(f"output_{i}" for i in range(self.n_out))
            object.__setattr__(self, "output_names", names)

    @property
    def n_in(self) -> int:
        """Inputs of the network."""
        return self.front_end.n_sums if self.front_end else int(self.inputs.shape[-1])

    @property
    def n_out(self) -> int:
        """Outputs of the network."""
        if self.loss.kind == "classification":
            return int(self.targets[self.train].max()) + 1
        return 1 if self.loss.kind == "coincidence" else int(self.targets.shape[1])

    @property
    def network_format(self) -> FixedPointFormat:
        """Format of the network's inputs, behind the front end."""
        return self.front_end.sum_format(self.input_format) if self.front_end else self.input_format

    def network_inputs(self, integers: NDArray[np.integer]) -> NDArray[np.integer]:
        """Return the network's inputs (…, n_in) for raw integers."""
        return self.front_end.apply(integers) if self.front_end else integers

    def predict(
        self, candidate: Candidate, scaling: Scaling, integers: NDArray[np.integer]
    ) -> NDArray[np.float64]:
        """Return outputs (event, n_out) in the target's unit for raw integers (event, n_raw)."""
        inputs = self.network_inputs(integers)
        return predict(candidate, scaling, inputs, self.network_format, self.output_format)

    def training_data(self, *, common_scale: bool = False) -> TrainingData:
        """Return the training events, standardized on themselves (see `networks.prepare`)."""
        from pulsefront.networks.training import prepare

        rows = self.train
        return prepare(
            self.network_inputs(self.inputs[rows]),
            self.targets[rows],
            self.network_format,
            self.loss,
            coarse=None if self.coarse is None else self.coarse[rows],
            common_scale=common_scale,
        )

    def residuals(
        self, candidate: Candidate, scaling: Scaling, rows: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Return what *candidate* gets wrong, (event, n_out) in the target's unit.

        For classification (event, 1): 1 where the largest output is not the class, else 0.
        """
        inputs = self.inputs[rows]
        outputs = self.predict(candidate, scaling, inputs.reshape(-1, inputs.shape[-1]))
        if self.loss.kind == "classification":
            wrong = outputs.argmax(1) != np.asarray(self.targets[rows]).reshape(-1)
            return np.asarray(wrong, dtype=np.float64)[:, None]
        if self.loss.kind == "coincidence":
            assert self.coarse is not None  # training_data has refused the task without it
            times = outputs.reshape(-1, 2) + self.coarse[rows]
            known = np.asarray(self.targets[rows], dtype=np.float64).reshape(-1)
            return (times[:, 0] - times[:, 1] - known)[:, None]
        return outputs - np.asarray(self.targets[rows], dtype=np.float64)

    def fingerprint(self) -> str:
        """Return a hash of the data and definitions, for checkpoints."""
        import hashlib

        def digest(array: NDArray[Any] | None) -> str:
            if array is None:
                return ""
            whole = np.ascontiguousarray(array)
            return f"{whole.dtype}{whole.shape}" + hashlib.sha256(whole.tobytes()).hexdigest()

        return hash_json(
            [
                self.name,
                *map(digest, (self.inputs, self.targets, self.train, self.selection)),
                *map(digest, (self.coarse, self.groups)),
                digest(self.front_end.matrix if self.front_end else None),
                str(self.input_format),
                str(self.output_format),
                self.loss.model_dump(mode="json"),
                self.metric_name,
                list(self.input_names),
                list(self.output_names),
            ]
        )
