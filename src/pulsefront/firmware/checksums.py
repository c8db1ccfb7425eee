"""Checksums of an export folder, in the format of ``sha256sum``."""

from __future__ import annotations

import re
from pathlib import Path

from pulsefront.errors import ExportError
from pulsefront.files import hash_file

__all__ = ["CHECKSUMS", "changed_files", "write_checksums"]

CHECKSUMS = "SHA256SUMS"


def write_checksums(directory: str | Path) -> None:
    """Write the checksums of every file below *directory*; ``sha256sum -c`` reads them."""
    directory = Path(directory)
    lines = [f"{hash_file(directory / name)}  {name}" for name in _names(directory)]
    (directory / CHECKSUMS).write_text("\n".join(lines) + "\n")


def _names(directory: Path) -> list[str]:
    return sorted(
        path.relative_to(directory).as_posix()
        for path in directory.rglob("*")
        if path.is_file() and path.name != CHECKSUMS
    )


def changed_files(directory: str | Path) -> dict[str, str]:
    """Return the files that are ``changed``, ``missing`` or ``added`` since the export.

    Raises
    ------
    ExportError
        The folder has no checksums, or they cannot be read.
    """
    directory = Path(directory)
    path = directory / CHECKSUMS
    if not directory.is_dir():
        raise ExportError("no such folder", file=directory, remedy="pass the folder of an export")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise ExportError(
            f"has no {CHECKSUMS}", file=directory, remedy="pass the folder of a complete export"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ExportError(f"cannot be read: {error}", file=path) from None
    expected = {}
    for number, line in enumerate(lines, 1):
        digest, separator, name = line.partition("  ")
        if not separator or not re.fullmatch(r"[0-9a-f]{64}", digest) or not name:
            raise ExportError(f"line {number} is no checksum", file=path, value=line[:80])
        expected[name] = digest
    present = set(_names(directory))
    found = {name: "missing" for name in expected if name not in present}
    found |= {name: "added" for name in present if name not in expected}
    for name in sorted(present & set(expected)):
        if hash_file(directory / name) != expected[name]:
            found[name] = "changed"
    return dict(sorted(found.items()))
