"""Random numbers inside kernels: xoshiro256++ with its state in an array the caller owns.

A kernel that is handed its own state is deterministic whichever thread or process runs it. The
state is seeded from a `numpy.random.SeedSequence`, so that shards have independent streams.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ["direction", "exponential", "new_state", "normal", "poisson", "uniform"]

_ROTATE_A = np.uint64(23)
_ROTATE_B = np.uint64(45)
_SHIFT = np.uint64(17)
_WORD = np.uint64(64)
_TOP_53 = np.uint64(11)
_SMALL_MEAN = 10.0


def new_state(seed: np.random.SeedSequence) -> NDArray[np.uint64]:
    """Return the state of a generator for *seed*: (4,) uint64, changed by every draw."""
    return np.asarray(seed.generate_state(4, np.uint64), np.uint64)


@njit(nogil=True, cache=True, inline="always")
def _rotate_left(word: np.uint64, by: np.uint64) -> np.uint64:
    return (word << by) | (word >> (_WORD - by))


@njit(nogil=True, cache=True)
def uniform(state: NDArray[np.uint64]) -> float:
    """Return a number in (0, 1): 53 random bits plus one half, so that its logarithm exists.

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
    return (float(result >> _TOP_53) + 0.5) * (1.0 / 9007199254740992.0)


@njit(nogil=True, cache=True)
def exponential(state: NDArray[np.uint64]) -> float:
    """Return an exponential deviate of mean 1."""
    return -math.log(uniform(state))


@njit(nogil=True, cache=True)
def normal(state: NDArray[np.uint64]) -> float:
    """Return a standard normal deviate (polar method of Marsaglia and Bray 1964)."""
    while True:
        u = 2.0 * uniform(state) - 1.0
        v = 2.0 * uniform(state) - 1.0
        square = u * u + v * v
        if 0.0 < square < 1.0:
            return u * math.sqrt(-2.0 * math.log(square) / square)


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


@njit(nogil=True, cache=True)
def direction(state: NDArray[np.uint64]) -> tuple[float, float, float]:
    """Return an isotropic unit vector."""
    cosine = 2.0 * uniform(state) - 1.0
    sine = math.sqrt(1.0 - cosine * cosine)
    phi = 2.0 * math.pi * uniform(state)
    return sine * math.cos(phi), sine * math.sin(phi), cosine
