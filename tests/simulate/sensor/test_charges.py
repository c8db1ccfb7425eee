"""Charges of a channel against branching, occupancy and Poisson formulas (fixed seeds)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numba import njit
from scipy import stats

from pulsefront.detector import load_detector
from pulsefront.simulate.run.random import new_state
from pulsefront.simulate.sensor.charges import (
    ChargeModel,
    charge_model,
    crosstalk_mean,
    draw_avalanches,
    draw_charge,
    fired_cells,
)

COUNT = 100_000


@njit
def many_avalanches(state: np.ndarray, primaries: int, mean: float, count: int) -> np.ndarray:
    out = np.empty(count, np.int64)
    for i in range(count):
        out[i] = draw_avalanches(state, primaries, mean)
    return out


@njit
def many_fired(state: np.ndarray, avalanches: int, cells: float, count: int) -> np.ndarray:
    out = np.empty(count)
    for i in range(count):
        out[i] = fired_cells(state, avalanches, cells)
    return out


@njit
def many_charges(state: np.ndarray, mean: float, model: ChargeModel, count: int) -> np.ndarray:
    out = np.empty(count)
    for i in range(count):
        out[i] = draw_charge(state, mean, 1.0, model)
    return out


def seeded(number: int) -> np.ndarray:
    return new_state(np.random.SeedSequence(number))


@pytest.mark.parametrize("probability", [0.0, 0.087, 0.2])
def test_branching_follows_the_borel_distribution(probability: float) -> None:
    """Total progeny of one avalanche: Borel; mean 1/(1−λ), variance λ/(1−λ)³ (Vinogradov 2009)."""
    lam = crosstalk_mean(probability)
    totals = many_avalanches(seeded(1), 1, lam, COUNT)
    assert abs((totals > 1).mean() - probability) <= 4 * math.sqrt(probability / COUNT)
    variance = lam / (1 - lam) ** 3
    assert abs(totals.mean() - 1 / (1 - lam)) <= 4 * math.sqrt(variance / COUNT)
    k = np.arange(1, 8)
    factorial = np.array([math.factorial(n) for n in k], float)
    borel = np.exp(-lam * k) * (lam * k) ** (k - 1) / factorial if lam else (k == 1).astype(float)
    observed = np.array([(totals == n).sum() for n in k])
    kept = borel * COUNT > 10
    chi2 = ((observed - borel * COUNT)[kept] ** 2 / (borel * COUNT)[kept]).sum()
    assert kept.sum() == 1 or stats.chi2.sf(chi2, kept.sum() - 1) > 0.001


@pytest.mark.parametrize(
    ("avalanches", "cells"), [(1, 100), (2, 100), (40, 3600), (500, 3600), (5000, 3600)]
)
def test_fired_cells_have_mean_and_variance_of_the_occupancy_problem(
    avalanches: int, cells: int
) -> None:
    fired = many_fired(seeded(2), avalanches, float(cells), COUNT)
    rng = np.random.default_rng(3)
    thrown = [len(np.unique(rng.integers(0, cells, avalanches))) for _ in range(4000)]
    mean = cells * (1 - (1 - 1 / cells) ** avalanches)
    assert abs(fired.mean() - mean) < 4 * fired.std() / math.sqrt(COUNT) + 1e-12
    assert abs(fired.std() - np.std(thrown)) < 0.05 * np.std(thrown) + 1e-3 * math.sqrt(mean)


def test_the_charge_has_the_mean_and_variance_of_its_parts() -> None:
    detector = load_detector("lyso_monolithic_50x50x16")
    assert detector.charge is not None
    sensor = detector.photosensor
    model = charge_model(detector, detector.charge)
    mean = 60.0
    charges = many_charges(seeded(4), mean, model, COUNT)
    lam = crosstalk_mean(sensor.crosstalk) + sensor.delayed_crosstalk
    primaries = mean + sensor.dark_count_rate_hz * detector.charge.gate_ns * 1e-9
    recovered = sensor.afterpulse_ns / (sensor.afterpulse_ns + sensor.recovery_ns)
    avalanches = primaries / (1 - lam)
    # A Poisson number of Borel trees: variance mean/(1−λ)³.
    variance = primaries / (1 - lam) ** 3
    gain = detector.charge.counts_per_photoelectron
    expected = gain * avalanches * (1 + sensor.afterpulse * recovered)
    spread = gain**2 * (
        variance * (1 + sensor.afterpulse * recovered) ** 2
        + avalanches * (sensor.gain_spread**2 + sensor.afterpulse * recovered**2)
    )
    # Collisions of 70 avalanches on more than 14,400 cells take less than half a percent.
    assert charges.mean() == pytest.approx(expected, rel=4e-3)
    assert charges.var() == pytest.approx(spread, rel=0.02)


def test_without_light_only_dark_counts_remain() -> None:
    detector = load_detector("lyso_monolithic_50x50x16")
    assert detector.charge is not None
    quiet = detector.photosensor.model_copy(update={"dark_count_rate_hz": 0.0})
    silent = charge_model(detector.model_copy(update={"photosensor": quiet}), detector.charge)
    assert not many_charges(seeded(5), 0.0, silent, 1000).any()
    dark = many_charges(seeded(5), 0.0, charge_model(detector, detector.charge), COUNT)
    # 2 MHz in 250 ns: half a count on average, none in e^(-1/2) of the gates.
    assert (dark == 0).mean() == pytest.approx(np.exp(-0.5), abs=0.006)
