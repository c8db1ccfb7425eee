"""A simulation as shards: small pieces of work, each turned into one table of events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from pulsefront.events.container import EventTable
from pulsefront.progress import Report, silent
from pulsefront.simulate.run.shards import iterate_shards

__all__ = ["Plan"]


@dataclass(frozen=True)
class Plan:
    """What `pulsefront simulate` and the studies run.

    Attributes
    ----------
    sizes
        Events of each shard.
    work, arguments
        ``work(*arguments(i))`` does shard i anywhere: both can be pickled. Arguments are made
        when they are needed, so that memory does not grow with the number of events.
    table
        ``table(i, result)`` turns the result of shard i into events.
    identity
        JSON values on which the events depend: detector, settings, seed, sizes.
    """

    sizes: tuple[int, ...]
    work: Callable[..., Any]
    arguments: Callable[[int], tuple[Any, ...]]
    table: Callable[[int, Any], EventTable]
    identity: Mapping[str, Any]

    def run(self, *, executor: Executor | None = None, report: Report = silent) -> EventTable:
        """Return all events in one table."""
        shards = range(len(self.sizes))
        results = iterate_shards(
            self.work, self.arguments, shards, self.sizes, executor=executor, report=report
        )
        return EventTable.concatenate([self.table(i, result) for i, result in results])
