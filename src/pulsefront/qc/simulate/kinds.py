"""Fleets of many kinds, to learn from what they share: what precedes a failure, whatever its name.

Every number is an assumption of this simulation, drawn from the ranges below; none is taken from a
publication. They are wide on purpose: vendors, sites and habits differ more than one fleet shows.
"""

from __future__ import annotations

from datetime import date

import numpy as np

from pulsefront.qc.simulate.settings import FailureRates, FleetSettings, SiteProfile

__all__ = ["draw_fleet"]

_USUAL_RATES = {
    "gain_drift": 0.09,
    "efficiency_loss": 0.09,
    "high_voltage": 0.07,
    "timing_drift": 0.05,
    "sudden": 0.04,
    "cooling": 0.03,
    "slow_sensitivity_loss": 0.08,
}


def draw_fleet(seed: int, *, scanners: int, years: float = 4.0) -> FleetSettings:
    """Return a fleet of one kind: three sites with habits and a vendor of their own.

    Parameters
    ----------
    scanners
        Of each site.
    """
    random = np.random.default_rng(np.random.SeedSequence([seed, 0x50524F52]))

    def between(low: float, high: float) -> float:
        """Draw evenly in the logarithm."""
        return round(float(np.exp(random.uniform(np.log(low), np.log(high)))), 4)

    sites = tuple(
        SiteProfile(
            name=f"kind{seed}{name}",
            scanners=scanners,
            room_temperature_c=round(float(random.uniform(20.0, 24.0)), 1),
            weekend_qc=bool(random.random() < 0.3),
            missing_day_share=between(0.01, 0.25),
            late_log_share=between(0.01, 0.2),
            noise_factor=between(0.7, 2.4),
            preventive_interval_days=int(random.integers(90, 400)),
            limit_factor=between(0.7, 1.4),
            change_factor=between(0.7, 1.4),
            onset_factor=between(0.5, 1.6),
            upgrade_interval_days=int(random.integers(300, 1600)),
            upgrade_shift_percent=between(0.3, 3.0),
            upgrade_together=bool(random.random() < 0.3),
            service_late_share=between(0.02, 0.4),
            service_late_days=int(random.integers(2, 20)),
        )
        for name in "abc"
    )
    rates = {cause: round(rate * between(0.4, 2.5), 4) for cause, rate in _USUAL_RATES.items()}
    return FleetSettings(
        name=f"kind {seed}",
        seed=seed,
        start=date(2015, 1, 1),
        years=years,
        modules=int(random.integers(4, 25)),
        sites=sites,
        failures=FailureRates(**rates),
    )
