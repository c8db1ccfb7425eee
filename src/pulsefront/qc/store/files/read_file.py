"""One file into the store by one mapping, and what became of it into the ledger."""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from pulsefront.errors import PulsefrontError, ToolMissing
from pulsefront.qc.readers.limits import Limits, apply_limits
from pulsefront.qc.readers.open import ReadingPlan, open_source
from pulsefront.qc.readers.rows.quantities import NotYet
from pulsefront.qc.readers.tables import open_end
from pulsefront.qc.records import Batch, Reject
from pulsefront.qc.site import Site
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.files.ledger import (
    ALWAYS,
    Outcome,
    ReadWith,
    RecordedSource,
    begin_reading,
    end_reading,
)
from pulsefront.qc.store.files.paths import Content, PathMemory, path_text
from pulsefront.qc.store.problems import DiskFull, StoreProblem
from pulsefront.qc.store.rows.counts import Counts
from pulsefront.qc.store.rows.units import with_site
from pulsefront.qc.store.rows.withdraw import withdraw_unseen
from pulsefront.qc.store.rows.writing import Writing

__all__ = ["FileResult", "ReadingTask", "Tools", "read_file", "with_remedy"]

_OF_LINES = {"csv", "qatrack", "varian-mpc"}
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True)
class FileResult:
    """What became of one file, read by one mapping.

    Attributes
    ----------
    known
        Whether there was nothing to do: it was read before, and nothing has changed.
    refused
        The reason where the file as a whole was refused, now or when it was tried last.
    passed
        The reason where it is no quality control.
    rows
        How many rows the file had, as its reader counted them; `counts.rows` is equal to it.
    withdrawn
        How many records count no longer that the file was read into before, otherwise.
    lost
        Whether nothing of the file could be taken when it was read last, where that is not now.
    """

    path: Path
    format: str = ""
    counts: Counts = field(default_factory=Counts)
    known: bool = False
    refused: str = ""
    passed: str = ""
    notes: tuple[str, ...] = ()
    rows: int = 0
    passed_rows: Mapping[str, int] = field(default_factory=Counter)
    withdrawn: int = 0
    lost: bool = False

    @property
    def is_lost(self) -> bool:
        """Whether nothing of the file could be taken: refused, or every row of it in quarantine."""
        counts = self.counts
        return self.lost or bool(self.refused) or 0 < counts.quarantined == counts.rows


@dataclass(frozen=True)
class Tools:
    """What holds for all files of a run.

    ``arrived_at`` is the present as the ledger has it; ``not_before`` is that of `Writing`.
    """

    store: Store
    site: Site
    limits: Mapping[str, Mapping[str, Limits]]
    now_s: int
    arrived_at: int
    not_before: int
    memory: PathMemory


@dataclass(frozen=True)
class ReadingTask:
    """One reading: how, of which content, and what it is read with.

    ``siblings`` are the names of all readings of the file, this one among them.
    """

    plan: ReadingPlan
    content: Content
    used: ReadWith
    siblings: tuple[str, ...]

    @property
    def identity(self) -> str:
        """Name of the reading in the ledger."""
        return self.plan.identity(self.content.content_hash)


@dataclass
class _Progress:
    """How far a reading has come."""

    format: str = ""
    counts: Counts = field(default_factory=Counts)
    rows: int = 0
    passed: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    retry_at: int = 0

    def retry(self, *times: int) -> None:
        """Take the earliest of some times to try again."""
        self.retry_at = min((t for t in (self.retry_at, *times) if t), default=0)


