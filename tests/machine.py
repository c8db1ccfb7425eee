"""What this machine can do, measured: the yardsticks of benchmarks that have no peer.

A benchmark asserts a ratio, against a peer or against one of these rates, never a time: a time
that holds on one processor fails on another. Each rate is the median of several rounds of CPU
time of this process, in one thread, so that other programs on the machine count little.

    from machine import cpu_seconds, fft_points_per_s

    assert points / cpu_seconds(lambda: process(waves)) > 0.1 * fft_points_per_s(1024)

The rates are kept for the life of the process. Sizes are chosen by the caller: a copy within the
cache is many times as fast as one from memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import numpy as np
import scipy.fft
from threadpoolctl import threadpool_limits

__all__ = [
    "copied_bytes_per_s",
    "cpu_seconds",
    "fft_points_per_s",
    "macs_per_s",
    "python_steps_per_s",
]

ROUNDS = 9
LEAST_ROUND_S = 0.02


def cpu_seconds(work: Callable[[], object], *, rounds: int = ROUNDS) -> float:
    """Return the CPU seconds of one call of *work*: the median of *rounds*, after one to warm up.

    A round repeats the call until it has lasted long enough for the clock.
    """
    work()
    seconds = []
    for _ in range(rounds):
        calls = 0
        begin = time.process_time()
        while (lasted := time.process_time() - begin) < LEAST_ROUND_S or not calls:
            work()
            calls += 1
        seconds.append(lasted / calls)
    return float(np.median(seconds))


@cache
def macs_per_s(size: int = 1024, dtype: str = "float32") -> float:
    """Return multiply-accumulates per second of NumPy's product of two *size* × *size* matrices."""
    left, right = np.random.default_rng(1).random((2, size, size)).astype(dtype)
    out = np.empty_like(left)
    with threadpool_limits(1):
        return size**3 / cpu_seconds(lambda: np.matmul(left, right, out=out))


@cache
def copied_bytes_per_s(size_bytes: int = 1 << 27) -> float:
    """Return bytes copied per second from one array of *size_bytes* to another; 128 MiB if unsaid.

    Bytes are counted once, not once for reading and once for writing.
    """
    source = np.ones(size_bytes, np.uint8)
    target = np.zeros_like(source)
    return size_bytes / cpu_seconds(lambda: np.copyto(target, source))


@cache
def fft_points_per_s(length: int = 1024, rows: int = 256) -> float:
    """Return points per second of SciPy's real float64 transform of *rows* rows of *length*."""
    waves = np.random.default_rng(1).random((rows, length))
    return waves.size / cpu_seconds(lambda: scipy.fft.rfft(waves, workers=1))


@cache
def python_steps_per_s() -> float:
    """Return steps per second of a plain loop in this Python: the yardstick of interpreted code."""
    steps = 100_000

    def loop() -> int:
        total = 0
        for number in range(steps):
            total += number & 7
        return total

    return steps / cpu_seconds(loop)
