"""Delimited text as it really comes: byte-order marks, semicolons, decimal commas, ragged rows."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pulsefront.errors import TruncatedFile, UnsupportedFormat
from pulsefront.qc.readers.text.header_again import OTHER_REMEDY, HeaderWatch
from pulsefront.qc.readers.text.stray_quotes import PhysicalLines, cells_of_line, holds_rows
from pulsefront.qc.records import Reject

__all__ = [
    "TextRows",
    "decode",
    "distinct_names",
    "has_decimal_comma",
    "open_text",
    "read_rows",
    "separator_line",
    "sniff_delimiter",
    "split_header",
]

_COMMA_NUMBER = re.compile(r"\s*[+-]?\d+,\d+(?:[eE][+-]?\d+)?\s*")
_DOT_NUMBER = re.compile(r"\s*[+-]?\d+\.\d+(?:[eE][+-]?\d+)?\s*")
_SEPARATOR = re.compile(r'\s*"?sep=(.)"?\s*', re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"')
_SAMPLE_BYTES = 65_536
_UNREADABLE = ("\ufffd", "\x00")
_LONGEST_SHOWN = 10_000
_QUOTE_REMEDY = "close the quote on its line, or take it out, or export the file again"


def decode(raw: bytes, file: Path) -> str:
    """Return the text of a file that is UTF-8, UTF-16 with its mark, or Windows-1252.

    Raises
    ------
    UnsupportedFormat
        The bytes are no text in any of them.
    """
    return raw.decode(_encoding_of(raw, file))


def _encoding_of(raw: bytes, file: Path) -> str:
    """Return the encoding that the first bytes of a file show."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if b"\x00" in raw:
        raise UnsupportedFormat(
            "is not text in a known encoding",
            file=file,
            remedy="save it as text: CSV in UTF-8, or ignore it in site.toml",
        )
    for name in ("utf-8-sig", "cp1252"):
        try:
            raw.decode(name)
        except UnicodeDecodeError as error:
            # A sample may end inside a character.
            if name == "utf-8-sig" and error.start >= len(raw) - 3 and len(raw) == _SAMPLE_BYTES:
                return name
            continue
        return name
    raise UnsupportedFormat(
        "is not text in a known encoding", file=file, remedy="export it as UTF-8"
    )


def open_text(path: Path) -> io.TextIOWrapper:
    """Open a text file of any known encoding; refuse an empty one."""
    with open(path, "rb") as file:
        sample = file.read(_SAMPLE_BYTES)
    if not sample.strip():
        error = TruncatedFile(path, byte_offset=0, events_kept=0, problem="is empty")
        error.remedy = "export it again"
        raise error
    return open(path, encoding=_encoding_of(sample, path), errors="replace", newline="")


def separator_line(line: str) -> str:
    """Return the delimiter that a line ``sep=;`` announces, empty where it is no such line."""
    match = _SEPARATOR.fullmatch(line)
    return match[1] if match else ""


def sniff_delimiter(header: str) -> str:
    """Return the delimiter of a header line: the most frequent of comma, semicolon, tab and bar."""
    return max(",;\t|", key=_QUOTED.sub("", header).count)


def split_header(header: str, delimiter: str = "") -> list[str]:
    """Return the names in a header line, without quotes and the spaces around them."""
    sign = delimiter or sniff_delimiter(header)
    try:
        cells = next(csv.reader([header.strip("\r\n")], delimiter=sign, skipinitialspace=True), [])
    except csv.Error:
        cells = header.rstrip("\r\n").split(sign)
    return [cell.strip().strip('"') for cell in cells] or [""]


def distinct_names(names: Iterable[str]) -> list[str]:
    """Return names that are all different: the second ``Reference`` is ``Reference (2)``."""
    seen: Counter[str] = Counter()
    distinct = []
    for name in names:
        seen[name] += 1
        distinct.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return distinct


@dataclass(frozen=True)
class TextRows:
    """Rows of one length, as columns.

    ``number`` holds the line of the file at which each row begins, from 1; ``comments`` counts
    lines that begin with ``#`` or repeat the header; ``done`` is the position after the last row,
    in characters.
    """

    number: npt.NDArray[np.int64]
    columns: list[list[str]]
    rejects: tuple[Reject, ...]
    done: int
    comments: int = 0

    def __len__(self) -> int:
        return len(self.number)

    def take(self, keep: Sequence[int]) -> TextRows:
        """Return some of the rows, without the rejects."""
        columns = [[column[k] for k in keep] for column in self.columns]
        return TextRows(self.number[list(keep)], columns, (), self.done)


