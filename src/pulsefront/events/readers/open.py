"""Open a measured file by what is in it; the extension does not matter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pulsefront.errors import ConfigError, UnsupportedFormat
from pulsefront.events.readers import stored
from pulsefront.events.readers.base import EventFile, ReadOptions, read_head
from pulsefront.events.readers.digitizers import (
    compass,
    compass_text,
    drs4,
    petsys,
    wavecatcher,
    wavedump,
    wavedump_headerless,
    wavedump_text,
)
from pulsefront.events.readers.oscilloscopes import lecroy, scope_text, tektronix_isf, tektronix_wfm
from pulsefront.events.readers.oscilloscopes.trace_folder import open_folder
from pulsefront.events.readers.petsird import reader as petsird
from pulsefront.events.readers.siemens import reader as siemens
from pulsefront.events.readers.tables import formats as tables
from pulsefront.events.readers.unsupported import refuse_known, refuse_utf16
from pulsefront.plugins import plugins

__all__ = ["FORMATS", "open_events", "recognise"]

Opener = Callable[[Path, ReadOptions], EventFile]
Recogniser = Callable[[bytes, Path], bool]

# In the order in which they are tried: formats with a signature before those without.
_READERS: dict[str, tuple[Recogniser | None, Opener]] = {
    stored.FORMAT: (stored.recognises, stored.open_file),
    drs4.FORMAT: (drs4.recognises, drs4.open_file),
    wavecatcher.FORMAT: (wavecatcher.recognises, wavecatcher.open_file),
    lecroy.FORMAT: (lecroy.recognises, lecroy.open_file),
    tektronix_wfm.FORMAT: (tektronix_wfm.recognises, tektronix_wfm.open_file),
    tektronix_isf.FORMAT: (tektronix_isf.recognises, tektronix_isf.open_file),
    petsird.FORMAT: (petsird.recognises, petsird.open_file),
    petsird.SINGLES: (None, petsird.open_singles),
    siemens.FORMAT: (siemens.recognises, siemens.open_file),
    wavedump_text.FORMAT: (wavedump_text.recognises, wavedump_text.open_file),
    compass_text.FORMAT: (compass_text.recognises, compass_text.open_file),
    scope_text.FORMAT: (scope_text.recognises, scope_text.open_file),
    **{name: (tables.recogniser(name), opener) for name, opener in tables.READERS},
    compass.FORMAT: (compass.recognises, compass.open_file),
    wavedump.FORMAT: (wavedump.recognises, wavedump.open_file),
    "petsys-coincidence": (petsys.recogniser("petsys-coincidence"), petsys.open_coincidence),
    "petsys-group": (petsys.recogniser("petsys-group"), petsys.open_group),
    "petsys-single": (petsys.recogniser("petsys-single"), petsys.open_single),
    wavedump_headerless.FORMAT: (None, wavedump_headerless.open_file),
}

FORMATS = tuple(_READERS)
"""Formats of this package; those that others add come on top."""


def _readers() -> dict[str, tuple[Recogniser | None, Opener]]:
    """Return all readers in the order in which they are tried.

    Those that other packages add come behind the store, before all that could take their files for
    a table.
    """
    added = plugins("readers")
    if not added:
        return _READERS
    for name in added:
        if name in _READERS:
            raise ConfigError(
                "a package adds a format that is there", field="pulsefront.readers", value=name
            )
    others = {name: (one.recognises, one.open_file) for name, one in added.items()}
    return {stored.FORMAT: _READERS[stored.FORMAT], **others, **_READERS}


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
    refuse_utf16(head, path)
    readers = _readers()
    for name, (recognises, _) in readers.items():
        if recognises is not None and recognises(head, path):
            return name
    if wavedump.recognises_cut(head, path):
        return wavedump.FORMAT
    refuse_known(head, path)
    raise UnsupportedFormat(
        "is of no format that is recognised from its content",
        file=path,
        remedy=f"name it with --format: {', '.join(readers)}",
    )


def open_events(
    path: str | Path, options: ReadOptions | None = None, *, format_name: str | None = None
) -> EventFile:
    """Open a measured file of any known format, or of the format named; or a folder of traces.

    Raises
    ------
    ConfigError
        There is no such format.
    DataError
        The file is missing, empty, damaged or of another format.
    """
    path = Path(path)
    if format_name is not None and format_name not in _readers():
        raise ConfigError(
            "no such format",
            field="format",
            value=format_name,
            remedy=f"use {', '.join(_readers())}",
        )
    options = options or ReadOptions()
    if path.is_dir():
        return open_folder(path, lambda file: _open(file, options, format_name), options)
    return _open(path, options, format_name)


def _open(path: Path, options: ReadOptions, format_name: str | None) -> EventFile:
    name = format_name or recognise(path)
    if name == scope_text.FORMAT and options.mapping is not None and format_name is None:
        # Who maps its columns says that it is a table.
        name = "csv"
    _, opener = _readers()[name]
    return opener(path, options)
