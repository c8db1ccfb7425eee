"""What failure prediction finds beside an EWMA chart, on simulated fleets of fresh seeds.

No choice was made on these seeds: neither the prior model (fleets of seeds 1 to 120) nor any
setting has seen them. ``PULSEFRONT_FLEETS`` says how many large and harsh fleets are run, 2 if it
is not set, beside ten times as many small ones; ``PULSEFRONT_FIRST_SEED`` where they begin;
``PULSEFRONT_KEPT`` a folder that keeps what was found on each fleet, so that a run goes on where
one was killed. The full judgement, 10, takes hours on two processors. Sums of fewer fleets scatter
more than the claims are wide: there only the upper end of the interval is held to the claim. Run it
with ``make bench``, or this file alone with ``-s`` to see each fleet.
"""

from __future__ import annotations

import os
from functools import partial

import pytest
from judged_fleets import Found, judged

from pulsefront.qc.features.history import history_from_frames
from pulsefront.qc.features.labels import Target
from pulsefront.qc.features.samples import Fleet, build_fleet
from pulsefront.qc.features.sources import simulated_fleet
from pulsefront.qc.simulate.cameras import CameraSettings, simulate_cameras
from pulsefront.qc.simulate.settings import FleetSettings, load_fleet

pytestmark = pytest.mark.slow

FEW = int(os.environ.get("PULSEFRONT_FLEETS", "2"))
ENOUGH = 10  # fleets, from which on a sum is held to the claim itself
FIRST_SEED = int(os.environ.get("PULSEFRONT_FIRST_SEED", "20261129"))


def fleet_of(settings: FleetSettings, daily_from: float) -> Fleet:
    return simulated_fleet(settings, Target(), daily_from=daily_from)[0]


def small(seed: int, daily_from: float) -> Fleet:
    reference = load_fleet("reference")
    sites = zip(reference.sites, (5, 4, 3), strict=True)
    scanners = tuple(site.model_copy(update={"scanners": many}) for site, many in sites)
    settings = reference.model_copy(update={"seed": seed, "sites": scanners})
    return fleet_of(settings, daily_from)


def large(seed: int, daily_from: float) -> Fleet:
    return fleet_of(load_fleet("reference").model_copy(update={"seed": seed}), daily_from)


def harsh(seed: int, daily_from: float) -> Fleet:
    return fleet_of(load_fleet("harsh").model_copy(update={"seed": seed}), daily_from)


def cameras(seed: int, daily_from: float, *, many: int) -> Fleet:
    """Return a fleet of the simulator that the prior model never learned from."""
    units = simulate_cameras(CameraSettings(cameras=many, seed=seed))
    histories = [history_from_frames(*unit) for unit in units]
    return build_fleet(histories, Target(), daily_from=daily_from)


def seeds(many: int) -> range:
    return range(FIRST_SEED, FIRST_SEED + many)


def claim(found: Found, least: float, of: str = "chosen", to: str = "ewma") -> None:
    """Hold the ratio of the sums to a claim; of few fleets, its interval must not lie below."""
    ratio, low, high = found.ratio(of, to)
    print(  # noqa: T201
        f"{of} {found.by[of].sum()}, {to} {found.by[to].sum()} of {len(found.scanner)}: "
        f"ratio {ratio:.2f} ({low:.2f} to {high:.2f})"
    )
    assert (ratio if found.fleets >= ENOUGH else high) >= least


def test_twelve_scanners_with_the_prior_and_without():
    found = judged("small", small, seeds(10 * FEW), "boosting", "prior", alone=True)
    claim(found, 1.3)
    claim(found, 0.97, "alone")


def test_a_hundred_scanners_beside_the_chart_and_boosting():
    found = judged("large", large, seeds(FEW), "boosting", "prior")
    claim(found, 1.25)
    claim(found, 1.0, "chosen", "boosting")


def test_harsh_fleets_are_not_below_the_chart():
    claim(judged("harsh", harsh, seeds(FEW), "boosting", "prior"), 1.0)


# Before the chart was a part of it, the blend found 35 of 139 on 15 fleets and the chart 45; with
# it, on 15 others (seeds 9607 to 9621), 44 of 132 and the chart 39.
def test_cameras_that_wear_otherwise_are_not_below_the_chart_and_the_prior_does_not_hurt():
    make = partial(cameras, many=12)
    found = judged("cameras12", make, seeds(5 * FEW), "boosting", "prior", alone=True)
    claim(found, 1.0)
    claim(found, 1.0, "chosen", "alone")


@pytest.mark.xfail(reason="not judged since the chart is a part of the blend", strict=False)
def test_a_hundred_cameras_are_not_below_the_chart():
    make = partial(cameras, many=100)
    found = judged("cameras100", make, seeds(max(FEW // 3, 1)), "boosting", "prior", alone=True)
    claim(found, 1.0)
