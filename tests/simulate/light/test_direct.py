"""Direct light: the integral against tracing, and where it does not apply."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from pulsefront.detector import load_detector
from pulsefront.simulate.light.direct import add_direct, direct_light, is_shift_invariant
from pulsefront.simulate.light.optics import OpticalWorld, optical_world, trace_photon
from pulsefront.simulate.run.random import direction, new_state

COUNT = 200_000


@njit
def traced(state: np.ndarray, at: np.ndarray, count: int, world: OpticalWorld) -> np.ndarray:
    counts = np.zeros(64)
    for _ in range(count):
        dx, dy, dz = direction(state)
        sensor, _transit, steps = trace_photon(state, at[0], at[1], at[2], dx, dy, dz, world)
        if sensor >= 0 and steps == 1:
            counts[sensor] += 1
    return counts


@pytest.mark.parametrize(
    "at", [(0.0, 0.0, 8.0), (-3.41, 21.52, 14.47), (18.21, -7.35, 15.9), (24.5, 24.0, 4.0)]
)
def test_the_integral_is_what_tracing_finds_within_statistics(
    at: tuple[float, float, float],
) -> None:
    detector = load_detector("lyso_monolithic_50x50x16")
    world, table = optical_world(detector), direct_light(detector)
    state = new_state(np.random.SeedSequence(1))
    counts = traced(state, np.array(at), COUNT, world)
    found = np.zeros(64, np.float32)
    add_direct(at[0], at[1], 16.0 - at[2], table, 1.0, found)
    expected = found * COUNT
    seen = expected > 5
    chi2 = ((counts - expected)[seen] ** 2 / expected[seen]).sum()
    assert chi2 < seen.sum() + 4 * np.sqrt(2 * seen.sum())
    assert counts.sum() == pytest.approx(expected.sum(), rel=0.03)


def test_only_single_blocks_on_square_sensors_have_a_table() -> None:
    assert is_shift_invariant(load_detector("lyso_monolithic_50x50x16"))
    assert not is_shift_invariant(load_detector("lyso_pixels_8x8"))
    assert not is_shift_invariant(load_detector("nai_camera_pmt"))
