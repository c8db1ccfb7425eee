"""The study file: one TOML that says everything a result depends on."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from pulsefront.config import FrozenModel, load_toml, validate
from pulsefront.errors import ConfigError
from pulsefront.events.external import ExternalData
from pulsefront.files import sim_data_directory
from pulsefront.networks.settings import LossSettings
from pulsefront.search.budget import Budget
from pulsefront.search.settings import SearchSettings
from pulsefront.simulate.coincidences.measurement import CoincidenceSettings
from pulsefront.simulate.perturb import NAMED
from pulsefront.simulate.scan.measurement import ScanSettings

__all__ = [
    "AnyStudy",
    "CrystalStudy",
    "DiagnosisSettings",
    "ExportSettings",
    "ExternalSet",
    "MeasuredData",
    "PositionStudy",
    "Purpose",
    "ScanStudy",
    "Statistics",
    "TimingStatistics",
    "TimingStudy",
    "VerificationSettings",
    "load_study",
]


class Purpose(FrozenModel):
    """What the study is for and where it ends, in the words of the best-practice checklist."""

    task: str
    user: str
    use: str
    requirement: str
    risk: str
    covered: tuple[str, ...] = Field(min_length=1)
    missing: tuple[str, ...] = Field(min_length=1)
    limits: tuple[str, ...] = Field(min_length=1)


class Statistics(FrozenModel):
    """Confidence and number of bootstrap replicates of every interval on the test set."""

    confidence: float = Field(default=0.95, gt=0.5, lt=1.0)
    replicates: int = Field(default=1000, ge=100)


class ExportSettings(FrozenModel):
    """Firmware targets, and the board whose part and clock the projects are written for."""

    targets: tuple[Literal["onnx", "hls4ml"], ...] = ("onnx", "hls4ml")
    board: str = "zcu102"


class VerificationSettings(FrozenModel):
    """How many held-out vectors every executor has to agree on, to the bit.

    At least 1,000 golden vectors with the extremes of every input format come on top.
    """

    held_out_vectors: int = Field(default=10_000, ge=1)


class MeasuredData(ExternalData):
    """Measured files that a study learns from, and what its parts may not share.

    Attributes
    ----------
    apart
        Labels of the manifest that training, selection and test never have in common, beside the
        source position.
    least_distance_mm
        Selection and test positions nearer than this to a training position are left out.
    """

    apart: tuple[Literal["run", "detector", "source"], ...] = ("run",)
    least_distance_mm: float = Field(default=0.0, ge=0)


class ExternalSet(FrozenModel):
    """Other data that the finished estimators are tested on; nothing is fitted to it.

    Attributes
    ----------
    name
        In the report.
    measured
        Files, as `ExternalData` says. Otherwise the set is simulated:
    detector
        Another detector; the study's own where left out.
    perturb
        Names of `pulsefront.simulate.perturb.NAMED`, applied one after the other.
    events
        Simulated events, shared between positions or offsets that no training has seen.
    """

    name: str = Field(min_length=1)
    measured: ExternalData | None = None
    detector: str | None = None
    perturb: tuple[str, ...] = ()
    events: int = Field(default=4000, ge=100)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        simulated = self.detector is not None or bool(self.perturb)
        if simulated == (self.measured is not None):
            raise ValueError(
                f"external set {self.name!r} needs either measured files, "
                "or a detector or perturbations to simulate"
            )
        unknown = [name for name in self.perturb if name not in NAMED]
        if unknown:
            raise ValueError(f"perturb: {unknown[0]!r} is none of {', '.join(NAMED)}")
        return self


class DiagnosisSettings(FrozenModel):
    """Learning curve, cross validation and sham data, with the full float network.

    Attributes
    ----------
    learning_curve
        Shares of the training events to train on, beside all of them.
    folds
        Of the cross validation by position among training events; 0 leaves it out.
    sham
        Train once on exchanged inputs, in which there is nothing to find.
    most_events
        Training events that cross validation and sham use at most.
    """

    learning_curve: tuple[float, ...] = (0.1, 0.3)
    folds: int = Field(default=5, ge=0)
    sham: bool = True
    most_events: int = Field(default=40_000, ge=100)

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if not all(0 < share < 1 for share in self.learning_curve):
            raise ValueError("learning_curve: shares lie between 0 and 1")
        if self.folds == 1:
            raise ValueError("folds: one fold has nothing to train on; give 0 or at least 2")
        return self


class StudyBase(FrozenModel):
    """What every study has."""

    schema_version: Literal[1]
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    study_type: Literal["development", "evaluation"]
    seed: int = Field(ge=0)
    detector: str
    purpose: Purpose
    search: SearchSettings
    budget: Budget
    statistics: Statistics = Statistics()
    export: ExportSettings = ExportSettings()
    verification: VerificationSettings = VerificationSettings()
    external: tuple[ExternalSet, ...] = ()
    diagnosis: DiagnosisSettings | None = None

    @model_validator(mode="after")
    def _develops(self) -> Self:
        if self.study_type == "evaluation":
            raise ValueError(
                "study_type: an evaluation study must not train, and this version can only "
                "develop; test a finished study on other data with pulsefront run --external"
            )
        return self

    @model_validator(mode="after")
    def _external_names(self) -> Self:
        names = [chosen.name for chosen in self.external]
        if len(set(names)) < len(names):
            raise ValueError("external: every set needs a name of its own")
        return self


class ScanEvents(FrozenModel):
    """Which events of a scan are used: those in the photopeak of the charge sum."""

    photopeak_sigmas: float = Field(default=2.0, gt=0)


class PositionEvents(ScanEvents):
    """Which events of a scan are used, and what x and y are learned from."""

    label: Literal["stage", "first_interaction"] = "stage"


class PositionBaselines(FrozenModel):
    """Settings of the classical position estimators; they are tuned on training events."""

    knn_references: int = Field(default=60_000, ge=100)
    knn_selection: int = Field(default=5_000, ge=100)


class ScanStudy(StudyBase):
    """What studies of the charges of a scan have in common."""

    scan: ScanSettings | None = None
    measured: MeasuredData | None = None
    events: ScanEvents = ScanEvents()

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.scan is None) == (self.measured is None):
            raise ValueError("the study needs either a [scan] to simulate or [measured]")
        return self


class PositionStudy(ScanStudy):
    """Position of interaction from the charges of a pixelated photosensor."""

    kind: Literal["position"]
    loss: LossSettings = LossSettings()
    events: PositionEvents = PositionEvents()
    baselines: PositionBaselines = PositionBaselines()


class CrystalBaselines(FrozenModel):
    """Settings of the classical estimators of the crystal; tuned on training events."""

    knn_references: int = Field(default=60_000, ge=100)
    knn_selection: int = Field(default=4_000, ge=100)
    pair_events: int = Field(default=20_000, ge=100)


class CrystalStudy(ScanStudy):
    """The crystal of first interaction in a pixelated array, with scatter between crystals.

    What is learned is known in simulated events alone: no measurement says which of two crystals
    was hit first.
    """

    kind: Literal["crystal"]
    loss: LossSettings = LossSettings(kind="classification")
    baselines: CrystalBaselines = CrystalBaselines()

    @model_validator(mode="after")
    def _has_truth(self) -> Self:
        if self.measured is not None:
            raise ValueError("measured: measured events do not say which crystal was hit first")
        return self


class TimingEvents(FrozenModel):
    """Which coincidences are used, and which samples of a pulse the network sees.

    The central width that decides the search holds ``core_fraction`` of the coincidences; left
    out, the share that a Gaussian has within its FWHM. Where a sharp peak stands on wide tails,
    as with few Cherenkov photons, a smaller share looks at the peak.
    """

    core_fraction: float | None = Field(default=None, gt=0, lt=1)
    photopeak_sigmas: float = Field(default=2.0, gt=0)
    baseline_samples: int = Field(default=16, ge=1)
    trigger_adc: int = Field(ge=1)
    samples_before: int = Field(ge=0)
    samples_after: int = Field(ge=1)


class TimingStatistics(Statistics):
    """``bin_ps`` is the width of the bins in which CTR is read; chosen where left out.

    The choice goes by the central width, and is too coarse for a peak much narrower than that.
    """

    bin_ps: float | None = Field(default=None, gt=0)


class TimingStudy(StudyBase):
    """Timing pickoff from the leading edge of two detectors in coincidence.

    ``limit`` says what the result is held against: what a linear look at the samples could reach
    ("waveforms"), or what the time stamps of all photons would give ("photons").
    """

    kind: Literal["timing"]
    coincidences: CoincidenceSettings | None = None
    measured: MeasuredData | None = None
    loss: LossSettings = LossSettings(kind="coincidence")
    events: TimingEvents
    statistics: TimingStatistics = TimingStatistics()
    limit: Literal["waveforms", "photons"] = "waveforms"

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.coincidences is None) == (self.measured is None):
            raise ValueError("a timing study needs either [coincidences] to simulate or [measured]")
        return self


AnyStudy = CrystalStudy | PositionStudy | TimingStudy

_KINDS: dict[str, type[CrystalStudy] | type[PositionStudy] | type[TimingStudy]] = {
    "crystal": CrystalStudy,
    "position": PositionStudy,
    "timing": TimingStudy,
}


def load_study(path: str | Path) -> tuple[AnyStudy, Path]:
    """Read a study file, or one that ships by its name; returns the study and its path.

    Raises
    ------
    ConfigError
        No such file or shipped study, an unknown key, or a value that does not fit.
    """
    file = _find(Path(path))
    content = load_toml(file)
    kind = content.get("kind")
    if kind not in _KINDS:
        raise ConfigError(
            "a study needs a kind",
            file=file,
            field="kind",
            value=kind,
            remedy=f"use one of {', '.join(map(repr, _KINDS))}",
        )
    return validate(_KINDS[str(kind)], content, file=file), file


def _find(path: Path) -> Path:
    shipped = sim_data_directory() / "studies" / f"{path}.toml"
    return shipped if not path.exists() and path.suffix == "" and shipped.is_file() else path
