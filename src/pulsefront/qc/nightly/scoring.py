"""A night's features turned into the scores of one model, with reasons in words."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pulsefront import __version__
from pulsefront.errors import ConfigError
from pulsefront.files import hash_json
from pulsefront.qc.features.drift import watched_tests
from pulsefront.qc.features.samples import Samples
from pulsefront.qc.models.decide import no_decision_reasons
from pulsefront.qc.models.files.model_file import FailureModel
from pulsefront.qc.models.horizons.curve import CURVE_DAYS
from pulsefront.qc.models.occlusion import explain
from pulsefront.qc.nightly.reading import Night
from pulsefront.qc.nightly.run import Decision, ScoreRow, ScoreRun
from pulsefront.qc.store.tables.schema import CURVE_COLUMNS

__all__ = ["score_samples", "threshold_of"]

CODE = f"pulsefront {__version__}"
"""What scores name as the program that made them."""

_DIGITS = 6  # of a probability: more would pretend to know them


def threshold_of(model: FailureModel, rate: float) -> float:
    """Return the probability from which on a model alerts at a rate of false alerts.

    Raises
    ------
    ConfigError
        The model has no threshold for that rate.
    """
    key = f"{rate:g}"
    if key not in model.thresholds:
        raise ConfigError(
            "the model has no threshold for that rate of false alerts",
            field="false-alerts",
            value=rate,
            remedy=f"choose one of {', '.join(model.thresholds)}",
        )
    return model.thresholds[key]


def score_samples(
    night: Night, samples: Samples, model: FailureModel, rate: float, *, quarantined: int, role: str
) -> ScoreRun:
    """Return a model's scores of a night at a rate of false alerts per unit-year.

    Parameters
    ----------
    samples
        A row per component, see `reading.samples_of`.
    quarantined
        Rows in quarantine, as is told with the scores.
    """
    threshold = threshold_of(model, rate)
    columns, confidence = model.estimator.columns, model.training.confidence
    no = no_decision_reasons(samples, model.guard, model.schema, columns)
    log_odds = model.estimator.log_odds(samples.values)
    probability = model.calibration.probability(log_odds)
    low, high = model.calibration.interval(log_odds, confidence)
    ahead = _ahead(model, log_odds)
    words = explain(model.estimator, samples.values, model.typical, model.schema.names)
    watched = watched_tests(samples.values, model.schema)
    data_hash = hash_json(night.hashes)
    run_id = hash_json([model.file_hash, CODE, data_hash, night.as_of_s, threshold])[:20]
    pairs = [(f.unit_id, name) for f in night.features[model.schema] for name in f.components]
    rows = []
    for k, (unit_id, component) in enumerate(pairs):
        refused = str(no[k])
        alert = bool(probability[k] >= threshold)
        decision = _decision(refused=bool(refused), alert=alert, watch=bool(watched[k]))
        drifting = [f"{test} drifting slowly" for test in watched[k]]
        because = [*(drifting if decision == "watch" else []), *words[k]]
        three = _rounded(probability[k], low[k], high[k]) if not refused else (None, None, None)
        rows.append(
            ScoreRow(
                run_id=run_id,
                unit_id=unit_id,
                component_id=component,
                as_of=night.as_of_s,
                lead_days=model.target.lead_days,
                horizon_days=model.target.horizon_days,
                probability=three[0],
                probability_low=three[1],
                probability_high=three[2],
                decision=decision,
                reasons=refused or "; ".join(because) or "nothing unusual",
                model_hash=model.file_hash,
                data_hash=data_hash,
                **({} if refused else ahead[k]),
            )
        )
    return ScoreRun(
        run_id=run_id,
        as_of_s=night.as_of_s,
        rows=tuple(rows),
        failed_units=night.failed,
        quarantined=quarantined,
        model_hash=model.file_hash,
        data_hash=data_hash,
        confidence=confidence,
        records_read=night.records_read,
        units_resumed=night.units_resumed,
        checkpoints=night.checkpoints,
        model_name=model.name,
        code=CODE,
        role=role,
        threshold=threshold,
        false_alerts_per_unit_year=rate,
        features=tuple(night.features[model.schema]),
        exact=_exact(probability, no),
    )


def _ahead(model: FailureModel, log_odds: npt.NDArray[np.float64]) -> list[dict[str, float]]:
    """Return the columns of each row that tell the chance to fail by days ahead."""
    curve = model.horizons
    if curve is None:
        return [{} for _ in log_odds]
    columns = curve.columns(CURVE_DAYS)
    told = (curve.probability(log_odds), *curve.interval(log_odds, model.training.confidence))
    stacked = np.stack([each[:, columns] for each in told], axis=2).reshape(len(log_odds), -1)
    return [dict(zip(CURVE_COLUMNS, _rounded(*row), strict=True)) for row in stacked.tolist()]


def _decision(*, refused: bool, alert: bool, watch: bool) -> Decision:
    if refused:
        return "no decision"
    return "alert" if alert else "watch" if watch else "no alert"


def _rounded(*probabilities: float) -> tuple[float, ...]:
    return tuple(round(float(p), _DIGITS) for p in probabilities)


def _exact(
    probability: npt.NDArray[np.float64], no: npt.NDArray[np.object_]
) -> npt.NDArray[np.float64]:
    return np.where(no == "", probability, np.nan)
