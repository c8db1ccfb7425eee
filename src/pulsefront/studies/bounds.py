"""How near the network comes to what any unbiased estimator could reach."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import Detector, load_detector
from pulsefront.estimators.position.bounds import position_bound
from pulsefront.estimators.timing.bounds import waveform_bound_ps
from pulsefront.estimators.timing.discriminators import PulseSettings, prepare_pulses
from pulsefront.evaluate.intervals import fwhm_statistic, median_statistic
from pulsefront.evaluate.metrics import euclidean_error
from pulsefront.simulate.light.map import light_map_for
from pulsefront.studies.config import PositionStudy, TimingStudy
from pulsefront.studies.kinds.position.data import truth_mm
from pulsefront.studies.kinds.timing.photon_limit import photon_limit
from pulsefront.studies.parts import SplitEvents

__all__ = ["position_limit", "timing_limit"]

WALL_MM = 2.0
"""Events nearer a face are left out: the light map's slope is not known across it."""


def position_limit(
    study: PositionStudy, parts: SplitEvents, network_mm: NDArray[np.float64], cache: Path
) -> dict[str, Any]:
    """Return the Cramér–Rao bound for test events with a single interaction, beside the network.

    The bound's covariance at each event's true place gives residuals of an ideal estimator, which
    are measured as the network's residuals of the same events are.

    Parameters
    ----------
    network_mm
        (test event, 3) estimates.
    cache
        Folder of the light map.
    """
    detector = load_detector(study.detector)
    assert detector.charge is not None  # simulate_scan has refused other detectors
    assert study.scan is not None  # measured events have no truth, and so no bound
    test = parts.events.select(parts.split.test)
    place = truth_mm(test)
    half = np.array(detector.crystal.size_mm) / 2
    centred = place - np.array([0.0, 0.0, half[2]])
    chosen = np.flatnonzero(
        (test["compton_scatters"] == 0) & (np.abs(centred) < half - WALL_MM).all(axis=1)
    )
    light_map = light_map_for(detector, study.scan.light_map, cache=cache)
    share = light_map.probabilities(place[chosen]).sum(axis=1)
    # In units of avalanches: what the photosensors count includes their crosstalk.
    avalanches = test["charge_adc"][chosen].sum(axis=1) / detector.charge.counts_per_photoelectron
    bound = position_bound(
        lambda mm: np.asarray(light_map.probabilities(mm), np.float64),
        place[chosen],
        float(np.median(avalanches / share)),
        excess_noise_factor=_excess_noise(detector),
        electronic_noise=detector.charge.noise_adc / detector.charge.counts_per_photoelectron,
        step_mm=study.scan.light_map.pitch_mm / 2,
    )
    rng = np.random.default_rng(study.seed)
    root = np.linalg.cholesky(bound.covariance_mm2)
    ideal = np.einsum("eij,ej->ei", root, rng.standard_normal((len(chosen), 3)))
    network = network_mm[chosen] - place[chosen]
    return {
        "events": len(chosen),
        "events_are": "one interaction, more than 2 mm from every face",
        **{f"bound_{key}": value for key, value in _figures(ideal).items()},
        **{f"network_{key}": value for key, value in _figures(network).items()},
    }


def _excess_noise(detector: Detector) -> float:
    """Return variance over mean of the number of avalanches, with the spread of their gain.

    A Poisson number of avalanches that each set off a Borel-distributed family has the ratio
    1/(1 − λ)² with λ = −ln(1 − crosstalk) (Vinogradov 2012, eq. 5).
    """
    sensor = detector.photosensor
    crosstalk = -math.log(1.0 - getattr(sensor, "crosstalk", 0.0))
    return (1.0 + sensor.gain_spread**2) / (1.0 - crosstalk) ** 2


def _figures(residual: NDArray[np.float64]) -> dict[str, float]:
    every = np.ones(len(residual))
    widths = [fwhm_statistic(residual[:, axis])(every) for axis in (0, 1)]
    return {
        "median_error_3d_mm": median_statistic(euclidean_error(residual))(every),
        "fwhm_xy_mm": float(np.mean(widths)),
    }


def timing_limit(
    study: TimingStudy, parts: SplitEvents, network_ps: float, classical_ps: float, cache: Path
) -> dict[str, Any]:
    """Return the bound on the CTR that the study names, and the share of the gap closed.

    The share is None where the classical estimator is at or below the bound already.

    Parameters
    ----------
    network_ps, classical_ps
        CTR FWHM of the network and of the best classical estimator on the test set.
    cache
        Folder of the light map.
    """
    bound = (
        _photon_bound(study, parts, cache)
        if study.limit == "photons"
        else {"bound_ctr_fwhm_ps": _waveform_bound(study, parts)}
    )
    gap = classical_ps - bound["bound_ctr_fwhm_ps"]
    return {
        "kind": study.limit,
        **bound,
        "gap_closed_percent": 100.0 * (classical_ps - network_ps) / gap if gap > 0 else None,
    }


def _photon_bound(study: TimingStudy, parts: SplitEvents, cache: Path) -> dict[str, float]:
    assert study.coincidences is not None  # only simulated events have a true arrival
    detector = load_detector(study.detector)
    settings = study.coincidences.light_map.model_copy(update={"transit_times": True})
    limit = photon_limit(
        detector,
        light_map_for(detector, settings, cache=cache),
        np.asarray(parts.events["depth_mm"], np.float64).reshape(-1),
        study.seed,
        study.statistics.bin_ps,
    )
    return {f"bound_{key}" if key.startswith("ctr") else key: v for key, v in limit.items()}


def _waveform_bound(study: TimingStudy, parts: SplitEvents) -> float:
    train = parts.events.select(parts.split.train)
    interval = float(train.provenance["sample_interval_ns"])
    pulses = prepare_pulses(
        train["waveform_adc"], PulseSettings(interval, study.events.baseline_samples)
    )
    return waveform_bound_ps(
        np.concatenate(pulses),
        np.concatenate([train["true_arrival_ns"][:, side] for side in (0, 1)]),
        interval,
    )
