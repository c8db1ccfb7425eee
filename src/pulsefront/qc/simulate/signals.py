"""What a simulated scanner's daily QC reads: the physics of its slow changes, and noise.

Photopeaks drift with temperature and gain and are pulled back by calibrations; a failing module
loses gain, efficiency or timing, or trips its high voltage; the phantom's activity halves every
271 days, so that the noise of every count grows until it is replaced; sensitivity can sink so
slowly that no single day looks wrong.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from pulsefront.qc.records import LIMIT_COLUMNS
from pulsefront.qc.simulate.settings import FleetSettings, SiteProfile
from pulsefront.qc.simulate.timeline import Timeline

__all__ = ["MODULE_TESTS", "SHOWS", "TESTS", "draw_signals", "limits_of", "test_name"]

_HALF_LIFE_DAYS = 270.9  # Ge-68

MODULE_TESTS = ("photopeak_kev", "block_efficiency", "time_offset_ps")


class SimulatedTest(NamedTuple):
    """A test of every scanner or module; ``noise`` is one sigma of a reading."""

    measurement_unit: str
    reference: float
    action_low: float
    tolerance_low: float
    tolerance_high: float
    action_high: float
    noise: float


TESTS = {
    "photopeak_kev": SimulatedTest("keV", 511.0, 491.0, 501.0, 521.0, 531.0, 1.2),
    "block_efficiency": SimulatedTest("% of mean", 100.0, 80.0, 90.0, 110.0, 120.0, 1.0),
    "time_offset_ps": SimulatedTest("ps", 0.0, -200.0, -100.0, 100.0, 200.0, 12.0),
    "sensitivity": SimulatedTest("% of reference", 100.0, 90.0, 95.0, 105.0, 110.0, 0.5),
    "randoms": SimulatedTest("%", 100.0, 85.0, 90.0, 110.0, 115.0, 1.5),
    "scatter_ratio": SimulatedTest("%", 32.0, 28.8, 30.4, 33.6, 35.2, 0.2),
    "temperature_c": SimulatedTest("degC", 22.0, 17.0, 19.0, 25.0, 27.0, 0.25),
}


class Symptom(NamedTuple):
    """The test that a cause shows in, its change at the failure, and the power it grows with."""

    test: str
    change: float
    power: float


SHOWS = {
    "gain_drift": Symptom("photopeak_kev", 36.0, 1.5),
    "efficiency_loss": Symptom("block_efficiency", 26.0, 2.0),
    "timing_drift": Symptom("time_offset_ps", 260.0, 1.5),
    "high_voltage": Symptom("photopeak_kev", 9.0, 1.0),
    "cooling": Symptom("temperature_c", 5.5, 1.0),
    "slow_sensitivity_loss": Symptom("sensitivity", 6.0, 1.0),
}
"""By cause; a sudden failure shows in nothing."""


def test_name(site: SiteProfile, test: str) -> str:
    """Return what the vendor of a site calls a test."""
    return test if site.vendor == "simulated" else f"{site.vendor} {test}"


def limits_of(site: SiteProfile, test: str) -> dict[str, float]:
    """Return reference and limits of a test, as the vendor of a site sets them."""
    of = TESTS[test]
    limits = {name: getattr(of, name) for name in LIMIT_COLUMNS}
    factor = site.limit_factor
    return {n: v if factor == 1.0 else of.reference + factor * (v - of.reference)
            for n, v in limits.items()}  # fmt: skip


def draw_signals(
    settings: FleetSettings, site: SiteProfile, life: Timeline, days: np.ndarray, random: Generator
) -> dict[str, np.ndarray]:
    """Return the true reading of every test, (component, day), noise included."""
    modules, size = settings.modules, len(days)
    season = 0.4 * np.sin(2 * np.pi * (days + random.uniform(0, 365)) / 365.25)
    temperature = site.room_temperature_c + season
    walk = np.cumsum(random.normal(0.0, 0.06, (modules, size)), axis=1)  # keV
    gain = (
        walk - 0.8 * (temperature - site.room_temperature_c) + random.normal(0, 1.0, (modules, 1))
    )
    efficiency = 100.0 + random.normal(0.0, 1.2, (modules, 1)) - np.zeros((modules, size))
    timing = random.normal(0.0, 10.0, (modules, 1)) + np.cumsum(
        random.normal(0.0, 0.5, (modules, size)), axis=1
    )
    sensitivity = 100.0 - 0.4 * days / 365.25
    noise = np.ones((modules, size))
    for part in life.degradations:
        share = part.progress(days)
        if part.module >= 0:  # the part that is put in has an efficiency of its own
            efficiency[part.module, part.end_day :] = 100.0 + random.normal(0.0, 1.2)
        sign = 1.0 if random.random() < 0.3 else -1.0
        change = share * site.change_factor
        if part.cause == "gain_drift":
            gain[part.module] += sign * 36.0 * site.change_factor * share**1.5
        elif part.cause == "efficiency_loss":
            efficiency[part.module] -= 26.0 * site.change_factor * share**2
            noise[part.module] += 1.5 * share
        elif part.cause == "timing_drift":
            timing[part.module] += sign * 260.0 * site.change_factor * share**1.5
        elif part.cause == "high_voltage":
            noise[part.module] += 2.0 * share
            gain[part.module] -= 9.0 * change
        elif part.cause == "cooling":
            temperature = temperature + 5.5 * change
            gain -= 4.5 * change
        elif part.cause == "slow_sensitivity_loss":
            sensitivity = sensitivity - 6.0 * change
    _correct(settings, life, gain, timing)
    for day in life.upgrade_days:  # a new definition of the same number
        efficiency[:, day:] += random.normal(0.0, site.upgrade_shift_percent)
    activity = _activity(life, days)
    grain = site.noise_factor / np.sqrt(activity)
    lost = (100.0 - efficiency).mean(axis=0)
    signals = {
        "photopeak_kev": 511.0 + gain,
        "block_efficiency": efficiency,
        "time_offset_ps": timing,
        "sensitivity": (sensitivity - 0.6 * lost)[None],
        "randoms": (100.0 + random.normal(0, 2.0) + 3.0 * (activity - 0.7))[None],
        "scatter_ratio": (32.0 + 0.02 * gain.mean(axis=0))[None],
        "temperature_c": temperature[None],
    }
    for test, values in signals.items():
        sigma = TESTS[test].noise * (noise if test in MODULE_TESTS else 1.0)
        sigma = sigma * (1.0 if test == "temperature_c" else grain)
        signals[test] = values + sigma * random.normal(0.0, 1.0, values.shape)
    return signals


def _correct(
    settings: FleetSettings,
    life: Timeline,
    gain: np.ndarray,
    timing: np.ndarray,
) -> None:
    """Apply calibrations, which pull readings back, and replacements, in place."""
    for day in life.calibration_days:
        gain[:, day:] -= gain[:, day - 1 : day]
        timing[:, day:] -= timing[:, day - 1 : day]
    for part in life.degradations:
        if part.module >= 0 and part.end_day < settings.days:
            rest = slice(part.end_day, None)
            gain[part.module, rest] -= gain[part.module, part.end_day]
            timing[part.module, rest] -= timing[part.module, part.end_day]


def _activity(life: Timeline, days: np.ndarray) -> np.ndarray:
    """Return the phantom's activity relative to a new one; it is replaced at a third."""
    age = (days + life.age_at_start_days) % (1.585 * _HALF_LIFE_DAYS)
    return np.asarray(0.5 ** (age / _HALF_LIFE_DAYS))
