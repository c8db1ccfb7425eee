"""How near the network comes to what any unbiased estimator of position could reach."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import Detector, load_detector
from pulsefront.estimators.position.bounds import position_bound
from pulsefront.evaluate.intervals import fwhm_statistic, median_statistic
from pulsefront.evaluate.metrics import euclidean_error
from pulsefront.events.container import EventTable
from pulsefront.simulate.light.map import light_map_for
from pulsefront.simulate.scan.settings import ScanSettings
from pulsefront.studies.kinds.position.data import truth_mm
from pulsefront.studies.kinds.position.records import PositionLimit
from pulsefront.studies.kinds.position.settings import PositionStudy

__all__ = ["position_limit"]

WALL_MM = 2.0
"""Events nearer a face are left out: the light map's slope is not known across it."""


def position_limit(
    study: PositionStudy,
    scan: ScanSettings,
    test: EventTable,
    network_mm: NDArray[np.float64],
    cache: Path,
) -> PositionLimit:
    """Return the Cramér–Rao bound for test events with a single interaction, beside the network.

    The bound's covariance at each event's true place gives residuals of an ideal estimator, which
    are measured as the network's residuals of the same events are.

    Parameters
    ----------
    scan
        As it was simulated: measured events have no truth, and so no bound.
    network_mm
        (test event, 3) estimates.
    cache
        Folder of the light map.
    """
    detector = load_detector(study.detector)
    readout = detector.charge_readout
    truth = truth_mm(test)
    half = np.array(detector.crystal.size_mm) / 2
    centred = truth - np.array([0.0, 0.0, half[2]])
    chosen = np.flatnonzero(
        (test["compton_scatters"] == 0) & (np.abs(centred) < half - WALL_MM).all(axis=1)
    )
    light_map = light_map_for(detector, scan.light_map, cache=cache)
    share = light_map.probabilities(truth[chosen]).sum(axis=1)
    # In units of avalanches: what the photosensors count includes their crosstalk.
    avalanches = test["charge_adc"][chosen].sum(axis=1) / readout.counts_per_photoelectron
    bound = position_bound(
        lambda mm: np.asarray(light_map.probabilities(mm), np.float64),
        truth[chosen],
        float(np.median(avalanches / share)),
        excess_noise_factor=_excess_noise(detector),
        electronic_noise=readout.noise_adc / readout.counts_per_photoelectron,
        step_mm=scan.light_map.pitch_mm / 2,
    )
    ideal = bound.residuals_mm(study.seed)
    network = network_mm[chosen] - truth[chosen]
    (bound_median, bound_fwhm), (network_median, network_fwhm) = map(_widths, (ideal, network))
    return PositionLimit(
        events=len(chosen),
        events_are="one interaction, more than 2 mm from every face",
        bound_median_error_3d_mm=bound_median,
        bound_fwhm_xy_mm=bound_fwhm,
        network_median_error_3d_mm=network_median,
        network_fwhm_xy_mm=network_fwhm,
    )


def _excess_noise(detector: Detector) -> float:
    """Return variance over mean of the number of avalanches, with the spread of their gain.

    A Poisson number of avalanches that each set off a Borel-distributed family has the ratio
    1/(1 − λ)² with λ = −ln(1 − crosstalk) (Vinogradov 2012, eq. 5).
    """
    sensor = detector.photosensor
    crosstalk = -math.log(1.0 - getattr(sensor, "crosstalk", 0.0))
    return (1.0 + sensor.gain_spread**2) / (1.0 - crosstalk) ** 2


def _widths(residual: NDArray[np.float64]) -> tuple[float, float]:
    """Return the median 3-D error and the mean FWHM of x and y."""
    every = np.ones(len(residual))
    widths = [fwhm_statistic(residual[:, axis])(every) for axis in (0, 1)]
    return median_statistic(euclidean_error(residual))(every), float(np.mean(widths))
