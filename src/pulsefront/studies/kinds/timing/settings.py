"""The study file of a timing study."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from pulsefront.config import FrozenModel
from pulsefront.networks.settings import LossSettings
from pulsefront.simulate.coincidences.measurement import CoincidenceSettings
from pulsefront.simulate.coincidences.varied import PairAugmentSettings
from pulsefront.studies.settings import MeasuredData, Statistics, StudyBase, one_source

__all__ = ["TimingEvents", "TimingStatistics", "TimingStudy"]


class TimingEvents(FrozenModel):
    """Which coincidences are used, and which samples of a pulse the network sees.

    The central width that decides the search holds ``core_fraction`` of the coincidences; left
    out, the share that a Gaussian has within its FWHM. Where a sharp peak stands on wide tails,
    as with few Cherenkov photons, a smaller share looks at the peak.
    """

    core_fraction: float | None = Field(default=None, gt=0, lt=1)
    """share of the coincidences that the central width holds, which decides the search; left out,
    the share that a Gaussian has within its FWHM. Where a sharp peak stands on wide tails, as
    with few Cherenkov photons, a smaller share looks at the peak"""
    photopeak_sigmas: float = Field(default=2.0, gt=0)
    """half width of the photopeak window in the peak's standard deviations"""
    baseline_samples: int = Field(default=16, ge=1)
    """samples at the start of a record whose mean is the baseline"""
    trigger_adc: int = Field(ge=1)
    """threshold above the baseline at which the window of the network begins to count"""
    samples_before: int = Field(ge=0)
    """samples that the network sees before the trigger"""
    samples_after: int = Field(ge=1)
    """samples that it sees from the trigger on"""
    check_labels: bool = True
    """stop before training where the times do not follow the stated offsets; where false, the
    first page says what is wrong"""


class TimingStatistics(Statistics):
    """``bin_ps`` is the width of the bins in which CTR is read; chosen where left out.

    The choice goes by the central width, and is too coarse for a peak much narrower than that.
    """

    bin_ps: float | None = Field(default=None, gt=0)
    """width of the bins in which CTR is read; chosen by the central width where left out, which is
    too coarse for a peak much narrower than that"""
    slope_tolerance: float = Field(default=0.1, gt=0, lt=1)
    """the network's resolution is judged where the slope of its times over the stated offset is 1
    within this"""


class TimingStudy(StudyBase):
    """Timing pickoff from the leading edge of two detectors in coincidence.

    ``limit`` says what the result is held against: what a linear look at the samples could reach
    ("waveforms"), or what the time stamps of all photons would give ("photons").
    """

    kind: Literal["timing"]
    """what is estimated: timing"""
    detector: str
    """name of a file in sim_data/detectors, or its path"""
    coincidences: CoincidenceSettings | None = None
    """the stepped point source to simulate"""
    loss: LossSettings = LossSettings(kind="coincidence")
    """what training minimizes"""
    events: TimingEvents
    """which coincidences are used, and which samples of a pulse the network sees"""
    augment: PairAugmentSettings | None = None
    """pairs of detectors that networks are trained on beside the one that is described, drawn from
    ranges around it and simulated; the report has the same network trained without beside it.
    Classical estimators, selection and test see the events as they are"""
    statistics: TimingStatistics = TimingStatistics()
    """of the test"""
    limit: Literal["waveforms", "photons"] = "waveforms"
    """what the result is held against: what a linear look at the samples could reach (waveforms),
    or what the time stamps of all photons would give (photons)"""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.coincidences is None) == (self.measured is None):
            raise ValueError("a timing study needs either [coincidences] to simulate or [measured]")
        return self

    @model_validator(mode="after")
    def _augments_what_it_can(self) -> Self:
        if self.augment is not None and self.coincidences is None:
            raise ValueError(
                "augment: other pairs are simulated, and measured pulses have no description to "
                "simulate them from; leave it out"
            )
        return self

    @property
    def augments(self) -> bool:
        """Whether networks are trained on other detectors than the one that is described."""
        return self.augment is not None

    @property
    def source(self) -> CoincidenceSettings | MeasuredData:
        """Where events come from: what is simulated, or what was measured."""
        return one_source(self.coincidences, self.measured)
