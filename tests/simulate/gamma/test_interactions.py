"""Gamma interactions against tables and the formula of Klein and Nishina."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numba import njit
from scipy import integrate, stats

from pulsefront.detector import load_material
from pulsefront.simulate.constants import ELECTRON_MASS_KEV
from pulsefront.simulate.gamma.interactions import (
    MAX_DEPOSITS,
    Deposit,
    Gamma,
    GammaTable,
    compton_energy,
    gamma_table,
    klein_nishina_total,
    trace_gamma,
)
from pulsefront.simulate.light.world import Slab
from pulsefront.simulate.records import record_array, record_type
from pulsefront.simulate.run.random import new_state

COUNT = 100_000
DEPOSIT = record_type(Deposit)


def array_of(count: int, size: float, pitch: float, width: float) -> Slab:
    """Return a square array of elements, 16 mm thick; its optics are of no account here."""
    (crystal,) = record_array(
        Slab,
        [
            Slab(
                0.0, 16.0, 0.0, 0.0, 0.0, 0.0, size / 2, size / 2, pitch, pitch, width, width,
                count, count,
            )
        ],
    )  # fmt: skip
    return crystal


WIDE_BOX = array_of(1, 50.0, 50.0, 50.0)


@njit
def many_energies(state: np.ndarray, energy: float, count: int) -> np.ndarray:
    out = np.empty(count)
    for i in range(count):
        out[i] = compton_energy(state, energy)
    return out


@njit
def many_gammas(
    state: np.ndarray,
    x: float,
    y: float,
    energy: float,
    crystal: Slab,
    table: GammaTable,
    count: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    number = np.zeros((count, 2), np.int64)
    escaped = np.zeros(count)
    deposits = np.zeros((count, MAX_DEPOSITS), DEPOSIT)
    for i in range(count):
        number[i, 0], number[i, 1], escaped[i] = trace_gamma(
            state, Gamma(x, y, -1.0, 0.0, 0.0, 1.0, energy), crystal, table, deposits[i]
        )
    return number, escaped, deposits


def lyso_events(
    crystal: Slab = WIDE_BOX, x: float = 0.0, count: int = COUNT
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    lyso = load_material("lyso")
    table = gamma_table(lyso.formula, lyso.density_g_cm3)
    state = new_state(np.random.SeedSequence(8))
    return many_gammas(state, x, 0.0, 511.0, crystal, table, count)


def density(cosine: float, energy: float) -> float:
    """Return the Klein–Nishina cross section per cosine, not normalized (Evans 1955, 23.2.1)."""
    p = 1 / (1 + energy / ELECTRON_MASS_KEV * (1 - cosine))
    return p * p * (p + 1 / p - (1 - cosine**2))


@pytest.mark.parametrize("energy", [60.0, 511.0, 1275.0])
def test_compton_angles_follow_klein_and_nishina(energy: float) -> None:
    scattered = many_energies(new_state(np.random.SeedSequence(9)), energy, COUNT)
    cosine = 1 - ELECTRON_MASS_KEV * (1 / scattered - 1 / energy)
    grid = np.linspace(-1, 1, 4001)
    cumulative = integrate.cumulative_trapezoid([density(c, energy) for c in grid], grid, initial=0)
    cumulative /= cumulative[-1]
    assert stats.kstest(cosine, lambda c: np.interp(c, grid, cumulative)).pvalue > 0.01


def test_the_total_cross_section_is_the_integral_of_the_differential_one() -> None:
    for energy in (100.0, 511.0, 1275.0):
        area, _ = integrate.quad(density, -1, 1, args=(energy,))
        expected = math.pi * 2.8179403e-13**2 * area
        assert klein_nishina_total(energy) == pytest.approx(expected, rel=1e-6)


# name, attenuation per cm at 511 keV (margin), photofraction range of the table in use
@pytest.mark.parametrize(
    ("formula", "density_g_cm3", "per_cm", "photofraction"),
    [
        # The table's 0.87 belongs to LSO of 7.4 g/cm³; LYSO with a tenth of yttrium at 7.1 g/cm³
        # has 0.82 to 0.83 (1.2 cm attenuation length on the data sheet).
        ("Lu2SiO5", 7.4, 0.87, (0.30, 0.35)),
        ("Lu1.8Y0.2SiO5", 7.1, 1 / 1.2, (0.30, 0.35)),
        ("Bi4Ge3O12", 7.13, 0.96, (0.40, 0.44)),
    ],
)
def test_attenuation_and_photofraction_at_511_kev_agree_with_the_table(
    formula: str, density_g_cm3: float, per_cm: float, photofraction: tuple[float, float]
) -> None:
    import xraydb

    photo, compton = gamma_table(formula, density_g_cm3).at(511.0)
    coherent = xraydb.material_mu(formula, 511e3, density=density_g_cm3, kind="coh") / 10
    total = 10 * (photo + compton + coherent)
    assert total == pytest.approx(per_cm, rel=0.025)
    # Quoted photofractions are shares of all interactions, coherent scattering included or not.
    assert photofraction[0] <= photo / (photo + compton + coherent)
    assert photo / (photo + compton) <= photofraction[1]


def test_attenuation_continues_smoothly_beyond_the_tables() -> None:
    table = gamma_table("Lu1.8Y0.2SiO5", 7.1)
    per_mm = np.column_stack([table.photo_per_mm, table.compton_per_mm])
    steps = np.diff(np.log(per_mm), axis=0)
    beyond = table.energy_kev[1:] > 500
    assert (steps[beyond] < 0).all()
    assert np.abs(np.diff(steps[beyond], axis=0)).max() < 2e-3


def test_depths_of_the_first_interaction_are_exponential() -> None:
    number, _, deposits = lyso_events()
    photo, compton = gamma_table("Lu1.8Y0.2SiO5", 7.1).at(511.0)
    mu = photo + compton
    hit = number[:, 0] > 0
    expected = 1 - math.exp(-16 * mu)
    assert abs(hit.mean() - expected) < 4 * math.sqrt(expected * (1 - expected) / COUNT)
    depth = deposits["z_mm"][hit, 0]
    law = stats.truncexpon(b=16 * mu, scale=1 / mu)
    assert stats.kstest(depth, law.cdf).pvalue > 0.01
    first_is_absorption = (number[hit, 0] == 1) & (number[hit, 1] == 0)
    share = photo / mu
    assert abs(first_is_absorption.mean() - share) < 4 * math.sqrt(share / hit.sum())


def test_energy_is_conserved_and_deposits_lie_in_the_crystal_in_order_of_time() -> None:
    number, escaped, deposits = lyso_events()
    inside = np.arange(MAX_DEPOSITS)[None, :] < number[:, :1]
    total = np.where(inside, deposits["energy_kev"], 0).sum(axis=1) + escaped
    np.testing.assert_allclose(total, 511.0, rtol=1e-12)
    for axis in ("x_mm", "y_mm"):
        assert (np.abs(deposits[axis][inside]) <= 25).all()
    depth = deposits["z_mm"][inside]
    assert ((depth >= 0) & (depth <= 16)).all()
    later = np.diff(deposits["time_ns"], axis=1)[inside[:, 1:]]
    assert (later > 0).all()


def test_a_gap_between_elements_lets_the_beam_through() -> None:
    cut = array_of(2, 50.0, 25.5, 24.5)
    number, _, _ = lyso_events(cut, x=0.0, count=1000)
    assert number.sum() == 0
    number, _, deposits = lyso_events(cut, x=5.0, count=20_000)
    first = deposits[number[:, 0] > 0, 0]
    # y = 0 lies in the gap too, so nothing is hit on the way straight in.
    assert len(first) == 0


def test_scatter_into_a_neighbouring_element_is_flagged_by_its_number() -> None:
    pixels = array_of(8, 26.0, 3.3, 3.0)
    number, _, deposits = lyso_events(pixels, x=0.1, count=20_000)
    assert number.sum() == 0
    state = new_state(np.random.SeedSequence(8))
    lyso = load_material("lyso")
    table = gamma_table(lyso.formula, lyso.density_g_cm3)
    number, _, deposits = many_gammas(state, 1.6, 1.6, 511.0, pixels, table, 20_000)
    several = number[:, 0] > 1
    element = deposits["element"]
    assert (element[number[:, 0] > 0, 0] == 36).all()
    shared = (element[several, 1] != element[several, 0]).mean()
    assert 0.2 < shared < 0.9
