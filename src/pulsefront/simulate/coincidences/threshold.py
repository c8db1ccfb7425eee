"""The charge that a threshold in keV stands for, where microcells saturate and light is slow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsefront.detector import Detector, SiPM
from pulsefront.simulate.light.map import LightMap
from pulsefront.simulate.light.optics import optical_world, trace_photons
from pulsefront.simulate.light.scintillation import (
    decay_parts,
    gate_fraction,
    light_yield,
    mean_detection_efficiency,
    mean_photons,
)
from pulsefront.simulate.run.random import new_state
from pulsefront.simulate.sensor.charges import crosstalk_mean

__all__ = ["threshold_charge"]

_TRACED = 20_000
_STEPS = 600
Table = NDArray[np.float64]


def threshold_charge(
    detector: Detector, light_map: LightMap | None, energy_kev: float, stretch_ns: float
) -> float:
    """Return the mean charge, in avalanches, of a deposit of *energy_kev* in mid-crystal.

    Only light of the first *stretch_ns* counts. Of n avalanches on N cells N (1 − e^(−n/N)) are
    seen where all come at once; later ones find cells partly recovered, as if there were more of
    them.
    """
    material, sensor = detector.material, detector.photosensor
    light = light_yield(material, mean_detection_efficiency(material, sensor))
    photons = mean_photons(energy_kev, light) * gate_fraction(material, stretch_ns)
    seen = photons * _middle(detector, light_map)
    if not isinstance(sensor, SiPM):
        return float(seen.sum())
    avalanches = seen / (1.0 - crosstalk_mean(sensor.crosstalk) - sensor.delayed_crosstalk)
    cells = sensor.cells / _unrecovered(detector, sensor.recovery_ns, stretch_ns)
    return float((-cells * np.expm1(-avalanches / cells)).sum())


def _middle(detector: Detector, light_map: LightMap | None) -> Table:
    """Return (sensor,) the share of the light of the middle that each photosensor detects."""
    middle = np.array([[*detector.crystal.central_element_mm, detector.thickness_mm / 2]])
    if light_map is not None:
        return np.asarray(light_map.probabilities(middle)[0], np.float64)
    state = new_state(np.random.SeedSequence(1))
    sensor, _ = trace_photons(optical_world(detector), np.repeat(middle, _TRACED, axis=0), state)
    hits = np.bincount(sensor[sensor >= 0], minlength=detector.sensors.count)
    return np.asarray(hits / _TRACED)


def _unrecovered(detector: Detector, recovery_ns: float, stretch_ns: float) -> float:
    """Return the mean of e^(−Δt/τ) over two photons of the first *stretch_ns*."""
    edges = np.linspace(0.0, stretch_ns, _STEPS + 1)
    middles = 0.5 * (edges[1:] + edges[:-1])
    density = np.zeros(_STEPS)
    share = 0.0
    for part in decay_parts(detector.material):
        shape = np.exp(-middles / part.decay_ns) - np.exp(-middles / max(part.rise_ns, 1e-9))
        density += (part.upto - share) * shape / (part.decay_ns - part.rise_ns)
        share = part.upto
    density /= density.sum()
    apart = np.abs(middles[:, None] - middles[None, :])
    return float(density @ np.exp(-apart / recovery_ns) @ density)
