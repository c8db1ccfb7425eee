"""What a model in use has been worth so far, from what the service log said afterwards."""

from __future__ import annotations

from pulsefront.qc.documents import Document, Range

__all__ = ["CalibrationBin", "DriftedInput", "InputDrift", "ModelLife", "PeriodFigures"]


class PeriodFigures(Document):
    """Calibration, alerts and failures of a span of nights whose outcome is known.

    Attributes
    ----------
    rows
        Component-nights with a decision and a label, one night in seven.
    expected_failures, observed_failures
        Sum of the probabilities of the rows, and how many of them were before a failure.
    observed_over_expected
        Their ratio: above 1 the model promises too little, below 1 too much.
    alerts, alerts_true, alerts_too_late, alerts_false, alerts_undecided
        Alerts that were opened, by outcome.
    precision
        Share of true ones among the alerts that are true or false.
    false_alerts_per_unit_year
        As users received them; the back-test quoted it under the same rule.
    lead_days
        Median lead of the true alerts.
    failures, failures_found
        Failures, and those that a true alert preceded.
    """

    period: str
    first_day: str
    last_day: str
    unit_years: float
    rows: int
    expected_failures: float
    observed_failures: int
    observed_over_expected: Range
    alerts: int
    alerts_true: int
    alerts_too_late: int
    alerts_false: int
    alerts_undecided: int
    precision: Range
    false_alerts_per_unit_year: Range
    lead_days: Range
    failures: int
    failures_found: int


class CalibrationBin(Document):
    """Rows whose probability lies in [low, high): what was promised and what came."""

    low: float
    high: float
    rows: int
    mean_probability: float
    observed_share: Range


class DriftedInput(Document):
    """How far an input of the model lies from what the model was trained on.

    ``index`` is the population stability index of the last nights, ``threshold`` what the training
    history itself did not exceed on 99 of 100 days.
    """

    name: str
    index: float
    threshold: float
    drifted: bool


class InputDrift(Document):
    """The inputs of a model on the last nights, the most drifted first."""

    nights: int
    inputs: tuple[DriftedInput, ...]

    @property
    def drifted(self) -> tuple[DriftedInput, ...]:
        """The inputs beyond their threshold."""
        return tuple(entry for entry in self.inputs if entry.drifted)


class ModelLife(Document):
    """A model's figures, all together and by quarter."""

    model_hash: str
    name: str
    role: str
    confidence: float
    total: PeriodFigures
    periods: tuple[PeriodFigures, ...]
    calibration: tuple[CalibrationBin, ...]
