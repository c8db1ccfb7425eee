"""Scores of units that a model has not seen, at times after its training.

Time is cut in three. Models are trained on the first part, calibrated on the second, judged on
the third; between the parts lies an embargo as long as the horizon and the longest delay of a
label, so that no label of one part reaches into the next. Units are cut in folds: a model is
judged on units it has never seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from pulsefront.config import FrozenModel
from pulsefront.errors import QCDataError
from pulsefront.progress import Report, silent
from pulsefront.qc.features.samples import Fleet, Samples, split_time
from pulsefront.qc.models.alarm_rates import AlertTable
from pulsefront.qc.models.decide import fit_guard, no_decision_reasons
from pulsefront.qc.models.training import (
    CANDIDATES,
    FeatureChoice,
    calibrate,
    choose_features,
    train,
)
from pulsefront.qc.times import DAY_S

__all__ = [
    "BacktestSettings",
    "Scores",
    "TimeParts",
    "alert_table",
    "failures_in",
    "parts_of_time",
    "score_folds",
    "thinned",
]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

_THIN_DAYS = 7  # neighbouring days tell nearly the same: metrics by row use one in seven


class BacktestSettings(FrozenModel):
    """The protocol. Shares are of the time from the first to the last record."""

    folds: int = 5
    train_until: float = 0.45
    calibrate_until: float = 0.62
    candidates: tuple[str, ...] = CANDIDATES
    false_alert_rates: tuple[float, ...] = (1.0, 2.0, 6.0)
    null_repeats: int = 20
    bootstrap_replicates: int = 300
    confidence: float = Field(default=0.95, gt=0.5, lt=1.0)
    seed: int = 0


@dataclass(frozen=True)
class Scores:
    """What each candidate says of held-out units, over all folds.

    ``probability`` and ``log_odds`` have a (row,) array per candidate for the fleet's samples, NaN
    where a row was not scored; ``no_decision`` says why the guard refused. ``selection``,
    ``between`` (the embargo) and ``test`` are the rows of the parts of time that were scored.
    """

    log_odds: dict[str, Floats]
    probability: dict[str, Floats]
    no_decision: npt.NDArray[np.object_]
    selection: Bools
    between: Bools
    test: Bools
    features: FeatureChoice
    train_failures: int
    calibration_failures: int


def thinned(as_of_s: npt.NDArray[np.int64]) -> Bools:
    """Return the rows of one day in seven."""
    return np.asarray((as_of_s // DAY_S) % _THIN_DAYS == 0)


def score_folds(
    fleet: Fleet, settings: BacktestSettings, *, need_test: bool = True, report: Report = silent
) -> Scores:
    """Return every candidate's scores of units it was not trained on."""
    samples = fleet.samples
    parts = parts_of_time(fleet, settings)
    labelled = samples.label >= 0
    _check_enough(samples, parts, need_test=need_test)
    fold = _unit_folds(fleet, settings)[samples.unit]
    size = len(samples)
    log_odds = {name: np.full(size, np.nan) for name in settings.candidates}
    probability = {name: np.full(size, np.nan) for name in settings.candidates}
    no_decision = np.full(size, "", dtype=object)
    features = choose_features(samples.values[parts.early & labelled])
    columns = features.kept
    for k in range(settings.folds):
        seen = fold != k
        training = np.flatnonzero(seen & parts.early & labelled)
        calibrating = np.flatnonzero(seen & parts.middle & labelled)
        judged = np.flatnonzero(~seen & (parts.middle | parts.between | parts.late))
        held_out = samples.take(judged)
        guarded = np.flatnonzero(seen & (parts.early | parts.middle))
        guard = fit_guard(samples.take(guarded), fleet.schema)
        values, label = samples.values[training], samples.label[training]
        for name in settings.candidates:
            model = train(
                name, values, label, fleet.schema, columns=columns, seed=settings.seed + k
            ).estimator
            sigmoid = calibrate(
                model.log_odds(samples.values[calibrating]),
                samples.label[calibrating],
                samples.unit[calibrating],
                seed=settings.seed + k,
                replicates=1,
            )
            found = model.log_odds(held_out.values)
            log_odds[name][judged] = found
            probability[name][judged] = sigmoid.probability(found)
        no_decision[judged] = no_decision_reasons(held_out, guard, fleet.schema, columns)
        report(k + 1, settings.folds)
    first_cut = split_time(fleet, settings.train_until)
    return Scores(
        log_odds=log_odds,
        probability=probability,
        no_decision=no_decision,
        selection=parts.middle,
        between=parts.between,
        test=parts.late,
        features=features,
        train_failures=failures_in(fleet, fleet.first_s, first_cut),
        calibration_failures=failures_in(
            fleet, first_cut, split_time(fleet, settings.calibrate_until)
        ),
    )


