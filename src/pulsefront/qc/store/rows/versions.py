"""Versions of one file: what its path held before, and which of that its present content repeats.

A reading is believed from the file that brought it first. Of a file that grows or was mended, most
readings are believed from its earlier versions; what the present one holds is known by reading it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from pulsefront.errors import PulsefrontError, QCDataError
from pulsefront.files import hash_file
from pulsefront.qc.readers.open import open_source, plans_of
from pulsefront.qc.records import Batch
from pulsefront.qc.site import Site
from pulsefront.qc.store.rows.occasions import EVENTS, SERVICES, OccasionKind
from pulsefront.qc.store.tables import schema

__all__ = ["FileReading", "Held", "split_versions", "what_it_holds"]

_REPETITION_S = 60
"""Repetitions within a file were moved on by some seconds."""


class FileReading(NamedTuple):
    """One reading of the ledger."""

    source_id: int
    path: str
    name: str
    state: str
    content_hash: str
    turn: int


@dataclass
class Held:
    """Which records a content holds."""

    measurements: dict[tuple[Any, ...], set[int]] = field(default_factory=dict)
    occasions: dict[str, set[tuple[Any, ...]]] = field(
        default_factory=lambda: {"event": set(), "service": set()}
    )

    def add(self, batch: Batch) -> None:
        """Take the records of a batch in."""
        frame = batch.measurements
        names = ("unit_id", "component_id", "test", "measurement_unit", "value", "measured_at")
        for *key, at in zip(*(frame[name].tolist() for name in names), strict=True):
            self.measurements.setdefault(tuple(key), set()).add(at)
        kinds: tuple[tuple[OccasionKind, Any], ...] = (
            (EVENTS, batch.events), (SERVICES, batch.services),
        )  # fmt: skip
        for kind, some in kinds:
            rows = zip(*(some[name].tolist() for name in kind.key), strict=True)
            self.occasions[kind.name].update(rows)

    def has(self, key: tuple[Any, ...], measured_at: int) -> bool:
        """Return whether there is a measurement of a series and value at a time."""
        times = self.measurements.get(key, set())
        return any(measured_at - k in times for k in range(_REPETITION_S + 1))


def split_versions(
    connection: sa.Connection, readings: Sequence[FileReading]
) -> tuple[list[FileReading], list[FileReading]]:
    """Return the readings of the present content of one path, and those of its earlier ones."""
    t = schema.seen_path
    query = sa.select(t.c.content_hash).where(t.c.path == readings[0].path)
    present = connection.execute(query).scalar()
    if present not in {reading.content_hash for reading in readings}:
        present = max(readings, key=lambda reading: reading.turn).content_hash
    now = [reading for reading in readings if reading.content_hash == present]
    return now, [reading for reading in readings if reading not in now]


def what_it_holds(readings: Iterable[FileReading], site: Site) -> Held:
    """Return what the present content of a file holds, read once more.

    Raises
    ------
    QCDataError
        It is gone, has changed, or cannot be read with the site's file that was given.
    """
    first = next(iter(readings))
    path, held = Path(first.path), Held()
    problem = ""
    try:
        if hash_file(path) != first.content_hash:
            problem = "it is not as it was when it was read"
        else:
            for plan in plans_of(path, site):
                source = open_source(path, site, now_s=int(time.time()), plan=plan)
                for batch in source.batches():
                    held.add(batch)
    except OSError as error:
        problem = (error.strerror or str(error)).lower()
    except PulsefrontError as error:
        problem = " ".join(str(error).split()).removeprefix(f"{path}: ")
    if problem:
        raise QCDataError(
            f"had other contents before, and what it holds now cannot be told: {problem}",
            file=path,
            remedy="give --site as for qc ingest, or --all-versions for whatever it ever brought",
        )
    return held
