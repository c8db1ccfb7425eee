"""What a face does to a photon: Fresnel, micro-facets, reflectors behind an air gap.

Kernels work in the frame of the face: ``c`` is the component of the direction along the outward
normal, ``a`` and ``b`` lie in the face. A photon arrives with c > 0 and, where it stays inside,
leaves with c < 0.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.detector import Surface
from pulsefront.simulate.random import disc, uniform

__all__ = ["ABSORBED", "ESCAPED", "INSIDE", "fresnel_reflectance", "meet_surface", "surface_row"]

INSIDE = 0
ABSORBED = -1
ESCAPED = -2

_SIGMA, _SPIKE, _LOBE, _BACK, _REFLECTOR, _REFLECTIVITY, _GAP_INDEX = range(7)
_NO_REFLECTOR, _SPECULAR, _DIFFUSE = 0, 1, 2
_IN_CONTACT = 0.0
_ATTEMPTS = 1000
Row = NDArray[np.float64]
State = NDArray[np.uint64]
Vector = tuple[float, float, float]


def surface_row(surface: Surface) -> Row:
    """Return a surface as the numbers that the kernels read."""
    reflector = {"none": _NO_REFLECTOR, "specular": _SPECULAR, "diffuse": _DIFFUSE}
    row = np.zeros(7)
    row[_SIGMA] = math.radians(surface.sigma_alpha_deg)
    row[_SPIKE] = surface.specular_spike
    row[_LOBE] = surface.specular_lobe
    row[_BACK] = surface.back_scatter
    row[_REFLECTOR] = reflector[surface.reflector]
    row[_REFLECTIVITY] = surface.reflectivity
    row[_GAP_INDEX] = _IN_CONTACT if surface.gap_index is None else surface.gap_index
    return row


@njit(nogil=True, cache=True, error_model="numpy")
def fresnel_reflectance(n_from: float, n_to: float, cosine: float) -> float:
    """Return the reflectance for unpolarized light, 1 where it is totally reflected."""
    sine_squared = (n_from / n_to) ** 2 * (1.0 - cosine * cosine)
    if sine_squared >= 1.0:
        return 1.0
    beyond = math.sqrt(1.0 - sine_squared)
    perpendicular = (n_from * cosine - n_to * beyond) / (n_from * cosine + n_to * beyond)
    parallel = (n_to * cosine - n_from * beyond) / (n_to * cosine + n_from * beyond)
    return 0.5 * (perpendicular * perpendicular + parallel * parallel)


@njit(nogil=True, cache=True, error_model="numpy")
def lambertian(state: State) -> Vector:
    """Return a direction leaving the face inwards with a density proportional to its cosine.

    Its projection on the face is uniform in the unit disc.
    """
    a, b, square = disc(state)
    return a, b, -math.sqrt(1.0 - square)


@njit(nogil=True, cache=True, error_model="numpy")
def facet(state: State, sigma: float) -> Vector:
    """Return the outward normal of a micro-facet: slope angle with density sin α e^(−α²/2σ²)."""
    if sigma <= 0.0:
        return 0.0, 0.0, 1.0
    while True:
        # The squared radius of the disc's point serves as the uniform number, its angle as φ.
        a, b, square = disc(state)
        alpha = sigma * math.sqrt(-2.0 * math.log(square))
        if alpha < 0.5 * math.pi:
            sine = math.sin(alpha)
            if uniform(state) * alpha <= sine:
                scale = sine / math.sqrt(square)
                return scale * a, scale * b, math.sqrt(1.0 - sine * sine)


@njit(nogil=True, cache=True, error_model="numpy")
def _reflect_in_crystal(state: State, a: float, b: float, c: float, f: Vector, row: Row) -> Vector:
    """Return the direction after reflection at a facet; it may still point outwards."""
    choice = uniform(state)
    if choice < row[_SPIKE]:
        return a, b, -c
    if choice < row[_SPIKE] + row[_LOBE]:
        twice = 2.0 * (a * f[0] + b * f[1] + c * f[2])
        return a - twice * f[0], b - twice * f[1], c - twice * f[2]
    if choice < row[_SPIKE] + row[_LOBE] + row[_BACK]:
        return -a, -b, -c
    return lambertian(state)


@njit(nogil=True, cache=True, error_model="numpy")
def _refract(v: Vector, f: Vector, cosine: float, ratio: float) -> Vector:
    """Return *v* refracted at a facet it meets under *cosine*; *ratio* is n_from / n_to."""
    beyond = math.sqrt(max(0.0, 1.0 - ratio * ratio * (1.0 - cosine * cosine)))
    # The facet's normal points along v where v·f > 0 and against it otherwise.
    sign = 1.0 if v[0] * f[0] + v[1] * f[1] + v[2] * f[2] > 0.0 else -1.0
    scale = sign * (beyond - ratio * cosine)
    return ratio * v[0] + scale * f[0], ratio * v[1] + scale * f[1], ratio * v[2] + scale * f[2]


@njit(nogil=True, cache=True, error_model="numpy")
def _return_from_gap(state: State, v: Vector, index: float, row: Row) -> tuple[int, Vector]:
    """Follow a photon between face and reflector until it is back inside or absorbed."""
    gap = row[_GAP_INDEX]
    for _ in range(_ATTEMPTS):
        if uniform(state) >= row[_REFLECTIVITY]:
            return ABSORBED, v
        v = (v[0], v[1], -v[2]) if row[_REFLECTOR] == _SPECULAR else lambertian(state)
        for _attempt in range(_ATTEMPTS):
            f = facet(state, row[_SIGMA])
            cosine = -(v[0] * f[0] + v[1] * f[1] + v[2] * f[2])
            if cosine <= 0.0:
                continue
            if uniform(state) < fresnel_reflectance(gap, index, cosine):
                out = (
                    v[0] + 2.0 * cosine * f[0],
                    v[1] + 2.0 * cosine * f[1],
                    v[2] + 2.0 * cosine * f[2],
                )
                if out[2] > 0.0:
                    v = out
                    break
            else:
                out = _refract(v, f, cosine, gap / index)
                if out[2] < 0.0:
                    return INSIDE, out
        else:
            return ABSORBED, v
    return ABSORBED, v


@njit(nogil=True, cache=True, error_model="numpy")
def meet_surface(
    state: State, a: float, b: float, c: float, index: float, row: Row
) -> tuple[int, float, float, float]:
    """Return what becomes of a photon at an outer face, and its new direction.

    The first value is `INSIDE`, `ABSORBED` or `ESCAPED`. Facets that the photon cannot meet from
    its side, or that would throw it through the face, are drawn again, as in the UNIFIED model
    (Levin and Moisan 1996).
    """
    if row[_GAP_INDEX] == _IN_CONTACT:
        if row[_REFLECTOR] == _NO_REFLECTOR:
            return ESCAPED, a, b, c
        if uniform(state) >= row[_REFLECTIVITY]:
            return ABSORBED, a, b, c
        if row[_REFLECTOR] == _SPECULAR:
            return INSIDE, a, b, -c
        a, b, c = lambertian(state)
        return INSIDE, a, b, c
    if row[_SIGMA] == 0.0 and row[_SPIKE] == 1.0:
        ratio = index / row[_GAP_INDEX]
        if (1.0 - c * c) * ratio * ratio >= 1.0:
            # Total reflection at a polished face: most of what happens, and it needs no draw.
            return INSIDE, a, b, -c
    for _ in range(_ATTEMPTS):
        f = facet(state, row[_SIGMA])
        cosine = a * f[0] + b * f[1] + c * f[2]
        if cosine <= 0.0:
            continue
        if uniform(state) < fresnel_reflectance(index, row[_GAP_INDEX], cosine):
            v = _reflect_in_crystal(state, a, b, c, f, row)
            if v[2] < 0.0:
                return INSIDE, v[0], v[1], v[2]
            continue
        v = _refract((a, b, c), f, cosine, index / row[_GAP_INDEX])
        if v[2] <= 0.0:
            continue
        if row[_REFLECTOR] == _NO_REFLECTOR:
            return ESCAPED, v[0], v[1], v[2]
        status, v = _return_from_gap(state, v, index, row)
        return status, v[0], v[1], v[2]
    return ABSORBED, a, b, c
