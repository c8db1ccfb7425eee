"""What every study file says: one TOML that holds everything a result depends on.

What is particular to a kind stands beside the kind.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, field_validator, model_validator

from pulsefront.config import FrozenModel
from pulsefront.errors import ConfigError
from pulsefront.events.external import ExternalData
from pulsefront.search.budget import Budget
from pulsefront.search.settings import SearchSettings
from pulsefront.simulate.augment import AugmentSettings
from pulsefront.simulate.perturb import NAMED
from pulsefront.simulate.scan.settings import ScanSettings
from pulsefront.studies.regions.settings import RegionSettings
from pulsefront.studies.tables.settings import TableSettings
from pulsefront.studies.uncertainty.settings import UncertaintySettings

__all__ = [
    "NOT_STATED",
    "DiagnosisSettings",
    "ExportSettings",
    "ExternalSet",
    "MeasuredData",
    "Perturbations",
    "Purpose",
    "ScanSelection",
    "ScanStudy",
    "Statistics",
    "StudyBase",
    "StudyScan",
    "StudyTarget",
    "ValidationDesign",
    "VerificationSettings",
    "one_source",
]


NOT_STATED = "not stated"


class Purpose(FrozenModel):
    """What the study is for and where it ends, in the words of the best-practice checklist."""

    task: str = NOT_STATED
    """what is estimated from what"""
    user: str = NOT_STATED
    """who uses the result"""
    use: str = NOT_STATED
    """where it runs, and what for"""
    requirement: str = NOT_STATED
    """what it must reach"""
    risk: str = NOT_STATED
    """what goes wrong where it is wrong"""
    covered: tuple[str, ...] = Field(default=(NOT_STATED,), min_length=1)
    """conditions that the data cover"""
    missing: tuple[str, ...] = Field(default=(NOT_STATED,), min_length=1)
    """conditions of the later use that the data lack"""
    limits: tuple[str, ...] = Field(default=(NOT_STATED,), min_length=1)
    """where the result does not hold; the report shows them"""


class Statistics(FrozenModel):
    """Intervals on the test set."""

    confidence: float = Field(default=0.95, gt=0.5, lt=1.0)
    """of every interval on the test set"""
    replicates: int = Field(default=1000, ge=100)
    """bootstrap replicates of every interval"""
    least_gain_percent: float = Field(default=5.0, gt=0, lt=100)
    """the gain that a later evaluation must not miss; the report says how many events it needs"""


StudyTarget = Literal[
    "onnx",
    "qonnx",
    "onnx_float",
    "onnx_qdq",
    "hls4ml",
    "hls4ml_vivado",
    "hls4ml_quartus",
    "hls4ml_oneapi",
    "hls4ml_catapult",
    "c99",
    "rtl",
    "rtl_unrolled",
    "rtl_unrolled_vhdl",
    "rtl_gates",
]
"""All targets of an export but the front end, whose settings are no part of a study."""


class ExportSettings(FrozenModel):
    """What firmware is written."""

    targets: tuple[StudyTarget, ...] = ("onnx", "hls4ml")
    """firmware to write, as the targets of `pulsefront export`; where the budget names a board,
    hls4ml and rtl with the reuse factors or multipliers that fit it"""
    board: str = "zcu102"
    """name of a file in firmware_export/boards, or its path: part and clock of the projects; where
    left out, the budget's board if there is one"""

    @field_validator("targets", mode="before")
    @classmethod
    def _not_the_front_end(cls, given: Any) -> Any:
        if isinstance(given, (list, tuple)) and "front_end" in given:
            raise ValueError(
                "front_end has settings of its own, which a study does not hold: write it of the "
                "finished run's model with pulsefront export --target front_end --front-end"
            )
        return given


class VerificationSettings(FrozenModel):
    """How many held-out vectors every executor has to agree on, to the bit."""

    held_out_vectors: int = Field(default=10_000, ge=1)
    """at least 1,000 golden vectors with the extremes of every input format come on top"""


class MeasuredData(ExternalData):
    """Measured files that a study learns from, and what its parts may not share."""

    apart: tuple[Literal["run", "detector", "source"], ...] = ("run",)
    """labels of the manifest that training, selection and test never have in common, beside the
    source position"""
    least_distance_mm: float = Field(default=0.0, ge=0)
    """selection and test positions nearer than this to a training position are left out"""

    @model_validator(mode="before")
    @classmethod
    def _not_streamed(cls, given: Any) -> Any:
        if isinstance(given, dict) and "stream" in given:
            raise ValueError(
                "stream: measured events are as many as were recorded and cannot be streamed; "
                "leave the key out, or simulate with [scan] stream = true"
            )
        return given


def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [name for name in names if name not in NAMED]
    if unknown:
        raise ValueError(f"perturb: {unknown[0]!r} is none of {', '.join(NAMED)}")
    return names


