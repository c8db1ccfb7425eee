"""What the steps of a study hand on and ``results.json`` holds, as records.

What is particular to a kind of study stands in records of its own beside the kind, which extend
`SplitRecord` and `TestRecord`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field

from pulsefront.estimators.timing.stated_offsets import ChannelDelay
from pulsefront.evaluate import Interval
from pulsefront.evaluate.record import INLINE, Intervals, Record
from pulsefront.firmware.verification import Mismatch
from pulsefront.search.result import Architecture
from pulsefront.studies.metrics import MetricKey
from pulsefront.studies.uncertainty.class_records import ClassUncertainty
from pulsefront.studies.uncertainty.records import EventUncertainty
from pulsefront.studies.use_records import Failures, InputUses, TestPower

__all__ = [
    "AuditRecord",
    "BaselineRecord",
    "CrossValidation",
    "DiagnosisRecord",
    "EnvironmentRecord",
    "ExternalRecord",
    "Gain",
    "Initializations",
    "InputProfile",
    "LayerRecord",
    "LearningPoint",
    "ModelRecord",
    "PartRecord",
    "ProofRow",
    "ShamRecord",
    "SplitRecord",
    "StudyPlan",
    "SubgroupRecord",
    "TestRecord",
    "Uncertainty",
    "ValidationFold",
    "ValidationRecord",
    "VerificationRecord",
]


class StudyPlan(Record):
    """``plan.json``: what was fixed before any event existed."""

    study: dict[str, Any]
    """the study file with every default filled in"""
    sha256: str
    """hash of ``study``"""


class SplitRecord(Record):
    """How events were selected and split."""

    events_recorded: int
    """events before any selection"""
    events_with_status: int
    """events left out because something was wrong with them"""
    events_outside_photopeak: int | None = None
    """events left out because their charge lies outside the photopeak window; absent where there
    is none"""
    photopeak_window_sigmas: float | None = None
    """half width of the photopeak window in its standard deviations"""
    events_train: int
    events_selection: int
    events_test: int
    positions_train: int
    """source positions, offsets or patients that training events come from"""
    positions_selection: int
    positions_test: int
    leak_test_passed: bool
    """whether nothing is shared between the parts"""
    minimum_distance_mm: float | None = None
    """from a test or selection position to the nearest training position; absent where patients,
    and not positions, are split"""
    excluded_by_split: dict[str, int]
    """events that belong to no part, by rule"""
    label_findings: tuple[str, ...] = ()
    """where the data themselves contradict the labels, in words"""
    shared: Annotated[dict[str, int], INLINE]
    """what two parts have in common, by kind: all zero"""

    @property
    def events_in_parts(self) -> dict[str, int]:
        """Events of each part."""
        return {
            "train": self.events_train,
            "selection": self.events_selection,
            "test": self.events_test,
        }

    @property
    def positions_in_parts(self) -> dict[str, int]:
        """Source positions or offsets of each part."""
        return {
            "train": self.positions_train,
            "selection": self.positions_selection,
            "test": self.positions_test,
        }

    @property
    def exclusions(self) -> dict[str, int]:
        """Events left out, by rule."""
        window = self.events_outside_photopeak
        return {
            "with_status": self.events_with_status,
            **({} if window is None else {"outside_photopeak": window}),
            **self.excluded_by_split,
        }


class BaselineRecord(Record):
    """How a classical estimator was tuned."""

    name: str
    parameters: dict[str, Any]
    """the settings that were chosen"""
    candidates_tried: int
    at_ends: tuple[str, ...] = ()
    """parameters whose best value is the smallest or largest of at least three that were tried:
    beyond it might be a better one"""
    table: tuple[dict[str, Any], ...]
    """every setting that was tried, with what it reached"""


class Gain(Record):
    """The network beside the classical estimator that is best in one metric, paired by event."""

    baseline: str
    improvement: Interval
    """baseline minus network, in the metric's unit"""
    gain_percent: Interval
    """the same relative to the baseline"""
    excludes_zero: bool
    """whether the network is better beyond the interval"""


