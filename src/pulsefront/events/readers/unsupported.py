"""Formats that are known by their first bytes and not read here: what converts them."""

from __future__ import annotations

import re
from pathlib import Path

from pulsefront.errors import UnsupportedFormat
from pulsefront.events.readers.tables.broken_text import (
    THOUSANDS,
    broken_row,
    lone_column,
    lone_line,
    unread_cell,
)

__all__ = ["refuse_known", "refuse_utf16"]

# Where the bytes begin (None: anywhere in the first 4 kB), their pattern, name, what to do.
SIGNATURES: tuple[tuple[int | None, bytes, str, str], ...] = (
    (
        0,
        rb"\x00\x80\x4d\x49",
        "a MIDAS run",
        "convert it with the Python package in the MIDAS sources, or with manalyzer, to ROOT",
    ),
    (8, rb"<\?xml", "ORCA data", "convert it with daq2lh5 (PyPI legend-daq2lh5) to LH5"),
    (None, rb"FlashCamV", "FlashCam data", "convert it with daq2lh5 (PyPI legend-daq2lh5) to LH5"),
    (0, rb"LAMA", "data of SIS3316 by llamaDAQ", "convert it with daq2lh5 to LH5"),
    (28, rb"\x00\x01\xda\xc0", "an EVIO file", "convert it with the tools of CODA to ROOT or HDF5"),
    (28, rb"\xc0\xda\x01\x00", "an EVIO file", "convert it with the tools of CODA to ROOT or HDF5"),
    (0, rb"yardl", "yardl data, but no PETSIRD", "convert it with its own package"),
    (
        0,
        rb'\{"yardl',
        "PETSIRD or other yardl data as NDJSON",
        "copy it to binary with its package",
    ),
    (0, rb"TDSm", "a LabVIEW TDMS file", "convert it with nptdms (PyPI) to HDF5"),
    (0, rb"MATLAB 5\.0", "a MATLAB file", "save it as version 7.3, which is HDF5"),
    # Two letters and the version of the format, two digits.
    (0, rb"AG\d\d", "a Keysight binary trace", "save it as CSV on the oscilloscope"),
    (
        0,
        rb":?LLWFM",
        "a waveform of an older Tektronix TDS",
        "save it as ISF or CSV, or convert it with RigolWFM (PyPI)",
    ),
    (0, rb"\xa5\xa5", "a Rigol binary trace", "save it as CSV, or convert it with RigolWFM (PyPI)"),
    (0, rb"\x1f\x8b", "compressed by gzip", "unpack it with gunzip"),
    (0, rb"BZh", "compressed by bzip2", "unpack it with bunzip2"),
    (0, rb"\xfd7zXZ", "compressed by xz", "unpack it with unxz"),
    (0, rb"\x28\xb5\x2f\xfd", "compressed by Zstandard", "unpack it with unzstd"),
    (0, rb"\x04\x22\x4d\x18", "compressed by LZ4", "unpack it with unlz4"),
    (0, rb"SQLite format 3", "a SQLite database", "export its table as CSV"),
)


def refuse_utf16(head: bytes, path: Path) -> None:
    """Raise where *head* begins text in UTF-16, which records of numbers would be read out of.

    Raises
    ------
    UnsupportedFormat
        It does: after its mark every other byte is 0, as those of Latin letters are.
    """
    marks = {b"\xff\xfe": 1, b"\xfe\xff": 0}
    high = head[2:66][marks.get(head[:2], 0) :: 2]
    if head[:2] in marks and len(high) > 1 and high.count(0) > len(high) // 2:
        raise UnsupportedFormat("is text in UTF-16", file=path, remedy="save it as UTF-8")


def refuse_known(head: bytes, path: Path) -> None:
    """Raise where *head* begins a known format that is not read here, or a table that is broken.

    Raises
    ------
    UnsupportedFormat
        It names the format and what to convert it with, or the row and what to mend.
    """
    for offset, signature, name, remedy in SIGNATURES:
        if offset is None:
            found = re.search(signature, head[:4096])
        else:
            found = re.match(signature, head[offset:])
        if found:
            raise UnsupportedFormat(f"is {name}, which is not read here", file=path, remedy=remedy)
    if b"\n" not in head and b"\r" in head and b"\x00" not in head:
        raise UnsupportedFormat(
            "is text whose lines end in a carriage return alone",
            file=path,
            remedy="save it with line feeds",
        )
    column = lone_column(head)
    if column is not None:
        raise UnsupportedFormat(
            f"is one column of numbers, {column}: events, or the samples of a trace without times",
            file=path,
            remedy='give --mapping a file with delimiter = ";" to read them as events',
        )
    line = lone_line(head)
    if line is not None:
        raise UnsupportedFormat(
            "holds a single line: a table without rows, or none",
            file=path,
            value=line,
            remedy="a run without events, or a copy that failed: compare it with its source",
        )
    cell = unread_cell(head)
    if cell is not None:
        remedy = "write numbers without units"
        if THOUSANDS.fullmatch(cell.strip('"')):
            remedy = "write the file without signs between thousands, which are not read here"
        raise UnsupportedFormat(
            "looks like a table, but no cell is a number", file=path, value=cell, remedy=remedy
        )
    row = broken_row(head)
    if row is not None:
        raise UnsupportedFormat(
            f"looks like a table, but {row}", file=path, remedy="mend the row, or take it out"
        )
