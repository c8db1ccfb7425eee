"""Open a measured file by what is in it; the extension does not matter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pulsefront.errors import ConfigError, UnsupportedFormat
from pulsefront.events.readers import (
    compass,
    drs4,
    lecroy,
    petsys,
    stored,
    tables,
    wavecatcher,
    wavedump,
    wavedump_text,
)
from pulsefront.events.readers.base import EventFile, ReadOptions, read_head

__all__ = ["FORMATS", "open_events", "recognise"]

Opener = Callable[[Path, ReadOptions], EventFile]
Recogniser = Callable[[bytes, Path], bool]

# In the order in which they are tried: formats with a signature before those without.
_READERS: dict[str, tuple[Recogniser | None, Opener]] = {
    stored.FORMAT: (stored.recognises, stored.open_file),
    drs4.FORMAT: (drs4.recognises, drs4.open_file),
    wavecatcher.FORMAT: (wavecatcher.recognises, wavecatcher.open_file),
    lecroy.FORMAT: (lecroy.recognises, lecroy.open_file),
    wavedump_text.FORMAT: (wavedump_text.recognises, wavedump_text.open_file),
    **{name: (tables.recogniser(name), opener) for name, opener in tables.READERS},
    compass.FORMAT: (compass.recognises, compass.open_file),
    wavedump.FORMAT: (wavedump.recognises, wavedump.open_file),
    "petsys-coincidence": (petsys.recogniser("petsys-coincidence"), petsys.open_coincidence),
    "petsys-group": (petsys.recogniser("petsys-group"), petsys.open_group),
    "petsys-single": (petsys.recogniser("petsys-single"), petsys.open_single),
    wavedump.HEADERLESS: (None, wavedump.open_headerless),
}

FORMATS = tuple(_READERS)


def recognise(path: str | Path) -> str:
    """Return the name of the format of a file, from its first bytes.

    Raises
    ------
    DataError
        The file is missing, unreadable or empty.
    UnsupportedFormat
        No reader knows it.
    """
    path = Path(path)
    head = read_head(path, 1 << 16)
    for name, (recognises, _) in _READERS.items():
        if recognises is not None and recognises(head, path):
            return name
    if wavedump.recognises_cut(head, path):
        return wavedump.FORMAT
    raise UnsupportedFormat(
        "is of no format that is recognised from its content",
        file=path,
        remedy=f"name it with --format: {', '.join(FORMATS)}",
    )


def open_events(
    path: str | Path, options: ReadOptions | None = None, *, format_name: str | None = None
) -> EventFile:
    """Open a measured file of any known format, or of the format named.

    Raises
    ------
    ConfigError
        There is no such format.
    DataError
        The file is missing, empty, damaged or of another format.
    """
    path = Path(path)
    if format_name is not None and format_name not in _READERS:
        raise ConfigError(
            "no such format", field="format", value=format_name, remedy=f"use {', '.join(FORMATS)}"
        )
    _, opener = _READERS[format_name or recognise(path)]
    return opener(path, options or ReadOptions())
