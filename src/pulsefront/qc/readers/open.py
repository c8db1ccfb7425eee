"""Find out what a file is by its content, and read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

from pulsefront.errors import QCDataError, UnsupportedFormat
from pulsefront.qc.readers.qatrack import find_qatrack_header, read_qatrack
from pulsefront.qc.readers.siemens import ROOT_TAG, read_siemens
from pulsefront.qc.readers.tables import read_csv_table, read_parquet_table
from pulsefront.qc.readers.text import open_text
from pulsefront.qc.readers.varian import is_mpc_header, read_mpc
from pulsefront.qc.records import Batch
from pulsefront.qc.site import Site

__all__ = ["Source", "open_source"]


@dataclass(frozen=True)
class Source:
    """A file, what it is, and a function that reads it."""

    path: Path
    format: str
    batches: Callable[[], Iterator[Batch]]


def open_source(path: Path, site: Site, *, now_s: int) -> Source:
    """Return how to read *path*.

    A mapping of the site whose pattern fits the file name comes first; then the content decides,
    and the name only where the content cannot: a report renamed to ``.txt`` is read all the same.

    Raises
    ------
    DataError, QCDataError
        The file is missing, empty, or of no known format.
    """
    if not path.is_file():
        raise QCDataError("no such file", file=path, remedy="check the path")
    start = _start(path)
    parquet = start.startswith(b"PAR1")
    for pattern, mapping in site.mappings.items():
        if fnmatch(path.name, pattern):
            reader = read_parquet_table if parquet else read_csv_table
            batches = partial(reader, path, site, mapping, now_s=now_s)
            return Source(path, "parquet" if parquet else "csv", batches)
    if parquet:
        raise QCDataError(
            "a Parquet table needs a mapping", file=path, remedy="add one to site.toml"
        )
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return Source(path, "siemens", lambda: read_siemens(path, site))
    with open_text(path) as lines:
        first = lines.readline()
    if is_mpc_header(first):
        return Source(path, "varian-mpc", lambda: read_mpc(path, site))
    if find_qatrack_header(path) is not None:
        return Source(path, "qatrack", lambda: read_qatrack(path, site, now_s=now_s))
    raise UnsupportedFormat(
        f"is neither a QATrack+ export, an MPC result, nor a {ROOT_TAG}",
        file=path,
        remedy="add a mapping for it to site.toml",
    )


def _start(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(256)
