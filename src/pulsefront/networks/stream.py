"""Training events that come as they are needed, in the place of those that lie in memory."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks.front_end import FrontEnd

__all__ = ["EventStream", "FreshEvents", "InputStream", "StoredStream"]


@dataclass(frozen=True)
class FreshEvents:
    """Raw integers (event, input) and the targets (event, n_out) of some new events."""

    inputs: NDArray[np.integer]
    targets: NDArray[np.floating]


class EventStream(Protocol):
    """Where new training events come from; it can be pickled."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """JSON values on which the events depend."""

    def blocks(self, seed: int) -> Generator[FreshEvents, None, None]:
        """Yield events without end; streams of two seeds have no event in common."""


@runtime_checkable
class StoredStream(EventStream, Protocol):
    """Events that are stored, and come again and again in other forms."""

    def among(self, rows: NDArray[np.intp]) -> Self:
        """Return the stream of the events of these numbers alone."""


@dataclass(frozen=True)
class InputStream:
    """A stream as a network reads it: through the front end, in a format."""

    events: EventStream
    front_end: FrontEnd | None
    input_format: FixedPointFormat

    def blocks(self, seed: int) -> Generator[FreshEvents, None, None]:
        """Yield the network's inputs and targets without end."""
        for block in self.events.blocks(seed):
            inputs = self.front_end.apply(block.inputs) if self.front_end else block.inputs
            yield FreshEvents(inputs, block.targets)
