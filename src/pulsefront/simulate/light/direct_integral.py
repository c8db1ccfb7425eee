"""Direct light on square sensors behind one block, as an integral that all sensors share.

It depends only on the height above the exit face and on the distance to the sensor's centre in x
and y, so that one fine table serves all sensors and positions.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.detector import Detector
from pulsefront.simulate.light.direct_table import DirectLight
from pulsefront.simulate.light.surfaces import fresnel_reflectance

__all__ = ["integrated", "is_shift_invariant"]

_ANGLES = 4000
_QUADRATURE = 16
_HEIGHTS = 48
_FINE_MM = 0.1
Table = NDArray[np.float64]


def is_shift_invariant(detector: Detector) -> bool:
    """Return whether direct light depends only on height and distance to the sensor.

    The crystal must be one block on layers as wide as it is, the sensors squares.
    """
    crystal = detector.crystal
    wide = all(layer.size_mm[:2] == crystal.size_mm[:2] for layer in detector.layers)
    return crystal.elements == (1, 1) and wide and detector.sensors.shape == "square"


def integrated(detector: Detector) -> DirectLight:
    """Return the direct light of a detector for which `is_shift_invariant` holds."""
    plane, crystal = detector.sensors, detector.crystal
    half = plane.active_mm / 2
    reach = max(crystal.size_mm[:2]) + max(abs(offset) for offset in plane.offset_mm)
    near = np.arange(0.0, half + 2.0, _FINE_MM)
    far = np.geomspace(near[-1] + 1.5 * _FINE_MM, max(reach, near[-1] + 1.0), 60)
    shift = np.concatenate([near, far])
    softening = 0.2
    height = np.geomspace(softening, crystal.size_mm[2] + softening, _HEIGHTS) - softening
    edges = np.concatenate([shift - half, shift + half])
    table = np.empty((len(height), len(shift), len(shift)), np.float32)
    nodes, weights = np.polynomial.legendre.leggauss(_QUADRATURE)
    for k, h in enumerate(height):
        radial, scale = _radial(detector, float(h))
        corner = _corner_integrals(edges, radial, scale, nodes, weights)
        n = len(shift)
        low, high = corner[:n], corner[n:]
        table[k] = high[:, n:] - high[:, :n] - low[:, n:] + low[:, :n]
    return DirectLight(height, shift, table[..., None], *plane.axes_mm)


def _radial(detector: Detector, height_mm: float) -> tuple[Table, float]:
    """Return P(r)/2π, the share of light that lands within r, on a grid of atan(r / scale)."""
    material = detector.material
    scatter = 1 / material.scatter_length_mm if material.scatter_length_mm else 0.0
    theta = np.linspace(0.0, math.pi / 2, _ANGLES, endpoint=False)
    cosine, sine = np.cos(theta), np.sin(theta)
    radius = height_mm * np.tan(theta)
    loss = height_mm / cosine * (1 / material.absorption_length_mm + scatter)
    passed = np.ones_like(theta)
    index = material.refractive_index
    below = cosine
    for layer in detector.layers:
        passed *= [
            1.0 - fresnel_reflectance(index, layer.refractive_index, c) for c in below.tolist()
        ]
        index = layer.refractive_index
        sine_here = np.minimum(material.refractive_index / index * sine, 1.0)
        below = np.sqrt(np.maximum(1.0 - sine_here**2, 0.0))
        # Beyond the critical angle nothing passes; the radius only has to stay increasing.
        slope = sine_here / np.maximum(below, 1e-6)
        radius = radius + layer.size_mm[2] * slope
        loss = loss + layer.size_mm[2] / np.maximum(below, 1e-6) / layer.absorption_length_mm
    density = passed * np.exp(-loss) * sine / (4 * math.pi)
    steps = (density[1:] + density[:-1]) / 2 * np.diff(theta)
    within = np.concatenate([[0.0], np.cumsum(steps)])
    scale = height_mm + sum(layer.size_mm[2] for layer in detector.layers) + 0.05
    angles = np.linspace(0.0, math.pi / 2, _ANGLES + 1)
    at = scale * np.tan(np.minimum(angles, math.pi / 2 - 1e-9))
    return np.interp(at, radius, within), scale


@njit(nogil=True, cache=True)
def _corner_integrals(
    edges: Table, radial: Table, scale: float, nodes: Table, weights: Table
) -> Table:
    """Return the light on the rectangle from (0, 0) to each pair of edges, odd in both."""
    count = len(edges)
    last = len(radial) - 1
    per_step = 0.5 * math.pi / last
    result = np.zeros((count, count))
    for i in range(count):
        for j in range(i + 1):
            a, b = abs(edges[i]), abs(edges[j])
            total = 0.0
            if a > 0.0 and b > 0.0:
                split = math.atan2(b, a)
                # To the side x = a below the diagonal, to the side y = b above it.
                for part in range(2):
                    low = 0.0 if part == 0 else split
                    high = split if part == 0 else 0.5 * math.pi
                    for n in range(len(nodes)):
                        phi = 0.5 * (high + low) + 0.5 * (high - low) * nodes[n]
                        r = a / math.cos(phi) if part == 0 else b / math.sin(phi)
                        node = math.atan(r / scale) / per_step
                        k = min(int(node), last - 1)
                        value = radial[k] + (node - k) * (radial[k + 1] - radial[k])
                        total += 0.5 * (high - low) * weights[n] * value
            sign = (1.0 if edges[i] > 0.0 else -1.0) * (1.0 if edges[j] > 0.0 else -1.0)
            result[i, j] = result[j, i] = sign * total
    return result
