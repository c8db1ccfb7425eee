"""The resolution of two detectors that stamped every photon, found by drawing photons."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import Detector, SiPM
from pulsefront.estimators.timing.bounds import emission_density
from pulsefront.estimators.timing.photons import most_likely_arrival
from pulsefront.evaluate import metrics
from pulsefront.simulate.light.map import LightMap
from pulsefront.simulate.light.optics import LIGHT_MM_PER_NS
from pulsefront.simulate.light.scintillation import (
    cherenkov_photons,
    cherenkov_yield,
    light_yield,
    mean_detection_efficiency,
)

__all__ = ["PhotonLimit", "photon_limit"]

EVENTS = 3000
DIFFERENCES_OF_EACH = 20
MOST_PHOTONS = 100.0
"""Later photons say next to nothing about the arrival."""
ENERGY_KEV = 511.0
STEP_NS = 0.01
START_NS, STOP_NS = -1.0, 12.0
SEARCHED_NS = (-1.2, 1.5)

Float = NDArray[np.float64]


@dataclass(frozen=True)
class PhotonLimit:
    """CTR of two detectors that stamp every photon, and the photons detected per 511 keV."""

    ctr_fwhm_ps: float
    ctr_fwtm_ps: float
    cherenkov_photoelectrons: float
    scintillation_photoelectrons: float


def photon_limit(
    detector: Detector, light_map: LightMap, depth_mm: Float, seed: int, bin_ps: float | None
) -> PhotonLimit:
    """Return the CTR of most likely arrivals from all photon times, depth unknown.

    One deposit of 511 keV on the axis at a depth drawn from *depth_mm*; scintillation and
    Cherenkov light, transit and single-photon time spread are drawn, crosstalk, afterpulses and
    all electronics left out. The result is a limit that a real readout does not reach.

    Parameters
    ----------
    light_map
        With transit times.
    depth_mm
        (event,) depths of interaction of the data.
    bin_ps
        Width of the bins of the histogram whose widths are returned; chosen where None.
    """
    rng = np.random.default_rng(seed)
    # Away from walls: hypotheses are the map's depths, and events lie on them.
    middle = tuple(len(axis) // 2 for axis in (light_map.x_mm, light_map.y_mm))
    depths = light_map.z_mm
    counts = np.bincount(np.abs(depth_mm[:, None] - depths).argmin(axis=1), minlength=len(depths))
    share = (counts + 1) / (counts + 1).sum()
    axis_mm = np.column_stack([np.zeros((len(depths), 2)), depths])
    seen = light_map.probabilities(axis_mm).sum(axis=1)
    light = light_yield(
        detector.material, mean_detection_efficiency(detector.material, detector.photosensor)
    )
    scintillation = light.photons_per_kev * ENERGY_KEV * seen
    prompt = cherenkov_photons(ENERGY_KEV, cherenkov_yield(detector.material, detector.photosensor))
    transit = light_map.transit_ns[middle].mean(axis=1).astype(np.float64)
    time = np.arange(START_NS, STOP_NS, STEP_NS)
    intensity = np.stack(
        [
            _intensity(detector, time, scintillation[k], prompt * seen[k], transit[k], depths[k])
            for k in range(len(depths))
        ]
    )
    typical = share @ np.cumsum(intensity, axis=1) * STEP_NS
    enough = min(int(np.searchsorted(typical, MOST_PHOTONS)), len(time) - 1)
    stop = max(float(time[enough]) - SEARCHED_NS[1], 0.5)
    drawn = [
        _draw(detector, scintillation[k], prompt * seen[k], transit[k], depths[k], stop, rng)
        for k in rng.choice(len(depths), EVENTS, p=share)
    ]
    found = most_likely_arrival(
        np.concatenate(drawn),
        np.cumsum([len(each) for each in drawn]),
        intensity,
        share,
        START_NS,
        STEP_NS,
        np.arange(*SEARCHED_NS, STEP_NS),
        stop,
    )
    # Values come in steps of the grid: half a step of noise fills the histogram evenly.
    found += rng.uniform(-0.5, 0.5, EVENTS) * STEP_NS
    pairs = [found - rng.permutation(found) for _ in range(DIFFERENCES_OF_EACH)]
    difference_ps = 1000.0 * np.concatenate(pairs)
    return PhotonLimit(
        ctr_fwhm_ps=metrics.fwhm(difference_ps, bin_ps),
        ctr_fwtm_ps=metrics.fwtm(difference_ps, bin_ps),
        cherenkov_photoelectrons=float(share @ (prompt * seen)),
        scintillation_photoelectrons=float(share @ scintillation),
    )


def _spread_ns(detector: Detector) -> float:
    sensor = detector.photosensor
    if isinstance(sensor, SiPM):
        return sensor.sptr_sigma_ps / 1000.0
    return sensor.transit_time_spread_sigma_ps / 1000.0


def _intensity(
    detector: Detector,
    time: Float,
    scintillation: float,
    prompt: float,
    transit_ns: Float,
    depth_mm: float,
) -> Float:
    """Return the expected photons per ns after the gamma ray crossed the entrance face."""
    material, sigma = detector.material, _spread_ns(detector)
    total = sum(d.fraction for d in material.decay)
    emitted = sum(
        scintillation
        * d.fraction
        / total
        * emission_density(time, [(d.decay_ns, 1.0)], rise_ns=d.rise_ns, spread_sigma_ns=sigma)
        for d in material.decay
    )
    flash = np.exp(-0.5 * (time / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi))
    # Bins of the transit time and of the gamma ray's way to the depth.
    later = _transit(transit_ns, (np.arange(4000) + 0.5) / 4000) + depth_mm / LIGHT_MM_PER_NS
    kernel = np.bincount(np.rint(later / STEP_NS).astype(np.int64)) / len(later)
    spread = np.convolve(emitted + prompt * flash, kernel)[: len(time)]
    dark = getattr(detector.photosensor, "dark_count_rate_hz", 0.0) * 1e-9
    return np.asarray(spread + max(dark, 1e-6))


def _transit(quantiles_ns: Float, level: Float) -> Float:
    """Return transit times at *level* 0 … 1 from the light map's quantiles 1 − (1 − k/n)²."""
    last = len(quantiles_ns) - 1
    return np.interp(last * (1.0 - np.sqrt(1.0 - level)), np.arange(last + 1), quantiles_ns)


def _draw(
    detector: Detector,
    scintillation: float,
    prompt: float,
    transit_ns: Float,
    depth_mm: float,
    stop_ns: float,
    rng: np.random.Generator,
) -> Float:
    """Return the detection times of one event's photons before *stop_ns*."""
    material = detector.material
    slow, fast = rng.poisson(scintillation), rng.poisson(prompt)
    shares = np.array([d.fraction for d in material.decay])
    which = rng.choice(len(shares), slow, p=shares / shares.sum())
    decay = np.array([d.decay_ns for d in material.decay])[which]
    rise = np.array([d.rise_ns for d in material.decay])[which]
    # A sum of two exponentials has the bi-exponential density.
    emitted = np.concatenate([rng.exponential(decay) + rng.exponential(rise), np.zeros(fast)])
    time = emitted + _transit(transit_ns, rng.random(slow + fast)) + depth_mm / LIGHT_MM_PER_NS
    time += rng.normal(0.0, _spread_ns(detector), slow + fast)
    return np.asarray(time[time < stop_ns])
