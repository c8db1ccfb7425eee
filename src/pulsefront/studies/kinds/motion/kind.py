"""The study of motion of the patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError
from pulsefront.events.container import EventTable
from pulsefront.monitor.batch import WatchedEvents
from pulsefront.search.task import Task
from pulsefront.studies.folders import RunFolders, SplitEvents, read_split
from pulsefront.studies.kinds.base import (
    BaselineEstimator,
    Estimates,
    Evaluation,
    ExternalEvents,
    ExternalMeasures,
    KindWords,
    Outputs,
    Ranking,
    Selection,
)
from pulsefront.studies.kinds.motion import baselines, data, measure
from pulsefront.studies.kinds.motion.records import MotionSplit, MotionTest
from pulsefront.studies.kinds.motion.scans import all_scans
from pulsefront.studies.kinds.motion.settings import MotionStudy
from pulsefront.studies.metrics import (
    FALSE_SPLITS,
    LOG_LOSS,
    MEAN_DELAY,
    MEAN_SIZE_ERROR,
    MISSED_STEPS,
    Metric,
)
from pulsefront.studies.settings import ExternalSet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pulsefront.report import Block

__all__ = ["MotionKind"]


WORDS = KindWords(
    events="intervals",
    places="patients",
    between="of patients whom no training scan holds",
    paired="scan",
    subgroups="steps",
    data="Patients and scans",
    figures="Steps found, and false splits, beside the classical detectors",
    input_unit="eighths of a log-odds or of an error, or intervals, by the input's name",
    classifies=True,
)


@dataclass(frozen=True)
class MotionKind:
    """Motion of the patient; see `StudyKind`. An event is an interval of a scan."""

    study: MotionStudy
    words: KindWords = WORDS
    output_unit: str = "score"
    loss_words: str = "log loss of an interval (nats)"
    loss_unit: str = "nats"
    loss_in_output_unit: float = 0.0
    metrics: Sequence[Metric] = (
        MISSED_STEPS,
        FALSE_SPLITS,
        MEAN_DELAY,
        MEAN_SIZE_ERROR,
        LOG_LOSS,
    )

    @property
    def measured_kind(self) -> Literal["position", "timing"]:
        """Refuse: a motion study reads scans of patients, and no files of events."""
        raise ConfigError(
            "a motion study reads scans of patients, and no files of events",
            field="kind",
            value="motion",
            remedy="list scans as [[recorded]]; pulsefront motion finds movements in one",
        )

    def label_uncertainty(self) -> str:
        """Return how well the movements are known."""
        simulated = "of simulated scans exact: the displacement of the centre in the simulation"
        if not self.study.recorded:
            return simulated
        listed = "of recorded scans as the study file lists them"
        return listed if self.study.simulated is None else f"{simulated}; {listed}"

    def generate(self, cache: Path, folder: Path) -> EventTable:  # noqa: ARG002 - of light maps
        """Simulate and read the scans."""
        return data.table_of(self.study, all_scans(self.study, folder))

    def generate_external(self, chosen: ExternalSet, cache: Path) -> EventTable:  # noqa: ARG002
        """Refuse: other scans to test on are listed."""
        raise _no_external(chosen.name)

    def split(self, events: EventTable) -> Selection:
        """Divide the intervals by patient and scan."""
        return data.split(events)

    def read_split(self, folders: RunFolders) -> MotionSplit:
        """Return the record of the split."""
        return MotionSplit.read(folders.split)

    def select_external(self, events: EventTable) -> ExternalEvents:
        """Return the labelled intervals."""
        return ExternalEvents(events.select(events["moved"] != data.UNKNOWN), {})

    def batch(self, events: EventTable) -> WatchedEvents:
        """Return the inputs of all intervals."""
        return WatchedEvents(self.network_inputs(events))

    def network_inputs(self, events: EventTable) -> NDArray[np.integer]:
        """Return the evidence of the filter, (interval, input)."""
        return np.asarray(events["evidence"])

    def preparation(self) -> None:
        """Return nothing: the filter's evidence is read as it is."""
        return

    def test_events(self, folders: RunFolders) -> EventTable:
        """Return the test intervals."""
        return read_split(folders).test

    def estimates_of(
        self,
        events: EventTable,  # noqa: ARG002 - of timing, the outputs correct times of the events
        outputs: NDArray[np.float64],
    ) -> NDArray[np.generic]:
        """Return the log-odds of a step."""
        return measure.log_odds_of(outputs)

    def learning_task(self, parts: SplitEvents, folders: RunFolders) -> Task:  # noqa: ARG002
        """Return the choice between still and moved."""
        return data.learning_task(self.study, parts)

    def baselines(
        self,
        parts: SplitEvents,
        folders: RunFolders,  # noqa: ARG002 - every kind of study is asked by the same call
    ) -> list[BaselineEstimator]:
        """Tune adaptive threshold, CUSUM and Bayesian change point."""
        return baselines.baselines(self.study, parts)

    def estimate_with(self, fitted: Any, events: EventTable) -> NDArray[np.float64]:
        """Return the log-odds of a step that a classical detector sees."""
        return np.asarray(fitted.log_odds(events), np.float64)

    def losses(self, events: EventTable, estimates: NDArray[np.generic]) -> NDArray[np.float64]:
        """Return the log loss of each interval."""
        return measure.losses(events, estimates)

    def evaluate(
        self,
        parts: SplitEvents,
        outputs: Outputs,
        estimates: Estimates,
        folders: RunFolders,
        cache: Path,  # noqa: ARG002 - every kind of study is asked by the same call
    ) -> Evaluation:
        """Let every detector decide on the test scans."""
        return measure.evaluate(self.study, parts, outputs, estimates, folders)

    def read_evaluation(self, folders: RunFolders) -> MotionTest:
        """Return the record of the evaluation."""
        return MotionTest.read(folders.evaluation)

    def evaluate_external(
        self, events: EventTable, network: NDArray[np.float64], estimates: Estimates
    ) -> ExternalMeasures:
        """Measure the log loss of intervals: for the comparison of two networks."""
        return measure.evaluate_interval_losses(self.study, events, network, estimates)

    def event_losses(
        self,
        parts: SplitEvents,
        events: NDArray[np.int64],
        outputs: NDArray[np.float64],
        folders: RunFolders,  # noqa: ARG002 - every kind of study is asked by the same call
    ) -> NDArray[np.float64]:
        """Return the log loss of each interval."""
        return self.losses(parts.events.select(events), measure.log_odds_of(outputs))

    def data_blocks(self, folders: RunFolders) -> list[Block]:
        """Return scans, and what is wrong with them and never motion."""
        from pulsefront.studies.kinds.motion import pages

        return pages.data_blocks(self.study, folders)

    def error_blocks(self, folders: RunFolders) -> list[Block]:
        """Return steps found over their size, and traces with what was found drawn over them."""
        from pulsefront.studies.kinds.motion import pages

        return pages.error_blocks(folders)

    def ranking_figure(self, ranking: Ranking) -> Figure:
        """Draw a bar for each input."""
        from pulsefront.report.figures import importance_bars

        values = {name.replace("_", " "): (100.0 * rise,) * 3 for name, rise in ranking}
        return importance_bars(values, label="rise (%)")


def _no_external(name: str) -> ConfigError:
    return ConfigError(
        "a motion study has no external sets",
        field="external",
        value=name,
        remedy="list other scans as [[recorded]] with part = 'test'",
    )
