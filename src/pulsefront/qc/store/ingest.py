"""Files into the store: every row stored, known or refused with a reason, and the night goes on.

A file that cannot be read leaves its reason in the ledger, and the others are read all the same.
What stops an ingest is the store alone: another job that holds it, a disk that is full, a database
that is gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain
from pathlib import Path

from pulsefront.errors import PulsefrontError
from pulsefront.progress import Report, silent
from pulsefront.qc.readers.limits import Limits, site_limits
from pulsefront.qc.readers.open import plans_of, why_passed_over
from pulsefront.qc.records import Batch
from pulsefront.qc.site import Site
from pulsefront.qc.store.clock import arrival_time
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.files.ledger import (
    RecordedSource,
    adopt,
    read_with,
    recorded,
    set_aside,
    supersede,
    why_read,
)
from pulsefront.qc.store.files.paths import PathMemory, find_files, path_text, why_no_file
from pulsefront.qc.store.files.read_file import (
    FileResult,
    ReadingTask,
    Tools,
    read_file,
    with_remedy,
)
from pulsefront.qc.store.files.runs import RunTotals, begin_run, end_run
from pulsefront.qc.store.lock import locked
from pulsefront.qc.store.rows.counts import Counts
from pulsefront.qc.store.rows.joining import join_names, names_alike, strange_components
from pulsefront.qc.store.rows.known import counts_from
from pulsefront.qc.store.rows.units import apply_site

__all__ = ["FileResult", "IngestResult", "find_files", "ingest"]


@dataclass(frozen=True)
class IngestResult:
    """What became of all files of a run. ``notes`` are about the store as a whole."""

    files: tuple[FileResult, ...] = ()
    counts: Counts = field(default_factory=Counts)
    notes: tuple[str, ...] = ()

    @property
    def refused(self) -> tuple[FileResult, ...]:
        """The files that were refused as a whole."""
        return tuple(file for file in self.files if file.refused)

    @property
    def rows(self) -> int:
        """All rows that the readers found."""
        return sum(file.rows for file in self.files)

    @property
    def is_partial(self) -> bool:
        """Whether there is a file of which nothing could be taken."""
        return any(file.is_lost for file in self.files)

    def totals(self) -> RunTotals:
        """Return what the run came to, for the ledger."""
        return RunTotals(
            files=len(self.files),
            files_known=sum(file.known for file in self.files),
            files_refused=len(self.refused),
            files_passed=sum(bool(file.passed) for file in self.files),
            rows=self.rows,
            counts=self.counts,
        )


def ingest(
    store: Store,
    files: Sequence[Path],
    site: Site | None = None,
    *,
    site_folder: Path = Path(),
    now_s: int | None = None,
    report: Report = silent,
) -> IngestResult:
    """Read *files* into *store*; what was read before is read again only where the ledger says so.

    They are read in the order of their modification times, so that the newer one of two files that
    contradict each other wins.

    Parameters
    ----------
    site
        Names, clocks, limits and mappings; paths in it are relative to *site_folder*.
    now_s
        The present, seconds since 1970. Records from the future wait for their time; what nobody
        says a time of is known from the present on.

    Raises
    ------
    StoreLocked
        Another job works on the store.
    StoreProblem
        The store cannot be written.
    """
    site = site or Site()
    present = int(time.time()) if now_s is None else now_s
    files = sorted(files, key=_age)
    limits, notes = _limits(site, site_folder)
    sizes = [_size(path) for path in files]
    ends = list(accumulate(sizes))
    total = max(ends[-1] if ends else 0, 1)
    results: list[FileResult] = []
    with locked(store.url):
        with store.writing() as connection:
            arrived_at, said = arrival_time(connection, present)
            notes += [said] if said else []
            not_before = counts_from(connection, arrived_at)
            run_id = begin_run(connection, arrived_at)
            notes += join_names(connection, site, arrived_at)
            apply_site(connection, site, not_before or arrived_at)
            memory = PathMemory(connection, files)
        store.forget_names()
        tools = Tools(store, site, limits, present, arrived_at, not_before, memory)
        planned = _plan(tools, files)
        wanted = [
            task.identity for tasks in planned for task in tasks if isinstance(task, ReadingTask)
        ]
        with store.engine.connect() as connection:
            ledger = recorded(connection, wanted)
        for size, end, tasks in zip(sizes, ends, planned, strict=True):

            def progress(batch: Batch, end: int = end, size: int = size) -> None:
                share = batch.done / batch.total if batch.total else 1.0
                report(end - size + round(share * size), total)

            for task in tasks:
                if isinstance(task, FileResult):
                    results.append(task)
                else:
                    results.append(_deal_with(tools, task, ledger, progress))
                    # Another path may hold the same file: the ledger now knows more of it.
                    ledger.pop(task.identity, None)
            report(end, total)
        counts = sum((result.counts for result in results), Counts())
        with store.writing() as connection:
            notes += names_alike(connection, site)
            notes += strange_components(connection)
            set_aside(connection, (path_text(file.path) for file in results if file.passed))
            supersede(connection, _identities(planned))
            result = IngestResult(tuple(results), counts, tuple(notes))
            for path in files:
                memory.remember(connection, path)
            apply_site(connection, site, not_before or arrived_at)
            end_run(connection, run_id, result.totals(), arrived_at + _lasted(present, now_s))
    return result


def _limits(site: Site, folder: Path) -> tuple[Mapping[str, Mapping[str, Limits]], list[str]]:
    """Return the limits of the site's files; one that cannot be read is left out with a word."""
    found: dict[str, dict[str, Limits]] = {}
    notes: list[str] = []
    for entry in site.limits:
        try:
            alone = site.model_copy(update={"limits": (entry,)})
            for unit_id, limits in site_limits(alone, folder).items():
                found.setdefault(unit_id, {}).update(limits)
        except (PulsefrontError, OSError) as error:
            notes.append(f"limits of {entry.unit_id} are left out: {error}")
    return found, notes


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _age(path: Path) -> tuple[int, Path]:
    """Return by what files are put in order: modification time in whole seconds, then name.

    Copies and archives keep no more than seconds, and what was copied within one has the order of
    names, not that of the copying.
    """
    try:
        return int(path.stat().st_mtime), path
    except OSError:
        return 0, path


