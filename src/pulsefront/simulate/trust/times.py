"""Coincidence time resolution of two equal detectors, as their discriminators give it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import Detector
from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.timing.crossing_times import LADDER
from pulsefront.estimators.timing.discriminators import LeadingEdge, Sampling, fit_leading_edge
from pulsefront.estimators.timing.tuning import default_thresholds, prepare_pulses
from pulsefront.estimators.timing.two_thresholds import TwoThresholds, fit_two_thresholds
from pulsefront.evaluate.intervals import (
    Interval,
    bootstrap,
    central_width_statistic,
    fwhm_statistic,
)
from pulsefront.simulate.coincidences.measurement import CoincidenceSettings, simulate_coincidences
from pulsefront.simulate.trust.charges import REPLICATES, map_settings

__all__ = ["Pickoff", "measure_ctr"]

Float = NDArray[np.float64]
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
    fastest_share: float = 1.0,
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
    fastest_share
        Share of the pairs that is judged, those whose slower pulse rises fastest from the low
        threshold to another: in BGO those with the most Cherenkov light. Thresholds and correction
        stay those of all pairs.

    Raises
    ------
    ConfigError
        There is no digitizer, or a share of pairs is asked for without two thresholds.
    DataError
        Too few pairs leave all their energy.
    """
    if fastest_share < 1.0 and pickoff != "two_thresholds":
        raise ConfigError(
            "needs the rise between two thresholds",
            field="fastest_share",
            value=fastest_share,
            remedy='set pickoff = "two_thresholds"',
        )
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
    residuals = []
    for tuned_on in (0, 1):
        here, there = slice(tuned_on, None, 2), slice(1 - tuned_on, None, 2)
        model: LeadingEdge | TwoThresholds
        if pickoff == "leading_edge":
            model = fit_leading_edge(wave[here], known[here], sampling)
            kept = np.ones(len(wave[there]), np.bool_)
        else:
            model = fit_two_thresholds(wave[here], known[here], sampling)
            kept = _fastest(model, (wave[here], known[here]), wave[there], fastest_share)
        found = (model.estimate(wave[there]) - known[there])[kept]
        residuals.append(found[np.isfinite(found)])
    residual_ps = 1000.0 * np.concatenate(residuals)
    statistic = central_width_statistic if smooth else fwhm_statistic
    return bootstrap(statistic(residual_ps), len(residual_ps), replicates=REPLICATES)


def _fastest(
    model: TwoThresholds,
    tuned_on: tuple[NDArray[np.generic], Float],
    wave: NDArray[np.generic],
    share: float,
) -> NDArray[np.bool_]:
    """Return which pairs are the share that rises fastest.

    Up to which threshold is tuned as the others are: where those that are kept have the narrowest
    differences, on the half of the pairs that the model was tuned on.
    """
    if share >= 1.0:
        return np.ones(len(wave), np.bool_)
    before, known = tuned_on
    levels = default_thresholds(prepare_pulses(before, model.settings), model.settings, LADDER)
    residual = model.estimate(before) - known
    best = (np.inf, levels[-1])
    for level in levels:
        if level > model.low_adc:
            some = residual[_least(model.rise_ns(before, level).max(axis=1), share)]
            some = some[np.isfinite(some)]
            best = min(best, (central_width_statistic(some)(np.ones(len(some))), level))
    return _least(model.rise_ns(wave, best[1]).max(axis=1), share)


def _least(values: Float, share: float) -> NDArray[np.bool_]:
    """Return which values are the share of the smallest; what is not there is large."""
    there = np.nan_to_num(values, nan=np.inf)
    kept = int(share * len(there))
    return np.asarray(there < np.partition(there, kept)[kept])
