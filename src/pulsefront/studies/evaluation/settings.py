"""The file of an evaluation study: what is frozen, what is claimed, on which data."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from pulsefront.config import FrozenModel
from pulsefront.events.external import ExternalData
from pulsefront.studies.settings import Perturbations, Purpose

__all__ = ["Claim", "EvaluationSet", "EvaluationStudy", "Frozen"]

FITS = (
    "scan", "coincidences", "measured", "events", "loss", "search", "budget", "baselines",
    "diagnosis", "export", "verification", "detector",
)  # fmt: skip
"""Keys of a study that fits something, or that the frozen one has settled."""


class Frozen(FrozenModel):
    """What is evaluated: nothing of it changes."""

    development: Path
    """run directory of the development study; relative to the study file. It says how the network
    reads events, holds the tuned classical estimators, and is the pilot of the power calculation"""
    model: Path | None = None
    """an export folder or a model.json, whose checksums must hold; the export of the development
    study where left out"""
    baseline: str
    """classical estimator of the development study, as it was tuned there"""


class Claim(FrozenModel):
    """One sentence about the network, that the data can confirm or not."""

    metric: str = ""
    """key of the metric, such as median_error_3d_mm; the main one of the kind where left out"""
    direction: Literal["below", "above"] = "below"
    """below: the network's metric lies below the bound, or below the baseline's by more than the
    margin; above: it lies above"""
    bound: float | None = None
    """a number in the metric's unit; either this or the margin"""
    margin_percent: float | None = Field(default=None, gt=-100, lt=100)
    """of the baseline's metric, paired by event; negative allows so much on the wrong side"""
    alpha: float = Field(default=0.025, gt=0, lt=0.5)
    """one-sided: chance to confirm a claim that is just not true"""
    power: float = Field(default=0.9, gt=0.5, lt=1)
    """chance to confirm a claim that is as true as expected, that the data must give"""
    expected: float | None = None
    """value (of a bound) or gain in percent (of a margin) that the power is computed for; that of
    the development study where left out"""
    standard_error: float | None = Field(default=None, gt=0)
    """of that value at standard_error_events, where it is known better than from the development
    study"""
    standard_error_events: int | None = Field(default=None, ge=2)
    """usable events that the standard error is stated for"""
    underpowered: bool = False
    """go on with fewer events than the claim needs; the report says so first"""
    replicates: int = Field(default=2000, ge=400)
    """bootstrap replicates of every interval"""

    @model_validator(mode="after")
    def _one_claim(self) -> Self:
        if (self.bound is None) == (self.margin_percent is None):
            raise ValueError(
                "give either bound, in the metric's unit, or margin_percent of the baseline"
            )
        if (self.standard_error is None) != (self.standard_error_events is None):
            raise ValueError("standard_error and standard_error_events belong together")
        return self


class EvaluationSet(FrozenModel):
    """External data: measured, or simulated with another seed or detector."""

    name: str = Field(min_length=1)
    """in the report"""
    measured: ExternalData | None = None
    """measured files; otherwise the set is simulated"""
    detector: str | None = None
    """to simulate; that of the development study where left out"""
    perturb: Perturbations = ()
    """names of `pulsefront.simulate.perturb.NAMED`, applied one after the other"""
    events: int = Field(default=4000, ge=100)
    """simulated events, shared between positions or offsets between those of training"""
    usable_events: int | None = Field(default=None, ge=2)
    """that the plan expects to pass the selection; of simulated ones the share of the development
    study, of measured ones known only when they are opened, unless it is stated"""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.measured is not None and (self.detector is not None or self.perturb):
            raise ValueError(
                f"external set {self.name!r} is either measured, or simulated with detector and "
                "perturb"
            )
        return self


class EvaluationStudy(FrozenModel):
    """A frozen network on data that nobody has fitted to, and one claim."""

    schema_version: Literal[1] = 1
    """of the study file"""
    study_type: Literal["evaluation"]
    """evaluation: nothing is fitted"""
    kind: Literal["position", "timing", "crystal"] | None = None
    """that of the development study, which is asked where left out"""
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """of the study and its run directory"""
    title: str = ""
    """heading of the report; the name where left out"""
    seed: int = Field(default=1, ge=0)
    """of simulated sets and resampling; neither that of the development study nor one below it,
    whose events the network or its developers may have seen"""
    purpose: Purpose = Purpose()
    """what the study is for, in the words of the best-practice checklist"""
    frozen: Frozen
    """what is evaluated"""
    claim: Claim
    """what is claimed; on every set, so that a claim is confirmed only if each confirms it"""
    external: tuple[EvaluationSet, ...] = Field(min_length=1)
    """the data"""

    @model_validator(mode="before")
    @classmethod
    def _nothing_fitted(cls, given: Any) -> Any:
        fitted = [key for key in FITS if isinstance(given, dict) and key in given]
        if fitted:
            raise ValueError(
                f"study_type: an evaluation fits nothing, and {', '.join(fitted)} would; leave "
                "them out and name what is frozen, or make it a development study: pulsefront new "
                "evaluation --like RUN begins one"
            )
        return given

    @model_validator(mode="after")
    def _external_names(self) -> Self:
        names = [chosen.name for chosen in self.external]
        if len(set(names)) < len(names):
            raise ValueError("external: every set needs a name of its own")
        return self
