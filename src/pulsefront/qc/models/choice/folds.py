"""Scores of units that a model has not seen, at times after its training.

Which units and times train, calibrate and are judged is the protocol's to say: a model is judged on
units it has never seen, after an embargo.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pulsefront.errors import QCDataError
from pulsefront.progress import Report, silent
from pulsefront.qc.features.samples import Fleet, Samples, split_time
from pulsefront.qc.models.choice.protocol import (
    BacktestSettings,
    TimeParts,
    failures_in,
    one_in_seven,
    parts_of_time,
    thinned,
    unit_folds,
)
from pulsefront.qc.models.decide import fit_guard, no_decision_reasons
from pulsefront.qc.models.learners.blending import BlendRows, train_blend
from pulsefront.qc.models.learners.estimators import Estimator, ProbabilityCalibration
from pulsefront.qc.models.learners.prior import bind_prior, shipped_prior
from pulsefront.qc.models.learners.training import (
    RULES,
    UNTRAINED,
    FeatureChoice,
    calibrate,
    choose_features,
    train,
)

__all__ = [
    "FoldRows",
    "Scores",
    "calibrate_candidate",
    "score_folds",
    "train_all",
]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

_TIED_DEVIATION = 0.7  # of the intercept, where log-odds were calibrated elsewhere already
_LEAST_ROWS_OF_NETWORK = 20


@dataclass(frozen=True)
class Scores:
    """What each candidate says of held-out units, over all folds.

    ``probability`` and ``log_odds`` have a (row,) array per candidate for the fleet's samples, NaN
    where a row was not scored; ``no_decision`` says why the guard refused. ``selection``,
    ``between`` (the embargo) and ``test`` are the rows of the parts of time that were scored;
    ``early`` those of one day in seven of the training part, of held-out units too, which have
    log-odds alone.
    ``left_out`` are the candidates that there were too few failures for; ``shares`` the mean shares
    of the blend's parts.
    """

    log_odds: dict[str, Floats]
    probability: dict[str, Floats]
    no_decision: npt.NDArray[np.object_]
    selection: Bools
    between: Bools
    test: Bools
    early: Bools
    features: FeatureChoice
    train_failures: int
    calibration_failures: int
    candidates: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    shares: Mapping[str, float] = field(default_factory=dict)


def score_folds(
    fleet: Fleet, settings: BacktestSettings, *, need_test: bool = True, report: Report = silent
) -> Scores:
    """Return every candidate's scores of units it was not trained on.

    Candidates that have to learn from failures are left out where there are too few: charts, the
    prior model and the blend, which then is the prior model, answer all the same.
    """
    samples = fleet.samples
    parts = parts_of_time(fleet, settings)
    labelled = samples.label >= 0
    names, missing = learnable(fleet, settings, parts)
    check_enough(samples, parts, names, need_test=need_test)
    fold = unit_folds(fleet, settings)[samples.unit]
    size = len(samples)
    log_odds = {name: np.full(size, np.nan) for name in names}
    probability = {name: np.full(size, np.nan) for name in names}
    no_decision = np.full(size, "", dtype=object)
    features = choose_features(samples.values[parts.early & labelled])
    columns = features.kept
    early = parts.early & one_in_seven(samples.as_of_s)
    folds = int(fold.max()) + 1
    shares: list[dict[str, float]] = []
    for k in range(folds):
        seen = fold != k if folds > 1 else np.ones(size, dtype=np.bool_)
        rows = FoldRows(
            np.flatnonzero(seen & parts.early & labelled),
            np.flatnonzero(seen & parts.middle & labelled),
        )
        judged = np.flatnonzero((fold == k) & (parts.middle | parts.between | parts.late))
        before = np.flatnonzero((fold == k) & early)
        held_out, held_before = samples.take(judged), samples.take(before)
        guarded = np.flatnonzero(seen & (parts.early | parts.middle))
        guard = fit_guard(samples.take(guarded), fleet.schema)
        trained = train_all(fleet, rows, names, columns, settings, seed=settings.seed + k)
        shares.append(trained.shares)
        for name, model in trained.models.items():
            sigmoid = calibrate_candidate(
                name, model, samples, rows.calibrate, seed=settings.seed + k, replicates=1
            )
            found = model.log_odds(held_out.values)
            log_odds[name][judged] = found
            probability[name][judged] = sigmoid.probability(found)
            log_odds[name][before] = model.log_odds(held_before.values)
        no_decision[before] = no_decision_reasons(held_before, guard, fleet.schema, columns)
        no_decision[judged] = no_decision_reasons(held_out, guard, fleet.schema, columns)
        report(k + 1, folds)
    first_cut = split_time(fleet, settings.train_until)
    return Scores(
        log_odds=log_odds,
        probability=probability,
        no_decision=no_decision,
        selection=parts.middle,
        between=parts.between,
        test=parts.late,
        early=early,
        features=features,
        train_failures=failures_in(fleet, fleet.first_s, first_cut),
        calibration_failures=failures_in(
            fleet, first_cut, split_time(fleet, settings.calibrate_until)
        ),
        candidates=names,
        left_out=missing,
        shares={
            name: float(np.mean([s.get(name, 0.0) for s in shares]))
            for name in dict.fromkeys(n for s in shares for n in s)
        },
    )


class FoldRows(NamedTuple):
    """Rows that train and later ones that calibrate, both of units that are seen."""

    train: npt.NDArray[np.int64]
    calibrate: npt.NDArray[np.int64]


class TrainedAll(NamedTuple):
    """Candidates by name, and the shares of the blend's parts."""

    models: dict[str, Estimator]
    shares: dict[str, float]


