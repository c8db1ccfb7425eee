"""What a face does to a photon: Fresnel, micro-facets, reflectors behind an air gap.

Kernels work in the frame of the face: ``c`` is the component of the direction along the outward
normal, ``a`` and ``b`` lie in the face. A photon arrives with c > 0 and, where it stays inside,
leaves with c < 0.

They are inlined into the loop that traces a photon, which makes it half as fast again; none of
them allows the compiler to reorder sums, so that a seed gives the same photons on every machine.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pulsefront.detector import Surface
from pulsefront.simulate.run.random import disc, normal, uniform

__all__ = [
    "ABSORBED",
    "ESCAPED",
    "INSIDE",
    "Face",
    "face_of",
    "fresnel_reflectance",
    "is_reflected",
    "lambertian",
    "meet_surface",
    "mirrors_below",
]

INSIDE = 0
ABSORBED = -1
ESCAPED = -2

_NO_REFLECTOR, _SPECULAR, _DIFFUSE = 0, 1, 2
_IN_CONTACT = 0.0
_QUARTER_TURN_SQUARED = 0.25 * math.pi**2
_ATTEMPTS = 1000
# Coefficients of (sin α)/α and cos α in powers of α².
_S = tuple((-1.0) ** k / math.factorial(2 * k + 1) for k in range(11))
_C = tuple((-1.0) ** k / math.factorial(2 * k) for k in range(11))
State = NDArray[np.uint64]
Vector = tuple[float, float, float]


class Face(NamedTuple):
    """A face in the numbers of the UNIFIED model; see `pulsefront.detector.Surface`.

    ``gap_index`` is 0 where the reflector touches the face.
    """

    sigma_alpha_rad: float
    spike: float
    lobe: float
    back: float
    reflector: int
    reflectivity: float
    gap_index: float


def face_of(surface: Surface) -> Face:
    """Return the record of a surface."""
    return Face(
        sigma_alpha_rad=math.radians(surface.sigma_alpha_deg),
        spike=surface.specular_spike,
        lobe=surface.specular_lobe,
        back=surface.back_scatter,
        reflector={"none": _NO_REFLECTOR, "specular": _SPECULAR, "diffuse": _DIFFUSE}[
            surface.reflector
        ],
        reflectivity=surface.reflectivity,
        gap_index=_IN_CONTACT if surface.gap_index is None else surface.gap_index,
    )


@njit(nogil=True, cache=True, error_model="numpy")
def fresnel_reflectance(n_from: float, n_to: float, cosine: float) -> float:
    """Return the reflectance for unpolarized light, 1 where it is totally reflected."""
    ratio = n_from / n_to
    sine_squared = ratio * ratio * (1.0 - cosine * cosine)
    if sine_squared >= 1.0:
        return 1.0
    numerator, denominator = _reflectance(ratio, cosine, math.sqrt(1.0 - sine_squared))
    return numerator / denominator


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _reflectance(ratio: float, cosine: float, beyond: float) -> tuple[float, float]:
    """Return the reflectance as a fraction; *ratio* is n_from / n_to, *beyond* the far cosine."""
    across, along = ratio * cosine + beyond, cosine + ratio * beyond
    perpendicular = (ratio * cosine - beyond) * along
    parallel = (cosine - ratio * beyond) * across
    both = across * along
    return perpendicular * perpendicular + parallel * parallel, 2.0 * both * both


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def is_reflected(state: State, ratio: float, cosine: float, beyond: float) -> bool:
    """Return whether a photon is reflected where total reflection is ruled out.

    *ratio* is n_from / n_to; *cosine* and *beyond* belong to the directions before and after
    refraction.
    """
    numerator, denominator = _reflectance(ratio, cosine, beyond)
    return uniform(state) * denominator < numerator


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def lambertian(state: State) -> Vector:
    """Return a direction leaving the face inwards with a density proportional to its cosine.

    Its projection on the face is uniform in the unit disc.
    """
    a, b, square = disc(state)
    return a, b, -math.sqrt(1.0 - square)


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def facet(state: State, sigma: float) -> Vector:
    """Return the outward normal of a micro-facet: slope angle with density sin α e^(−α²/2σ²).

    Two normal deviates give α e^(−α²/2σ²) and an azimuth; of them (sin α)/α are kept.
    """
    if sigma <= 0.0:
        return 0.0, 0.0, 1.0
    while True:
        a, b = sigma * normal(state), sigma * normal(state)
        square = a * a + b * b
        if square < _QUARTER_TURN_SQUARED:
            sinc, cosine = _sinc_and_cosine(square)
            if uniform(state) <= sinc:
                return sinc * a, sinc * b, cosine


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _sinc_and_cosine(t: float) -> tuple[float, float]:
    """Return (sin α)/α and cos α for t = α² up to (π/2)²: series whose next term is below 1e-16.

    Summed in pairs, which a processor does side by side.
    """
    t2 = t * t
    t4 = t2 * t2
    t8 = t4 * t4
    sinc = (
        ((_S[0] + _S[1] * t) + (_S[2] + _S[3] * t) * t2)
        + ((_S[4] + _S[5] * t) + (_S[6] + _S[7] * t) * t2) * t4
        + ((_S[8] + _S[9] * t) + _S[10] * t2) * t8
    )
    cosine = (
        ((_C[0] + _C[1] * t) + (_C[2] + _C[3] * t) * t2)
        + ((_C[4] + _C[5] * t) + (_C[6] + _C[7] * t) * t2) * t4
        + ((_C[8] + _C[9] * t) + _C[10] * t2) * t8
    )
    return sinc, cosine


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def mirrors_below(index: float, face: Face) -> float:
    """Return the squared cosine up to which a face reflects all light like a mirror, or -1."""
    gap = face.gap_index
    if face.sigma_alpha_rad > 0.0 or face.spike < 1.0 or gap == _IN_CONTACT:
        return -1.0
    return float(1.0 - (gap / index) ** 2)


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _return_from_gap(state: State, v: Vector, ratio: float, face: Face) -> tuple[int, Vector]:
    """Follow a photon between face and reflector until it is back inside or absorbed.

    *ratio* is that of the refractive indices of gap and crystal.
    """
    sigma, reflectivity, specular = (
        face.sigma_alpha_rad,
        face.reflectivity,
        face.reflector == _SPECULAR,
    )
    for _ in range(_ATTEMPTS):
        if uniform(state) >= reflectivity:
            return ABSORBED, v
        v = (v[0], v[1], -v[2]) if specular else lambertian(state)
        for _attempt in range(_ATTEMPTS):
            f = facet(state, sigma)
            cosine = -(v[0] * f[0] + v[1] * f[1] + v[2] * f[2])
            if cosine <= 0.0:
                continue
            sine_squared = ratio * ratio * (1.0 - cosine * cosine)
            beyond = math.sqrt(max(0.0, 1.0 - sine_squared))
            if sine_squared >= 1.0 or is_reflected(state, ratio, cosine, beyond):
                out = v[2] + 2.0 * cosine * f[2]
                if out > 0.0:
                    v = (v[0] + 2.0 * cosine * f[0], v[1] + 2.0 * cosine * f[1], out)
                    break
            else:
                scale = ratio * cosine - beyond
                out = ratio * v[2] + scale * f[2]
                if out < 0.0:
                    return INSIDE, (ratio * v[0] + scale * f[0], ratio * v[1] + scale * f[1], out)
        else:
            return ABSORBED, v
    return ABSORBED, v


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def _meet_polished(
    state: State, a: float, b: float, c: float, ratio: float, face: Face
) -> tuple[int, float, float, float]:
    """Return what becomes of a photon at a face without facets and without diffuse parts."""
    sine_squared = ratio * ratio * (1.0 - c * c)
    if sine_squared >= 1.0:
        return INSIDE, a, b, -c
    beyond = math.sqrt(1.0 - sine_squared)
    if face.reflector == _SPECULAR:
        # To and fro in the gap the angle stays, and so does the reflectance: a geometric series.
        numerator, denominator = _reflectance(ratio, c, beyond)
        reflected, kept = numerator / denominator, face.reflectivity
        returned = kept * (1.0 - reflected) ** 2 / (1.0 - kept * reflected)
        return (INSIDE if uniform(state) < reflected + returned else ABSORBED), a, b, -c
    if is_reflected(state, ratio, c, beyond):
        return INSIDE, a, b, -c
    if face.reflector == _NO_REFLECTOR:
        return ESCAPED, ratio * a, ratio * b, beyond
    status, v = _return_from_gap(state, (ratio * a, ratio * b, beyond), 1.0 / ratio, face)
    return status, v[0], v[1], v[2]


# Inlined by LLVM, which takes a third of the time of doing it in Numba's own code first.
@njit(nogil=True, cache=True, error_model="numpy", forceinline=True)
def _meet_facets(
    state: State, a: float, b: float, c: float, ratio: float, face: Face
) -> tuple[int, float, float, float]:
    """Return what becomes of a photon at a face of facets."""
    spike = face.spike
    lobe = spike + face.lobe
    back = lobe + face.back
    for _ in range(_ATTEMPTS):
        f = facet(state, face.sigma_alpha_rad)
        cosine = a * f[0] + b * f[1] + c * f[2]
        if cosine <= 0.0:
            continue
        sine_squared = ratio * ratio * (1.0 - cosine * cosine)
        beyond = math.sqrt(max(0.0, 1.0 - sine_squared))
        if sine_squared >= 1.0 or is_reflected(state, ratio, cosine, beyond):
            choice = uniform(state)
            if choice < spike:
                return INSIDE, a, b, -c
            if choice < lobe:
                out = c - 2.0 * cosine * f[2]
                if out < 0.0:
                    return INSIDE, a - 2.0 * cosine * f[0], b - 2.0 * cosine * f[1], out
                continue
            if choice < back:
                return INSIDE, -a, -b, -c
            a, b, c = lambertian(state)
            return INSIDE, a, b, c
        scale = beyond - ratio * cosine
        out = ratio * c + scale * f[2]
        if out <= 0.0:
            continue
        v = (ratio * a + scale * f[0], ratio * b + scale * f[1], out)
        if face.reflector == _NO_REFLECTOR:
            return ESCAPED, v[0], v[1], v[2]
        status, v = _return_from_gap(state, v, 1.0 / ratio, face)
        return status, v[0], v[1], v[2]
    return ABSORBED, a, b, c


@njit(nogil=True, cache=True, error_model="numpy", inline="always")
def meet_surface(
    state: State, a: float, b: float, c: float, index: float, face: Face
) -> tuple[int, float, float, float]:
    """Return what becomes of a photon at an outer face, and its new direction.

    The first value is `INSIDE`, `ABSORBED` or `ESCAPED`. Facets that the photon cannot meet from
    its side, or that would throw it through the face, are drawn again, as in the UNIFIED model
    (Levin and Moisan 1996).
    """
    if face.gap_index == _IN_CONTACT:
        if face.reflector == _NO_REFLECTOR:
            return ESCAPED, a, b, c
        if uniform(state) >= face.reflectivity:
            return ABSORBED, a, b, c
        if face.reflector == _SPECULAR:
            return INSIDE, a, b, -c
        a, b, c = lambertian(state)
        return INSIDE, a, b, c
    ratio = index / face.gap_index
    if face.sigma_alpha_rad == 0.0 and face.spike == 1.0:
        return _meet_polished(state, a, b, c, ratio, face)
    return _meet_facets(state, a, b, c, ratio, face)
