"""What is to be learned: arrays, formats, a loss and the figure that decides."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.evaluate.spread import spread_over
from pulsefront.files import hash_json
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks.candidate import Candidate, Scaling
from pulsefront.networks.deploy import predict
from pulsefront.networks.front_end import FrontEnd
from pulsefront.networks.goals import GOALS, Goal, Labels
from pulsefront.networks.settings import LossSettings
from pulsefront.networks.shapes import Grid
from pulsefront.networks.stream import EventStream, InputStream
from pulsefront.search.residual_metrics import (
    Metric,
    central_width,
    mean_distance,
    mean_misplacement,
    median_distance,
    misclassified,
    root_mean_square,
    scaled_distance,
)
from pulsefront.search.sums import SumFamily, extended, families

if TYPE_CHECKING:
    from pulsefront.networks.training import TrainingData

__all__ = [
    "OtherEvents",
    "Task",
    "central_width",
    "mean_distance",
    "mean_misplacement",
    "median_distance",
    "misclassified",
    "root_mean_square",
    "scaled_distance",
]

STOPPING_EVENTS = 10_000
"""Selection events that early stopping looks at, at most."""


@dataclass(frozen=True)
class OtherEvents:
    """Events that train beside those of ``Task.train``, and are in no part: of other detectors.

    Attributes
    ----------
    rows
        Their indices into the events of the task. Those train whose group is among the groups of
        ``train``, so that a fold never trains on what it is measured at.
    for_each
        So many at most for each event of ``train``, spread evenly over them.
    """

    rows: NDArray[np.intp]
    for_each: float

    def beside(
        self, train: NDArray[np.intp], groups: NDArray[np.integer] | None
    ) -> NDArray[np.intp]:
        """Return those that train beside the events *train*; *groups* (event,) of the task."""
        rows = self.rows
        if groups is not None:
            rows = rows[np.isin(groups[rows], groups[train])]
        return rows[spread_over(len(rows), round(self.for_each * len(train)))]


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
        Its ``kind`` says which sort of task this is.
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
    sums
        Sums that the search may put in the place of the inputs that they hold, such as
        ``window_sums(16, 2)``; each entry is one family. The network starts with the inputs
        themselves. Not together with ``front_end``, which then becomes inputs and sums.
    stream
        New events to train on in the place of ``train``, which then standardizes, calibrates and
        ranks; an epoch counts as many. Not for coincidences.
    grid
        Rows and columns of the inputs, which follow row by row, for shapes of networks that ask for
        them; samples of a pulse are one row. Inputs are one row where None.
    others
        Events of other detectors that train beside those of ``train``, which alone standardize.
        Not together with a stream.
    class_positions
        (class, axis) position of every class, such as the centres of the crystals of an array in
        mm; classification only. Residuals then say how far off a wrong choice is.

    Raises
    ------
    DataError
        Shapes disagree, a label or a coarse time is missing, an input is outside its format, or
        training and selection overlap.
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
    class_positions: NDArray[np.floating] | None = None
    sums: tuple[FrontEnd, ...] = ()
    stream: EventStream | None = None
    grid: Grid | None = None
    others: OtherEvents | None = None

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
        self._check_labels()
        for one in (*self.sums, *((self.front_end,) if self.front_end else ())):
            if one.n_raw != self.inputs.shape[-1]:
                raise DataError(
                    f"the front end sums {one.n_raw} inputs",
                    field="inputs",
                    value=self.inputs.shape,
                )
        if self.grid is not None and self.grid[0] * self.grid[1] != self.n_start:
            raise DataError(
                f"{self.n_start} inputs are no grid of so many rows and columns",
                field="grid",
                value=self.grid,
            )
        if self.stream is not None and self.coarse is not None:
            raise DataError("coincidences are not streamed", field="stream")
        if self.stream is not None and self.others is not None:
            raise DataError("a stream has events of its own", field="others")
        if self.sums and self.front_end is not None:
            raise DataError("sums of a front end's sums are not searched", field="sums")
        if not self.input_names:
            names = tuple(f"input_{i}" for i in range(self.n_start))
            names = self.front_end.names if self.front_end is not None else names
            object.__setattr__(self, "input_names", names)
        if self.sums:
            both = extended(self.n_start, self.input_names, self.sums)
            object.__setattr__(self, "front_end", both)
            object.__setattr__(self, "input_names", both.names)
        if not self.output_names:
            names = tuple(f"output_{i}" for i in range(self.n_out))
            object.__setattr__(self, "output_names", names)

    def _check_labels(self) -> None:
        """Refuse what training would trip over, or what would spoil the choice silently."""
        events = len(self.inputs)
        for field in ("targets", "coarse", "groups"):
            array = getattr(self, field)
            if array is not None and len(array) != events:
                raise DataError(
                    f"there are {events} events", field=field, value=f"{len(array)} entries"
                )
        beside = self.train[:0] if self.others is None else self.others.rows
        used = np.concatenate([self.train, self.selection, beside])
        if used.min() < 0 or used.max() >= events:
            raise DataError(
                f"there are {events} events", field="train, selection", value=int(used.max())
            )
        labels = np.asarray(self.targets[used], dtype=np.float64)
        missing = int((~np.isfinite(labels)).reshape(len(used), -1).any(1).sum())
        if missing:
            raise DataError(
                "events have no label",
                field="targets",
                value=missing,
                remedy="select events that have one",
            )
        self.goal.check(self.labels, self.train, used)

    @property
    def goal(self) -> Goal:
        """What outputs mean, by the kind of the loss."""
        return GOALS[self.loss.kind]

    @property
    def labels(self) -> Labels:
        """What is known of the events."""
        return Labels(self.targets, self.coarse, self.class_positions)

    @property
    def n_start(self) -> int:
        """Inputs that the full network reads; sums that the search may use come after them."""
        return int(self.inputs.shape[-1]) if self.sums or not self.front_end else self.n_in

    @property
    def families(self) -> tuple[SumFamily, ...]:
        """The families of sums that may replace inputs."""
        return families(self.front_end, self.sums) if self.front_end and self.sums else ()

    @property
    def n_in(self) -> int:
        """Inputs that a network can choose from, sums included."""
        return self.front_end.n_sums if self.front_end else int(self.inputs.shape[-1])

    @property
    def n_out(self) -> int:
        """Outputs of the network."""
        return self.goal.outputs(self.labels, self.train)

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

    def training_data(
        self, *, common_scale: bool = False, with_selection: bool = False
    ) -> TrainingData:
        """Return the training events, standardized on themselves (see `networks.prepare`).

        Events of other detectors come with them, standardized as they are.

        With *with_selection* the selection events come with them, for early stopping.
        """
        data = self._prepared(self.train, None, common_scale=common_scale)
        if self.others is not None:
            beside = self.others.beside(self.train, self.groups)
            data = self._prepared(np.concatenate([self.train, beside]), data.scaling)
        if with_selection:
            rows = self.selection[spread_over(len(self.selection), STOPPING_EVENTS)]
            data = replace(data, selection=self._prepared(rows, data.scaling))
        if self.stream is not None:
            stream = InputStream(self.stream, self.front_end, self.network_format)
            data = replace(data, stream=stream)
        return data

    def _prepared(
        self, rows: NDArray[np.intp], scaling: Scaling | None, *, common_scale: bool = False
    ) -> TrainingData:
        from pulsefront.networks.training import prepare

        return prepare(
            self.network_inputs(self.inputs[rows]),
            self.targets[rows],
            self.network_format,
            self.loss,
            coarse=None if self.coarse is None else self.coarse[rows],
            scaling=scaling,
            common_scale=common_scale,
        )

    def residuals(
        self, candidate: Candidate, scaling: Scaling, rows: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Return what *candidate* gets wrong, as the `networks.goals.Goal` of its kind says."""
        inputs = self.inputs[rows]
        outputs = self.predict(candidate, scaling, inputs.reshape(-1, inputs.shape[-1]))
        return self.goal.residuals(outputs, self.labels, rows)

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
                *map(digest, (self.coarse, self.groups, self.class_positions)),
                digest(self.front_end.matrix if self.front_end else None),
                str(self.input_format),
                str(self.output_format),
                self.loss.model_dump(mode="json"),
                self.metric_name,
                list(self.input_names),
                list(self.output_names),
                *([] if self.stream is None else [dict(self.stream.identity)]),
                *([] if self.others is None else [digest(self.others.rows), self.others.for_each]),
            ]
        )
