"""The life of one simulated scanner: what fails when and why, and what people do about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from pulsefront.qc.simulate.settings import FleetSettings, SiteProfile

__all__ = ["SYSTEM_CAUSES", "Degradation", "Timeline", "draw_timeline"]

SYSTEM_CAUSES = ("cooling", "slow_sensitivity_loss")

# Days from the first change to the failure: shortest and longest.
_ONSET_DAYS = {
    "gain_drift": (20, 80),
    "efficiency_loss": (10, 60),
    "high_voltage": (6, 35),
    "timing_drift": (15, 60),
    "sudden": (0, 0),
    "cooling": (10, 40),
    "slow_sensitivity_loss": (150, 300),
}
_CALIBRATION_INTERVAL_DAYS = 91
_QUIET_DAYS = 120  # a new part does not begin to fail at once
_PREVENTIVE_FIND_CHANCE = 0.35


@dataclass(frozen=True)
class Degradation:
    """One part on its way to failure.

    ``module`` is −1 for the unit as a whole. ``end_day`` is the day of the failure, or of the
    preventive replacement that came before it; then ``prevented`` is true. ``fail_day`` is when it
    would have failed.
    """

    cause: str
    module: int
    onset_day: int
    fail_day: int
    end_day: int
    down_days: int
    prevented: bool

    def progress(self, days: np.ndarray) -> np.ndarray:
        """Return how far the degradation has come on each day, from 0 to 1 at the failure."""
        span = max(self.fail_day - self.onset_day, 1)
        share = np.clip((days - self.onset_day) / span, 0.0, 1.0)
        active = (days >= self.onset_day) & (days < self.end_day)
        return np.asarray(np.where(active, share, 0.0))


@dataclass(frozen=True)
class Timeline:
    """Degradations, and the days of calibrations, preventive maintenance and upgrades."""

    degradations: tuple[Degradation, ...]
    calibration_days: tuple[int, ...]
    preventive_days: tuple[int, ...]
    upgrade_days: tuple[int, ...]
    age_at_start_days: int


def draw_timeline(settings: FleetSettings, site: SiteProfile, random: Generator) -> Timeline:
    """Return the life of one scanner.

    Units differ in how prone they are (a gamma factor of mean 1) and parts fail more often as the
    scanner ages.
    """
    days = settings.days
    age = int(random.integers(0, 5 * 365))
    frailty = random.gamma(4.0, 0.25)
    preventive = _every(site.preventive_interval_days, days, random)
    degradations: list[Degradation] = []
    last_end = dict.fromkeys(range(-1, settings.modules), -_QUIET_DAYS)
    candidates: list[tuple[int, str, int]] = []
    for cause, rate in settings.failures.model_dump().items():
        chance = rate * frailty * _ageing(age, days) / 365.25
        for found in np.flatnonzero(random.random(days) < chance):
            module = -1 if cause in SYSTEM_CAUSES else int(random.integers(settings.modules))
            candidates.append((int(found), cause, module))
    for fail_day, cause, module in sorted(candidates):
        took = int(random.integers(_ONSET_DAYS[cause][0], _ONSET_DAYS[cause][1] + 1))
        onset = fail_day - round(took * site.onset_factor)
        if onset < last_end[module] + _QUIET_DAYS:
            continue
        end, prevented = fail_day, False
        for day in preventive:
            # Maintenance sees what is well under way, and then only sometimes.
            visible = onset + 0.5 * (fail_day - onset) < day < fail_day
            if visible and random.random() < _PREVENTIVE_FIND_CHANCE:
                end, prevented = day, True
                break
        degradations.append(
            Degradation(cause, module, onset, fail_day, end, int(random.integers(1, 5)), prevented)
        )
        last_end[module] = end
    return Timeline(
        tuple(degradations),
        tuple(_every(_CALIBRATION_INTERVAL_DAYS, days, random)),
        tuple(preventive),
        _upgrades(site, days, random),
        age,
    )


def _ageing(age_days: int, days: int) -> np.ndarray:
    """Return the factor on all rates by day; its mean over ages from 0 to 10 years is 1."""
    years = (age_days + np.arange(days)) / 365.25
    return 1.5 * np.sqrt(np.clip(years, 0.0, 10.0) / 10.0)


def _upgrades(site: SiteProfile, days: int, random: Generator) -> tuple[int, ...]:
    """Return the days of new software, at a site's own time or with all of its scanners."""
    drawn = _every(site.upgrade_interval_days, days, random)
    if not site.upgrade_together:
        return tuple(drawn)
    waves = range(site.upgrade_interval_days, days, site.upgrade_interval_days)
    return tuple(day for day in (wave + int(random.integers(0, 7)) for wave in waves) if day < days)


def _every(interval: int, days: int, random: Generator) -> list[int]:
    first = int(random.integers(1, interval + 1))
    jitter = random.integers(-5, 6, size=days // interval + 2)
    planned = [first + k * interval + int(jitter[k]) for k in range(len(jitter))]
    return sorted(day for day in planned if 0 < day < days)
