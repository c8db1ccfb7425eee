"""Find out what a file is by its content, and read it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pulsefront.errors import DataError, QCDataError, UnsupportedFormat
from pulsefront.plugins import plugins
from pulsefront.qc.readers.consoles.dicom import is_dicom, read_dicom_report
from pulsefront.qc.readers.consoles.ge import is_ge_report, read_ge_report
from pulsefront.qc.readers.consoles.philips import is_philips_report, read_philips_report
from pulsefront.qc.readers.consoles.siemens import ROOT_TAG, read_siemens
from pulsefront.qc.readers.consoles.varian import is_mpc_header, is_mpc_table, mpc_folder, read_mpc
from pulsefront.qc.readers.qatrack.export import find_qatrack_table, read_qatrack
from pulsefront.qc.readers.rows.assemble import path_values
from pulsefront.qc.readers.tables import read_csv_table, read_parquet_table
from pulsefront.qc.readers.text.delimited import open_text
from pulsefront.qc.records import Batch
from pulsefront.qc.site import Mapping, Site
from pulsefront.qc.site_mapping import FileFormat

__all__ = ["ReadingPlan", "Source", "open_source", "plans_of", "why_passed_over"]

_PICTURES = {".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".svg"}
_LITTER = {"thumbs.db", "desktop.ini"}
_NOTES = {".txt", ".md", ".rtf", ".log", ".text", ""}
_NOTE_BYTES = 65_536
_UNFINISHED = {".tmp", ".part", ".filepart", ".crdownload", ".swp"}
_LINKS = {".lnk", ".url", ".webloc"}


@dataclass(frozen=True)
class ReadingPlan:
    """One way in which a file is to be read.

    Attributes
    ----------
    pattern
        The pattern of the site's file that fits; empty where the content decides.
    number
        Which of the mappings of that pattern.
    mapping
        None where the content decides.
    told
        What the path tells of the records, in a canonical form.
    """

    path: Path
    pattern: str = ""
    number: int = 0
    mapping: Mapping | None = None
    told: str = ""

    def identity(self, content_hash: str) -> str:
        """Return the name of a reading of some content: two files of one name are the same."""
        parts = [self.pattern, self.number, self.told, content_hash]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True)
class Source:
    """A file, what it is, and a function that reads it."""

    path: Path
    format: str
    batches: Callable[[], Iterator[Batch]]


def why_passed_over(path: Path, site: Site) -> str:
    """Return why a file is no quality control, empty where it may be."""
    if site.ignore and site.ignores(path):
        return "is to be ignored, says the site's file"
    if mpc_folder(path) and not is_mpc_table(path):
        return "lies beside the table of results of an MPC check"
    name, suffix = path.name.lower(), path.suffix.lower()
    if suffix in _PICTURES:
        return "is a picture"
    if name in _LITTER or suffix in _UNFINISHED or name.startswith("~$"):
        return "is a file that some program is working on"
    if name.endswith("~") or (name.startswith("#") and name.endswith("#")):
        return "is what an editor kept of another file"
    if suffix in _LINKS:
        return "is a link of a desktop"
    if suffix in _NOTES and not site.mappings_of(path)[1] and _is_note(path):
        return "is a note without a single number"
    return ""


def _is_note(path: Path) -> bool:
    """Return whether a small text holds no digit: nothing in it can be a measurement."""
    try:
        if path.stat().st_size > _NOTE_BYTES:
            return False
        with open_text(path) as lines:
            return not any(sign.isdigit() for line in lines for sign in line)
    except (OSError, DataError):
        return False  # is refused with its reason when it is read


def plans_of(path: Path, site: Site) -> list[ReadingPlan]:
    """Return all ways in which a file is to be read; there is at least one."""
    pattern, mappings = site.mappings_of(path)
    if not mappings:
        return [ReadingPlan(path, told=mpc_folder(path))]
    return [
        ReadingPlan(path, pattern, k, mapping, _told(mapping, path))
        for k, mapping in enumerate(mappings)
    ]


def _told(mapping: Mapping, path: Path) -> str:
    if mapping.format == "varian-mpc":
        return mpc_folder(path)
    try:
        values = path_values(mapping, path)
    except UnsupportedFormat:
        return path.as_posix()  # is refused when it is read
    return json.dumps(values, sort_keys=True) if values else ""


def open_source(path: Path, site: Site, *, now_s: int, plan: ReadingPlan | None = None) -> Source:
    """Return how to read *path*.

    A mapping of the site whose pattern fits the file name comes first, then readers of other
    packages that recognise it (`pulsefront.plugins`); then the content decides,
    and the name only where the content cannot: a report renamed to ``.txt`` is read all the same.

    Raises
    ------
    DataError, QCDataError
        The file is missing, empty, or of no known format.
    """
    if not path.is_file():
        raise QCDataError("no such file", file=path, remedy="check the path")
    mapping = (plan or plans_of(path, site)[0]).mapping
    start = _start(path)
    parquet = start.startswith(b"PAR1")
    if mapping is not None and mapping.format == "table":
        reader = read_parquet_table if parquet else read_csv_table
        name = "parquet" if parquet else "csv"
        return Source(path, name, partial(reader, path, site, mapping, now_s=now_s))
    if mapping is None:
        for name, reader in plugins("qc_readers").items():
            if reader.recognises(start, path):
                return Source(path, name, partial(reader.read, path, site, now_s=now_s))
    found: FileFormat = mapping.format if mapping is not None else _format_of(path, start)
    return Source(path, found, partial(_read, found, path, site, mapping, now_s))


def _read(
    found: FileFormat, path: Path, site: Site, mapping: Mapping | None, now_s: int
) -> Iterator[Batch]:
    match found:
        case "siemens":
            return read_siemens(path, site, now_s=now_s)
        case "varian-mpc":
            return read_mpc(path, site, now_s=now_s)
        case "qatrack":
            return read_qatrack(path, site, now_s=now_s, mapping=mapping)
        case "philips-gemini":
            return read_philips_report(path, site, now_s=now_s, mapping=mapping)
        case "ge-qap":
            return read_ge_report(path, site, now_s=now_s, mapping=mapping)
        case "dicom-sr":
            return read_dicom_report(path, site, now_s=now_s, mapping=mapping)
        case "table":
            raise AssertionError("tables are read by their mapping")


def _format_of(path: Path, start: bytes) -> FileFormat:
    """Return the format that the content of a file shows."""
    if start.startswith(b"PAR1"):
        raise QCDataError(
            "a Parquet table needs a mapping",
            file=path,
            remedy="add one to site.toml (pulsefront qc new-mapping)",
        )
    if is_dicom(start):
        return "dicom-sr"
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:15].lower().startswith((b"<!doctype html", b"<html")):
        raise UnsupportedFormat(
            "is a page of HTML, which is not read",
            file=path,
            remedy="export the table as CSV, or ignore the page in site.toml",
        )
    if text.startswith(b"<"):
        return "siemens"
    with open_text(path) as lines:
        first = lines.readline()
    if is_mpc_header(first):
        return "varian-mpc"
    if find_qatrack_table(path) is not None:
        return "qatrack"
    if is_philips_report(path):
        return "philips-gemini"
    if is_ge_report(path):
        return "ge-qap"
    raise UnsupportedFormat(
        f"is neither a QATrack+ export, an MPC result, nor a {ROOT_TAG}, nor any other known file",
        file=path,
        remedy="add a mapping for it to site.toml (pulsefront qc new-mapping), or ignore it there",
    )


def _start(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(256)
