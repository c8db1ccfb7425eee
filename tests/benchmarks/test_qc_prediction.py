"""What failure prediction finds beside an EWMA chart, on simulated fleets of fresh seeds.

No choice was made on these seeds: neither the prior model (fleets of seeds 1 to 120) nor any
setting has seen them. ``PULSEFRONT_FLEETS`` says how many large and harsh fleets are run, 2 if it
is not set, beside ten times as many small ones; ``PULSEFRONT_FIRST_SEED`` where they begin. The
full judgement, 10, takes hours on two processors. Sums of fewer fleets scatter more than the claims
are wide: there only the upper end of the interval is held to the claim. Run it with ``make bench``,
or this file alone with ``-s`` to see each fleet.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pytest

from pulsefront.qc.features.labels import Target
from pulsefront.qc.features.samples import Fleet
from pulsefront.qc.features.sources import simulated_fleet
from pulsefront.qc.models.alarm_rates import Judged, threshold_at_rate
from pulsefront.qc.models.choice import choose
from pulsefront.qc.models.folds import BacktestSettings, Scores, alert_table, score_folds
from pulsefront.qc.simulate.settings import FleetSettings, load_fleet

pytestmark = pytest.mark.slow

FEW = int(os.environ.get("PULSEFRONT_FLEETS", "2"))
ENOUGH = 10  # fleets, from which on a sum is held to the claim itself
FIRST_SEED = int(os.environ.get("PULSEFRONT_FIRST_SEED", "20261129"))


@dataclass(frozen=True)
class Found:
    """Whether each failure was found at one false alert a scanner-year, by method.

    ``scanner`` (failure,) tells the scanners of all fleets apart, ``fleets`` how many there were.
    """

    fleets: int
    scanner: npt.NDArray[np.int64]
    by: dict[str, npt.NDArray[np.bool_]]

    def ratio(self, of: str, to: str) -> tuple[float, float, float]:
        """Return the ratio of the sums and its 95 % interval by bootstrap over scanners."""
        random = np.random.default_rng(0)
        names, code = np.unique(self.scanner, return_inverse=True)
        one, other = (np.bincount(code, self.by[n], len(names)) for n in (of, to))
        drawn = random.integers(len(names), size=(2_000, len(names)))
        ratios = one[drawn].sum(axis=1) / np.maximum(other[drawn].sum(axis=1), 1)
        low, high = np.quantile(ratios, [0.025, 0.975])
        return float(one.sum() / max(other.sum(), 1)), float(low), float(high)


def small(seed: int) -> FleetSettings:
    reference = load_fleet("reference")
    sites = zip(reference.sites, (5, 4, 3), strict=True)
    scanners = tuple(site.model_copy(update={"scanners": many}) for site, many in sites)
    return reference.model_copy(update={"seed": seed, "sites": scanners})


def large(seed: int) -> FleetSettings:
    return load_fleet("reference").model_copy(update={"seed": seed})


def harsh(seed: int) -> FleetSettings:
    return load_fleet("harsh").model_copy(update={"seed": seed})


def in_order(fleet: Fleet, scores: Scores) -> np.ndarray:
    """Return the rows of the test part as `alert_table` has them."""
    samples, rows = fleet.samples, np.flatnonzero(scores.test)
    return rows[np.lexsort((samples.as_of_s[rows], samples.component[rows]))]


def chart_as_it_is(fleet: Fleet, scores: Scores) -> Judged:
    """Return what EWMA finds: calibrated by fold, its alarms would not mean the same."""
    chart = replace(
        alert_table(fleet, scores, "ewma", scores.test),
        score=np.where(scores.no_decision == "", scores.log_odds["ewma"], np.nan)[
            in_order(fleet, scores)
        ],
    )
    return threshold_at_rate(chart, 1.0)


def judged(kind, fleets: int, *candidates: str, alone: bool = False) -> Found:
    """Return what is found on some fleets of a kind; *alone* adds the choice without the prior."""
    parts: list[dict[str, np.ndarray]] = []
    scanner: list[np.ndarray] = []
    for seed in range(FIRST_SEED, FIRST_SEED + fleets):
        plan = BacktestSettings(candidates=(*candidates, "ewma", "blend"))
        fleet, _ = simulated_fleet(kind(seed), Target(), daily_from=plan.train_until)

        def at_one(fleet: Fleet, scores: Scores, name: str) -> Judged:
            return threshold_at_rate(alert_table(fleet, scores, name, scores.test), 1.0)

        scores = score_folds(fleet, plan)
        name, _ = choose(fleet, scores, plan)
        chart = chart_as_it_is(fleet, scores)
        found = {"ewma": chart.failure_found, "chosen": at_one(fleet, scores, name).failure_found}
        for other in candidates:
            missed = np.zeros(len(chart.failure_found), dtype=np.bool_)
            learned = other in scores.candidates
            found[other] = at_one(fleet, scores, other).failure_found if learned else missed
        if alone:
            bare = plan.model_copy(update={"prior": False})
            without = score_folds(fleet, bare)
            own, _ = choose(fleet, without, bare)
            found["alone"] = at_one(fleet, without, own).failure_found
        told = ", ".join(f"{n} {f.sum()}" for n, f in found.items())
        print(f"{kind.__name__} {seed} ({name}): of {len(chart.failure_found)}, {told}", flush=True)  # noqa: T201
        parts.append(found)
        scanner.append(chart.failure_unit + 1_000 * len(scanner))
    return Found(
        fleets, np.concatenate(scanner), {n: np.concatenate([p[n] for p in parts]) for n in found}
    )


def claim(found: Found, least: float, of: str = "chosen", to: str = "ewma") -> None:
    """Hold the ratio of the sums to a claim; of few fleets, its interval must not lie below."""
    ratio, low, high = found.ratio(of, to)
    print(  # noqa: T201
        f"{of} {found.by[of].sum()}, {to} {found.by[to].sum()} of {len(found.scanner)}: "
        f"ratio {ratio:.2f} ({low:.2f} to {high:.2f})"
    )
    assert (ratio if found.fleets >= ENOUGH else high) >= least


def test_twelve_scanners_with_the_prior_and_without():
    found = judged(small, 10 * FEW, alone=True)
    claim(found, 1.3)
    claim(found, 0.97, "alone")


def test_a_hundred_scanners_beside_the_chart_and_boosting():
    found = judged(large, FEW, "boosting")
    claim(found, 1.25)
    claim(found, 1.0, "chosen", "boosting")


def test_harsh_fleets_are_not_below_the_chart():
    claim(judged(harsh, FEW), 1.0)
