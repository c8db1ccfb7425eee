"""Delimited text as it really comes: byte-order marks, semicolons, decimal commas, ragged rows."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pulsefront.errors import TruncatedFile, UnsupportedFormat
from pulsefront.qc.records import Reject

__all__ = [
    "TextRows",
    "decode",
    "open_text",
    "parse_numbers",
    "read_rows",
    "sniff_delimiter",
    "split_header",
]

_THOUSANDS = re.compile(r"^[+-]?\d{1,3}(\.\d{3})+,\d+$")
_SAMPLE_BYTES = 65_536


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
            "is not text in a known encoding", file=file, remedy="export it as UTF-8"
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
        raise TruncatedFile(path, byte_offset=0, events_kept=0, problem="is empty")
    return open(path, encoding=_encoding_of(sample, path), errors="replace", newline="")


def sniff_delimiter(header: str) -> str:
    """Return the delimiter of a header line: the most frequent of comma, semicolon and tab."""
    return max(",;\t", key=header.count)


def split_header(header: str, delimiter: str = "") -> list[str]:
    """Return the names in a header line, without quotes and the spaces around them."""
    cells = header.rstrip("\r\n").split(delimiter or sniff_delimiter(header))
    return [cell.strip().strip('"') for cell in cells]


@dataclass(frozen=True)
class TextRows:
    """TextRows of one length, as columns.

    ``number`` counts the lines of the file from 1; ``done`` is the position after the last row,
    in characters.
    """

    number: npt.NDArray[np.int64]
    columns: list[list[str]]
    rejects: tuple[Reject, ...]
    done: int

    def __len__(self) -> int:
        return len(self.number)


def read_rows(
    lines: io.TextIOWrapper, *, delimiter: str, width: int, chunk: int = 100_000
) -> Iterator[TextRows]:
    """Yield the rows after the header in chunks; rows of another width become rejects."""
    done = 0
    broken = False  # whether any line held bytes outside the encoding: rare, and slow to look for

    def counted() -> Iterator[str]:
        nonlocal done, broken
        for line in lines:
            done += len(line)
            broken = broken or "\ufffd" in line
            yield line

    reader = csv.reader(counted(), delimiter=delimiter, skipinitialspace=True)
    rows: list[Sequence[str]] = []
    numbers: list[int] = []
    rejects: list[Reject] = []
    while True:
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            rejects.append(Reject(reader.line_num + 1, f"is no row of text: {error}"))
            continue
        number = reader.line_num + 1
        if len(row) == width and not (broken and any("\ufffd" in cell for cell in row)):
            rows.append(row)
            numbers.append(number)
        elif any(cell.strip() for cell in row):
            reason = f"has {len(row)} columns instead of {width}"
            if len(row) == width:
                reason = "holds bytes that are not in the encoding of the file"
            rejects.append(Reject(number, reason, delimiter.join(row)))
        if len(rows) >= chunk:
            yield _rows(numbers, rows, rejects, done, width)
            rows, numbers, rejects = [], [], []
    yield _rows(numbers, rows, rejects, done, width)


def _rows(
    numbers: list[int], rows: list[Sequence[str]], rejects: list[Reject], done: int, width: int
) -> TextRows:
    columns = [list(c) for c in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
    return TextRows(np.array(numbers, dtype=np.int64), columns, tuple(rejects), done)


def parse_numbers(
    texts: Sequence[str], *, decimal_comma: bool = False
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return the numbers, NaN where the text is empty, and whether each text could be read.

    ``2.767e+007`` is a number; with *decimal_comma*, so are ``1,5`` and ``1.234,5``. Infinity and
    NaN written out are not.
    """
    array = np.asarray(texts, dtype=object)
    if not decimal_comma:
        try:
            values = array.astype(np.float64)
            return np.asarray(values), np.isfinite(values)
        except ValueError:
            pass
    values = np.full(len(array), np.nan)
    good = np.ones(len(array), dtype=np.bool_)
    for k, text in enumerate(texts):
        cleaned = text.strip()
        if decimal_comma and "," in cleaned:
            if "." in cleaned:
                cleaned = cleaned.replace(".", "") if _THOUSANDS.match(cleaned) else "?"
            cleaned = cleaned.replace(",", ".")
        if cleaned:
            try:
                values[k] = float(cleaned)
            except ValueError:
                good[k] = False
            else:
                good[k] = bool(np.isfinite(values[k]))
    values[~good] = np.nan
    return values, good