def read_rows(
    lines: io.TextIOWrapper,
    *,
    delimiter: str,
    width: int,
    before: int = 1,
    chunk: int = 100_000,
    header: Sequence[str] = (),
) -> Iterator[TextRows]:
    """Yield the rows after the header in chunks; rows of another width become rejects.

    ``before`` counts the lines that were read already. Empty cells after the last column are no
    fault: some programs end every row with a delimiter. Where exports were put one behind the
    other, *header* comes again, and counts as a comment; rows below other names become rejects.
    """
    names = HeaderWatch(header)
    source = PhysicalLines(lines, before)

    def read_anew() -> Iterator[list[str]]:
        return csv.reader(source, delimiter=delimiter, skipinitialspace=True)

    reader = read_anew()
    rows: list[Sequence[str]] = []
    numbers: list[int] = []
    rejects: list[Reject] = []
    neighbour: Sequence[str] = ()
    comments = 0
    while True:
        number = source.begin_row()
        problem = ""
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            row, problem = [], f"is no row of text: {error}"
        if len(source.row) > 1 and (
            problem
            or source.unclosed
            or _without_empty_end(row, width) != width
            or holds_rows(source.row, delimiter=delimiter, width=width, neighbour=neighbour)
        ):
            row, problem = cells_of_line(source.hand_back(), delimiter), ""
            reader = read_anew()
            if _without_empty_end(row, width) != width:
                problem = "opens a quote that stays open"
        if problem:
            content = source.row[0] if len(source.row[0]) < _LONGEST_SHOWN else ""
            rejects.append(Reject(number, problem, content, remedy=_QUOTE_REMEDY))
            continue
        row = row[: _without_empty_end(row, width)]
        kind = names.kind_of(row, number)
        if kind == "again":
            comments += 1
        elif kind == "other":
            rejects.append(Reject(number, names.reason, delimiter.join(row), remedy=OTHER_REMEDY))
        elif len(row) == width and not (source.broken and _unreadable(row)):
            rows.append(row)
            numbers.append(number)
            neighbour = row
        elif row and row[0].lstrip().startswith("#"):
            comments += 1
        elif any(cell.strip() for cell in row):
            rejects.append(_misfit(number, row, width, delimiter))
        if len(rows) >= chunk:
            yield _rows(numbers, rows, rejects, source.done, width, comments)
            rows, numbers, rejects, comments = [], [], [], 0
    yield _rows(numbers, rows, rejects, source.done, width, comments)


def _without_empty_end(row: Sequence[str], width: int) -> int:
    """Return the number of cells, not counting empty ones beyond *width*."""
    return len(row) if len(row) <= width or any(map(str.strip, row[width:])) else width


def _unreadable(row: Sequence[str]) -> bool:
    return any(sign in cell for cell in row for sign in _UNREADABLE)


def _misfit(number: int, row: Sequence[str], width: int, delimiter: str) -> Reject:
    content = delimiter.join(row)
    if len(row) == width:
        reason = "holds bytes that are not in the encoding of the file"
        return Reject(number, reason, content, remedy="export the file again as UTF-8")
    reason = f"has {len(row)} columns instead of {width}"
    remedy = "put text that holds the delimiter in quotes, or give delimiter in the mapping"
    return Reject(number, reason, content, remedy=remedy)


def _rows(
    numbers: list[int],
    rows: list[Sequence[str]],
    rejects: list[Reject],
    done: int,
    width: int,
    comments: int,
) -> TextRows:
    columns = [list(c) for c in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
    number = np.array(numbers, dtype=np.int64)
    return TextRows(number, columns, tuple(rejects), done, comments)


def has_decimal_comma(rows: Iterable[Sequence[str]]) -> bool:
    """Return whether the numbers of some rows are written with a comma rather than with a dot."""
    cells = [cell for row in rows for cell in row]
    commas = sum(_COMMA_NUMBER.fullmatch(cell) is not None for cell in cells)
    return commas > sum(_DOT_NUMBER.fullmatch(cell) is not None for cell in cells)
