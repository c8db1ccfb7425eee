"""Text files in blocks of whole lines, so that memory does not grow with the file."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path

from pulsefront.errors import UnsupportedFormat
from pulsefront.events.readers.base import DataWarning

__all__ = ["BOM", "decoded", "tell_of_open_end", "text_blocks"]

BLOCK = 1 << 18
LONGEST_LINE = 64 << 20
LINES_COMPARED = 50
BOM = b"\xef\xbb\xbf"
"""What some programs write before UTF-8."""
_WINDOWS = re.compile(rb"[\x80-\x9f]")
"""Bytes that are signs in the code page of Windows alone."""


def decoded(line: bytes) -> str:
    """Return bytes as text: UTF-8, or else Latin-1, in which many instruments write µ and °."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("cp1252" if _WINDOWS.search(line) else "latin-1", "replace")


def text_blocks(path: Path, offset: int = 0, block: int = BLOCK) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a file from *offset* on, some at a time, with the offset of the first.

    The last line may lack its end.

    Raises
    ------
    UnsupportedFormat
        A line has no end for 64 MB.
    """
    with open(path, "rb") as file:
        file.seek(offset)
        rest = b""
        while content := file.read(block):
            content = rest + content
            cut = content.rfind(b"\n") + 1
            if cut:
                yield offset, content[:cut]
                offset += cut
            rest = content[cut:]
            if len(rest) > LONGEST_LINE:
                raise UnsupportedFormat("has a line without end", file=path, value=offset)
        if rest:
            yield offset, rest


def tell_of_open_end(path: Path, content: bytes) -> None:
    """Warn where the last line has no end and is shorter than those before: it may be cut.

    Parameters
    ----------
    content
        The last lines of the file, with its end.
    """
    *before, last = content.rsplit(b"\n", LINES_COMPARED)
    if last and len(before) > 1 and len(last) < min(len(line.rstrip(b"\r")) for line in before[1:]):
        problem = "its last line has no end and is shorter than those before: it may be cut"
        warnings.warn(f"{path}: {problem}", DataWarning, stacklevel=3)