class SeedSpread(Record):
    """One metric over initializations."""

    each: tuple[float, ...]
    mean: Interval
    """mean with its t interval"""


class Initializations(Record):
    """Every metric over initializations."""

    final: dict[str, SeedSpread]
    """the searched network"""
    full: dict[str, SeedSpread]
    """the full float network that the search started from"""


class Uncertainty(Record):
    """How well disagreement between initializations foretells the error of an event."""

    measure: str
    main_metric_by_spread: dict[str, float]


class SubgroupRecord(Record):
    """One metric in a subgroup, of the network and of the best classical estimator."""

    subgroup: str
    events: int
    note: str | None = None
    """why there is no number"""
    measured: Annotated[Intervals, INLINE]
    """``network_`` and ``baseline_`` before the metric's key"""


class AuditRecord(Record):
    """What a layer's format holds, what it can reach, and what test events reached."""

    layer: str
    kind: str
    format: str
    format_low: int
    format_high: int
    rounding: str | None
    overflow: str | None
    proven_low: int
    proven_high: int
    seen_low: int | None
    seen_high: int | None
    headroom_bits: int


class InputProfile(Record):
    """The training inputs, for monitoring: mean and standard deviation of each."""

    mean: tuple[float, ...]
    standard_deviation: tuple[float, ...]


class ExternalRecord(Record):
    """What an external set is, and what network and classical estimators reach on it."""

    name: str
    origin: str
    """measured or simulated"""
    path: str | None = None
    detector: str | None = None
    perturb: tuple[str, ...] | None = None
    not_measured: str | None = None
    """why nothing could be measured"""
    input_shift_sigmas: float | None = None
    """largest shift of an input's mean, in standard deviations of the training inputs"""
    main_metric: MetricKey | None = None
    test_events: int | None = None
    test_events_left_out: int | None = None
    test_positions: int | None = None
    estimators: dict[str, Intervals] | None = None
    gain_over_baselines: dict[str, Gain] | None = None
    channel_delays: dict[str, ChannelDelay] | None = None
    """of coincidences, by detector: what is taken out of channel 0's times; measured on the set"""
    selection: Annotated[dict[str, float], INLINE] = Field(default_factory=dict)
    """events by rule, and the photopeak of the set's own spectrum"""


class TestRecord(Record):
    """What every estimator reaches on the test set."""

    __test__ = False  # not a test, whatever pytest thinks of the name

    main_metric: MetricKey
    reference_standard: str
    """what estimates are compared with"""
    test_events: int
    test_positions: int
    estimators: dict[str, Intervals]
    best_baseline: str
    gain: dict[str, Gain]
    """metric by metric, over the best of all classical estimators"""
    gain_over_baselines: dict[str, Gain]
    """the same without the reference estimator that no front end could run"""
    initializations: Initializations
    uncertainty: Uncertainty
    subgroups: tuple[SubgroupRecord, ...]
    not_judged: str | None = None
    """why the network's figures are no result, in words"""
    power: TestPower | None = None
    """absent where the test set is too small for a pilot"""
    input_uses: InputUses | None = None
    failures: Failures | None = None
    event_uncertainty: EventUncertainty | None = None
    """absent where the study asks for no head"""
    class_uncertainty: ClassUncertainty | None = None
    """the same of a study of classes, by the margin of its scores"""
    input_profile: InputProfile | None = None
    external: tuple[ExternalRecord, ...] | None = None
    audit: tuple[AuditRecord, ...] | None = None

    def completed(
        self,
        input_profile: InputProfile,
        external: tuple[ExternalRecord, ...] | None,
        audit: tuple[AuditRecord, ...],
        input_uses: InputUses,
        failures: Failures,
        uncertainty: EventUncertainty | ClassUncertainty | None,
    ) -> Self:
        """Return the record with what does not depend on the kind of study."""
        added = {
            "input_profile": input_profile,
            "external": external,
            "audit": audit,
            "input_uses": input_uses,
            "failures": failures,
            "event_uncertainty": uncertainty if isinstance(uncertainty, EventUncertainty) else None,
            "class_uncertainty": uncertainty if isinstance(uncertainty, ClassUncertainty) else None,
        }
        return self.model_copy(update=added)


