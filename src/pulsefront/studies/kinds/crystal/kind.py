"""The study of the crystal of first interaction."""

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
from pulsefront.studies.kinds.crystal import data, measure
from pulsefront.studies.kinds.crystal.records import CrystalTest
from pulsefront.studies.kinds.crystal.settings import CrystalStudy
from pulsefront.studies.metrics import (
    MEAN_MISPLACEMENT,
    WRONG_CRYSTAL,
    WRONG_OF_ONE_CRYSTAL,
    WRONG_OF_SCATTERED,
    Metric,
)
from pulsefront.studies.settings import ExternalSet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pulsefront.report import Block

__all__ = ["CrystalKind"]


WORDS = KindWords(classifies=True)


@dataclass(frozen=True)
class CrystalKind:
    """The crystal of first interaction; see `StudyKind`."""

    study: CrystalStudy
    measured_kind: Literal["position", "timing"] = "position"
    words: KindWords = WORDS
    output_unit: str = "score"
    loss_words: str = "share in the wrong crystal (%)"
    loss_unit: str = "%"
    loss_in_output_unit: float = 0.0
    metrics: Sequence[Metric] = (
        WRONG_CRYSTAL,
        WRONG_OF_ONE_CRYSTAL,
        WRONG_OF_SCATTERED,
        MEAN_MISPLACEMENT,
    )

    def label_uncertainty(self) -> str:
        """Return what stage, beam and simulation leave open."""
        return scan.label_uncertainty(self.study, "the crystal hit first")

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
        """Return the charges, (event, photosensor)."""
        return data.network_inputs(self.study, events)

    def preparation(self) -> ChargePreparation:
        """Return what happens to the charges."""
        return data.preparation(self.study)

    def test_events(self, folders: RunFolders) -> EventTable:
        """Return the test events."""
        return read_split(folders).test

    def estimates_of(
        self,
        events: EventTable,
        outputs: NDArray[np.float64],
    ) -> NDArray[np.generic]:
        """Return the crystals chosen, turned back where the events were folded."""
        return data.chosen_crystal(data.crystal_scores(self.study, events, outputs))

    def learning_task(self, parts: SplitEvents, folders: RunFolders) -> Task:
        """Return the choice among all crystals."""
        return data.learning_task(self.study, parts, folders)

    def baselines(
        self,
        parts: SplitEvents,
        folders: RunFolders,  # noqa: ARG002 - every kind of study is asked by the same call
    ) -> list[BaselineEstimator]:
        """Tune flood map, k-NN and unmixing."""
        return data.baselines(self.study, parts)

    def estimate_with(self, fitted: Any, events: EventTable) -> NDArray[np.float64]:
        """Return what a fitted classical estimator says."""
        return data.estimate(fitted, events)

    def losses(self, events: EventTable, estimates: NDArray[np.generic]) -> NDArray[np.float64]:
        """Return 100 where the wrong crystal is chosen, and 0 elsewhere."""
        return measure.losses(events, estimates)

    def evaluate(
        self,
        parts: SplitEvents,
        outputs: Outputs,
        estimates: Estimates,
        folders: RunFolders,  # noqa: ARG002 - every kind of study is asked by the same call
        cache: Path,  # noqa: ARG002 - every kind of study is asked by the same call
    ) -> Evaluation:
        """Measure against the crystal of first interaction."""
        network, final, full = (
            data.crystal_scores(self.study, parts.test, found)
            for found in (outputs.network, outputs.final, outputs.full)
        )
        return measure.evaluate(self.study, parts, Outputs(network, final, full), estimates)

    def read_evaluation(self, folders: RunFolders) -> CrystalTest:
        """Return the record of the evaluation."""
        return CrystalTest.read(folders.evaluation)

    def evaluate_external(
        self, events: EventTable, network: NDArray[np.float64], estimates: Estimates
    ) -> ExternalMeasures:
        """Measure on another set."""
        scores = data.crystal_scores(self.study, events, network)
        return measure.evaluate_external(self.study, events, scores, estimates)

    def event_losses(
        self,
        parts: SplitEvents,
        events: NDArray[np.int64],
        outputs: NDArray[np.float64],
        folders: RunFolders,  # noqa: ARG002 - every kind of study is asked by the same call
    ) -> NDArray[np.float64]:
        """Return 100 where the wrong crystal is chosen, and 0 elsewhere."""
        some = parts.events.select(events)
        return self.losses(some, self.estimates_of(some, outputs))

    def data_blocks(self, folders: RunFolders) -> list[Block]:
        """Return detector, flood map and spectrum."""
        from pulsefront.studies.kinds.crystal import pages

        return pages.data_blocks(self.study, folders)

    def error_blocks(self, folders: RunFolders) -> list[Block]:
        """Return right crystals over the array, and where wrong choices lie."""
        from pulsefront.studies.kinds.crystal import pages

        return pages.error_blocks(self.study, folders)

    def ranking_figure(self, ranking: Ranking) -> Figure:
        """Draw a map of the photosensors."""
        from pulsefront.studies.kinds.position.pages import ranking_figure

        return ranking_figure(self.study, ranking)
