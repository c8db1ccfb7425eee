"""What the nightly job remembers of each unit, and how that is kept in the store.

Checkpoints are a cache and nothing more: one that is damaged, or that another version of the
program left, is as good as none.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from pulsefront import __version__
from pulsefront.qc.features.trailing import STATE
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.tables import schema

__all__ = ["UnitCheckpoint", "read_checkpoints", "save_checkpoints"]

Ints = npt.NDArray[np.int64]

# A state is only taken up by the program that left it; any other one is made anew.
_FORMAT = f"pulsefront {__version__}, state 5"
_HEAD = (
    "instant_s", "as_of_s", "life_from_s", "arrival_id", "read_from_s", "services", "digest",
    "software",
)  # fmt: skip


@dataclass(frozen=True)
class UnitCheckpoint:
    """What is remembered of a unit.

    Attributes
    ----------
    instant_s
        Records known by then are in it.
    as_of_s
        The night as of which it was made: what counted then is in it.
    life_from_s
        When the scanner came that it is about.
    arrival_id
        The watermark: arrivals up to it have been seen.
    read_from_s
        No later known record was measured before.
    services
        Hash of the services known by then.
    series_id, context_id
        (series,) numbers in the store; the context is the last one, −1 where there is none.
    state, digest, software
        As in `Before`.
    """

    instant_s: int
    as_of_s: int
    life_from_s: int
    arrival_id: int
    read_from_s: int
    services: str
    series_id: Ints
    context_id: Ints
    state: npt.NDArray[np.void]
    digest: str
    software: str


def read_checkpoints(store: Store, unit_ids: Sequence[str]) -> dict[str, UnitCheckpoint]:
    """Return what is remembered of units, of those of which that is of use."""
    table = schema.checkpoint
    query = sa.select(table.c.unit_id, table.c.content).where(table.c.unit_id.in_(unit_ids))
    with store.engine.connect() as connection:
        contents = connection.execute(query).all()
    unpacked = ((str(unit_id), _unpacked(bytes(content))) for unit_id, content in contents)
    return {unit_id: found for unit_id, found in unpacked if found is not None}


def _unpacked(content: bytes) -> UnitCheckpoint | None:
    """Return a checkpoint, None where it is of no use."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            head = json.loads(str(arrays["head"]))
            if head.pop("format") != _FORMAT:
                return None
            found = UnitCheckpoint(
                series_id=arrays["series_id"],
                context_id=arrays["context_id"],
                state=arrays["state"],
                **head,
            )
    except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile):
        return None
    fits = found.state.dtype == STATE and len(found.state) == len(found.series_id)
    return found if fits else None


def _packed(checkpoint: UnitCheckpoint) -> bytes:
    head = {name: getattr(checkpoint, name) for name in _HEAD}
    buffer = io.BytesIO()
    np.savez(
        buffer,
        head=np.array(json.dumps({"format": _FORMAT, **head})),
        series_id=checkpoint.series_id,
        context_id=checkpoint.context_id,
        state=checkpoint.state,
    )
    return buffer.getvalue()


def save_checkpoints(connection: sa.Connection, checkpoints: Mapping[str, UnitCheckpoint]) -> None:
    """Remember checkpoints by unit, within a transaction."""
    table = schema.checkpoint
    for unit_id, checkpoint in checkpoints.items():
        connection.execute(sa.delete(table).where(table.c.unit_id == unit_id))
        connection.execute(sa.insert(table).values(unit_id=unit_id, content=_packed(checkpoint)))
