"""Optical photons traced one by one through the stack of slabs to a photosensor."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.detector import Detector
from pulsefront.simulate.constants import LIGHT_MM_PER_NS
from pulsefront.simulate.light.flight import AT_SENSORS, FLYING, beside_sensors, emitted, fly
from pulsefront.simulate.light.world import OpticalWorld, optical_world, sensor_at
from pulsefront.simulate.run.random import borrowed, direction, new_state

__all__ = [
    "LIGHT_MM_PER_NS",
    "OpticalWorld",
    "collection",
    "optical_world",
    "trace_photon",
    "trace_photons",
]

State = NDArray[np.uint64]
Table = NDArray[np.float64]


@njit(nogil=True, cache=True, error_model="numpy")
def trace_photon(
    state: State,
    x: float,
    y: float,
    z: float,
    dx: float,
    dy: float,
    dz: float,
    world: OpticalWorld,
) -> tuple[int, float, int]:
    """Follow a photon from a point of the crystal.

    Returns
    -------
    sensor, transit_ns, steps
        The photosensor that it reaches, or `ABSORBED` or `ESCAPED`; its time on the way; how
        often it met a face or boundary or was scattered.
    """
    rng = borrowed(state)
    photon = emitted(rng, x, y, z, dx, dy, dz, world.slabs)
    while photon.status == FLYING:
        photon = fly(rng, photon, world.slabs, world.faces)
        if photon.status == AT_SENSORS:
            sensor = sensor_at(photon.x, photon.y, world.plane)
            if sensor >= 0:
                return sensor, photon.transit_ns, photon.steps
            photon = beside_sensors(rng, photon, world.plane.gap_reflectivity)
    return photon.status, photon.transit_ns, photon.steps


@njit(nogil=True, cache=True, error_model="numpy")
def _trace_many(
    state: State,
    position_mm: Table,
    world: OpticalWorld,
    sensor: NDArray[np.int32],
    transit_ns: Table,
) -> None:
    for photon in range(len(sensor)):
        dx, dy, dz = direction(state)
        x, y, z = position_mm[photon, 0], position_mm[photon, 1], position_mm[photon, 2]
        sensor[photon], transit_ns[photon], _ = trace_photon(state, x, y, z, dx, dy, dz, world)


def trace_photons(
    world: OpticalWorld, position_mm: Table, state: State
) -> tuple[NDArray[np.int32], Table]:
    """Trace one photon, emitted isotropically, from each position.

    Parameters
    ----------
    position_mm
        (photon, 3), inside the crystal.
    state
        Of `pulsefront.simulate.run.random.new_state`; advanced.

    Returns
    -------
    sensor, transit_ns
        (photon,) each; the sensor is -1 where the photon was absorbed and -2 where it left.
    """
    sensor = np.empty(len(position_mm), np.int32)
    transit = np.empty(len(position_mm))
    points = np.ascontiguousarray(position_mm, np.float64)
    _trace_many(state, points, world, sensor, transit)
    return sensor, transit


def collection(detector: Detector, photons: int = 20_000) -> float:
    """Return the share of light from the middle of the central element that is collected."""
    middle = [*detector.crystal.central_element_mm, detector.thickness_mm / 2]
    points = np.tile(middle, (photons, 1))
    sensor, _ = trace_photons(optical_world(detector), points, new_state(np.random.SeedSequence(1)))
    return float((sensor >= 0).mean())
