"""What a kind of study is: the calls that the steps of a run and the report make of it.

A kind is one folder beside this file: its settings, its data and labels, its classical
estimators, its measures, its pages. `pulsefront.studies.kinds` lists them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import Detector, load_detector
from pulsefront.estimators.timing.stated_offsets import ChannelDelay
from pulsefront.evaluate import Split
from pulsefront.evaluate.record import Intervals
from pulsefront.events.container import EventTable
from pulsefront.fixed_point.preparation import ChargePreparation
from pulsefront.monitor.batch import WatchedEvents
from pulsefront.simulate.perturb import NAMED, perturbed
from pulsefront.studies.folders import RunFolders, SplitEvents
from pulsefront.studies.metrics import Metric
from pulsefront.studies.records import Gain, SplitRecord, TestRecord
from pulsefront.studies.settings import ExternalSet, StudyBase

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pulsefront.report import Block
    from pulsefront.search.task import Task

__all__ = [
    "BaselineEstimator",
    "Estimates",
    "Evaluation",
    "ExternalEvents",
    "ExternalMeasures",
    "KindWords",
    "Outputs",
    "Ranking",
    "Selection",
    "StudyKind",
    "external_detector",
    "restrict",
]

Estimates = Mapping[str, NDArray[np.float64]]
"""Estimator → its estimates of some events."""

Ranking = Sequence[tuple[str, float]]
"""Inputs with the relative rise of the metric without them."""


@dataclass(frozen=True)
class Selection:
    """Which recorded events are used, how they are split, and the record of both."""

    selected: NDArray[np.int64]
    parts: SplitEvents
    record: SplitRecord


@dataclass(frozen=True)
class ExternalEvents:
    """The usable events of an external set, and numbers on how they were selected.

    ``delays`` is what was measured between the channels of a pair, by detector.
    """

    events: EventTable
    selection: dict[str, float]
    delays: Mapping[str, ChannelDelay] = field(default_factory=dict)


@dataclass(frozen=True)
class BaselineEstimator:
    """A classical estimator, tuned, on the test events.

    ``estimates`` are (test event, 3) in mm, (test event,) in ns, or (test event,) crystals;
    ``table`` holds all settings tried; ``fitted`` is the estimator itself, which
    `StudyKind.estimate_with` applies to any events of the same detector type.
    """

    name: str
    estimates: NDArray[np.float64]
    parameters: Mapping[str, Any]
    table: tuple[Mapping[str, Any], ...]
    fitted: Any


@dataclass(frozen=True)
class Outputs:
    """Outputs of the networks for the test inputs, in the target's unit.

    ``network`` (vector, output) is the exported one; ``final`` and ``full`` hold every
    initialization of the searched and of the full float network, (initialization, vector, output).
    """

    network: NDArray[np.float64]
    final: NDArray[np.float64]
    full: NDArray[np.float64]


@dataclass(frozen=True)
class Evaluation:
    """Everything measured on the test set: the record, and arrays for the figures."""

    record: TestRecord
    arrays: dict[str, NDArray[Any]]


@dataclass(frozen=True)
class ExternalMeasures:
    """What every estimator reaches on an external set."""

    main_metric: Metric
    test_events: int
    test_positions: int
    estimators: dict[str, Intervals]
    gain_over_baselines: dict[str, Gain]
    test_events_left_out: int | None = None


@dataclass(frozen=True)
class KindWords:
    """What the pages call things.

    Attributes
    ----------
    events, places
        What is learned from, and what is never divided between parts.
    between
        Where test and selection events lie.
    paired, subgroups
        What differences between estimators are paired by, and what subgroups count.
    data
        Heading of the section on the data.
    figures
        Heading of the section that compares the estimators.
    input_unit
        Of the network's inputs.
    classifies
        Whether the network chooses among classes.
    """

    events: str = "events"
    places: str = "positions"
    between: str = "at positions between the training positions"
    paired: str = "event"
    subgroups: str = "events"
    data: str = "Detector and data"
    figures: str = "Resolution beside the classical estimators"
    input_unit: str = "ADC counts"
    classifies: bool = False

    @property
    def event(self) -> str:
        """Return the word for one of ``events``."""
        return self.events.removesuffix("s")

    @property
    def place(self) -> str:
        """Return the word for one of ``places``."""
        return self.places.removesuffix("s")


class StudyKind(Protocol):
    """A study of one kind: what it simulates, learns, compares, measures and shows."""

    @property
    def study(self) -> StudyBase:
        """The study file."""

    @property
    def measured_kind(self) -> Literal["position", "timing"]:
        """What the labels of measured events have to say.

        Raises
        ------
        ConfigError
            The kind takes no files of events.
        """

    @property
    def words(self) -> KindWords:
        """What the pages call things."""

    @property
    def output_unit(self) -> str:
        """Unit of the network's outputs, as the firmware's README names it."""

    @property
    def loss_words(self) -> str:
        """What `event_losses` are, in words with their unit."""

    @property
    def loss_unit(self) -> str:
        """Unit of `event_losses` alone."""

    @property
    def loss_in_output_unit(self) -> float:
        """What one unit of `event_losses` is in the unit of the outputs; 0 where it is none."""

    @property
    def metrics(self) -> Sequence[Metric]:
        """All metrics of the kind, in the order in which tables show them."""

    def label_uncertainty(self) -> str:
        """Return in words how uncertain the labels are."""

    def generate(self, cache: Path, folder: Path) -> EventTable:
        """Simulate the study's events, or read its measured ones.

        Parameters
        ----------
        cache
            Folder of light maps.
        folder
            Folder of the study file, which measured files are relative to.
        """

    def generate_external(self, chosen: ExternalSet, cache: Path) -> EventTable:
        """Simulate an external set, at positions or offsets between those of training."""

    def split(self, events: EventTable) -> Selection:
        """Select events and split them into training, selection and test.

        Raises
        ------
        DataError
            No event passes, or something is shared between the parts.
        """

    def read_split(self, folders: RunFolders) -> SplitRecord:
        """Return the record of the split of a run."""

    def select_external(self, events: EventTable) -> ExternalEvents:
        """Select events of an external set as those of the study, by its own spectrum."""

    def batch(self, events: EventTable) -> WatchedEvents:
        """Select events as those of the study, by their own spectrum, for `pulsefront.monitor`.

        No label is read: what a deployed network sees has none.
        """

    def network_inputs(self, events: EventTable) -> NDArray[np.integer]:
        """Return what the network reads, (event, …, input)."""

    def preparation(self) -> ChargePreparation | None:
        """Return what happens to charges before the network; None where it reads no charges."""

    def test_events(self, folders: RunFolders) -> EventTable:
        """Return the test events of a run as `evaluate_external` takes them."""

    def estimates_of(self, events: EventTable, outputs: NDArray[np.float64]) -> NDArray[np.generic]:
        """Return what a network's outputs (vector, output) say of *events*.

        The form is that of the classical estimators: (event, axis) in mm, (event,) in ns, or
        (event,) crystals.
        """

    def learning_task(self, parts: SplitEvents, folders: RunFolders) -> Task:
        """Return what is to be learned; *folders* hold what the split measured."""

    def baselines(self, parts: SplitEvents, folders: RunFolders) -> list[BaselineEstimator]:
        """Tune the classical estimators on training and selection events; apply to the test.

        *folders* hold what the split measured.
        """

    def estimate_with(self, fitted: Any, events: EventTable) -> NDArray[np.float64]:
        """Return what a fitted classical estimator says of *events*, as `BaselineEstimator` does.

        Of timing, the delays of the channels stand beside the events.
        """

    def losses(self, events: EventTable, estimates: NDArray[np.generic]) -> NDArray[np.float64]:
        """Return how wrong *estimates* are of each event, (event,), in the unit of `loss_words`.

        Parameters
        ----------
        estimates
            As `estimates_of` and `estimate_with` give them.
        """

    def evaluate(
        self,
        parts: SplitEvents,
        outputs: Outputs,
        estimates: Estimates,
        folders: RunFolders,
        cache: Path,
    ) -> Evaluation:
        """Measure every estimator on the test set.

        Parameters
        ----------
        outputs
            Of the networks.
        estimates
            Of the classical estimators.
        folders
            Of the run, for what the split measured.
        cache
            Folder of light maps.
        """

    def read_evaluation(self, folders: RunFolders) -> TestRecord:
        """Return the record of the evaluation of a run."""

    def evaluate_external(
        self, events: EventTable, network: NDArray[np.float64], estimates: Estimates
    ) -> ExternalMeasures:
        """Measure every estimator on events of an external set.

        Parameters
        ----------
        network
            Outputs of the exported network, (vector, output).
        """

    def event_losses(
        self,
        parts: SplitEvents,
        events: NDArray[np.int64],
        outputs: NDArray[np.float64],
        folders: RunFolders,
    ) -> NDArray[np.float64]:
        """Return how wrong the network is on each event, (event,).

        Parameters
        ----------
        events
            Indices into the events of *parts*.
        outputs
            Of the network for them, (vector, output).
        folders
            Of the run, for what the split measured.
        """

    def data_blocks(self, folders: RunFolders) -> list[Block]:
        """Return what the report shows of detector and data."""

    def error_blocks(self, folders: RunFolders) -> list[Block]:
        """Return what the report shows of the errors."""

    def ranking_figure(self, ranking: Ranking) -> Figure:
        """Draw the ranking of the inputs."""


def external_detector(name: str, chosen: ExternalSet) -> Detector:
    """Return the detector that an external set is simulated with."""
    detector = load_detector(chosen.detector or name)
    for change in chosen.perturb:
        detector = perturbed(detector, NAMED[change])
    return detector


def restrict(split: Split, keep: NDArray[np.bool_]) -> Split:
    """Return *split* with the events of *keep* (event,) alone, counted anew."""
    index = np.cumsum(keep) - 1
    train, selection, test = (
        index[part[keep[part]]] for part in (split.train, split.selection, split.test)
    )
    return Split(train, selection, test, dict(split.excluded))
