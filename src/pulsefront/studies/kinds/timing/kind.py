"""The study of timing pickoff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

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
from pulsefront.studies.kinds.timing import data, measure
from pulsefront.studies.kinds.timing.labels import DELAY, delays_ns, with_delays
from pulsefront.studies.kinds.timing.others import OtherPairs, with_other_pairs
from pulsefront.studies.kinds.timing.records import TimingSplit, TimingTest
from pulsefront.studies.kinds.timing.settings import TimingStudy
from pulsefront.studies.metrics import BIAS, CENTRAL_WIDTH, CTR_FWHM, CTR_FWTM, Metric
from pulsefront.studies.settings import ExternalSet, MeasuredData

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from pulsefront.report import Block

__all__ = ["TimingKind"]


WORDS = KindWords()


@dataclass(frozen=True)
class TimingKind:
    """Timing pickoff; see `StudyKind`."""

    study: TimingStudy
    measured_kind: Literal["position", "timing"] = "timing"
    words: KindWords = WORDS
    output_unit: str = "ns"
    loss_words: str = "mean distance from the median residual (ps)"
    loss_unit: str = "ps"
    loss_in_output_unit: float = 1e-3
    metrics: Sequence[Metric] = (CTR_FWHM, CTR_FWTM, CENTRAL_WIDTH, BIAS)

    def label_uncertainty(self) -> str:
        """Return what stage and source leave open."""
        source = self.study.source
        if isinstance(source, MeasuredData):
            return "as the manifest says of the stage"
        return f"stage {source.stage_error_mm} mm, source {source.source_fwhm_mm} mm FWHM"

    def generate(self, cache: Path, folder: Path) -> EventTable:
        """Simulate or read the coincidences."""
        return data.generate(self.study, cache, folder)

    def generate_external(self, chosen: ExternalSet, cache: Path) -> EventTable:
        """Simulate other coincidences."""
        return data.generate_external(self.study, chosen, cache)

    def split(self, events: EventTable) -> Selection:
        """Select pairs of photopeak events, split by source offset."""
        return data.split(self.study, events)

    def read_split(self, folders: RunFolders) -> TimingSplit:
        """Return the record of the split."""
        return TimingSplit.read(folders.split)

    def select_external(self, events: EventTable) -> ExternalEvents:
        """Select pairs of photopeak events."""
        return data.select_external(self.study, events)

    def batch(self, events: EventTable) -> WatchedEvents:
        """Return both pulses of the coincidences that pass."""
        return data.batch(self.study, events)

    def network_inputs(self, events: EventTable) -> NDArray[np.integer]:
        """Return the samples around both edges, (event, 2, sample)."""
        return data.network_inputs(self.study, events)

    def preparation(self) -> None:
        """Return nothing: samples are read as they are."""
        return

    def test_events(self, folders: RunFolders) -> EventTable:
        """Return the test events, what was measured between their channels beside them."""
        return with_delays(read_split(folders).test, self.read_split(folders).channel_delays)

    def estimates_of(self, events: EventTable, outputs: NDArray[np.float64]) -> NDArray[np.generic]:
        """Return the time differences of the pairs."""
        return data.network_estimate(self.study, events, outputs, events[DELAY])

    def learning_task(self, parts: SplitEvents, folders: RunFolders) -> Task:
        """Return the regression of the correction to the coarse time."""
        task = data.learning_task(self.study, parts, self._delay_ns(parts.events, folders))
        if self.study.augment is None:
            return task
        return with_other_pairs(task, OtherPairs.read(folders.other_pairs))

    def baselines(self, parts: SplitEvents, folders: RunFolders) -> list[BaselineEstimator]:
        """Tune every classical estimator of time."""
        return data.baselines(self.study, parts, self._delay_ns(parts.events, folders))

    def estimate_with(self, fitted: Any, events: EventTable) -> NDArray[np.float64]:
        """Return what a fitted classical estimator says."""
        return data.estimate(fitted, events)

    def losses(self, events: EventTable, estimates: NDArray[np.generic]) -> NDArray[np.float64]:
        """Return the distances from the median residual in ps."""
        return measure.losses(events, np.asarray(estimates, np.float64))

    def evaluate(
        self,
        parts: SplitEvents,
        outputs: Outputs,
        estimates: Estimates,
        folders: RunFolders,
        cache: Path,
    ) -> Evaluation:
        """Measure against the known difference."""
        delay_ns = self._delay_ns(parts.test, folders)
        return measure.evaluate(self.study, parts, outputs, estimates, cache, delay_ns)

    def _delay_ns(self, events: EventTable, folders: RunFolders) -> NDArray[np.float64]:
        """Return the delays that the split measured, (event,)."""
        return delays_ns(events, self.read_split(folders).channel_delays)

    def read_evaluation(self, folders: RunFolders) -> TimingTest:
        """Return the record of the evaluation."""
        return TimingTest.read(folders.evaluation)

    def evaluate_external(
        self, events: EventTable, network: NDArray[np.float64], estimates: Estimates
    ) -> ExternalMeasures:
        """Measure on other coincidences."""
        return measure.evaluate_external(self.study, events, network, estimates)

    def event_losses(
        self,
        parts: SplitEvents,
        events: NDArray[np.int64],
        outputs: NDArray[np.float64],
        folders: RunFolders,
    ) -> NDArray[np.float64]:
        """Return the distances from the median residual in ps."""
        some = parts.events.select(events)
        some = with_delays(some, self.read_split(folders).channel_delays)
        return self.losses(some, self.estimates_of(some, outputs))

    def data_blocks(self, folders: RunFolders) -> list[Block]:
        """Return detector, pulses and spectra."""
        from pulsefront.studies.kinds.timing import pages

        return pages.data_blocks(self.study, folders)

    def error_blocks(self, folders: RunFolders) -> list[Block]:
        """Return residuals, bias over the offset, the check against truth."""
        from pulsefront.studies.kinds.timing import pages

        return pages.error_blocks(folders)

    def ranking_figure(self, ranking: Ranking) -> Figure:
        """Draw the samples as bars."""
        from pulsefront.studies.kinds.timing import pages

        return pages.ranking_figure(ranking)
