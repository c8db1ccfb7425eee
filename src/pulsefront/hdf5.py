"""HDF5 files that appear whole or not at all, and what to do when the disk is full."""

from __future__ import annotations

import io
import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import h5py

from pulsefront.errors import PulsefrontError
from pulsefront.files import DISK_REMEDIES, atomic_path

__all__ = ["atomic_hdf5", "hdf5_disk_errors", "let_go"]


@contextmanager
def atomic_hdf5(target: str | Path, **options: Any) -> Iterator[h5py.File]:
    """Yield a new HDF5 file that becomes *target* when the block succeeds.

    A full disk shows at the next ``flush()`` of the file, and at the end of the block. So does
    Ctrl-C, where it comes while HDF5 is at work.

    Raises
    ------
    PulsefrontError
        The file cannot be written.
    """
    with (
        atomic_path(target) as temporary,
        _EnduringStream(temporary, "w+b") as stream,
        _put_off_interrupts(stream),
    ):
        try:
            with _NewFile(stream, "w", **options) as file:
                file.stream = stream
                yield file
        except Exception:
            # HDF5 stumbles over what could not be written when it reads it back.
            stream.raise_failure()
            raise
        stream.raise_failure()


class _EnduringStream(io.FileIO):
    """A file that takes every write: the first that failed is kept, what follows goes nowhere.

    HDF5 cannot give up a file: where a write fails it tries again at every close of a part, reports
    that on stderr only, and crashes at the last.
    """

    failure: OSError | None = None
    interrupted = False

    def write(self, data: Any, /) -> int:
        view = memoryview(data).cast("B")
        done = 0
        try:
            while self.failure is None and done < len(view):
                done += super().write(view[done:])
        except OSError as error:
            self.failure = error
        return len(view)

    def truncate(self, size: int | None = None, /) -> int:
        try:
            return super().truncate(size) if self.failure is None else size or 0
        except OSError as error:
            self.failure = error
            return size or 0

    def raise_failure(self) -> None:
        if self.interrupted:
            raise KeyboardInterrupt
        if self.failure is not None:
            raise self.failure


@contextmanager
def _put_off_interrupts(stream: _EnduringStream) -> Iterator[None]:
    """Keep Ctrl-C out of HDF5's own work: what is broken off there cannot be closed.

    *stream* says afterwards that it came. Elsewhere it is raised at once, as ever.
    """
    at_once = signal.getsignal(signal.SIGINT)
    ours = threading.current_thread() is threading.main_thread()
    if not ours or at_once is not signal.default_int_handler:
        yield
        return

    def put_off(number: int, frame: FrameType | None) -> None:
        inner = frame
        while inner is not None:
            inside_h5py = inner.f_globals.get("__name__", "").partition(".")[0] == "h5py"
            if inside_h5py or inner.f_locals.get("self") is stream:
                stream.interrupted = True
                return
            inner = inner.f_back
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, put_off)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, at_once)


class _NewFile(h5py.File):  # type: ignore[misc]  # h5py has no types
    """An HDF5 file whose ``flush`` says what could not be written."""

    stream: _EnduringStream

    def flush(self) -> None:
        super().flush()
        self.stream.raise_failure()


def let_go(file: h5py.File) -> None:
    """Let HDF5 close a file that it cannot write.

    It would try to write what it holds again at every close, and crash at the last. What it writes
    from now on goes nowhere.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, file.id.get_vfd_handle())
    os.close(nowhere)


@contextmanager
def hdf5_disk_errors(target: str | Path) -> Iterator[None]:
    """Turn HDF5's write errors into one line.

    HDF5 hides the system's reason in its text, and h5py may raise a second error, without it,
    when the broken file is closed: the reason is looked for along the chain.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        link: BaseException | None = error
        while link is not None:
            match = re.search(r"errno = (\d+), error message = '([^']*)'", str(link))
            if match is not None:
                raise PulsefrontError(
                    f"cannot be written: {match[2].lower()}",
                    file=target,
                    remedy=DISK_REMEDIES.get(int(match[1]), "check the disk and try again"),
                ) from error
            link = link.__context__
        raise
