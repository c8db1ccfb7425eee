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
from pulsefront.simulate.scan.measurement import STREAM, scan_shard
from pulsefront.simulate.scan.setup import ScanSetup
from pulsefront.simulate.scan.varied import VariedScan

__all__ = ["BLOCK_EVENTS", "ScanStream"]

BLOCK_EVENTS = 1024
"""Events that one seed makes; workers are handed several such blocks at once."""


@dataclass(frozen=True)
class ScanStream:
    """Events without end at some positions of a scan, its stage errors and gains kept.

    Which event is the n-th depends on the scan's seed and the stream's alone: neither on workers
    nor on how many blocks a worker takes at once. All positions take their turn before any does
    again, in an order drawn anew every time.

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
    varied
        What draws another detector for every block.
    """

    setup: ScanSetup
    positions: NDArray[np.intp]
    seed: int
    blocks_at_once: int = 2
    ahead: int = 8
    varied: VariedScan | None = None

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
                own = self._seed_of(seed, block)
                yield self.setup.table(self.positions_of(seed, block), events, own)

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

    def _seed_of(self, seed: int, block: int) -> np.random.SeedSequence:
        return child_seed(self.seed, STREAM, seed, 0, block)

    def _of(self, chunk: int) -> range:
        return range(chunk * self.blocks_at_once, (chunk + 1) * self.blocks_at_once)

    def _arguments(self, seed: int, chunk: int) -> list[tuple[Any, ...]]:
        return [
            self._setup_of(seed, block).arguments(
                self.positions_of(seed, block), self._seed_of(seed, block)
            )
            for block in self._of(chunk)
        ]

    def _setup_of(self, seed: int, block: int) -> ScanSetup:
        if self.varied is None:
            return self.setup
        return self.varied.drawn(self.setup, child_seed(self.seed, STREAM, seed, 2, block))


def _blocks(arguments: list[tuple[Any, ...]]) -> list[Any]:
    return [scan_shard(*one) for one in arguments]
