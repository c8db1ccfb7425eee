"""Light of a deposit: emission times, non-proportionality, Cherenkov light."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit
from scipy import integrate, stats

from pulsefront.detector import load_detector, load_material
from pulsefront.simulate.light.scintillation import (
    cherenkov_photons,
    cherenkov_yield,
    decay_parts,
    emission_time,
    gate_fraction,
    light_yield,
    relative_yield,
)
from pulsefront.simulate.run.random import new_state


@njit
def many_times(state: np.ndarray, decay: np.ndarray, count: int) -> np.ndarray:
    out = np.empty(count)
    for i in range(count):
        out[i] = emission_time(state, decay)
    return out


@pytest.mark.parametrize("name", ["lyso", "bgo", "gagg"])
def test_emission_times_follow_their_bi_exponentials(name: str) -> None:
    material = load_material(name)
    times = many_times(new_state(np.random.SeedSequence(3)), decay_parts(material), 100_000)

    def cumulative(t: np.ndarray) -> np.ndarray:
        total = np.zeros_like(t)
        for part in material.decay:
            d, r = part.decay_ns, part.rise_ns
            total += part.fraction * (1 - (d * np.exp(-t / d) - r * np.exp(-t / r)) / (d - r))
        return total

    assert stats.kstest(times, cumulative).pvalue > 0.01
    share = (times < 100.0).mean()
    assert gate_fraction(material, 100.0) == pytest.approx(share, abs=0.006)


def test_the_yield_is_what_the_table_says() -> None:
    light = light_yield(load_material("lyso"), 1.0)
    assert relative_yield(662.0, light) == pytest.approx(1.0)
    assert relative_yield(5.0, light) == relative_yield(10.0, light) == pytest.approx(0.63)
    assert relative_yield(50.0, light) == pytest.approx(0.84)


def test_cherenkov_light_has_its_threshold_and_its_number_at_511_kev() -> None:
    detector = load_detector("bgo_pair_3x3x15")
    cherenkov = cherenkov_yield(detector.material, detector.photosensor)
    efficiency = cherenkov_photons(511.0, cherenkov) / detector.material.cherenkov_per_511_kev
    assert 0.15 < efficiency < 0.40
    # n = 2.15: β = 1/n at 66.2 keV of kinetic energy.
    assert cherenkov_photons(66.0, cherenkov) == 0.0
    assert cherenkov_photons(66.5, cherenkov) > 0.0

    def density(kinetic: float) -> float:
        gamma = 1 + kinetic / 510.99895
        return max(0.0, 1 - 1 / gamma**2 - 1 / 2.15**2)

    half, whole = (integrate.quad(density, 66.2, kev)[0] for kev in (255.0, 511.0))
    found = cherenkov_photons(255.0, cherenkov) / cherenkov_photons(511.0, cherenkov)
    assert found == pytest.approx(half / whole, rel=1e-3)
