"""Stacking, which ships, beside empirical Bayes: two ways to join the prior with a site's own data.

Both start from the prior model and see the same units, days and failures; the guard, the
calibration and the judgement are the same. ``PULSEFRONT_FLEETS`` says how many fleets of twelve
scanners are run, 4 if it is not set; a fifth as many have thirty. Run it with ``make bench``.
"""

from __future__ import annotations

import os
from functools import partial

import numpy as np
import pytest
from empirical_bayes import train_empirical_bayes
from judged_fleets import Found

from pulsefront.qc.features.labels import Target
from pulsefront.qc.features.sources import simulated_fleet
from pulsefront.qc.models.choice import folds
from pulsefront.qc.models.choice.alarm_rates import threshold_at_rate
from pulsefront.qc.models.choice.folds import score_folds
from pulsefront.qc.models.choice.judged_alerts import alert_table
from pulsefront.qc.models.choice.protocol import BacktestSettings, thinned
from pulsefront.qc.models.learners.blending import train_blend
from pulsefront.qc.simulate.settings import load_fleet

pytestmark = pytest.mark.slow

FLEETS = int(os.environ.get("PULSEFRONT_FLEETS", "4"))
FIRST_SEED = int(os.environ.get("PULSEFRONT_FIRST_SEED", "7100"))
PLAN = BacktestSettings(candidates=("blend",))
WAYS = {
    "stacking": train_blend,
    "own features": train_empirical_bayes,
    "pooled inputs": partial(train_empirical_bayes, pooled=True),
}


def fleet_of(scanners: tuple[int, ...], seed: int):
    reference = load_fleet("reference")
    sites = tuple(
        site.model_copy(update={"scanners": many})
        for site, many in zip(reference.sites, scanners, strict=True)
    )
    settings = reference.model_copy(update={"seed": seed, "sites": sites})
    return simulated_fleet(settings, Target(), daily_from=PLAN.train_until)[0]


def outcome(fleet):
    """Return the scanner of each failure, whether it was found, and log loss and days by unit."""
    scores, samples = score_folds(fleet, PLAN), fleet.samples
    judged = threshold_at_rate(alert_table(fleet, scores, "blend", scores.test), 1.0)
    rows = scores.test & (samples.label >= 0) & thinned(samples.as_of_s)
    rows &= scores.no_decision == ""
    chance = np.clip(scores.probability["blend"][rows], 1e-9, 1.0 - 1e-9)
    loss = -np.log(np.where(samples.label[rows] == 1, chance, 1.0 - chance))
    units = len(fleet.units)
    by_unit = np.bincount(samples.unit[rows], loss, units)
    return judged.failure_unit, judged.failure_found, by_unit, np.bincount(
        samples.unit[rows], minlength=units
    )  # fmt: skip


@pytest.mark.parametrize(("scanners", "many"), [((5, 4, 3), FLEETS), ((12, 10, 8), FLEETS // 5)])
def test_empirical_bayes_is_not_clearly_better_than_stacking(monkeypatch, scanners, many):
    told = {way: [] for way in WAYS}
    for seed in range(FIRST_SEED, FIRST_SEED + max(many, 1)):
        fleet = fleet_of(scanners, seed)
        for way, trainer in WAYS.items():
            monkeypatch.setattr(folds, "train_blend", trainer)
            told[way].append(outcome(fleet))
    scanner = np.concatenate([of[0] + 1_000 * k for k, of in enumerate(told["stacking"])])
    found = Found(
        len(told["stacking"]), scanner,
        {way: np.concatenate([of[1] for of in parts]) for way, parts in told.items()},
    )  # fmt: skip
    loss = {way: np.concatenate([of[2] for of in parts]) for way, parts in told.items()}
    days = np.concatenate([of[3] for of in told["stacking"]])
    drawn = np.random.default_rng(0).integers(len(days), size=(2_000, len(days)))
    for way in WAYS:
        more = loss[way] - loss["stacking"]
        low, high = np.quantile(more[drawn].sum(1) / days[drawn].sum(1), [0.025, 0.975])
        ratio, least, most = found.ratio(way, "stacking")
        print(  # noqa: T201
            f"{sum(scanners)} scanners, {way}: {found.by[way].sum()} of {len(scanner)}, ratio "
            f"{ratio:.2f} ({least:.2f} to {most:.2f}), log loss {loss[way].sum() / days.sum():.5f},"
            f" more by {more.sum() / days.sum():+.5f} ({low:+.5f} to {high:+.5f})"
        )
        assert least <= 1.05, f"{way} finds clearly more than stacking: ship it"