def _lasted(present: int, now_s: int | None) -> int:
    """Return how long a run took by the clock, 0 where the present was given."""
    return max(int(time.time()) - present, 0) if now_s is None else 0


def _plan(tools: Tools, files: Sequence[Path]) -> list[list[ReadingTask | FileResult]]:
    """Return by file what is to be done: readings with what the ledger holds of them.

    A file that is no quality control, or that cannot be opened, has its result already.
    """
    planned: list[list[ReadingTask | FileResult]] = []
    for path in files:
        why = "" if tools.site.ignores(path) else why_no_file(path)
        if why:
            refused = with_remedy(why, "take it out of the folder, or ignore it in site.toml")
            planned.append([FileResult(path, refused=refused)])
            continue
        why = why_passed_over(path, tools.site)
        if why:
            planned.append([FileResult(path, passed=why)])
            continue
        try:
            content = tools.memory.content(path)
        except OSError as error:
            reason = f"cannot be read: {(error.strerror or str(error)).lower()}"
            planned.append([FileResult(path, refused=reason)])
            continue
        plans = plans_of(path, tools.site)
        names = tuple(plan.identity(content.content_hash) for plan in plans)
        planned.append(
            [ReadingTask(plan, content, read_with(plan, tools.site), names) for plan in plans]
        )
    return planned


def _identities(planned: Sequence[Sequence[ReadingTask | FileResult]]) -> dict[str, list[str]]:
    """Return the names of today's readings by the path of their file."""
    found: dict[str, list[str]] = {}
    for task in chain.from_iterable(planned):
        if isinstance(task, ReadingTask):
            found.setdefault(path_text(task.plan.path), []).append(task.identity)
    return found


def _deal_with(
    tools: Tools,
    task: ReadingTask,
    ledger: dict[str, RecordedSource],
    progress: Callable[[Batch], None],
) -> FileResult:
    """Read a file by one mapping where the ledger asks for it; return what became of it."""
    known = ledger.get(task.identity)
    if known is None:  # perhaps since this run began, or under the name of an older store
        with tools.store.writing() as connection:
            known = recorded(connection, [task.identity]).get(task.identity) or adopt(
                connection, task.plan, task.content.content_hash, task.siblings
            )
        if known is not None:  # what bore that name before is another file, even of equal bytes
            ledger.pop(known.source_hash, None)
    back = known is not None and _is_back(task, known)
    if known is not None and not back and not why_read(known, task.used, tools.now_s):
        refused = known.state == "refused"
        reason = with_remedy(known.reason, known.remedy) if refused else ""
        lost = known.is_lost and known.state != "withdrawn"
        return FileResult(task.plan.path, known=True, refused=reason, lost=lost)
    return read_file(tools, task, known, new_turn=back, progress=progress)


def _is_back(task: ReadingTask, known: RecordedSource) -> bool:
    """Return whether a path has the content again that it had before another one.

    Who puts an older export back means it: it corrects the one that came between.
    """
    before = task.content.before
    return (
        before not in {"", task.content.content_hash}
        and known.complete
        and known.state != "withdrawn"
        and known.path == path_text(task.plan.path)
    )
