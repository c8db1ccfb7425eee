"""The study file of a motion study."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from pulsefront.config import FrozenModel
from pulsefront.networks.settings import LossSettings
from pulsefront.studies.settings import StudyBase

__all__ = ["PARTS", "KnownMovement", "MotionStudy", "RecordedScan", "SimulatedScans", "TraceJoin"]

Part = Literal["train", "selection", "test"]
PARTS: tuple[Part, ...] = ("train", "selection", "test")


class TraceJoin(FrozenModel):
    """How a scan becomes a trace."""

    interval_s: float = Field(default=1.0, ge=0.1, le=60)
    """length of an interval; shorter ones are joined"""


class SimulatedScans(FrozenModel):
    """Scans of the brain that are simulated: two of every patient.

    Training patients move at any time, at any count rate between the lowest and the highest of
    ``rates_per_s``. Selection and test patients have one of these rates; they keep still in one
    scan and move about every 150 s in the other.
    """

    patients_train: int = Field(default=120, ge=0)
    """patients to learn from"""
    patients_selection: int = Field(default=60, ge=0)
    """patients to tune on"""
    patients_test: int = Field(default=90, ge=0)
    """patients to test on, whom nothing else has seen"""
    rates_per_s: tuple[float, ...] = Field(default=(2_000.0, 20_000.0, 200_000.0), min_length=1)
    """prompt coincidences per second"""
    duration_s: float = Field(default=600.0, ge=300)
    """length of a scan"""
    sizes_in_errors: tuple[float, float] = (0.8, 10.0)
    """smallest and largest step, in errors of the centre in an interval; uniform in their
    logarithm"""
    apart_s: float = Field(default=200.0, gt=10)
    """mean time from one step of a training patient to the next"""
    redistribution: float = Field(default=1.0, ge=0)
    """strength of the tracer's redistribution: 0 none, 1 strong"""
    randoms: float = Field(default=0.15, ge=0, lt=0.9)
    """share of random coincidences"""
    attenuation: bool = False
    """whether the patient attenuates, as water does"""
    voxel_mm: float = Field(default=10.0, ge=4, le=30)
    """edge of the phantom's voxels"""

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        low, high = self.sizes_in_errors
        if not 0 < low < high:
            raise ValueError("sizes_in_errors: the smallest comes first, and both are above 0")
        if any(not 100 <= rate <= 1e8 for rate in self.rates_per_s):
            raise ValueError("rates_per_s: rates lie between 100 and 1e8 counts/s")
        return self

    def patients(self, part: Part) -> int:
        """Return how many patients a part has."""
        return {
            "train": self.patients_train,
            "selection": self.patients_selection,
            "test": self.patients_test,
        }[part]


class KnownMovement(FrozenModel):
    """A movement that is known, as of a phantom on a stage or from a camera."""

    start_s: float = Field(ge=0)
    """begin, on the clock of the file"""
    duration_s: float = Field(default=1.0, gt=0, le=30)
    """how long it took; slow drift is none"""
    shift_mm: tuple[float, float, float]
    """displacement of the centre of distribution along x, y and z"""


class RecordedScan(FrozenModel):
    """A scan in a file, all of whose movements are known."""

    path: Path
    """the file, relative to the study file: list mode, a table of centroids, or a trace"""
    part: Part
    """what it is for: train, selection or test"""
    patient: str = Field(min_length=1)
    """who or what was scanned; no one is in two parts"""
    moves: tuple[KnownMovement, ...] = ()
    """all movements; none where he kept still"""
    mapping: Path | None = None
    """mapping file of a table, relative to the study file"""
    format: str | None = None
    """format of the file, where it is not seen from the file itself"""
    elements: Path | None = None
    """of list mode that names channels alone: a table channel,x_mm,y_mm,z_mm"""
    field_mm: float = Field(default=300.0, gt=0)
    """of list mode: coincidences further from the axis are left out"""


class MotionStudy(StudyBase):
    """When the patient moved, from counts and centre of distribution, interval by interval."""

    kind: Literal["motion"]
    """what is found: motion"""
    trace: TraceJoin = TraceJoin()
    """how scans become traces"""
    simulated: SimulatedScans | None = None
    """scans to simulate"""
    recorded: tuple[RecordedScan, ...] = ()
    """scans in files, beside the simulated ones or in their place"""
    allowed_false_per_10_min: float = Field(default=0.85, gt=0)
    """false splits that tuning allows at the worst count rate; fresh scans then have about one"""
    loss: LossSettings = LossSettings(kind="classification")
    """what training minimizes"""

    @model_validator(mode="after")
    def _sources(self) -> Self:
        if self.detector is not None:
            raise ValueError("detector: a motion study needs none; its scans come from a scanner")
        if self.measured is not None:
            raise ValueError("measured: scans in files are listed as [[recorded]]")
        if self.external:
            raise ValueError(
                "external: list other scans to test on as [[recorded]] with part = 'test'"
            )
        if self.loss.kind != "classification":
            raise ValueError("loss.kind: a motion study tells still from moved: classification")
        paths = [str(one.path) for one in self.recorded]
        for path in paths:
            if paths.count(path) > 1:
                raise ValueError(f"recorded: {path} is listed twice")
        of_patient: dict[str, str] = {}
        for one in self.recorded:
            if of_patient.setdefault(one.patient, one.part) != one.part:
                raise ValueError(
                    f"recorded: patient {one.patient!r} is in {of_patient[one.patient]} and in "
                    f"{one.part}; every patient belongs to one part"
                )
        for part in PARTS:
            simulated = 0 if self.simulated is None else self.simulated.patients(part)
            if not simulated and all(one.part != part for one in self.recorded):
                raise ValueError(
                    f"no scan is for {part}: set simulated.patients_{part}, or list [[recorded]] "
                    f"scans with part = '{part}'"
                )
        tests = 0 if self.simulated is None else 2 * self.simulated.patients_test
        if tests + sum(one.part == "test" for one in self.recorded) < 2:
            raise ValueError("one scan is for test: intervals need at least two")
        return self

    @property
    def from_files(self) -> bool:
        """Whether any scan is read."""
        return bool(self.recorded)

    def own_files(self, folder: Path) -> tuple[Path, ...]:
        """Return the recorded scans, and what is needed to read them."""
        return tuple(
            folder / file
            for one in self.recorded
            for file in (one.path, one.mapping, one.elements)
            if file is not None
        )
