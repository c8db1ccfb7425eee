"""Work cut into shards whose result does not depend on who does them, or on how many do."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from pulsefront.progress import Report, silent

__all__ = ["run_shards", "shard_sizes", "spawn_seeds"]

Result = TypeVar("Result")


def shard_sizes(total: int, at_most: int) -> list[int]:
    """Return the sizes of the shards of *total* items: all *at_most*, the last the remainder."""
    whole, rest = divmod(total, at_most)
    return [at_most] * whole + ([rest] if rest else [])


def spawn_seeds(seed: int | np.random.SeedSequence, count: int) -> list[np.random.SeedSequence]:
    """Return *count* independent seeds; the same *seed* gives the same ones every time."""
    if isinstance(seed, np.random.SeedSequence):
        # A fresh sequence: spawning changes the one it is asked of.
        seed = np.random.SeedSequence(seed.entropy, spawn_key=seed.spawn_key)
    else:
        seed = np.random.SeedSequence(seed)
    return seed.spawn(count)


def run_shards(
    work: Callable[..., Result],
    shards: Sequence[tuple[Any, ...]],
    *,
    executor: Executor | None = None,
    weights: Sequence[int] | None = None,
    report: Report = silent,
) -> list[Result]:
    """Return ``work(*shard)`` for every shard, in order.

    Parameters
    ----------
    executor
        Any `concurrent.futures.Executor`; threads on all cores of this process where None (the
        kernels release the interpreter's lock).
    weights
        How many items each shard holds, for *report*; 1 each where None.
    """
    counts = list(weights) if weights is not None else [1] * len(shards)
    total = sum(counts)
    with _executor(executor) as pool:
        futures = [pool.submit(work, *shard) for shard in shards]
        results, done = [], 0
        try:
            for future, count in zip(futures, counts, strict=True):
                results.append(future.result())
                done += count
                report(done, total)
        finally:
            for future in futures:
                future.cancel()
    return results


@contextmanager
def _executor(executor: Executor | None) -> Iterator[Executor]:
    if executor is not None:
        yield executor
        return
    with ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as own:
        yield own
