"""Text files in blocks of whole lines, so that memory does not grow with the file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pulsefront.errors import UnsupportedFormat

__all__ = ["BOM", "text_blocks"]

BLOCK = 1 << 18
LONGEST_LINE = 64 << 20
BOM = b"\xef\xbb\xbf"
"""What some programs write before UTF-8."""


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