class LearningPoint(Record):
    """The full float network trained on some of the events."""

    events: int
    each: tuple[float, ...]
    mean: Interval


class CrossValidation(Record):
    """The full float network on folds of whole positions."""

    folds: int
    events: int
    each: tuple[float, ...]
    mean: Interval


class ValidationFold(Record):
    """One division of a validation design."""

    left_out: str
    events_train: int
    events_test: int
    value: float
    chosen: str
    """hidden layers of the network that was measured"""


class ValidationRecord(Record):
    """One validation design, within the training events."""

    design: Literal["k_fold", "k_fold_with_holdout", "nested", "leave_one_group_out"]
    group: str
    """label that is never divided"""
    network: str
    decides: str
    """what is chosen inside a division, and by what"""
    folds: tuple[ValidationFold, ...]
    mean: Interval
    """over folds, its interval corrected for the training events that they share"""
    holdout: Interval | None = None
    """the metric on the held-out groups, resampled by whole groups"""
    holdout_events: int | None = None


class ShamRecord(Record):
    """Training on exchanged inputs, in which there is nothing to find."""

    events: int
    each: tuple[float, ...]
    constant_answer: float
    """the best estimate that does not look at the inputs"""
    network: float
    """the real network's mean"""
    gain_percent_over_constant: tuple[float, ...]


class DiagnosisRecord(Record):
    """What a study learned about itself."""

    metric: MetricKey
    learning_curve: tuple[LearningPoint, ...] | None = None
    cross_validation: CrossValidation | None = None
    validation: tuple[ValidationRecord, ...] | None = None
    sham: ShamRecord | None = None


class ProofRow(Record):
    """One executor on one set of vectors."""

    backend: str
    vector_set: str
    vectors: int
    integers: int
    mismatches: int
    status: str
    first_mismatch: Mismatch | None


class VerificationRecord(Record):
    """Every executor compared with the emulator, integer by integer."""

    passed: bool
    integers_compared: int
    mismatches: int
    """integers that differ"""
    changed_files: dict[str, str]
    broken_backends: dict[str, str]
    rows: tuple[ProofRow, ...]


class LayerRecord(Record):
    """A layer of the final network with its formats."""

    name: str
    kind: str
    output_shape: tuple[int, ...]
    output_format: str
    weight_format: str
    bias_format: str


class PartRecord(Record):
    """The design of the final network for the part that the budget names, or the nearest to it."""

    summary: str
    """whether it fits and with how much of the part, or what stands in the way, in a sentence"""
    fits: bool
    board: str
    part: str
    events_per_second_wanted: float
    events_per_second: float
    """that the design takes"""
    clock_mhz: float
    latency_ns: float
    strategy: str
    """unrolled, time-shared, or hls4ml's with its strategy"""
    multipliers: dict[str, int]
    """of each layer, where time-shared"""
    dsp_multipliers: int
    reuse_factors: dict[str, int]
    """of each layer, where hls4ml writes the design"""
    used: dict[str, int]
    shares: dict[str, float]
    """of what may be used of the part"""
    limited_by: str
    origin: str
    """estimated, or the tool that counted"""
    export: tuple[str, ...]
    """options of pulsefront export that write the design"""


class ModelRecord(Record):
    """The final network and what it costs."""

    architecture: Architecture
    kept_inputs: tuple[str, ...]
    weight_bytes: int
    activation_bytes: int
    macs: int
    bops: float
    ebops: int
    budget: dict[str, float]
    """the limits that the search kept"""
    layers: tuple[LayerRecord, ...]
    part: PartRecord | None = None
    """where the budget names a board"""


class EnvironmentRecord(Record):
    """Machine and software; like the seconds, not the same in another run."""

    finished_at: str
    pulsefront: str
    source_sha256: str
    python: str
    system: str
    processor: str
    cpu_count: int | None
    libraries: dict[str, str]