Perturbations = Annotated[tuple[str, ...], AfterValidator(_known)]
"""Names of `pulsefront.simulate.perturb.NAMED`."""


class ExternalSet(FrozenModel):
    """Other data that the finished estimators are tested on; nothing is fitted to it."""

    name: str = Field(min_length=1)
    """in the report"""
    measured: ExternalData | None = None
    """measured files; otherwise the set is simulated"""
    detector: str | None = None
    """another detector; the study's own where left out"""
    perturb: Perturbations = ()
    """names of `pulsefront.simulate.perturb.NAMED`, applied one after the other"""
    events: int = Field(default=4000, ge=100)
    """simulated events, shared between positions or offsets that no training has seen"""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        simulated = self.detector is not None or bool(self.perturb)
        if simulated == (self.measured is not None):
            raise ValueError(
                f"external set {self.name!r} needs either measured files, "
                "or a detector or perturbations to simulate"
            )
        return self


class ValidationDesign(FrozenModel):
    """One way to divide the training events, whole groups at a time, and to measure on the rest.

    It costs as many trainings as it says beside each design; every one is kept as it ends.
    """

    design: Literal["k_fold", "k_fold_with_holdout", "nested", "leave_one_group_out"]
    """k_fold: one training for each fold. k_fold_with_holdout: a fifth of the groups is held out,
    folds of the others choose the hidden layers, and the network trained on all of these meets the
    hold-out once: folds times choices, and one. nested: each outer fold chooses in inner folds of
    its own: folds times (inner folds times choices, and one). leave_one_group_out: one for each
    group"""
    group: Literal["position", "run", "detector", "source", "site"] = "position"
    """label that is never divided; of measured events the manifest says all but the position"""
    folds: int = Field(default=5, ge=2)
    """of k_fold and k_fold_with_holdout; outer ones of nested"""
    inner_folds: int = Field(default=3, ge=2)
    """of nested; with search one of them is what the ablation decides on"""
    hidden: tuple[tuple[int, ...], ...] = ()
    """hidden layers to choose among; those of search.network and half as wide where left out"""
    search: bool = False
    """run the whole search inside each division, and measure the integer network that it ends
    with; not of k_fold, which has no events left to decide on"""
    most_groups: int = Field(default=30, ge=2)
    """of leave_one_group_out"""

    @model_validator(mode="after")
    def _room_to_decide(self) -> Self:
        if self.search and self.design == "k_fold":
            raise ValueError(
                "search: k_fold would decide on the events that it is measured on; use nested"
            )
        if any(width < 1 for layers in self.hidden for width in layers):
            raise ValueError("hidden: a layer has at least one node")
        return self


class DiagnosisSettings(FrozenModel):
    """Learning curve, cross validation and sham data, with the full float network."""

    learning_curve: tuple[float, ...] = (0.1, 0.3)
    """shares of the training events to train on, beside all of them"""
    folds: int = Field(default=5, ge=0)
    """of the cross validation by position among training events; 0 leaves it out"""
    validation: tuple[ValidationDesign, ...] = ()
    """validation designs beside it, shown in one figure"""
    sham: bool = True
    """train once on exchanged inputs, in which there is nothing to find"""
    most_events: int = Field(default=40_000, ge=100)
    """training events that cross validation and sham use at most"""

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if not all(0 < share < 1 for share in self.learning_curve):
            raise ValueError("learning_curve: shares lie between 0 and 1")
        if self.folds == 1:
            raise ValueError("folds: one fold has nothing to train on; give 0 or at least 2")
        return self