def read_file(
    tools: Tools,
    task: ReadingTask,
    known: RecordedSource | None,
    *,
    new_turn: bool,
    progress: Callable[[Batch], None],
) -> FileResult:
    """Read a file into the store.

    Raises
    ------
    StoreProblem
        The store cannot be written. Whatever else goes wrong is noted against the file.
    """
    path, store = task.plan.path, tools.store
    with store.writing() as connection:
        writing = begin_reading(
            connection, task.plan, task.content.content_hash, known,
            arrived_at=tools.arrived_at, not_before=tools.not_before, new_turn=new_turn,
        )  # fmt: skip
    so_far = _Progress()
    refusal: Reject | None = None
    try:
        _store_batches(tools, task, writing, so_far, progress)
    except StoreProblem:
        raise
    except Exception as error:  # noqa: BLE001 - one odd file must not stop the night
        refusal = _refusal(error, path)
        so_far.rows += 1
        so_far.counts += Counts(quarantined=1)
        so_far.retry(refusal.retry_at)
    outcome = Outcome(
        so_far.counts,
        so_far.rows,
        so_far.passed,
        refusal.reason if refusal else "",
        refusal.remedy if refusal else "",
        so_far.retry_at,
    )
    withdrawn = 0
    with store.writing() as connection:
        if refusal:
            store.quarantine(connection, [refusal], writing)
        elif known is not None:
            withdrawn = withdraw_unseen(connection, writing, why="the file is read otherwise now")
        end_reading(connection, writing, outcome, task.used, so_far.format)
        tools.memory.remember(connection, path)
    return FileResult(
        path,
        "" if refusal else so_far.format,
        so_far.counts,
        refused=with_remedy(outcome.reason, outcome.remedy),
        notes=tuple(so_far.notes),
        rows=so_far.rows,
        passed_rows=dict(so_far.passed),
        withdrawn=withdrawn,
    )


def _store_batches(
    tools: Tools,
    task: ReadingTask,
    writing: Writing,
    so_far: _Progress,
    progress: Callable[[Batch], None],
) -> None:
    """Store a file batch by batch; *so_far* tells how far it came."""
    source = open_source(task.plan.path, tools.site, now_s=tools.now_s, plan=task.plan)
    so_far.format = source.format
    for batch in source.batches():
        piece = _prepared(batch, tools)
        with tools.store.writing() as connection:
            counts = tools.store.add(connection, piece, writing)
        so_far.counts += counts
        so_far.rows += batch.rows
        so_far.passed.update(piece.passed)
        so_far.notes += piece.notes
        so_far.retry(*(reject.retry_at for reject in piece.rejects))
        progress(batch)
    last = open_end(task.plan.path) if source.format in _OF_LINES else ""
    if last:
        so_far.notes.append(
            f"has no line end after its last line ({last[:60]!r}): if it was cut off there, it is "
            "read again when the file grows"
        )


def _prepared(batch: Batch, tools: Tools) -> Batch:
    """Return a batch with the limits and names of the site, without tests that were skipped."""
    frame = batch.measurements
    skipped = np.isnan(frame["value"].to_numpy(dtype=float))
    passed = dict(batch.passed)
    if skipped.any():
        passed["skipped"] = passed.get("skipped", 0) + int(skipped.sum())
        frame = frame[~skipped].reset_index(drop=True)
    return replace(
        batch,
        measurements=apply_limits(frame, tools.limits),
        units=with_site(tools.site, batch.units),
        passed=passed,
    )


def _refusal(error: Exception, path: Path) -> Reject:
    """Return why a file was refused, and what to do about it."""
    name = path_text(path, name_only=True)
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        raise DiskFull(
            "the disk is full", file=path, remedy="free some space; the next run goes on from here"
        ) from None
    if isinstance(error, PulsefrontError):
        retry_at = error.retry_at if isinstance(error, NotYet) else 0
        if isinstance(error, ToolMissing):
            retry_at = ALWAYS
        return Reject(0, _without_remedy(error), name, error.remedy or "", retry_at)
    if isinstance(error, OSError):
        reason = f"cannot be read: {(error.strerror or str(error)).lower()}"
        return Reject(0, reason, name, "give this user the right to read it", ALWAYS)
    reason = f"could not be read: {type(error).__name__}: {error}"
    return Reject(
        0, " ".join(reason.split()), name, "look for what is odd in it; report it as a fault"
    )


def with_remedy(reason: str, remedy: str) -> str:
    """Return a reason and what to do about it as one text."""
    return f"{reason}; {remedy}" if remedy else reason


def _without_remedy(error: PulsefrontError) -> str:
    """Return what an error says of a file, without the file and the remedy."""
    text = str(error)
    if error.remedy:
        text = text.removesuffix(f"; {' '.join(error.remedy.split())}")
    return text.removeprefix(f"{error.file}: ") if error.file else text
