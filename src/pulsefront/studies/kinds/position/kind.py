"""The study of position of interaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from pulsefront.events.container import EventTable
from pulsefront.fixed_point.preparation import ChargePreparation
from pulsefront.monitor.batch import WatchedEvents
from pulsefront.search.task import Task
from pulsefront.studies.folders import RunFolders, SplitEvents, read_split
from pulsefront.studies.kinds import scan
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
from pulsefront.studies.kinds.position import data, inputs, measure
from pulsefront.studies.kinds.position.records import PositionTest
from pulsefront.studies.kinds.position.settings import PositionStudy
from pulsefront.studies.metrics import (
    FWHM_2D,
    FWTM_2D,
    MEAN_ABSOLUTE_ERRORS,
    MEAN_ERROR_2D,
    MEAN_ERROR_3D,
    MEDIAN_ERROR_2D,
    MEDIAN_ERROR_3D,
    Metric,
)
from pulsefront.studies.settings import ExternalSet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pulsefront.report import Block

__all__ = ["PositionKind"]


WORDS = KindWords()


@dataclass(frozen=True)
class PositionKind:
    """Position of interaction; see `StudyKind`."""

    study: PositionStudy
    measured_kind: Literal["position", "timing"] = "position"
    words: KindWords = WORDS
    output_unit: str = "mm"
    loss_words: str = "mean distance from the truth (mm)"
    loss_unit: str = "mm"
    loss_in_output_unit: float = 1.0
    metrics: Sequence[Metric] = (
        MEDIAN_ERROR_3D,
        MEAN_ERROR_3D,
        MEDIAN_ERROR_2D,
        MEAN_ERROR_2D,
        FWHM_2D,
        FWTM_2D,
        *MEAN_ABSOLUTE_ERRORS,
    )

    def label_uncertainty(self) -> str:
        """Return what stage, beam and simulation leave open."""
        return scan.label_uncertainty(self.study, "depth")

    def generate(self, cache: Path, folder: Path) -> EventTable:
        """Simulate or read the scan."""
        return scan.generate(self.study, cache, folder)

    def generate_external(self, chosen: ExternalSet, cache: Path) -> EventTable:
        """Simulate another scan."""
        return scan.generate_external(self.study, chosen, cache)

    def split(self, events: EventTable) -> Selection:
        """Select photopeak events, split by stage position."""
        return scan.split(self.study, events)

    def read_split(self, folders: RunFolders) -> scan.ScanSplit:
        """Return the record of the split."""
        return scan.ScanSplit.read(folders.split)

    def select_external(self, events: EventTable) -> ExternalEvents:
        """Select photopeak events."""
        return scan.select_external(self.study, events)

    def batch(self, events: EventTable) -> WatchedEvents:
        """Return the inputs of the photopeak events, and the spectrum."""
        return scan.batch(self.study, events, self.network_inputs)

    def network_inputs(self, events: EventTable) -> NDArray[np.integer]:
        """Return the charges, (event, photosensor), or sums of them."""
        return inputs.network_inputs(self.study, events)

    def preparation(self) -> ChargePreparation | None:
        """Return what happens to the charges; of sums, nothing that the front end knows."""
        return None if self.study.events.inputs != "charges" else inputs.preparation(self.study)

    def test_events(self, folders: RunFolders) -> EventTable:
        """Return the test events."""
        return read_split(folders).test

    def estimates_of(
        self,
        events: EventTable,
        outputs: NDArray[np.float64],
    ) -> NDArray[np.generic]:
        """Return the outputs, which are positions, turned back where the events were folded."""
        return inputs.positions_mm(self.study, events, outputs)

    def learning_task(self, parts: SplitEvents, folders: RunFolders) -> Task:
        """Return the regression of the position."""
        return data.learning_task(self.study, parts, folders)

    def baselines(
        self,
        parts: SplitEvents,
        folders: RunFolders,  # noqa: ARG002 - every kind of study is asked by the same call
    ) -> list[BaselineEstimator]:
        """Tune every classical estimator of position."""
        return data.baselines(self.study, parts)

    def estimate_with(self, fitted: Any, events: EventTable) -> NDArray[np.float64]:
        """Return what a fitted classical estimator says."""
        return data.estimate(fitted, events)

    def losses(self, events: EventTable, estimates: NDArray[np.generic]) -> NDArray[np.float64]:
        """Return the distances from the truth in mm."""
        return measure.losses(events, np.asarray(estimates, np.float64))

    def evaluate(
        self,
        parts: SplitEvents,
        outputs: Outputs,
        estimates: Estimates,
        folders: RunFolders,  # noqa: ARG002 - every kind of study is asked by the same call
        cache: Path,
    ) -> Evaluation:
        """Measure against the first interaction."""
        network, final, full = (
            inputs.positions_mm(self.study, parts.test, found)
            for found in (outputs.network, outputs.final, outputs.full)
        )
        return measure.evaluate(self.study, parts, Outputs(network, final, full), estimates, cache)

    def read_evaluation(self, folders: RunFolders) -> PositionTest:
        """Return the record of the evaluation."""
        return PositionTest.read(folders.evaluation)

    def evaluate_external(
        self, events: EventTable, network: NDArray[np.float64], estimates: Estimates
    ) -> ExternalMeasures:
        """Measure in the axes that the set knows."""
        found = inputs.positions_mm(self.study, events, network)
        return measure.evaluate_external(self.study, events, found, estimates)

    def event_losses(
        self,
        parts: SplitEvents,
        events: NDArray[np.int64],
        outputs: NDArray[np.float64],
        folders: RunFolders,  # noqa: ARG002 - every kind of study is asked by the same call
    ) -> NDArray[np.float64]:
        """Return the distances from the truth in mm."""
        some = parts.events.select(events)
        return self.losses(some, self.estimates_of(some, outputs))

    def data_blocks(self, folders: RunFolders) -> list[Block]:
        """Return detector, light patterns and spectrum."""
        from pulsefront.studies.kinds.position import pages

        return pages.data_blocks(self.study, folders)

    def error_blocks(self, folders: RunFolders) -> list[Block]:
        """Return residuals, error over position, bias over depth."""
        from pulsefront.studies.kinds.position import pages

        return pages.error_blocks(folders)

    def ranking_figure(self, ranking: Ranking) -> Figure:
        """Draw a map of the photosensors."""
        from pulsefront.studies.kinds.position import pages

        return pages.ranking_figure(self.study, ranking)
