"""Random numbers inside kernels: xoshiro256++ with its state in an array the caller owns.

A kernel that is handed its own state is deterministic whichever thread or process runs it. The
state is seeded from a `numpy.random.SeedSequence`, so that shards have independent streams.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = [
    "borrowed",
    "direction",
    "disc",
    "exponential",
    "new_state",
    "next_word",
    "normal",
    "poisson",
    "uniform",
]

_ROTATE_A = np.uint64(23)
_ROTATE_B = np.uint64(45)
_SHIFT = np.uint64(17)
_WORD = np.uint64(64)
_TOP_53 = np.uint64(11)
_LAYER = np.uint64(255)
_NEXT = np.uint64(1)
_HALF = np.uint64(32)
_LOW_HALF = np.uint64(2**32 - 1)
_STATE = np.dtype([(f"word_{i}", np.uint64) for i in range(4)])
_SMALL_MEAN = 10.0


def new_state(seed: np.random.SeedSequence) -> NDArray[np.uint64]:
    """Return the state of a generator for *seed*: (4,) uint64, changed by every draw."""
    return np.asarray(seed.generate_state(4, np.uint64), np.uint64)


@njit(nogil=True, cache=True, inline="always")
def borrowed(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return *state* as a record over the same memory, for kernels that call many functions.

    Numba counts references to an array on every call of a function that loops, which takes
    longer than drawing a number; a record is a bare pointer. The caller keeps the array alive.
    """
    return state.view(_STATE)[0]  # type: ignore[no-any-return]


@njit(nogil=True, cache=True, inline="always")
def _rotate_left(word: np.uint64, by: np.uint64) -> np.uint64:
    return (word << by) | (word >> (_WORD - by))


@njit(nogil=True, cache=True)
def next_word(state: NDArray[np.uint64]) -> np.uint64:
    """Return 64 random bits.

    Generator: Blackman and Vigna 2021, "Scrambled linear pseudorandom number generators",
    xoshiro256++.
    """
    result = _rotate_left(state[0] + state[3], _ROTATE_A) + state[0]
    shifted = state[1] << _SHIFT
    state[2] ^= state[0]
    state[3] ^= state[1]
    state[1] ^= state[2]
    state[0] ^= state[3]
    state[2] ^= shifted
    state[3] = _rotate_left(state[3], _ROTATE_B)
    return np.uint64(result)


@njit(nogil=True, cache=True)
def _fraction(word: np.uint64) -> float:
    """Return a number in (0, 1) of the upper 53 bits, plus one half so that its log exists."""
    # Conversion from a signed integer is one instruction, from an unsigned one several.
    return float((float(np.int64(word >> _TOP_53)) + 0.5) * (1.0 / 9007199254740992.0))


@njit(nogil=True, cache=True)
def uniform(state: NDArray[np.uint64]) -> float:
    """Return a number in (0, 1)."""
    return float(_fraction(next_word(state)))


def _ziggurat(edge: float, *, gaussian: bool) -> NDArray[np.float64]:
    """Return the right ends of the 256 layers of equal area under a density, from the widest.

    *edge* is where the base layer's rectangle ends and the tail begins. Method: Marsaglia and
    Tsang 2000, "The ziggurat method for generating random variables".
    """
    if gaussian:
        height = math.exp(-0.5 * edge * edge)
        area = edge * height + math.sqrt(math.pi / 2) * math.erfc(edge / math.sqrt(2))
    else:
        height = math.exp(-edge)
        area = edge * height + height
    ends = [area / height, edge]
    while len(ends) < 256:
        height = min(1.0, height + area / ends[-1])
        ends.append(math.sqrt(-2 * math.log(height)) if gaussian else -math.log(height))
    return np.array([*ends, 0.0])


_NORMAL_EDGE = 3.6541528853610088
_EXPONENTIAL_EDGE = 7.69711747013104972
_NORMAL_ENDS = _ziggurat(_NORMAL_EDGE, gaussian=True)
_EXPONENTIAL_ENDS = _ziggurat(_EXPONENTIAL_EDGE, gaussian=False)


