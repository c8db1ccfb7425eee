"""What a back-test finds, as it is saved in ``backtest.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pulsefront.config import validate
from pulsefront.errors import ConfigError
from pulsefront.evaluate.intervals import Interval
from pulsefront.qc.documents import Document, Range
from pulsefront.qc.models.record import Comparison, Redundant

__all__ = [
    "NULL_CONFIDENCE",
    "Abstention",
    "BacktestProtocol",
    "BacktestResult",
    "CauseFigures",
    "Curve",
    "DriftTest",
    "FleetSizePoint",
    "HorizonFigures",
    "ModelFigures",
    "OperatingPoint",
    "Range",
    "ReliabilityPoints",
    "SensitivityLosses",
    "ShamNull",
    "SimulationTruth",
    "SlowDrift",
    "SubgroupFigures",
    "ThresholdsInUse",
    "read_backtest",
]

NULL_CONFIDENCE = 0.99
"""Level of the intervals of sham labels: there are several, and each is to hold."""


class Curve(Document):
    """Precision against recall, (threshold,) each, from the highest score down."""

    recall: tuple[float, ...]
    precision: tuple[float, ...]


class ReliabilityPoints(Document):
    """Mean probability and share that failed with the interval of its units, (bin,) each."""

    mean_probability: tuple[float, ...]
    observed_share: tuple[float, ...]
    observed_low: tuple[float, ...]
    observed_high: tuple[float, ...]
    rows: tuple[int, ...] = ()


class OperatingPoint(Document):
    """What the alerts at one threshold were worth; leads are those of the failures found.

    ``threshold_probability`` is before calibration, which is another for every fold.
    """

    threshold_probability: float | None
    false_alerts_per_unit_year: float
    failures: int
    failures_found: int
    recall: Range
    median_lead_days: float | None
    lead_days: tuple[float, ...]
    alerts: int
    unit_years: float


class ModelFigures(Document):
    """One candidate on the test part; alerts by their rate of false ones.

    Where nothing failed there is no ranking: the areas have no value and the curve no points.
    """

    average_precision: Range
    roc_auc: float | None
    brier: float
    calibration_error: float
    expected_failure_rows: float
    observed_failure_rows: int
    reliability: ReliabilityPoints
    precision_recall: Curve
    at_false_alerts_per_unit_year: Mapping[str, OperatingPoint]


class BacktestProtocol(Document):
    """How it was tested; failures are counted by the part of time that they fall in."""

    units: int
    components: int
    first_day: str
    last_day: str
    train_until: str
    calibrate_until: str
    embargo_days: int
    lead_days: int
    horizon_days: int
    folds: int
    seed: int
    failures: int
    failures_in_training_part: int
    failures_in_calibration_part: int
    failures_in_test_part: int
    candidates: tuple[str, ...]
    confidence: float = 0.95
    left_out: tuple[str, ...] = ()
    """Candidates that there were too few failures for."""
    blend_shares: Mapping[str, float] = {}
    """What each part of the blend has of the weights, on average over the folds."""
    assumed_records: int = 0
    """Records of which nobody says when they became known, because they came in a load."""
    assumed_delay_hours: float = 0.0
    """How long after the measurement they were taken to have been known."""


class Abstention(Document):
    """Share of rows without a decision, and how many for each reason."""

    share: float
    by_reason: Mapping[str, int]


class ThresholdsInUse(Document):
    """Alerts at thresholds that were set without the test part, by rate of false alerts."""

    set_once: Mapping[str, OperatingPoint]
    set_quarterly: Mapping[str, OperatingPoint]


class SubgroupFigures(Document):
    """The model in use on the units of one site or model."""

    group: str
    name: str
    units: int
    rows: int
    base_rate: float | None
    average_precision: float | None
    failures: int
    failures_found: int
    false_alerts_per_unit_year: float


class ShamNull(Document):
    """ROC AUC on labels that mean nothing; only ``repeats`` where too few could be judged."""

    repeats: int
    roc_auc: float | None = None
    low: float | None = None
    high: float | None = None
    expected_low: float | None = None
    expected_high: float | None = None
    within_expected: bool | None = None
    values: tuple[float, ...] = ()
    confidence: float = NULL_CONFIDENCE

    @property
    def interval(self) -> Interval | None:
        """The ROC AUC with its interval, None where there is none."""
        if self.roc_auc is None or self.low is None or self.high is None:
            return None
        return Interval(self.roc_auc, self.low, self.high, self.confidence)


class DriftTest(Document):
    """What the watch on one reading of whole scanners saw."""

    crossings: int
    seen_before: int
    median_lead_days: float | None
    false_watches_per_unit_year: float | None


class SensitivityLosses(Document):
    """Simulated slow losses of sensitivity, and how many were watched in time."""

    cases: int
    found_before_5_percent: int


class SlowDrift(Document):
    """The watch on slow drift, test by test."""

    watch_level: float
    tests: Mapping[str, DriftTest]
    simulated_sensitivity_losses: SensitivityLosses | None = None


class HorizonFigures(Document):
    """The chance to fail within so many days on the test part: promised, and what came.

    ``observed_over_expected`` is 1 where the chance means what it says, with its interval. Of the
    components of days that are ``days`` apart, so that each failure counts once, ``failures`` came
    where ``failures_promised`` were, with the interval that should hold them.
    """

    days: int
    rows: int
    expected: float
    observed: int
    observed_over_expected: Range
    failures_promised: Range | None = None
    failures: int | None = None
    roc_auc: float | None


class FleetSizePoint(Document):
    """Failures found at the first rate of false alerts when so many scanners have learned.

    ``found`` has the blend without the prior (*alone*), the *prior* alone, their *blend*, and the
    EWMA chart.
    """

    scanners: int
    failures: int
    found: Mapping[str, int]


class CauseFigures(Document):
    """Failures of one true cause."""

    failures: int
    found: int


class SimulationTruth(Document):
    """What only a simulation can tell."""

    by_cause: Mapping[str, CauseFigures]


class BacktestResult(Document):
    """The whole protocol."""

    protocol: BacktestProtocol
    chosen_model: str
    choice: tuple[Comparison, ...]
    rows: int
    base_rate: float
    abstention_rate: Abstention
    models: Mapping[str, ModelFigures]
    beats_rules: Mapping[str, Range]
    thresholds_in_use: ThresholdsInUse
    subgroups: tuple[SubgroupFigures, ...]
    redundant_features: tuple[Redundant, ...]
    features_kept: tuple[str, ...]
    correlation_features: tuple[str, ...]
    correlation: tuple[tuple[float, ...], ...]
    nulls: Mapping[str, ShamNull]
    slow_drift: SlowDrift
    limits: tuple[str, ...]
    simulation_truth: SimulationTruth | None = None
    fleet_size: tuple[FleetSizePoint, ...] = ()
    horizons: tuple[HorizonFigures, ...] = ()

    @property
    def chosen(self) -> ModelFigures:
        """The figures of the model in use."""
        return self.models[self.chosen_model]


def read_backtest(path: Path) -> BacktestResult:
    """Return the result in a ``backtest.json``.

    Raises
    ------
    ConfigError
        The file is missing or no JSON, or lacks a part: another version wrote it.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        content["protocol"], content["models"]
    except (OSError, ValueError, KeyError, TypeError):
        raise ConfigError(
            "is no result of a back-test", file=path, remedy="run pulsefront qc backtest"
        ) from None
    try:
        return validate(BacktestResult, content, file=path)
    except ConfigError as error:
        raise ConfigError(
            f"was written by another version: {error.problem}",
            file=path,
            field=error.field,
            remedy="run pulsefront qc backtest again",
        ) from None
