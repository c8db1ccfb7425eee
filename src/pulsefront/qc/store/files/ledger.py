"""The ledger of files: what was read, with what, what became of it, and what is to be read again.

A reading is one file read by one mapping. It is *done* once every row of it is stored, known or
passed over; it stays *open* as long as a row is in quarantine, and *refused* where the file as a
whole could not be read. What is open or refused is read again when the mapping, the rest of the
site's file or the program changes, and when the time of a row from the future has come. What is
done is read again only when its mapping changes. Once its path has another content, an open or
refused reading is *superseded*: the rows that it had in quarantine stay there and wait no longer.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from pulsefront import __version__
from pulsefront.files import hash_json
from pulsefront.qc.readers.open import ReadingPlan
from pulsefront.qc.site import Site
from pulsefront.qc.store.files.paths import path_text
from pulsefront.qc.store.rows.counts import Counts
from pulsefront.qc.store.rows.writing import PER_QUERY, Writing, pieces
from pulsefront.qc.store.tables import schema

__all__ = [
    "ALWAYS",
    "Outcome",
    "ReadWith",
    "RecordedSource",
    "adopt",
    "begin_reading",
    "end_reading",
    "read_with",
    "recorded",
    "set_aside",
    "supersede",
    "waiting",
    "why_read",
]


ALWAYS = 1
"""A time to try again that has always come: what failed lies neither in the file nor in the site's
file."""


@dataclass(frozen=True)
class ReadWith:
    """What a file is read with: hashes of its mapping and of the site's file, and the program."""

    mapping_hash: str
    site_hash: str
    version: str = __version__


def read_with(plan: ReadingPlan, site: Site) -> ReadWith:
    """Return what a file is read with."""
    mapping = plan.mapping.model_dump(mode="json") if plan.mapping else None
    names = [
        [u.unit_id, u.site, sorted(u.aliases), u.timezone,
         {own: sorted(names) for own, names in u.components.items()}]
        for u in site.units
    ]  # fmt: skip
    return ReadWith(
        hash_json([mapping, site.timezone]),
        hash_json([mapping, site.timezone, site.service_kinds, site.site, names]),
    )


@dataclass(frozen=True)
class RecordedSource:
    """What the ledger holds of one reading; ``source_hash`` is its name when it was looked up."""

    source_id: int
    source_hash: str
    complete: bool
    state: str
    path: str
    reason: str
    remedy: str
    read_with: ReadWith
    retry_at: int
    turn: int
    first_seen_at: int
    quarantined: int
    rows_in: int

    @property
    def is_lost(self) -> bool:
        """Whether nothing of the file could be taken."""
        return self.state == "refused" or 0 < self.quarantined == self.rows_in


_COLUMNS = (
    "source_id", "complete", "state", "path", "reason", "remedy", "mapping_hash", "site_hash",
    "version", "retry_at", "turn", "first_seen_at", "quarantined", "rows_in",
    "source_hash",
)  # fmt: skip


def recorded(connection: sa.Connection, identities: Iterable[str]) -> dict[str, RecordedSource]:
    """Return what the ledger holds of some readings, by their identity."""
    s = schema.source
    found: dict[str, RecordedSource] = {}
    for some in pieces(sorted(set(identities)), PER_QUERY):
        query = sa.select(*(s.c[name] for name in _COLUMNS)).where(s.c.source_hash.in_(some))
        for row in connection.execute(query).mappings():
            found[row["source_hash"]] = _recorded(dict(row))
    return found


