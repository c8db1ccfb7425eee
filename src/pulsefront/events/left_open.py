"""HDF5 files whose writer has not closed them: still at work, or killed.

HDF5 refuses such a file unless it is opened in single-writer mode, and in that mode it takes every
damaged block for one that is being written just now: it waits, twice as long each time, in the end
for ever. Here the file is shown to HDF5 with a superblock as if it had been closed, so that it is
read once, and what is damaged is an error at once. Nothing in the file is changed.
"""

from __future__ import annotations

import io
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py

from pulsefront.errors import DataError

__all__ = ["is_left_open", "open_left_open"]

SUPERBLOCK_BYTES = 48
VERSION_AT, FLAGS_AT, END_AT, CHECKSUM_AT = 8, 11, 28, 44
BEING_WRITTEN = 0b101
"""Flags of the superblock: open for writing, and that in single-writer mode."""

ROOM_TO_GROW = 1 << 32
"""A writer still at work goes on behind the end that a reader has seen."""

_MASK = 0xFFFFFFFF


def is_left_open(path: Path) -> bool:
    """Return whether the superblock, undamaged, says that the writer has not closed the file."""
    with open(path, "rb") as raw:
        superblock = raw.read(SUPERBLOCK_BYTES)
    return (
        len(superblock) == SUPERBLOCK_BYTES
        and superblock[VERSION_AT] == 3
        and superblock[FLAGS_AT] & BEING_WRITTEN != 0
        and _checksum(superblock[:CHECKSUM_AT]) == _number(superblock[CHECKSUM_AT:])
    )


def open_left_open(path: Path) -> h5py.File:
    """Open such a file for reading; closing the result closes everything.

    Raises
    ------
    DataError, OSError
        The file is not left open, or is damaged.
    """
    if not is_left_open(path):
        raise DataError("is damaged: its superblock does not agree with itself", file=path)
    return _FileAndBytes(_AsIfClosed(path), "r")


class _FileAndBytes(h5py.File):  # type: ignore[misc]
    """An HDF5 file that takes its Python file along when it is closed."""

    def __init__(self, content: _AsIfClosed, mode: str) -> None:
        self._content = content
        try:
            super().__init__(content, mode)
        except BaseException:
            content.close()
            raise

    def close(self) -> None:
        """Close both."""
        super().close()
        self._content.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _AsIfClosed(io.RawIOBase):
    """The bytes of a file, with a superblock that says it was closed, and zeros after the end."""

    def __init__(self, path: Path) -> None:
        self._raw = open(path, "rb", buffering=0)  # noqa: SIM115 - closed by close()
        self._size = self._raw.seek(0, io.SEEK_END) + ROOM_TO_GROW
        self._raw.seek(0)
        self._offset = 0
        superblock = bytearray(self._raw.read(SUPERBLOCK_BYTES))
        superblock[FLAGS_AT] &= ~BEING_WRITTEN & 0xFF
        superblock[END_AT : END_AT + 8] = self._size.to_bytes(8, "little")
        checksum = _checksum(bytes(superblock[:CHECKSUM_AT]))
        superblock[CHECKSUM_AT:] = checksum.to_bytes(4, "little")
        self._superblock = bytes(superblock)

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be searched."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to an offset."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._offset, io.SEEK_END: self._size}[whence]
        self._offset = max(base + offset, 0)
        return self._offset

    def tell(self) -> int:
        """Return the offset."""
        return self._offset

    def readinto(self, buffer: Any) -> int:
        """Fill *buffer* from the offset on."""
        view = memoryview(buffer).cast("B")
        self._raw.seek(self._offset)
        filled = 0
        while filled < len(view):
            count = self._raw.readinto(view[filled:])
            if not count:
                break
            filled += count
        view[filled:] = bytes(len(view) - filled)
        if self._offset < SUPERBLOCK_BYTES:
            count = min(SUPERBLOCK_BYTES - self._offset, len(view))
            view[:count] = self._superblock[self._offset : self._offset + count]
        self._offset += len(view)
        return len(view)

    def close(self) -> None:
        """Close the file underneath."""
        self._raw.close()
        super().close()


def _number(content: bytes) -> int:
    return int.from_bytes(content, "little")


def _checksum(content: bytes) -> int:
    """Return HDF5's checksum of metadata: Bob Jenkins's lookup3 (2006) with initial value 0."""
    a = b = c = (0xDEADBEEF + len(content)) & _MASK
    blocks = range(0, max(len(content) - 1, 0) // 12 * 12, 12)
    for start in blocks:
        a = (a + _number(content[start : start + 4])) & _MASK
        b = (b + _number(content[start + 4 : start + 8])) & _MASK
        c = (c + _number(content[start + 8 : start + 12])) & _MASK
        for x, shift in enumerate((4, 6, 8, 16, 19, 4)):
            # The three words take turns: (a, c, b), (b, a, c), (c, b, a) and again.
            if x % 3 == 0:
                a = ((a - c) & _MASK) ^ _turned(c, shift)
                c = (c + b) & _MASK
            elif x % 3 == 1:
                b = ((b - a) & _MASK) ^ _turned(a, shift)
                a = (a + c) & _MASK
            else:
                c = ((c - b) & _MASK) ^ _turned(b, shift)
                b = (b + a) & _MASK
    rest = content[len(blocks) * 12 :]
    if not rest:
        return c
    a = (a + _number(rest[:4])) & _MASK
    b = (b + _number(rest[4:8])) & _MASK
    c = (c + _number(rest[8:12])) & _MASK
    c = ((c ^ b) - _turned(b, 14)) & _MASK
    a = ((a ^ c) - _turned(c, 11)) & _MASK
    b = ((b ^ a) - _turned(a, 25)) & _MASK
    c = ((c ^ b) - _turned(b, 16)) & _MASK
    a = ((a ^ c) - _turned(c, 4)) & _MASK
    b = ((b ^ a) - _turned(a, 14)) & _MASK
    return ((c ^ b) - _turned(b, 24)) & _MASK


def _turned(word: int, bits: int) -> int:
    return ((word << bits) | (word >> (32 - bits))) & _MASK
