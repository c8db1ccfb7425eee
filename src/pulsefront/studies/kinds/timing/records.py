"""What a timing study finds beside what all studies find."""

from __future__ import annotations

from typing import Annotated, Literal

from pulsefront.estimators.timing.stated_offsets import ChannelDelay, OffsetCheck
from pulsefront.evaluate import Interval
from pulsefront.evaluate.record import INLINE, Record
from pulsefront.studies.records import SplitRecord, TestRecord

__all__ = [
    "MedianResidual",
    "OffsetBias",
    "TimingLimit",
    "TimingSplit",
    "TimingTest",
    "TruthCheck",
    "TruthReference",
]


class TimingSplit(SplitRecord):
    """How coincidences were selected and split."""

    events_outside_photopeak: int
    """events left out because their charge lies outside the photopeak window"""
    photopeak_window_sigmas: float
    """half width of the photopeak window in its standard deviations"""
    events_without_whole_window: int
    """coincidences in both photopeaks whose samples are not all there"""
    photopeak_0_adc: float
    photopeak_0_sigma_adc: float
    energy_resolution_0_fwhm_percent: float
    photopeak_1_adc: float
    photopeak_1_sigma_adc: float
    energy_resolution_1_fwhm_percent: float
    classical_fraction: float
    """of the amplitude at which the classical time below is taken"""
    offset_checks: dict[str, OffsetCheck]
    """by detector, the line of the classical time over the stated difference"""
    channel_delays: dict[str, ChannelDelay]
    """by detector, what is taken out of channel 0's times; measured on training events"""

    @property
    def exclusions(self) -> dict[str, int]:
        """Events left out, by rule."""
        return {**super().exclusions, "without_whole_window": self.events_without_whole_window}


class MedianResidual(Record):
    """Bias of one estimator at one source offset."""

    median_residual_ps: Interval


class OffsetBias(Record):
    """Bias of every estimator at one source offset."""

    known_difference_ps: float
    events: int
    estimators: Annotated[dict[str, MedianResidual], INLINE]
    """by the estimator's name"""


class TimingLimit(Record):
    """What the result is held against."""

    kind: Literal["waveforms", "photons"]
    """a linear look at the samples, or the stamps of all photons"""
    bound_ctr_fwhm_ps: float
    gap_closed_percent: float | None
    """share of the gap between the best classical estimator and the bound; none where that is
    there already, within its interval"""
    bound_ctr_fwtm_ps: float | None = None
    scintillation_photoelectrons: float | None = None
    """detected per 511 keV"""
    cherenkov_photoelectrons: float | None = None


class TruthReference(Record):
    """A larger float network that was told the true arrival of each detector."""

    hidden: tuple[int, ...]
    ctr_fwhm_ps: Interval
    ctr_fwtm_ps: Interval
    central_width_ps: Interval


class TruthCheck(Record):
    """What the simulation's truth says of each detector's pickoff."""

    single_detector_0_central_width_ps: float
    single_detector_1_central_width_ps: float
    difference_over_root_2_central_width_ps: float
    correlation_of_errors: float


class TimingTest(TestRecord):
    """What every estimator of time reaches on the test set."""

    test_events_left_out: int
    """test events that an estimator has no time for"""
    bias_over_offset: tuple[OffsetBias, ...]
    network_slope: Interval
    """of the network's times over the stated difference: 1 where it follows the source"""
    limit: TimingLimit | None = None
    truth_reference: TruthReference | None = None
    truth_check: TruthCheck | None = None

    def beside_truth(
        self, limit: TimingLimit, reference: TruthReference, check: TruthCheck
    ) -> TimingTest:
        """Return the record with what only simulated events can tell."""
        told = {"limit": limit, "truth_reference": reference, "truth_check": check}
        return self.model_copy(update=told)
