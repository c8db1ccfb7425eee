"""Work cut into shards whose result does not depend on who does them, or on how many do."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from pulsefront.progress import Report, silent

__all__ = [
    "child_seed",
    "iterate_ahead",
    "iterate_shards",
    "run_shards",
    "shard_sizes",
    "spawn_seeds",
]

Result = TypeVar("Result")
# Shards handed out and not yet taken back: enough for any one machine and for a small cluster,
# and a bound on the memory of results that wait.
_AHEAD = 64


def shard_sizes(total: int, at_most: int) -> tuple[int, ...]:
    """Return the sizes of the shards of *total* items: all *at_most*, the last the remainder."""
    whole, rest = divmod(total, at_most)
    return (at_most,) * whole + ((rest,) if rest else ())


def child_seed(seed: int | np.random.SeedSequence, *path: int) -> np.random.SeedSequence:
    """Return the descendant of *seed* that spawning would reach by *path*, without spawning."""
    parent = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
    return np.random.SeedSequence(parent.entropy, spawn_key=(*parent.spawn_key, *path))


def spawn_seeds(seed: int | np.random.SeedSequence, count: int) -> list[np.random.SeedSequence]:
    """Return *count* independent seeds; the same *seed* gives the same ones every time."""
    return [child_seed(seed, number) for number in range(count)]


def iterate_shards(
    work: Callable[..., Result],
    arguments: Callable[[int], tuple[Any, ...]],
    shards: Sequence[int],
    sizes: Sequence[int],
    *,
    executor: Executor | None = None,
    report: Report = silent,
) -> Iterator[tuple[int, Result]]:
    """Yield (number, ``work(*arguments(number))``) for each of *shards*, in order.

    Parameters
    ----------
    sizes
        Items in each shard, indexed by its number, for *report*; shards that are not in *shards*
        count as done.
    executor
        Any `concurrent.futures.Executor`; threads on all cores of this process where None (the
        kernels release the interpreter's lock).
    """
    total = sum(sizes)
    done = total - sum(sizes[number] for number in shards)
    for number, result in iterate_ahead(work, arguments, shards, executor=executor):
        done += sizes[number]
        report(done, total)
        yield number, result


def iterate_ahead(
    work: Callable[..., Result],
    arguments: Callable[[int], tuple[Any, ...]],
    shards: Iterable[int],
    *,
    executor: Executor | None = None,
    ahead: int = _AHEAD,
) -> Iterator[tuple[int, Result]]:
    """Yield (number, ``work(*arguments(number))``) for each of *shards*, in order, without end too.

    At most *ahead* of them are begun and not yet taken: whoever takes them sets the pace. See
    `iterate_shards` for *executor*.
    """
    waiting: deque[tuple[int, Future[Result]]] = deque()
    left = iter(shards)
    with _executor(executor) as pool:
        try:
            while True:
                while len(waiting) < ahead and (number := next(left, None)) is not None:
                    waiting.append((number, pool.submit(work, *arguments(number))))
                if not waiting:
                    return
                number, future = waiting.popleft()
                yield number, future.result()
        finally:
            for _, future in waiting:
                future.cancel()


def run_shards(
    work: Callable[..., Result],
    shards: Sequence[tuple[Any, ...]],
    *,
    executor: Executor | None = None,
    weights: Sequence[int] | None = None,
    report: Report = silent,
) -> list[Result]:
    """Return ``work(*shard)`` for every shard, in order; *weights* are items per shard."""
    sizes = list(weights) if weights is not None else [1] * len(shards)
    numbers = range(len(shards))
    results = iterate_shards(
        work, shards.__getitem__, numbers, sizes, executor=executor, report=report
    )
    return [result for _, result in results]


@contextmanager
def _executor(executor: Executor | None) -> Iterator[Executor]:
    if executor is not None:
        yield executor
        return
    with ThreadPoolExecutor(max_workers=len(os.sched_getaffinity(0))) as own:
        yield own