@njit(nogil=True, cache=True)
def exponential(state: NDArray[np.uint64]) -> float:
    """Return an exponential deviate of mean 1 (ziggurat; the layer comes from the low bits)."""
    shift = 0.0
    while True:
        word = next_word(state)
        layer = word & _LAYER
        x = _fraction(word) * _EXPONENTIAL_ENDS[layer]
        if x < _EXPONENTIAL_ENDS[layer + _NEXT]:
            return float(shift + x)
        if layer == 0:
            # The tail has the form of the whole: start again behind the edge.
            shift += _EXPONENTIAL_EDGE
            continue
        low = math.exp(-_EXPONENTIAL_ENDS[layer])
        high = math.exp(-_EXPONENTIAL_ENDS[layer + _NEXT])
        if low + uniform(state) * (high - low) < math.exp(-x):
            return float(shift + x)


@njit(nogil=True, cache=True)
def normal(state: NDArray[np.uint64]) -> float:
    """Return a standard normal deviate (ziggurat; the tail after Marsaglia 1964)."""
    while True:
        word = next_word(state)
        layer = word & _LAYER
        side = 2.0 * _fraction(word) - 1.0
        x = side * _NORMAL_ENDS[layer]
        if abs(x) < _NORMAL_ENDS[layer + _NEXT]:
            return float(x)
        if layer == 0:
            while True:
                beyond = -math.log(uniform(state)) / _NORMAL_EDGE
                if -2.0 * math.log(uniform(state)) > beyond * beyond:
                    return float(_NORMAL_EDGE + beyond if side > 0.0 else -_NORMAL_EDGE - beyond)
        low = math.exp(-0.5 * _NORMAL_ENDS[layer] ** 2)
        high = math.exp(-0.5 * _NORMAL_ENDS[layer + _NEXT] ** 2)
        if low + uniform(state) * (high - low) < math.exp(-0.5 * x * x):
            return float(x)


@njit(nogil=True, cache=True)
def poisson(state: NDArray[np.uint64], mean: float) -> int:
    """Return a Poisson deviate.

    Inversion by sequential search below a mean of 10; above, the transformed rejection PTRS of
    Hörmann 1993, "The transformed rejection method for generating Poisson random variables".
    """
    if mean <= 0.0:
        return 0
    if mean < _SMALL_MEAN:
        remaining = uniform(state)
        term = math.exp(-mean)
        count = 0
        while remaining > term and count < 200:
            remaining -= term
            count += 1
            term *= mean / count
        return count
    root = math.sqrt(mean)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    v_r = 0.9277 - 3.6224 / (b - 2.0)
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    while True:
        u = uniform(state) - 0.5
        v = uniform(state)
        us = 0.5 - abs(u)
        k = math.floor((2.0 * a / us + b) * u + mean + 0.43)
        if us >= 0.07 and v <= v_r:
            return int(k)
        if k < 0 or (us < 0.013 and v > us):
            continue
        left = math.log(v * inverse_alpha / (a / (us * us) + b))
        if left <= k * math.log(mean) - mean - math.lgamma(k + 1.0):
            return int(k)


@njit(nogil=True, cache=True, error_model="numpy")
def disc(state: NDArray[np.uint64]) -> tuple[float, float, float]:
    """Return a point of the unit disc and its squared radius, which is uniform in (0, 1).

    Both coordinates come from one word, 32 bits each.
    """
    while True:
        word = next_word(state)
        a = (float(np.int64(word >> _HALF)) - 2147483647.5) * (1.0 / 2147483648.0)
        b = (float(np.int64(word & _LOW_HALF)) - 2147483647.5) * (1.0 / 2147483648.0)
        square = a * a + b * b
        if square < 1.0:
            return a, b, square


@njit(nogil=True, cache=True, error_model="numpy")
def direction(state: NDArray[np.uint64]) -> tuple[float, float, float]:
    """Return an isotropic unit vector (Marsaglia 1972: from the disc, without sines)."""
    a, b, square = disc(state)
    scale = 2.0 * math.sqrt(1.0 - square)
    return scale * a, scale * b, 1.0 - 2.0 * square
