"""Coincidence time resolution of two equal detectors, as their discriminators give it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from pulsefront.detector import Detector
from pulsefront.errors import DataError
from pulsefront.estimators.timing.crossings import fit_two_thresholds
from pulsefront.estimators.timing.discriminators import Sampling, fit_leading_edge
from pulsefront.evaluate.intervals import (
    Interval,
    bootstrap,
    central_width_statistic,
    fwhm_statistic,
)
from pulsefront.simulate.coincidences.measurement import CoincidenceSettings, simulate_coincidences
from pulsefront.simulate.trust.charges import REPLICATES, map_settings

__all__ = ["Pickoff", "measure_ctr"]

Pickoff = Literal["leading_edge", "two_thresholds"]

# The source is stepped: with it in the middle both pulses meet one clock in the same phase, and
# what interpolation between samples adds to the error would cancel.
_OFFSETS_MM = tuple(float(value) for value in np.linspace(-70, 70, 15))
_LEAST_EVENTS = 200


def measure_ctr(
    detector: Detector,
    *,
    pickoff: Pickoff = "leading_edge",
    events: int = 6000,
    seed: int = 1,
    cache: str | Path | None = None,
    smooth: bool = False,
) -> Interval:
    """Return the FWHM in ps of t0 − t1 of 511 keV pairs that both leave all their energy.

    Thresholds are tuned on one half of the pairs and judged on the other, and the other way
    round, so that every pair counts once and none was tuned on itself.

    Parameters
    ----------
    detector
        With a ``[digitizer]`` section.
    pickoff
        A leading edge at the best threshold, or a low threshold corrected by the time to a high
        one (`fit_two_thresholds`).
    smooth
        Give the width between the quantiles that hold 76 % instead, which is the FWHM of a
        Gaussian and varies less from sample to sample.

    Raises
    ------
    ConfigError
        There is no digitizer.
    DataError
        Too few pairs leave all their energy.
    """
    digitizer = detector.waveform_digitizer
    settings = CoincidenceSettings(
        offsets_mm=_OFFSETS_MM,
        events_per_offset=-(-events // len(_OFFSETS_MM)),
        trigger_kev=350.0,
        stage_error_mm=0.0,
        light_map=map_settings(detector, transit_times=True),
    )
    table = simulate_coincidences(detector, settings, seed, cache=cache)
    order = np.random.default_rng(seed).permutation(len(table["known_difference_ns"]))
    whole = np.asarray((table["energy_deposited_kev"] > 510.9).all(axis=1))
    order = order[whole[order]]
    if len(order) < _LEAST_EVENTS:
        raise DataError(
            "too few pairs leave all their energy",
            field="events",
            value=len(order),
            remedy=f"more events: at least {_LEAST_EVENTS} are needed",
        )
    wave, known = table["waveform_adc"][order], table["known_difference_ns"][order]
    sampling = Sampling(digitizer.sample_interval_ns, max(1, digitizer.pre_trigger_samples // 3))
    fit = fit_leading_edge if pickoff == "leading_edge" else fit_two_thresholds
    residuals = []
    for tuned_on in (0, 1):
        here, there = slice(tuned_on, None, 2), slice(1 - tuned_on, None, 2)
        found = fit(wave[here], known[here], sampling).estimate(wave[there]) - known[there]
        residuals.append(found[np.isfinite(found)])
    residual_ps = 1000.0 * np.concatenate(residuals)
    statistic = central_width_statistic if smooth else fwhm_statistic
    return bootstrap(statistic(residual_ps), len(residual_ps), replicates=REPLICATES)
