"""What a site's own data are worth beside the prior model, by how many scanners it has.

The fleet is cut in halves; each is judged on the last part of the time by models that were trained
on some scanners of the other: the blend without the prior, which starts from the EWMA chart, the
prior model alone, and the blend of both.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pulsefront.errors import QCDataError
from pulsefront.progress import Report, silent
from pulsefront.qc.backtest.results import FleetSizePoint
from pulsefront.qc.features.samples import Fleet
from pulsefront.qc.models.choice.alarm_rates import threshold_at_rate
from pulsefront.qc.models.choice.folds import FoldRows, Scores, train_all
from pulsefront.qc.models.choice.judged_alerts import alert_table
from pulsefront.qc.models.choice.protocol import (
    BacktestSettings,
    TimeParts,
    parts_of_time,
    unit_folds,
)
from pulsefront.qc.models.decide import fit_guard, no_decision_reasons
from pulsefront.qc.models.learners.training import choose_features

__all__ = ["FLEET_SIZES", "fleet_size_curve"]

Ints = npt.NDArray[np.int64]

FLEET_SIZES = (1, 3, 6, 12, 25, 50)
"""Scanners that learn; those that a half of the fleet does not have are left out."""

_WAYS = ("alone", "prior", "blend")


def fleet_size_curve(
    fleet: Fleet,
    settings: BacktestSettings,
    *,
    sizes: Sequence[int] = FLEET_SIZES,
    report: Report = silent,
) -> tuple[FleetSizePoint, ...]:
    """Return the failures found at the first rate of false alerts, by scanners that learn.

    Nothing where nothing failed in the last part of the history.

    Raises
    ------
    QCDataError
        There are fewer than two scanners.
    """
    if len(fleet.units) < 2:
        raise QCDataError(
            "one scanner cannot learn and be judged", remedy="leave out the curve over fleet size"
        )
    parts = parts_of_time(fleet, settings)
    half = unit_folds(fleet, settings.model_copy(update={"folds": 2}))
    usable = [n for n in sizes if n <= min(np.bincount(half))]
    points = []
    for done, size in enumerate(usable, start=1):
        scores = _scores(fleet, settings, parts, half, size)
        found = {}
        for way in (*_WAYS, "ewma"):
            table = alert_table(fleet, scores, way, parts.late)
            judged = threshold_at_rate(table, settings.false_alert_rates[0])
            found[way] = judged.failure_found
        if not len(found["blend"]):
            return ()
        points.append(
            FleetSizePoint(
                scanners=size,
                failures=len(found["blend"]),
                found={way: int(hits.sum()) for way, hits in found.items()},
            )
        )
        report(done, len(usable))
    return tuple(points)


def _scores(
    fleet: Fleet, settings: BacktestSettings, parts: TimeParts, half: Ints, size: int
) -> Scores:
    """Return the scores of each half by models of some units of the other."""
    samples = fleet.samples
    probability = {way: np.full(len(samples), np.nan) for way in (*_WAYS, "ewma")}
    no_decision = np.full(len(samples), "", dtype=object)
    labelled = samples.label >= 0
    features = choose_features(samples.values[parts.early & labelled])
    random = np.random.default_rng([settings.seed, size])
    for k in (0, 1):
        learning = random.permutation(np.flatnonzero(half != k))[:size]
        seen = np.isin(samples.unit, learning)
        judged = np.flatnonzero((half[samples.unit] == k) & parts.late)
        held_out = samples.take(judged)
        guard = fit_guard(samples.take(np.flatnonzero(seen & ~parts.late)), fleet.schema)
        no_decision[judged] = no_decision_reasons(held_out, guard, fleet.schema, features.kept)
        rows = FoldRows(
            np.flatnonzero(seen & parts.early & labelled),
            np.flatnonzero(seen & parts.middle & labelled),
        )
        for way, names, prior in (
            ("alone", ("blend",), False), ("blend", ("prior", "blend", "ewma"), True),
        ):  # fmt: skip
            use = settings.model_copy(update={"prior": prior})
            made = train_all(fleet, rows, names, features.kept, use, seed=settings.seed + k)
            for name, model in made.models.items():
                probability[way if name == "blend" else name][judged] = model.log_odds(
                    held_out.values
                )
    return Scores(
        log_odds=probability,
        probability=probability,
        no_decision=no_decision,
        selection=parts.middle,
        between=parts.between,
        test=parts.late,
        early=np.zeros(len(samples), dtype=np.bool_),
        features=features,
        train_failures=0,
        calibration_failures=0,
    )
