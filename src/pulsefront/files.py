"""Files that appear whole or not at all, and hashes that name their content."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pulsefront.errors import ConfigError, PulsefrontError

__all__ = [
    "DISK_REMEDIES",
    "atomic_directory",
    "atomic_path",
    "canonical_json",
    "firmware_export_directory",
    "hash_file",
    "hash_json",
    "refuse_inputs",
    "refuse_target",
    "sim_data_directory",
    "write_bytes",
    "write_json",
    "write_text",
]


@contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside *target*; rename it to *target* when the block succeeds.

    The file is flushed to disk before the rename, so that *target* is either the old file or the
    whole new one, also after a power cut. On an error the temporary file is removed.

    Raises
    ------
    ConfigError
        *target* is there and is no file of a disk, as `refuse_target` says.
    PulsefrontError
        The disk or the path does not allow it.
    """
    target = Path(target)
    refuse_target(target)
    temporary = _beside(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _sync(temporary)
        os.replace(temporary, target)
        _sync(target.parent)
    except OSError as error:
        _raise_explained(error, target)
        raise
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def atomic_directory(target: str | Path) -> Iterator[Path]:
    """Yield an empty folder beside *target*; it replaces *target* when the block succeeds.

    Raises
    ------
    ConfigError
        *target* is there and is no folder.
    PulsefrontError
        The disk or the path does not allow it.
    """
    target = Path(target)
    refuse_target(target, folder=True)
    temporary = _beside(target)
    try:
        _make(temporary, target)
        yield temporary
        if target.exists():
            shutil.rmtree(target)
        os.replace(temporary, target)
        _sync(target.parent)
    except OSError as error:
        _raise_explained(error, target)
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def refuse_target(target: str | Path, *, folder: bool = False, field: str | None = None) -> None:
    """Check that what is written to *target* would replace nothing but a file (or a folder).

    A rename puts a file in the place of a device or a pipe: what it stood for is gone.

    Raises
    ------
    ConfigError
        *target* is a device, a pipe or a socket, or a folder where a file is written, or a file
        where a folder is.
    """
    target = Path(target)
    try:
        mode = target.stat().st_mode
    except OSError:  # not there, or out of reach: writing will tell
        return
    right = stat.S_ISDIR(mode) if folder else stat.S_ISREG(mode) and not _is_device(target)
    if right:
        return
    if stat.S_ISDIR(mode) or (stat.S_ISREG(mode) and folder):
        found, wanted = ("folder", "file") if stat.S_ISDIR(mode) else ("file", "folder")
        raise ConfigError(
            f"is a {found}, and a {wanted} is to be written",
            file=target,
            field=field,
            remedy="choose another name",
        )
    raise ConfigError(
        "is a device or a pipe, which a file would replace",
        file=target,
        field=field,
        remedy="choose the name of a file",
    )


def _is_device(target: Path) -> bool:
    """Return whether a file is reached through a name of the system's, such as /dev/stdout."""
    return target.is_symlink() and target.parent.resolve() == Path(os.devnull).parent


def refuse_inputs(target: str | Path, inputs: Iterable[str | Path], *, field: str = "") -> None:
    """Check that *target* is none of *inputs*, under whatever name: writing would destroy it.

    An input that is a folder stands for all that is in it, but for pages (``.html``); a *target*
    that is a folder is replaced as a whole, with the inputs in it.

    Raises
    ------
    ConfigError
        It is one.
    """
    target = Path(target)
    try:
        there = target.stat()
    except OSError:
        return
    whole = target.resolve()
    for path in map(Path, inputs):
        try:
            found = path.stat()
        except OSError:
            continue
        same = (found.st_dev, found.st_ino) == (there.st_dev, there.st_ino)
        inside = stat.S_ISDIR(there.st_mode) and whole in path.resolve().parents
        page = target.suffix == ".html"
        of_folder = stat.S_ISDIR(found.st_mode) and path.resolve() in whole.parents and not page
        if same or inside or of_folder:
            told = "is" if same else "holds" if inside else "lies in"
            other = "" if path == target else f", {path}"
            raise ConfigError(
                f"{told} what is read{other}: it would be overwritten",
                file=target,
                field=field or None,
                remedy="choose another name",
            )


def _make(temporary: Path, target: Path) -> None:
    try:
        temporary.mkdir(parents=True)
    except FileNotFoundError:  # what /proc says of a new folder, whoever asks
        raise PulsefrontError(
            "cannot be written: nothing can be made there",
            file=target,
            remedy="choose another folder",
        ) from None


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


DISK_REMEDIES = {
    errno.ENOSPC: "free some space on that disk or choose another folder",
    errno.EDQUOT: "free some of your quota or choose another folder",
    errno.EFBIG: "raise the limit of file sizes (ulimit -f) or choose another folder",
    errno.EIO: "check the disk and try again",
    errno.EACCES: "choose a folder you may write to",
    errno.EPERM: "choose a folder you may write to",
    errno.EROFS: "choose a folder you may write to",
    errno.ENOTDIR: "choose a path whose parents are folders",
    errno.EEXIST: "choose a path whose parents are folders",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EISDIR: "remove the folder of that name or choose another name",
}


def _raise_explained(error: OSError, target: Path) -> None:
    """Raise a line for the user where the disk or the path is at fault; else return."""
    remedy = DISK_REMEDIES.get(error.errno or 0)
    if remedy is None and error.errno == errno.ENOENT and _is_beside(error.filename, target):
        remedy = "choose a folder in which files can be made"
    if remedy is None:
        return
    reason = (error.strerror or str(error)).lower()
    raise PulsefrontError(f"cannot be written: {reason}", file=target, remedy=remedy) from error


def _is_beside(name: object, target: Path) -> bool:
    """Return whether the file of an error is the one that is being written, or its folder."""
    return isinstance(name, str | os.PathLike) and Path(name).parent in (
        target.parent,
        target.parent.parent,
    )


def write_bytes(target: str | Path, content: bytes) -> None:
    """Write *content* to *target* atomically."""
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)


def write_text(target: str | Path, content: str) -> None:
    """Write *content* to *target* atomically, as UTF-8."""
    write_bytes(target, content.encode())


def write_json(target: str | Path, content: Any) -> None:
    """Write *content* to *target* atomically: indented, keys in their given order, no NaN."""
    write_text(target, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def canonical_json(content: Any) -> str:
    """Return the one JSON text of *content*: sorted keys, no spaces, no NaN."""
    return json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def hash_json(content: Any) -> str:
    """Return the SHA-256 of the canonical JSON of *content*, in hexadecimal."""
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def hash_file(path: str | Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sim_data_directory() -> Path:
    """Return the folder of materials, detectors, studies and fleets that ship."""
    return _shipped("sim_data")


def firmware_export_directory() -> Path:
    """Return the folder of boards, test benches and the reference export."""
    return _shipped("firmware_export")


def _shipped(name: str) -> Path:
    package = Path(__file__).resolve().parent
    # A wheel carries the folder inside the package; a checkout has it beside src.
    for folder in (package / name, package.parents[1] / name):
        if folder.is_dir():
            return folder
    raise PulsefrontError(
        f"the folder {name} is not beside the package",
        file=package,
        remedy="reinstall pulsefront",
    )