class StudyBase(FrozenModel):
    """What every study has."""

    schema_version: Literal[1] = 1
    """of the study file"""
    kind: str
    """position, timing, crystal or motion"""
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """of the study, its model and its run directory"""
    title: str = ""
    """heading of the report; the name where left out"""
    study_type: Literal["development"] = "development"
    """development: train and test; an evaluation has a file of its own, which freezes all that this
    one fits: pulsefront new evaluation --like RUN"""
    seed: int = Field(default=1, ge=0)
    """of everything random in the study"""
    detector: str | None = None
    """name of a file in sim_data/detectors, or its path; of a motion study none"""
    purpose: Purpose = Purpose()
    """what the study is for, in the words of the best-practice checklist"""
    search: SearchSettings = SearchSettings()
    """the network and its ablation"""
    budget: Budget = Budget(weight_bytes=8192)
    """what the network may cost"""
    statistics: Statistics = Statistics()
    """of the test"""
    export: ExportSettings = ExportSettings()
    """firmware that is written"""
    verification: VerificationSettings = VerificationSettings()
    """the proof of the firmware"""
    external: tuple[ExternalSet, ...] = ()
    """other data to test on"""
    diagnosis: DiagnosisSettings | None = None
    """what the study learns about itself"""
    uncertainty: UncertaintySettings | None = None
    """a head beside the outputs that foretells their error, event by event; of classes the margin
    between their scores"""
    tables: TableSettings | None = None
    """networks of look-up tables beside the searched one, judged by the same test"""
    measured: MeasuredData | None = None
    """measured events in the place of simulated ones"""

    @property
    def has_head(self) -> bool:
        """Whether the last output of the network foretells the error of the others."""
        return self.uncertainty is not None

    @property
    def region_settings(self) -> RegionSettings | None:
        """Networks of regions beside the searched one; only positions have regions."""
        return None

    @property
    def keeps_selection(self) -> bool:
        """Whether networks of another family are judged after the search, on its events."""
        return self.tables is not None or self.region_settings is not None

    @property
    def augments(self) -> bool:
        """Whether networks are trained on other detectors than the one that is described."""
        return False

    @property
    def from_files(self) -> bool:
        """Whether any data are read and not simulated."""
        return self.measured is not None

    def own_files(self, folder: Path) -> tuple[Path, ...]:
        """Return the files, beside those of ``measured``, whose change makes new data.

        Parameters
        ----------
        folder
            Of the study file, which they are relative to.
        """
        del folder
        return ()

    @model_validator(mode="after")
    def _external_names(self) -> Self:
        names = [chosen.name for chosen in self.external]
        if len(set(names)) < len(names):
            raise ValueError("external: every set needs a name of its own")
        return self


class ScanSelection(FrozenModel):
    """Which events of a scan are used: those in the photopeak of the charge sum."""

    photopeak_sigmas: float = Field(default=2.0, gt=0)
    """half width of the photopeak window in the peak's standard deviations"""
    check_labels: bool = True
    """stop before training where the light does not follow the stated positions; where false, the
    first page says what is wrong"""
    fold: Literal["none", "rectangle", "square"] = "none"
    """mirrors in which the block looks the same: every event is turned until most of its light lies
    at positive x and y (rectangle), and further in x than in y (square); the network learns that
    part alone, and its answer is turned back. Classical estimators may see folded events, too:
    each does as it errs less on selection events"""
    normalised_sum: int | None = Field(default=None, ge=16, lt=2**24)
    """sum to which the network's inputs of every event are brought, in integers, as the front end
    does it, before the lowest bits are dropped: what all channels lose alike is then no change to
    the network. A power of two near the photopeak of the sum; left out, they stay as they are.
    Classical estimators read the charges"""


class StudyScan(ScanSettings):
    """The scan of a study, which can go on while networks are trained."""

    stream: bool = False
    """networks are trained on new events of the scan, simulated as they are needed and each seen
    once, in the place of its training events. These still tune the classical estimators, and an
    epoch is as many"""


class ScanStudy(StudyBase):
    """What studies of the charges of a scan have in common."""

    detector: str
    """name of a file in sim_data/detectors, or its path"""
    scan: StudyScan | None = None
    """the point-source scan to simulate"""
    events: ScanSelection = ScanSelection()
    """which events are used"""
    augment: AugmentSettings | None = None
    """detectors that networks are trained on, drawn from ranges around the one that is described;
    the report has the same network trained without beside it. Classical estimators, selection and
    test see the events as they are"""

    @property
    def augments(self) -> bool:
        """Whether networks are trained on other detectors than the one that is described."""
        return self.augment is not None

    @model_validator(mode="after")
    def _augments_what_it_can(self) -> Self:
        streamed = self.scan is not None and self.scan.stream
        if self.augment is not None and self.augment.misalignment_mm and not streamed:
            raise ValueError(
                "augment.misalignment_mm: stored events have their light from where the "
                "photosensors lay; set [scan] stream = true, or leave it out"
            )
        return self

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.measured is not None and self.scan is not None and self.scan.stream:
            raise ValueError(
                "scan.stream: measured events are as many as were recorded and cannot be streamed; "
                "leave out [scan], or [measured]"
            )
        if (self.scan is None) == (self.measured is None):
            raise ValueError("the study needs either a [scan] to simulate or [measured]")
        return self

    @property
    def source(self) -> ScanSettings | MeasuredData:
        """Where events come from: what is simulated, or what was measured."""
        return one_source(self.scan, self.measured)


Simulated = TypeVar("Simulated")


def one_source(
    simulated: Simulated | None, measured: MeasuredData | None
) -> Simulated | MeasuredData:
    """Return the one of both that a study file names; its validator has seen to that.

    Raises
    ------
    ConfigError
        Neither is there: the study was made past its validator.
    """
    found = measured if simulated is None else simulated
    if found is None:
        raise ConfigError("names no events", field="measured")
    return found
