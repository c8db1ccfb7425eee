"""The state of a search as plain JSON values and back."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter

from pulsefront.search.moves import Move
from pulsefront.search.result import PathPoint, TrialNetwork

__all__ = ["State", "record_of", "state_from"]


@dataclass
class State:
    """Where a search stands, besides the networks themselves.

    ``moves`` are the removals still worth a try; ``approved`` those found non-inferior in the
    last round but not taken, tried together in the next.
    """

    moves: list[Move]
    approved: list[Move]
    trials: list[TrialNetwork]
    path: list[PathPoint]
    round: int = 0
    finished: bool = False


def record_of(state: State) -> dict[str, Any]:
    """Return *state* as JSON values."""
    return asdict(state)


def state_from(record: dict[str, Any]) -> State:
    """Return the state that `record_of` described."""
    return TypeAdapter(State).validate_python(record)
