"""Who does the work of a command: threads here, processes, or a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pulsefront.search.workers import Workers

__all__ = ["workers_for"]


@contextmanager
def workers_for(workers: int | None, scheduler: str | None) -> Iterator[Workers]:
    """Yield what the options ``--workers`` and ``--scheduler`` ask for.

    Raises
    ------
    ConfigError
        Both are given, the number is not positive, or no scheduler answers.
    ToolMissing
        A scheduler is given and Dask is not installed.
    """
    from pulsefront.errors import ConfigError
    from pulsefront.search.workers import Workers

    if workers is not None and scheduler is not None:
        raise ConfigError(
            "cannot be used together with --workers", field="--scheduler", value=scheduler
        )
    if scheduler is not None:
        with _cluster(scheduler) as client:
            share = partial(client.scatter, broadcast=True, hash=False)
            yield Workers(client.get_executor(), share)
        return
    if workers is not None:
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        if workers < 1:
            raise ConfigError("must be at least 1", field="--workers", value=workers)
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            yield Workers(pool)
        return
    yield Workers()


@contextmanager
def _cluster(address: str) -> Iterator[Any]:
    from pulsefront.errors import ConfigError
    from pulsefront.extras import require

    require("cluster", needed_for="--scheduler")
    # By name: its types are known only where it is installed.
    distributed = import_module("distributed")
    try:
        client = distributed.Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"no scheduler answers there: {error}",
            field="--scheduler",
            value=address,
            remedy="start one with: dask scheduler",
        ) from None
    with client:
        yield client
