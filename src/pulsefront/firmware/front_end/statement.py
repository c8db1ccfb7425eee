"""What is stated of a front end: settings, dead time, interval, latency; ``front_end.json``."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import Field

from pulsefront.config import FrozenModel, validate
from pulsefront.errors import ExportError
from pulsefront.files import write_json
from pulsefront.firmware.board import Board
from pulsefront.firmware.front_end.settings import AnyChainSettings

__all__ = ["FOLDER", "STATEMENT", "FrontEndStatement", "read_statement", "write_statement"]

FOLDER = "front_end"
"""Of an export."""
STATEMENT = "front_end.json"


class FrontEndStatement(FrozenModel):
    """A front end as it was written; every number of clocks is checked by its test bench."""

    settings: AnyChainSettings = Field(discriminator="kind")
    """of the chain, with the samples or channels that the network reads"""
    board: str
    """that the clock is of"""
    part: str
    """on it"""
    clock_mhz: float
    """of the board; what a part reaches, placement says"""
    dead_clocks: int
    """after a trigger, at least, without another; 0 of a position chain, which lets charges wait"""
    interval_clocks: int
    """between two events that the chain takes one after the other"""
    latency_clocks: int
    """from the trigger's sample, or an event's first charge, in to the record out, at most, where
    no event waits for another"""
    loses_none: bool
    """whether no event is lost while the receiver takes what comes"""
    multipliers: dict[str, int]
    """of each layer of the network"""
    samples: int
    """of the golden stream, or charges"""
    records: int
    """that it gives"""

    @property
    def events_per_second(self) -> float:
        """The most that can be recorded, of events that come as fast as the chain takes them."""
        return 1e6 * self.clock_mhz / max(self.dead_clocks + 1, self.interval_clocks)


def clock_mhz(board: Board) -> float:
    """Return the clock of a board."""
    return 1e3 / board.clock_period_ns


def write_statement(statement: FrontEndStatement, folder: Path) -> None:
    """Write ``front_end.json``."""
    content = statement.model_dump(mode="json")
    content["events_per_second"] = round(statement.events_per_second)
    write_json(folder / STATEMENT, content)


def read_statement(folder: Path) -> FrontEndStatement:
    """Read ``front_end.json``.

    Raises
    ------
    ExportError
        It is missing or not what `write_statement` writes.
    """
    path = folder / STATEMENT
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        del content["events_per_second"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExportError(f"cannot be read: {error}", file=path) from None
    return validate(FrontEndStatement, content, file=path)