class TimeParts(NamedTuple):
    """The rows of the parts of time; ``between`` is the embargo before the last one."""

    early: Bools
    middle: Bools
    between: Bools
    late: Bools


def parts_of_time(fleet: Fleet, settings: BacktestSettings) -> TimeParts:
    """Return which rows train, calibrate and are judged; an embargo lies between the parts."""
    when = fleet.samples.as_of_s
    embargo_s = fleet.embargo_days * DAY_S
    first_cut = split_time(fleet, settings.train_until)
    second_cut = split_time(fleet, settings.calibrate_until)
    late = when >= second_cut
    return TimeParts(
        early=when <= first_cut - embargo_s,
        middle=(when >= first_cut) & (when <= second_cut - embargo_s),
        between=(when > second_cut - embargo_s) & ~late,
        late=late,
    )


def _check_enough(samples: Samples, parts: TimeParts, *, need_test: bool) -> None:
    needed = {"training": parts.early, "calibration": parts.middle}
    if need_test:
        needed["test"] = parts.late
    for name, part in needed.items():
        if not (samples.label[part] == 1).any():
            raise QCDataError(
                f"no failure falls into the {name} part of the history",
                remedy="give a longer history, or other shares of time",
            )


def _unit_folds(fleet: Fleet, settings: BacktestSettings) -> npt.NDArray[np.int64]:
    """Return a fold per unit; sites, and units with many and few failures, are spread evenly.

    No splitter of scikit-learn spreads whole units by both.
    """
    if len(fleet.units) < settings.folds:
        raise QCDataError(
            f"{len(fleet.units)} units cannot be cut in {settings.folds} folds",
            field="folds",
            remedy="give fewer folds",
        )
    counts = np.zeros(len(fleet.units))
    for (unit, _), times in zip(fleet.components, fleet.failures_s, strict=True):
        counts[unit] += len(times)
    shuffle = np.random.default_rng(settings.seed).random(len(fleet.units))
    order = sorted(range(len(fleet.units)), key=lambda u: (fleet.sites[u], -counts[u], shuffle[u]))
    fold = np.empty(len(fleet.units), dtype=np.int64)
    fold[order] = np.arange(len(order)) % settings.folds
    return fold


def failures_in(fleet: Fleet, from_s: int, upto_s: int) -> int:
    """Return how many failures of the fleet fall within a span of time."""
    return int(sum(((t > from_s) & (t <= upto_s)).sum() for t in fleet.failures_s))


def alert_table(fleet: Fleet, scores: Scores, name: str, part: Bools) -> AlertTable:
    """Return a candidate's scores of the rows of a part of time, for alerting."""
    samples = fleet.samples
    rows = np.flatnonzero(part)
    order = rows[np.lexsort((samples.as_of_s[rows], samples.component[rows]))]
    score = np.where(scores.no_decision[order] == "", scores.probability[name][order], np.nan)
    return AlertTable(
        score=score,
        component=samples.component[order],
        unit_of=np.array([unit for unit, _ in fleet.components]),
        as_of_s=samples.as_of_s[order],
        failures_s=fleet.failures_s,
        replaced_s=fleet.replaced_s,
        target=fleet.target,
        from_s=int(samples.as_of_s[order].min()),
        upto_s=int(samples.as_of_s[order].max()),
    )
