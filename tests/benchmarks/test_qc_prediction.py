"""What failure prediction finds beside an EWMA chart, on simulated fleets of fresh seeds.

No choice was made on these seeds: neither the prior model (fleets of seeds 1 to 120) nor any
setting has seen them. ``PULSEFRONT_FLEETS`` says how many large and harsh fleets are run, and a
tenth of how many small ones: 2 if it is not set. The full judgement, 10, takes hours on two
processors. Run it with ``make bench``, or this file alone with ``-s`` to see each fleet.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest

from pulsefront.qc.features.labels import Target
from pulsefront.qc.features.samples import Fleet
from pulsefront.qc.features.sources import simulated_fleet
from pulsefront.qc.models.alarm_rates import threshold_at_rate
from pulsefront.qc.models.choice import choose
from pulsefront.qc.models.folds import BacktestSettings, Scores, alert_table, score_folds
from pulsefront.qc.simulate.settings import FleetSettings, load_fleet

pytestmark = pytest.mark.slow

FEW = int(os.environ.get("PULSEFRONT_FLEETS", "2"))
FIRST_SEED = {"small": 7001, "large": 8001, "harsh": 9001}


class Found(NamedTuple):
    """Failures found at one false alert a scanner-year, by fleet."""

    failures: np.ndarray
    chosen: np.ndarray
    ewma: np.ndarray
    alone: np.ndarray  # chosen without the prior
    boosting: np.ndarray

    def ratio(self, of: str = "chosen", to: str = "ewma") -> tuple[float, float, float]:
        """Return the ratio of the sums and its 95 % interval by bootstrap over fleets."""
        one, other = getattr(self, of), getattr(self, to)
        random = np.random.default_rng(0)
        drawn = random.integers(len(one), size=(2_000, len(one)))
        ratios = one[drawn].sum(axis=1) / np.maximum(other[drawn].sum(axis=1), 1)
        low, high = np.quantile(ratios, [0.025, 0.975])
        return float(one.sum() / other.sum()), float(low), float(high)


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


def judged(kind, fleets: int, *candidates: str) -> Found:
    """Return what is found on some fleets of a kind."""
    rows = []
    for seed in range(FIRST_SEED[kind.__name__], FIRST_SEED[kind.__name__] + fleets):
        plan = BacktestSettings(candidates=(*candidates, "ewma", "blend"))
        fleet, _ = simulated_fleet(kind(seed), Target(), daily_from=plan.train_until)
        scores = score_folds(fleet, plan)
        chosen, _ = choose(fleet, scores, plan)
        bare = plan.model_copy(update={"prior": False})
        alone = score_folds(fleet, bare)
        found = {
            name: threshold_at_rate(
                alert_table(fleet, scores, name, scores.test), 1.0
            ).failure_found
            for name in scores.candidates
        }
        # The chart as it is: calibrated by fold, its alarms would not mean the same.
        chart = replace(
            alert_table(fleet, scores, "ewma", scores.test),
            score=np.where(scores.no_decision == "", scores.log_odds["ewma"], np.nan)[
                in_order(fleet, scores)
            ],
        )
        found["ewma"] = threshold_at_rate(chart, 1.0).failure_found
        name, _ = choose(fleet, alone, bare)
        own = threshold_at_rate(alert_table(fleet, alone, name, alone.test), 1.0)
        row = (
            len(found["ewma"]), found[chosen].sum(), found["ewma"].sum(),
            own.failure_found.sum(), found.get("boosting", np.zeros(1)).sum(),
        )  # fmt: skip
        print(  # noqa: T201
            f"{kind.__name__} {seed}: of {row[0]} failures {chosen} {row[1]}, EWMA {row[2]}, "
            f"without the prior {row[3]}, boosting {row[4]}",
            flush=True,
        )
        rows.append(row)
    return Found(*np.array(rows).T)


def tell(found: Found, of: str = "chosen", to: str = "ewma") -> float:
    ratio, low, high = found.ratio(of, to)
    print(  # noqa: T201
        f"{of} {getattr(found, of).sum()}, {to} {getattr(found, to).sum()} "
        f"of {found.failures.sum()}: ratio {ratio:.2f} ({low:.2f} to {high:.2f})"
    )
    return ratio


def test_twelve_scanners_with_the_prior_and_without():
    found = judged(small, 10 * FEW)
    assert tell(found) >= 1.3
    assert tell(found, "alone") >= 0.97


def test_a_hundred_scanners_beside_the_chart_and_boosting():
    found = judged(large, FEW, "boosting")
    assert tell(found) >= 1.25
    assert tell(found, "chosen", "boosting") >= 1.0


def test_harsh_fleets_are_not_below_the_chart():
    assert tell(judged(harsh, FEW)) >= 1.0
