"""More events of a scan that goes on: as many as are asked for, and none of them twice."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.events.container import EventTable
from pulsefront.simulate.run.shards import child_seed, iterate_ahead
from pulsefront.simulate.scan.chain import ScanEvents
from pulsefront.simulate.scan.measurement import STREAM, ScanSetup, scan_shard

__all__ = ["BLOCK_EVENTS", "NO_INDEX", "ScanStream"]

BLOCK_EVENTS = 1024
"""Events that one seed makes; workers are handed several such blocks at once."""
NO_INDEX = -1
"""Grid index of an event that is at no position of the grid."""


@dataclass(frozen=True)
class ScanStream:
    """Events without end at some positions of a scan, its stage errors and gains kept.

    Which event is the n-th depends on the scan's seed and the stream's alone: neither on workers
    nor on how many blocks a worker takes at once. All positions take their turn before any does
    again, in an order drawn anew every time. With *anywhere* no position comes twice: they are
    drawn evenly from the rectangle that *positions* span, and their grid index is `NO_INDEX`.

    Attributes
    ----------
    setup
        The scan; `set_up_scan` makes it.
    positions
        (position,) indices into those of *setup*.
    seed
        Of the scan.
    blocks_at_once
        Blocks of `BLOCK_EVENTS` that a worker makes for one call.
    ahead
        Calls that may wait to be taken, which bounds the memory.
    anywhere
        Whether the stage goes between the positions, too.
    """

    setup: ScanSetup
    positions: NDArray[np.intp]
    seed: int
    blocks_at_once: int = 2
    ahead: int = 8
    anywhere: bool = False

    def tables(self, seed: int, *, executor: Executor | None = None) -> Iterator[EventTable]:
        """Yield the events of stream number *seed*, block after block, without end.

        *executor* makes them; threads on all cores where None.
        """
        for chunk, made in iterate_ahead(
            _blocks,
            lambda chunk: (self._arguments(seed, chunk),),
            count(),
            executor=executor,
            ahead=self.ahead,
        ):
            for block, events in zip(self._of(chunk), made, strict=True):
                yield self._table(seed, block, events)

    def _table(self, seed: int, block: int, events: ScanEvents) -> EventTable:
        if not self.anywhere:
            return self.setup.table(self.positions_of(seed, block), events)
        stage = self.places_of(seed, block)
        return self.setup.table_at(stage, np.full((len(stage), 2), NO_INDEX, np.int16), events)

    def places_of(self, seed: int, block: int) -> NDArray[np.float64]:
        """Return where the stage is for each event of a block, (event, 2), in mm."""
        if not self.anywhere:
            return self.setup.position_mm[self.positions_of(seed, block)]
        spanned = self.setup.position_mm[self.positions]
        random = np.random.default_rng(child_seed(self.seed, STREAM, seed, 2, block))
        return random.uniform(spanned.min(0), spanned.max(0), (BLOCK_EVENTS, 2))

    def positions_of(self, seed: int, block: int) -> NDArray[np.intp]:
        """Return the position of each event of a block, (event,), as an index into the scan's."""
        each = len(self.positions)
        first = block * BLOCK_EVENTS
        turns = range(first // each, (first + BLOCK_EVENTS - 1) // each + 1)
        order = np.concatenate([self._turn(seed, turn) for turn in turns])
        start = first - turns.start * each
        return order[start : start + BLOCK_EVENTS]

    def _turn(self, seed: int, turn: int) -> NDArray[np.intp]:
        random = np.random.default_rng(child_seed(self.seed, STREAM, seed, 1, turn))
        return random.permutation(self.positions)

    def _of(self, chunk: int) -> range:
        return range(chunk * self.blocks_at_once, (chunk + 1) * self.blocks_at_once)

    def _arguments(self, seed: int, chunk: int) -> list[tuple[Any, ...]]:
        return [self._argument(seed, block) for block in self._of(chunk)]

    def _argument(self, seed: int, block: int) -> tuple[Any, ...]:
        own = child_seed(self.seed, STREAM, seed, 0, block)
        if not self.anywhere:
            return self.setup.arguments(self.positions_of(seed, block), own)
        # A stage that goes elsewhere for every event errs anew, too.
        random = np.random.default_rng(child_seed(self.seed, STREAM, seed, 3, block))
        error = random.normal(0.0, self.setup.stage_error_mm, (BLOCK_EVENTS, 2))
        return self.setup.arguments_at(self.places_of(seed, block) + error, own)


def _blocks(arguments: list[tuple[Any, ...]]) -> list[Any]:
    return [scan_shard(*one) for one in arguments]
