"""What an evaluation writes: the plan, when the data were opened, and what was found."""

from __future__ import annotations

from typing import Any, Literal

from pulsefront.estimators.timing.stated_offsets import ChannelDelay
from pulsefront.evaluate import Interval
from pulsefront.evaluate.record import Intervals, Record
from pulsefront.studies.metrics import MetricKey
from pulsefront.studies.records import EnvironmentRecord

__all__ = [
    "ClaimFound",
    "ClaimPower",
    "EvaluationPlan",
    "EvaluationResults",
    "Opened",
    "SetResult",
    "SubgroupFound",
]

Verdict = Literal["confirmed", "not confirmed", "contradicted"]


class ClaimPower(Record):
    """Whether a set has events enough for the claim, before any estimate is made."""

    set_name: str
    expected: float
    """value, or gain in percent, that the power is computed for"""
    expected_from: str
    usable_events: int | None = None
    """None: not known before the data are opened"""
    positions: int | None = None
    """at which they lie; None: not known before"""
    standard_error: float | None = None
    """of the value or gain on so many events"""
    power: float | None = None
    needed: int | None = None
    """usable events that give the power asked for; None where no number would"""
    needed_positions: int | None = None
    """at so many positions or offsets"""
    enough: bool | None = None


class EvaluationPlan(Record):
    """``plan.json``: all that is decided before the data are opened."""

    study: dict[str, Any]
    """the study file with every default filled in"""
    claim: str
    """in words"""
    metric: MetricKey
    model_sha256: str
    """of the frozen model's document"""
    model_of_development: bool
    """whether it is the very model that the development study exported"""
    baseline_sha256: str
    """of the file with the tuned classical estimator"""
    development_study_sha256: str
    """of the development study's file with every default filled in"""
    sha256: str
    """hash of all the above: the plan's own"""
    power: tuple[ClaimPower, ...]
    """of every set, as far as it can be known beforehand; no part of the hash"""


class Opened(Record):
    """``opened.json``: that the data were opened, and under which plan."""

    plan_sha256: str
    plan_written_at: str
    opened_at: str


class ClaimFound(Record):
    """What one set says of the claim."""

    verdict: Verdict
    tested: Interval
    """the network's metric, or its gain over the baseline in percent; its ends are one-sided at
    the plan's alpha"""
    threshold: float
    """the bound or margin, in the same unit"""


class SubgroupFound(Record):
    """The mean loss in a part of a set."""

    subgroup: str
    events: int
    network: Interval | None = None
    baseline: Interval | None = None
    note: str | None = None
    """why there is no number"""


class SetResult(Record):
    """One external set."""

    name: str
    origin: Literal["measured", "simulated"]
    path: str | None = None
    detector: str | None = None
    perturb: tuple[str, ...] | None = None
    files_sha256: dict[str, str] | None = None
    """of measured files"""
    selection: dict[str, float]
    channel_delays: dict[str, ChannelDelay] | None = None
    """measured on the set itself, as a pair is calibrated before use"""
    events_seen_in_development: int
    """events that are among those of the development study, number for number"""
    input_shift_sigmas: float
    """largest shift of an input's mean, in standard deviations of the training inputs"""
    power: ClaimPower
    """with the events that there are, computed before any estimate was made"""
    usable_events: int
    positions: int
    found: ClaimFound
    estimators: dict[str, Intervals]
    loss: str
    """what subgroups tell, in words with its unit"""
    subgroups: tuple[SubgroupFound, ...]


class EvaluationResults(Record):
    """``results.json`` of an evaluation study."""

    schema_version: Literal[1]
    study: str
    kind: str
    study_type: Literal["evaluation"]
    seed: int
    plan: EvaluationPlan
    verdict: Verdict
    """confirmed where every set confirms the claim, contradicted where one contradicts it"""
    sets: tuple[SetResult, ...]
    checklist: dict[str, dict[str, Any]]
    """what the best-practice checklist is filled from"""
    opened: Opened
    environment: EnvironmentRecord
    seconds: dict[str, float]
