"""What two stores must have in common after a month, whatever happened in one of them.

*Equal* are: every reading, event and service with all that was said of it and the first night that
may see it; former readings; the state of every file in the ledger and the count of its rows; the
quarantine; scores, alerts, their changes and messages of all nights; and the files of the nights,
to the byte. Of a file that was overwritten, what stands in it in the end counts: whether the job
met what stood there before depends on its faults. *Not compared* are the times of the clock at
which something was written, by which of two readings of a file its rows came in (it may have been
killed between them), how many rows lay in quarantine in the hour in which a night was scored, and
how often a message was tried.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa

from pulsefront.files import hash_file, hash_json
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.files.ledger import waiting
from pulsefront.qc.store.rows.known import stamps_of
from pulsefront.qc.store.tables import alert_tables as tables
from pulsefront.qc.store.tables import schema
from pulsefront.qc.store.tables.ledger_tables import OUTCOMES
from pulsefront.qc.times import DAY_S

__all__ = ["Accounts", "accounts_of", "contents", "differences", "first_scores", "wrong_readings"]

Contents = Mapping[str, Counter[str]]

_HIDDEN = frozenset({
    "made_at", "tried_at", "next_at", "first_tried_at", "error", "attempts", "since_at", "retry_at",
    "available_at", "logged_at", "until_at", "former_id", "source_id", "series_id", "context_id",
    "message_id",
})  # fmt: skip
_OF_A_MESSAGE = ["channel", "recipient", "name", "content"]


@dataclass(frozen=True)
class Accounts:
    """What became of the rows of all files, by the ledger."""

    files: int
    rows_in: int
    stored: int
    known: int
    replaced: int
    passed: int
    withdrawn: int
    quarantined: int
    states: Mapping[str, int]

    @property
    def accounted(self) -> int:
        """All rows of which the ledger says what became."""
        return (
            self.stored + self.known + self.replaced + self.passed + self.withdrawn
            + self.quarantined
        )  # fmt: skip


def accounts_of(store: Store) -> Accounts:
    """Return what the ledger says of all rows, and what is in quarantine."""
    sources = store.frame(schema.source)
    counted = [name for name in OUTCOMES if name != "quarantined"]
    return Accounts(
        files=len(sources),
        rows_in=int(sources["rows_in"].sum()),
        **{name: int(sources[name].sum()) for name in counted},
        # As many as lie there, not as many as the ledger says.
        quarantined=store.count(schema.quarantine),
        states=dict(Counter(sources["state"])),
    )


def contents(folder: Path) -> Contents:
    """Return all that must be equal in a site's folder, by its kind."""
    with Store(folder / "qc.db", must_exist=True) as store:
        gone = _overwritten(store, folder)
        found = {
            "readings": _rows(_readings(store, schema.measurement)),
            "former readings": _rows(_readings(store, schema.former_measurement, gone=gone)),
            "events": _rows(_occasions(store, schema.event, "available_at", "occurred_at")),
            "services": _rows(_occasions(store, schema.service, "logged_at", "completed_at")),
            "files in the ledger": _rows(_ledger(store, folder, gone)),
            "quarantine": _rows(_quarantine(store, folder)),
            "scores": _rows(store.frame(schema.score)),
        }
        for table in tables.ALERT_TABLES:
            frame = store.frame(table)
            if table is tables.message:
                frame = frame[_OF_A_MESSAGE]
            if table is tables.score_run:
                frame = frame.drop(columns="quarantined")
            found[table.name.replace("_", " ")] = _rows(frame)
    found["files of the nights"] = _files(folder / "out")
    return found


def differences(one: Contents, other: Contents) -> dict[str, int]:
    """Return by kind how many rows are in only one of two stores."""
    return {
        name: (one[name] - other[name]).total() + (other[name] - one[name]).total() for name in one
    }


def first_scores(folder: Path, start_s: int, nights: int) -> list[Counter[str]]:
    """Return the scores of each night of a month, without the names of run and data."""
    with Store(folder / "qc.db", must_exist=True) as store:
        frame = store.frame(schema.score).drop(columns=["run_id", "data_hash"])
    night = (frame["as_of"].to_numpy() - start_s) // DAY_S - 1
    return [_rows(frame[night == k]) for k in range(nights)]


