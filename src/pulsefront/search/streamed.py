"""How many events of a stream a search sees, and how many it has seen."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping
from typing import Any

from pulsefront.networks.stream import EventStream, FreshEvents
from pulsefront.progress import Report, silent
from pulsefront.search.settings import SearchSettings

__all__ = ["CountedStream", "streamed_events"]


def streamed_events(settings: SearchSettings, events: int, rounds: int) -> int:
    """Return the distinct events that a search with a stream trains on.

    Every stage has a stream of its own, which all of its networks see. Where a training stops
    early, it is at most so many.

    Parameters
    ----------
    events
        Training events of the task, which an epoch counts.
    rounds
        Of the search.
    """
    last = settings.final_training if settings.price is None else settings.price.training
    stages = (settings.float_training, settings.quantized_training, last)
    each = [(stage, 1) for stage in stages] + [(settings.fine_tuning, rounds)]
    return sum(
        times * stage.steps(events) * min(stage.batch, events) for stage, times in each if times > 0
    )


class CountedStream:
    """A stream that tells a report how many events it has given, and of how many.

    Streams of one number are the same events, so they count once. What another process takes is
    not counted here: a copy of this that was sent there is silent.
    """

    def __init__(self, events: EventStream, total: int, report: Report) -> None:
        self.events = events
        self._total = total
        self._report = report
        self._seen: dict[int, int] = {}
        self._lock = threading.Lock()

    @property
    def identity(self) -> Mapping[str, Any]:
        """JSON values on which the events depend."""
        return self.events.identity

    def blocks(self, seed: int) -> Generator[FreshEvents, None, None]:
        """Yield events without end."""
        seen = 0
        for block in self.events.blocks(seed):
            yield block
            seen += len(block.targets)
            self._count(seed, seen)

    def tell_end(self) -> None:
        """Report that the search is over: stages of an earlier run were not counted."""
        self._report(self._total, self._total)

    def _count(self, seed: int, seen: int) -> None:
        with self._lock:
            if seen > self._seen.get(seed, 0):
                self._seen[seed] = seen
                # The last block of a stage is hardly ever used up.
                self._report(min(sum(self._seen.values()), self._total), self._total)

    def __reduce__(self) -> tuple[type[CountedStream], tuple[EventStream, int, Report]]:
        return CountedStream, (self.events, self._total, silent)
