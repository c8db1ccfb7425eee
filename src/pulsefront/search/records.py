"""The state of a search as plain JSON values and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pulsefront.networks.cost import Cost
from pulsefront.search.moves import Move
from pulsefront.search.noninferiority import Comparison
from pulsefront.search.result import Architecture, PathPoint, Trial

__all__ = ["State", "record_of", "state_from"]


@dataclass
class State:
    """Where a search stands, besides the networks themselves.

    ``moves`` are the removals still worth a try; ``approved`` those found non-inferior in the
    last round but not taken, tried together in the next.
    """

    moves: list[Move]
    approved: list[Move]
    trials: list[Trial]
    path: list[PathPoint]
    round: int = 0
    finished: bool = False


def record_of(state: State) -> dict[str, Any]:
    """Return *state* as JSON values."""
    return asdict(state)


def state_from(record: dict[str, Any]) -> State:
    """Return the state that `record_of` described."""
    return State(
        moves=[Move(**m) for m in record["moves"]],
        approved=[Move(**m) for m in record["approved"]],
        trials=[Trial(**_judged(t)) for t in record["trials"]],
        path=[
            PathPoint(
                **{
                    **_judged(p),
                    "change": _comparison(p["change"]),
                    "removed_inputs": tuple(p["removed_inputs"]),
                }
            )
            for p in record["path"]
        ],
        round=record["round"],
        finished=record["finished"],
    )


def _judged(record: dict[str, Any]) -> dict[str, Any]:
    shape = record["architecture"]
    return {
        **record,
        "architecture": Architecture(
            shape["inputs"],
            tuple(shape["hidden"]),
            shape["outputs"],
            _bits(shape["weight_bits"]),
            _bits(shape["bias_bits"]),
            _bits(shape["activation_bits"]),
        ),
        "cost": Cost(**record["cost"]),
        "metric": tuple(record["metric"]),
        "comparison": _comparison(record["comparison"]),
    }


def _bits(values: Sequence[int] | None) -> tuple[int, ...] | None:
    return None if values is None else tuple(values)


def _comparison(record: dict[str, Any]) -> Comparison:
    return Comparison(
        record["value"], record["low"], record["high"], tuple(record["per_initialization"])
    )