def wrong_readings(folder: Path, truth: pd.DataFrame, start_s: int) -> int:
    """Return how many readings of a month are missing, too many or of another value."""
    m, s = schema.measurement, schema.series
    query = (
        sa.select(s.c.unit_id, s.c.component_id, s.c.test, m.c.measured_at, m.c.value)
        .join_from(m, s, m.c.series_id == s.c.series_id)
        .where(m.c.measured_at >= start_s)
    )
    with Store(folder / "qc.db", must_exist=True) as store:
        stored = _rows(store.frame(query))
    expected = _rows(truth)
    return (stored - expected).total() + (expected - stored).total()


def _overwritten(store: Store, folder: Path) -> set[int]:
    """Return the numbers of the readings of contents that no file of the logs holds any more."""
    held = {hash_file(path) for path in (folder / "logs").rglob("*") if path.is_file()}
    sources = store.frame(schema.source)
    in_logs = sources["path"].str.startswith(str((folder / "logs").resolve()))
    return set(sources["source_id"][in_logs & ~sources["content_hash"].isin(held)].tolist())


def _readings(store: Store, table: sa.Table, *, gone: set[int] | None = None) -> pd.DataFrame:
    s, c = schema.series, schema.context
    query = (
        sa.select(
            s.c.unit_id, s.c.component_id, s.c.test, s.c.measurement_unit, table.c.measured_at,
            table.c.available_at, table.c.value, table.c.source_id, c.c.content,
        )
        .join_from(table, s, table.c.series_id == s.c.series_id)
        .join(c, table.c.context_id == c.c.context_id)
    )  # fmt: skip
    frame = store.frame(query)
    if gone is not None:
        return frame[~frame["source_id"].isin(gone)]
    return _seen_from(store, frame, "available_at", "measured_at")


def _occasions(store: Store, table: sa.Table, known: str, happened: str) -> pd.DataFrame:
    return _seen_from(store, store.frame(table), known, happened)


def _seen_from(store: Store, frame: pd.DataFrame, known: str, happened: str) -> pd.DataFrame:
    """Return records with the first night that may see each, in place of when it was known."""
    parts = []
    with store.engine.connect() as connection:
        names = sorted(set(frame["unit_id"]))
        stamps = stamps_of(connection, names)
    for unit_id, rows in frame.groupby("unit_id", sort=True):
        instants = stamps[str(unit_id)].known(rows[known].to_numpy(), rows[happened].to_numpy())
        parts.append(rows.assign(night=-(-instants // DAY_S)))
    return pd.concat(parts) if parts else frame


def _ledger(store: Store, folder: Path, gone: set[int]) -> pd.DataFrame:
    frame = store.frame(schema.source)
    frame = frame[~frame["source_id"].isin(gone)]
    in_store = frame["stored"] + frame["known"] + frame["replaced"]
    kept = ["pattern", "content_hash", "state", "complete", "reason", "remedy", "rows_in", "passed",
            "withdrawn", "quarantined"]  # fmt: skip
    paths = [_below(path, folder) for path in frame["path"]]
    return frame[kept].assign(path=paths, in_store=in_store)


def _quarantine(store: Store, folder: Path) -> pd.DataFrame:
    """Return the rows that wait: those of a file that was overwritten wait no longer."""
    q, s = schema.quarantine, schema.source
    query = (
        sa.select(s.c.path, q.c.row, q.c.reason, q.c.remedy, q.c.content)
        .join_from(q, s, q.c.source_id == s.c.source_id)
        .where(waiting())
    )
    frame = store.frame(query)
    return frame.assign(path=[_below(path, folder) for path in frame["path"]])


def _below(path: str, folder: Path) -> str:
    return path.removeprefix(str(folder.resolve()))


def _files(out: Path) -> Counter[str]:
    """Return name and content of the files of the nights; the page also tells of ingests."""
    named = [*out.glob("scores_*.csv"), *out.glob("*.prom")]
    found = Counter(f"{path.name} {hash_file(path)}" for path in named)
    for path in out.glob("scores_*.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        del content["quarantined"]
        found[f"{path.name} {hash_json(content)}"] += 1
    return found


def _rows(frame: pd.DataFrame) -> Counter[str]:
    """Return rows as texts and how often each is there, whatever their order."""
    kept = frame[[name for name in frame.columns if name not in _HIDDEN]]
    columns: Iterable[Any] = (
        kept[name].astype(object).where(kept[name].notna(), None) for name in kept.columns
    )
    return Counter(map(repr, zip(*columns, strict=True)))
