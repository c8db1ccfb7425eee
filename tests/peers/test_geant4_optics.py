"""Optical tracing against Geant4: detected share, pixel map and transit time.

Six comparisons per case would see a 3σ difference by chance once in sixty runs: seeds are fixed.
"""

from __future__ import annotations

import importlib.util
import math
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from pulsefront.detector import Surface
from pulsefront.simulate.light.optics import optical_world, trace_photons
from pulsefront.simulate.run.random import new_state
from strategies_detector import BARE, FOIL, GROUND_WITH_TEFLON, clear_block

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(
        importlib.util.find_spec("geant4_pybind") is None,
        reason="geant4-pybind is not installed: pip install 'pulsefront[peers]'",
    ),
]

DEPTHS_MM = (1.0, 8.0, 15.0)
GEANT4_PHOTONS = 100_000
OUR_PHOTONS = 400_000
CASES = {"bare": BARE, "polished": FOIL, "ground": GROUND_WITH_TEFLON}


@pytest.fixture(scope="module", params=list(CASES))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple:
    """Return the surface, and what Geant4 makes of it."""
    name = request.param
    out = tmp_path_factory.mktemp("geant4") / f"{name}.npz"
    program = Path(__file__).with_name("geant4_block.py")
    command = [sys.executable, program, name, GEANT4_PHOTONS, 1, out, *DEPTHS_MM]
    subprocess.run([str(part) for part in command], check=True, capture_output=True, timeout=600)
    return name, CASES[name], np.load(out)


def ours(surface: Surface, depth_mm: float) -> tuple[np.ndarray, np.ndarray]:
    world = optical_world(clear_block(entrance=surface, sides=surface, absorption_mm=200.0))
    at = np.tile((0.0, 0.0, depth_mm), (OUR_PHOTONS, 1))
    return trace_photons(world, at, new_state(np.random.SeedSequence(2)))


@pytest.mark.parametrize("number", range(len(DEPTHS_MM)))
def test_block_agrees_with_geant4(
    case: tuple, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    name, surface, geant4 = case
    theirs, their_ns = geant4[f"pixel_{number}"], geant4[f"time_ns_{number}"]
    sensor, transit_ns = ours(surface, DEPTHS_MM[number])
    share, their_share = (sensor >= 0).mean(), len(theirs) / GEANT4_PHOTONS
    mean_ns, their_mean_ns = transit_ns[sensor >= 0].mean(), their_ns.mean()
    observed = np.bincount(theirs, minlength=64)
    expected = np.bincount(sensor[sensor >= 0], minlength=64)
    # Two samples of different size: chi-square of homogeneity.
    r = math.sqrt(len(theirs) / (sensor >= 0).sum())
    chi2 = ((observed / r - expected * r) ** 2 / (observed + expected)).sum()
    freedom = 63
    with capsys.disabled():
        sys.stdout.write(
            f"\n{name:8s} depth {DEPTHS_MM[number]:4.1f} mm: detected {100 * share:.2f} % "
            f"(Geant4 {100 * their_share:.2f} %), pixel map chi2/ndf {chi2 / freedom:.2f}, "
            f"transit {1000 * mean_ns:.1f} ps (Geant4 {1000 * their_mean_ns:.1f} ps)\n"
        )
    assert abs(share - their_share) < 0.01
    assert stats.chi2.sf(chi2, freedom) > 0.001
    assert mean_ns == pytest.approx(their_mean_ns, rel=0.03)


def test_tracing_is_a_hundred_times_as_fast_as_geant4(
    case: tuple, capsys: pytest.CaptureFixture[str]
) -> None:
    name, surface, geant4 = case
    ours(surface, 8.0)
    seconds = []
    for _ in range(5):
        start = time.thread_time()
        ours(surface, 8.0)
        seconds.append(time.thread_time() - start)
    rate = OUR_PHOTONS / float(np.median(seconds))
    numbers = range(len(DEPTHS_MM))
    their_rate = GEANT4_PHOTONS / float(np.median([geant4[f"seconds_{n}"] for n in numbers]))
    with capsys.disabled():
        sys.stdout.write(
            f"\n{name:8s} {rate:,.0f} photons/s, Geant4 {their_rate:,.0f}: "
            f"{rate / their_rate:.0f} times\n"
        )
    assert rate > 100 * their_rate
