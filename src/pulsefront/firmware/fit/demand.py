"""What is asked of a design: a part or a share of it, a clock, a rate of events, a latency."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pulsefront.errors import ConfigError
from pulsefront.firmware.board import Board, load_board

__all__ = ["RESOURCES", "Demand", "demand_of"]

RESOURCES = {"lut": "LUT", "ff": "FF", "dsp": "DSP", "block_ram_kbit": "RAM"}
"""Of a part, by the names that tables give them."""

COUNT_OF_BOARD = {"ff": "flip_flop"}
"""Fields of a board that have another name than the resource."""


@dataclass(frozen=True)
class Demand:
    """What a design has to keep.

    Attributes
    ----------
    board, label
        The part, and the name that it was asked for by.
    rate_hz, clock_mhz
        Events per second, and the clock of the design.
    latency_ns
        Longest time from an event in to its result out; None: any.
    room
        What may be used of each of `RESOURCES`: the whole part, or less.
    """

    board: Board
    label: str
    rate_hz: float
    clock_mhz: float
    latency_ns: float | None
    room: Mapping[str, int] = field(default_factory=dict)

    @property
    def clocks(self) -> float:
        """Clocks between two events; below one where events come faster than clocks."""
        # A rate such as 1e6 at 100 MHz is 100 clocks, whatever the last digit of the quotient.
        return round(self.clock_mhz * 1e6 / self.rate_hz, 9)

    @property
    def cycles(self) -> int:
        """Whole clocks between two events, at least one."""
        return max(math.floor(self.clocks), 1)

    def nanoseconds(self, cycles: int) -> float:
        """Return the time of so many clocks."""
        return cycles * 1e3 / self.clock_mhz


def demand_of(
    board: str | Path | Board,
    rate_hz: float,
    *,
    clock_mhz: float | None = None,
    latency_ns: float | None = None,
    limits: Mapping[str, int] | None = None,
) -> Demand:
    """Return what is asked of a design, checked.

    Parameters
    ----------
    board
        Name of a shipped board, path of a TOML file, or a `Board`.
    rate_hz
        Events per second.
    clock_mhz
        Of the design; None: the board's.
    latency_ns
        Longest time from an event in to its result out; None: any.
    limits
        What may be used of some of `RESOURCES` where that is less than the whole part.

    Raises
    ------
    ConfigError
        There is no such board, a number is not positive, or a count of the part is not known.
    """
    part = board if isinstance(board, Board) else load_board(board)
    clock = 1e3 / part.clock_period_ns if clock_mhz is None else clock_mhz
    asked = {"rate": rate_hz, "clock": clock, "latency_ns": latency_ns}
    for name, value in asked.items():
        if value is not None and not 0 < value < math.inf:
            raise ConfigError("is not positive", field=name, value=value)
    room = {}
    for name in RESOURCES:
        key = COUNT_OF_BOARD.get(name, name)
        if not part.knows(key):
            raise ConfigError(
                "is not known, so that nothing can be fitted",
                field=key,
                value=part.name,
                remedy="put the number of the data sheet into the board's file",
            )
        room[name] = min(getattr(part, key), (limits or {}).get(name, getattr(part, key)))
    label = part.name if isinstance(board, Board) else str(board)
    return Demand(part, label, rate_hz, clock, latency_ns, room)
