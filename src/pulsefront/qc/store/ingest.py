"""Files into the store: each once, whole, with every row either stored or refused with a reason."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pulsefront.errors import DataError, PulsefrontError, QCDataError
from pulsefront.files import hash_file
from pulsefront.progress import Report, silent
from pulsefront.qc.readers.limits import Limits, apply_limits, site_limits
from pulsefront.qc.readers.open import open_source
from pulsefront.qc.records import Batch, Reject
from pulsefront.qc.site import Site
from pulsefront.qc.store.database import Counts, Store
from pulsefront.qc.store.lock import locked

__all__ = ["FileResult", "IngestResult", "find_files", "ingest"]


@dataclass(frozen=True)
class FileResult:
    """What became of one file. ``refused`` is the reason where the file as a whole was."""

    path: Path
    format: str = ""
    counts: Counts = field(default_factory=Counts)
    known: bool = False
    refused: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class IngestResult:
    """What became of all files of a run."""

    files: tuple[FileResult, ...] = ()
    counts: Counts = field(default_factory=Counts)

    @property
    def refused(self) -> tuple[FileResult, ...]:
        """The files that were refused as a whole."""
        return tuple(file for file in self.files if file.refused)


def find_files(paths: Iterable[Path]) -> list[Path]:
    """Return the files named and all files in the folders named, sorted, hidden ones left out.

    Raises
    ------
    QCDataError
        A path does not exist.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = (p for p in path.rglob("*") if p.is_file())
            found += [
                p for p in inside if not any(s.startswith(".") for s in p.relative_to(path).parts)
            ]
        elif path.exists():
            found.append(path)
        else:
            raise QCDataError("no such file or folder", file=path, remedy="check the path")
    return sorted(dict.fromkeys(found))


def ingest(
    store: Store,
    files: Sequence[Path],
    site: Site | None = None,
    *,
    site_folder: Path = Path(),
    now_s: int | None = None,
    report: Report = silent,
) -> IngestResult:
    """Read *files* into *store*; a file whose bytes are there already is passed over.

    A file that cannot be read at all leaves its reason in quarantine and the others go on.

    Parameters
    ----------
    site
        Names, clocks, limits and mappings; paths in it are relative to *site_folder*.
    now_s
        The present, seconds since 1970: records from the future are refused.

    Raises
    ------
    StoreLocked
        Another job works on the store.
    """
    site = site or Site()
    now_s = int(time.time()) if now_s is None else now_s
    limits = site_limits(site, site_folder)
    sizes = [path.stat().st_size for path in files]
    total = max(sum(sizes), 1)
    results: list[FileResult] = []
    with locked(store.url):
        for k, path in enumerate(files):
            before = sum(sizes[:k])

            def progress(batch: Batch, before: int = before, size: int = sizes[k]) -> None:
                share = batch.done / batch.total if batch.total else 1.0
                report(before + round(share * size), total)

            results.append(_ingest_file(store, path, site, limits, now_s, progress))
            report(before + sizes[k], total)
    counts = sum((result.counts for result in results), Counts())
    return IngestResult(tuple(results), counts)


def _ingest_file(
    store: Store,
    path: Path,
    site: Site,
    limits: Mapping[str, Mapping[str, Limits]],
    now_s: int,
    progress: Callable[[Batch], None],
) -> FileResult:
    source_hash = hash_file(path)
    with store.writing() as connection:
        known = store.source(connection, source_hash)
    if known is not None and known[1]:
        return FileResult(path, known=True)
    try:
        source = open_source(path, site, now_s=now_s)
        with store.writing() as connection:
            source_id = store.begin_source(
                connection, source_hash, name=path.name, format_name=source.format
            )
        notes: list[str] = []
        counts = Counts()
        for batch in source.batches():
            limited = replace(batch, measurements=apply_limits(batch.measurements, limits))
            with store.writing() as connection:
                counts += store.add(connection, limited, source_id)
            notes += batch.notes
            progress(batch)
        result = FileResult(path, source.format, counts, notes=tuple(notes))
    except (DataError, QCDataError) as error:
        result = FileResult(path, counts=Counts(quarantined=1), refused=_reason(error))
        rejects = (Reject(0, result.refused, path.name),)
        with store.writing() as connection:
            source_id = store.begin_source(
                connection, source_hash, name=path.name, format_name="refused"
            )
            store.add(connection, Batch(rejects=rejects), source_id)
    with store.writing() as connection:
        store.finish_source(connection, source_id)
    return result


def _reason(error: PulsefrontError) -> str:
    text = str(error)
    return text.removeprefix(f"{error.file}: ") if error.file else text
