"""The model in use, and what it has been worth so far, for the page of the night."""

from __future__ import annotations

from pulsefront import __version__
from pulsefront.qc.models.files.model_file import FailureModel
from pulsefront.qc.models.life.worth import ModelLife, PeriodFigures
from pulsefront.qc.nightly.night import NightReport
from pulsefront.qc.nightly.unscored import NoModel
from pulsefront.qc.pages.night.data import CalibrationPoint, DriftRow, ModelPanel, ModelPeriod
from pulsefront.qc.pages.words import spoken
from pulsefront.qc.times import DAY_S, iso_date

__all__ = ["model_panel"]


def model_panel(night: NightReport, model: FailureModel | NoModel) -> ModelPanel:
    """Return the model with its life and the drift of its inputs."""
    if isinstance(model, NoModel):
        return ModelPanel("", "", night.run.code, "", 1.0, 0.0, failures_known=model.failures)
    run, facts, life = night.run, model.training, night.life
    return ModelPanel(
        name=run.model_name or model.name,
        file_hash=run.model_hash,
        version=run.code or f"pulsefront {__version__}",
        trained=f"{facts.units} scanners and {facts.failures} failures, {facts.first_day} to "
        f"{facts.last_day}",
        threshold=run.threshold or 1.0,
        false_alerts_per_unit_year=run.false_alerts_per_unit_year or 0.0,
        periods=() if life is None else _periods(life),
        undecided=0 if life is None else life.total.alerts_undecided,
        calibration=() if life is None else _calibration(life),
        drift=()
        if night.drift is None
        else tuple(
            DriftRow(spoken(row.name), row.index, row.threshold, row.drifted)
            for row in night.drift.inputs
        ),
        in_training=iso_date(run.as_of_s - DAY_S) <= facts.last_day,
    )


def _periods(life: ModelLife) -> tuple[ModelPeriod, ...]:
    several = life.periods if len(life.periods) > 1 else ()
    return tuple(
        _period(figures, figures.period if figures is not life.total else "all", life.confidence)
        for figures in (*several, life.total)
    )


def _period(figures: PeriodFigures, name: str, confidence: float) -> ModelPeriod:
    return ModelPeriod(
        period=name,
        alerts=figures.alerts,
        precision=figures.precision.interval(confidence),
        lead_days=figures.lead_days.interval(confidence),
        false_per_unit_year=figures.false_alerts_per_unit_year.interval(confidence),
        failures=figures.failures,
        failures_found=figures.failures_found,
        observed_over_expected=figures.observed_over_expected.interval(confidence),
    )


def _calibration(life: ModelLife) -> tuple[CalibrationPoint, ...]:
    return tuple(
        CalibrationPoint(
            point.rows,
            100.0 * point.mean_probability,
            point.observed_share.interval(life.confidence, 100.0),
        )
        for point in life.calibration
        if point.rows
    )
