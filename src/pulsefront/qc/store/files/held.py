"""What is in quarantine, as a list: file, line, reason, remedy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from pulsefront.qc.store.database import Store
from pulsefront.qc.store.files.ledger import waiting
from pulsefront.qc.store.tables import schema

__all__ = ["HeldRow", "count_held", "held_rows"]


@dataclass(frozen=True)
class HeldRow:
    """One row in quarantine.

    Attributes
    ----------
    file, name
        Path of the file when it was read last, and its name.
    line
        Line of the file, from 1; 0 where the file as a whole was refused.
    since_at, retry_at
        When it was refused, and when it can be read at the earliest; 0 where nobody knows.
    pattern
        The mapping that read it, empty where the content decided.
    """

    file: str
    name: str
    line: int
    reason: str
    remedy: str
    content: str
    since_at: int
    retry_at: int
    pattern: str


def count_held(store: Store) -> int:
    """Return how many rows are in quarantine and wait to be mended."""
    q, s = schema.quarantine, schema.source
    query = sa.select(sa.func.count(q.c.row)).join_from(q, s, q.c.source_id == s.c.source_id)
    with store.engine.connect() as connection:
        return int(connection.execute(query.where(waiting())).scalar_one())


def held_rows(store: Store, *, file: str = "", reason: str = "", since_s: int = 0) -> list[HeldRow]:
    """Return what is in quarantine, by file and line.

    Parameters
    ----------
    file, reason
        Only rows whose path, or reason, holds this text, whatever its case.
    since_s
        Only rows that were refused from an instant on.
    """
    q, s = schema.quarantine, schema.source
    query = (
        sa.select(
            s.c.path, s.c.name, q.c.row, q.c.reason, q.c.remedy, q.c.content, q.c.since_at,
            q.c.retry_at, s.c.pattern,
        )
        .join_from(q, s, q.c.source_id == s.c.source_id)
        .where(waiting(), q.c.since_at >= since_s)
        .order_by(s.c.path, s.c.name, s.c.source_id, q.c.row, q.c.reason)
    )  # fmt: skip
    with store.engine.connect() as connection:
        rows = [HeldRow(*row) for row in connection.execute(query)]
    return list(_matching(rows, file.lower(), reason.lower()))


def _matching(rows: list[HeldRow], file: str, reason: str) -> Iterator[HeldRow]:
    for row in rows:
        path = (row.file or row.name).lower()
        if file in path and reason in row.reason.lower():
            yield row