def adopt(
    connection: sa.Connection, plan: ReadingPlan, content_hash: str, taken: Iterable[str]
) -> RecordedSource | None:
    """Return the reading that this one continues, under its name of today; None where it is new.

    A file whose pattern has changed, or that got a mapping after it was refused, is still the same
    file; so is one in an older store, which named a source by its content alone. ``taken`` are the
    identities that the file has today.
    """
    s = schema.source
    path = path_text(plan.path)
    # Where the path tells something of the records, two files of one content are two.
    older = sa.and_(
        s.c.version == "", s.c.path == "", s.c.name == path_text(plan.path, name_only=True)
    )
    same = s.c.path == path if plan.told else sa.or_(s.c.path == path, older)
    query = (
        sa.select(*(s.c[name] for name in _COLUMNS))
        .where(s.c.content_hash == content_hash, same, s.c.source_hash.not_in(list(taken)))
        .order_by(s.c.source_id)
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    values = {"source_hash": plan.identity(content_hash), "pattern": plan.pattern, "path": path}
    mine = s.c.source_id == row["source_id"]
    connection.execute(sa.update(s).where(mine).values(values))
    return _recorded({**row, "path": path})


def _recorded(row: Mapping[str, Any]) -> RecordedSource:
    plain = {name: row[name] for name in _COLUMNS if name in RecordedSource.__dataclass_fields__}
    used = ReadWith(row["mapping_hash"], row["site_hash"], row["version"])
    return RecordedSource(**plain, read_with=used)


def set_aside(connection: sa.Connection, paths: Iterable[str]) -> None:
    """Take files out of quarantine that are no quality control, as the site's file says now."""
    s, q = schema.source, schema.quarantine
    for some in pieces(sorted(set(paths)), PER_QUERY):
        refused = sa.and_(s.c.path.in_(some), s.c.state == "refused")
        held = sa.select(s.c.source_id).where(refused)
        connection.execute(sa.delete(q).where(q.c.source_id.in_(held)))
        connection.execute(sa.update(s).where(refused).values(state="again", reason="", remedy=""))


def supersede(connection: sa.Connection, current: Mapping[str, Iterable[str]]) -> None:
    """Let rows in quarantine wait no longer whose file has another content now.

    Parameters
    ----------
    current
        The identities of today's readings, by the path of their file.
    """
    s = schema.source
    today = {identity for identities in current.values() for identity in identities}
    for some in pieces(sorted(current), PER_QUERY):
        query = sa.select(s.c.source_id, s.c.source_hash).where(
            s.c.path.in_(some), s.c.state.in_(["open", "refused"]), s.c.complete
        )
        # A copy of the old content elsewhere still waits to be mended.
        gone = [row.source_id for row in connection.execute(query) if row.source_hash not in today]
        for ids in pieces(gone, PER_QUERY):
            mine = s.c.source_id.in_(ids)
            connection.execute(sa.update(s).where(mine).values(state="superseded"))


def waiting() -> sa.ColumnElement[bool]:
    """Return the condition on a source whose rows in quarantine wait to be mended."""
    return schema.source.c.state.not_in(["withdrawn", "superseded"])


def why_read(known: RecordedSource | None, used: ReadWith, now_s: int) -> str:
    """Return why a file is to be read with *used*, empty where it need not be."""
    if known is None:
        return "new"
    if known.state == "withdrawn":
        return ""
    if not known.complete:
        return "was interrupted"
    if known.state in {"again", "superseded"}:
        return "is to be read again"
    before = known.read_with
    if before.mapping_hash and before.mapping_hash != used.mapping_hash:
        return "has another mapping now"
    if known.state == "done":
        return ""
    if before != used:
        return "the site's file or the program has changed"
    if known.retry_at and known.retry_at <= now_s:
        return "has rows whose time has come"
    return ""


def begin_reading(
    connection: sa.Connection,
    plan: ReadingPlan,
    content_hash: str,
    known: RecordedSource | None,
    *,
    arrived_at: int,
    not_before: int,
    new_turn: bool,
) -> Writing:
    """Note that a file is being read; return on whose behalf its rows are written.

    What was in quarantine of an earlier reading goes: it is tried anew.
    """
    s, q = schema.source, schema.quarantine
    next_turn = sa.select(sa.func.coalesce(sa.func.max(s.c.turn), 0) + 1).scalar_subquery()
    values = {
        "name": path_text(plan.path, name_only=True),
        "path": path_text(plan.path),
        "pattern": plan.pattern,
        "content_hash": content_hash,
        "complete": False,
    }
    if known is None:
        first = {"source_hash": plan.identity(content_hash), "first_seen_at": arrived_at}
        made = sa.insert(s).values({**values, **first, "format": "", "turn": next_turn})
        result = connection.execute(made.returning(s.c.source_id, s.c.turn)).one()
        return Writing(int(result[0]), arrived_at, int(result[1]), not_before)
    if new_turn:
        values["turn"] = next_turn
    connection.execute(sa.update(s).where(s.c.source_id == known.source_id).values(values))
    connection.execute(sa.delete(q).where(q.c.source_id == known.source_id))
    turn = connection.execute(sa.select(s.c.turn).where(s.c.source_id == known.source_id))
    return Writing(known.source_id, arrived_at, int(turn.scalar_one()), not_before)


@dataclass(frozen=True)
class Outcome:
    """What became of a reading.

    ``rows`` is how many rows the file had, as its reader counted them; ``reason`` and ``remedy``
    are given where it was refused as a whole, ``retry_at`` where time will help.
    """

    counts: Counts = field(default_factory=Counts)
    rows: int = 0
    passed: Mapping[str, int] = field(default_factory=Counter)
    reason: str = ""
    remedy: str = ""
    retry_at: int = 0

    @property
    def state(self) -> str:
        """State of the reading."""
        if self.reason:
            return "refused"
        return "open" if self.counts.quarantined else "done"


def end_reading(
    connection: sa.Connection,
    writing: Writing,
    outcome: Outcome,
    used: ReadWith,
    format_name: str,
) -> None:
    """Note what became of a reading: every row of it is in the store, in quarantine, or counted."""
    s, counts = schema.source, outcome.counts
    connection.execute(
        sa.update(s)
        .where(s.c.source_id == writing.source_id)
        .values(
            complete=True,
            format=format_name or outcome.state,
            state=outcome.state,
            reason=outcome.reason,
            remedy=outcome.remedy,
            mapping_hash=used.mapping_hash,
            site_hash=used.site_hash,
            version=used.version,
            read_at=writing.arrived_at,
            retry_at=outcome.retry_at,
            rows_in=outcome.rows,
            stored=counts.new,
            known=counts.duplicate,
            replaced=counts.replaced,
            passed=counts.passed,
            withdrawn=counts.withdrawn,
            quarantined=counts.quarantined,
            passed_reasons=json.dumps(dict(outcome.passed)) if outcome.passed else "",
        )
    )