def train_all(
    fleet: Fleet,
    rows: FoldRows,
    names: Sequence[str],
    columns: npt.NDArray[np.int64],
    settings: BacktestSettings,
    *,
    seed: int,
) -> TrainedAll:
    """Return candidates trained on some rows of a fleet."""
    samples, shares = fleet.samples, dict[str, float]()
    values, label = samples.values[rows.train], samples.label[rows.train]
    wants_prior = settings.prior and bool({"prior", "blend"} & set(names))
    prior = bind_prior(shipped_prior(), fleet.schema, fleet.target) if wants_prior else None
    models: dict[str, Estimator] = {}
    for name in names:
        if name == "prior" and prior is not None:
            models[name] = prior
        elif name == "blend":
            later = rows.calibrate[thinned(samples.as_of_s[rows.calibrate], fleet.spacing_s)]
            blended = train_blend(
                samples, BlendRows(rows.train, later), fleet.schema, columns=columns, seed=seed,
                prior=prior, span_days=fleet.target.span_days, trained=models,
            )  # fmt: skip
            models[name], shares = blended.estimator, blended.shares
        else:
            models[name] = train(
                name, values, label, fleet.schema, columns=columns, seed=seed
            ).estimator
    return TrainedAll(models, shares)


def calibrate_candidate(
    name: str,
    model: Estimator,
    samples: Samples,
    rows: npt.NDArray[np.int64],
    *,
    seed: int,
    replicates: int = 200,
) -> ProbabilityCalibration:
    """Return the calibration of a candidate on labelled rows of a later slice."""
    tied = name in {"prior", "blend"}
    return calibrate(
        model.log_odds(samples.values[rows]), samples.label[rows], samples.unit[rows], seed=seed,
        replicates=replicates, intercept_deviation=_TIED_DEVIATION if tied else 10.0,
    )  # fmt: skip


def learnable(
    fleet: Fleet, settings: BacktestSettings, parts: TimeParts
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the candidates that the fleet's failures suffice for, and those left out.

    Every fold has to keep a failure to train on and another to calibrate with; the small network
    asks for more.
    """
    label, unit = fleet.samples.label, fleet.samples.unit
    wanted = [n for n in settings.candidates if n != "prior" or settings.prior]
    if not settings.prior and not set(settings.candidates) - {"prior"}:
        wanted = list(RULES)
    if fleet.schema.version < 2:  # the prior model sees features of version 2
        wanted = [n for n in wanted if n not in {"prior", "blend"}]
    fold = unit_folds(fleet, settings)[unit]
    folds = int(fold.max()) + 1
    least = min(
        (
            int(((label == 1) & part & (fold != k)).sum())
            for k in range(folds)
            for part in (parts.early, parts.middle)
        ),
        default=0,
    )
    enough = {n for n in wanted if n in UNTRAINED or n == "blend"}
    if least >= 1 and folds > 1:
        enough |= {"age", "hazard", "boosting"}
    trained = [int(((label == 1) & parts.early & (fold != k)).sum()) for k in range(folds)]
    if least >= 1 and folds > 1 and min(trained) >= _LEAST_ROWS_OF_NETWORK:
        enough.add("network")
    kept = tuple(n for n in wanted if n in enough)
    return kept, tuple(n for n in settings.candidates if n not in kept)


def check_enough(
    samples: Samples, parts: TimeParts, names: Sequence[str], *, need_test: bool
) -> None:
    """Refuse a history that no candidate can answer for, or with nothing to be judged by.

    What needs no failures of the site answers without any; its false alerts can be told all the
    same.
    """
    needed = {"training": parts.early, "calibration": parts.middle}
    days = dict(needed)
    if need_test:
        needed["test"] = days["test"] = parts.late
    if set(names) & {*UNTRAINED, "blend"}:
        needed = {}
    for name, part in needed.items():
        if not (samples.label[part] == 1).any():
            raise QCDataError(
                f"no failure falls into the {name} part of the history",
                remedy="give a longer history, or candidates that need no failure, such as blend",
            )
    for name, part in days.items():
        if not (samples.label[part] >= 0).any():
            raise QCDataError(
                f"no day with a known outcome falls into the {name} part of the history",
                remedy="give a longer history",
            )
