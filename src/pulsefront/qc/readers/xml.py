"""XML from consoles, read without trusting it.

Entity declarations are how a few hundred bytes grow to gigabytes or fetch other files, and no QC
report needs them: a document with a DOCTYPE is refused before anything is expanded.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NoReturn
from xml.parsers import expat

from pulsefront.errors import TruncatedFile, UnsupportedFormat

__all__ = ["read_xml"]

_MAX_BYTES = 64 * 2**20
_MAX_DEPTH = 100


def read_xml(path: Path) -> ET.Element:
    """Return the root of an XML file.

    Raises
    ------
    TruncatedFile
        The file is empty or ends inside an element.
    UnsupportedFormat
        It is no XML, declares a document type or entities, nests deeper than 100 elements, or is
        larger than 64 MiB.
    """
    size = path.stat().st_size
    if size > _MAX_BYTES:
        raise UnsupportedFormat(
            f"is too large for a QC report ({size:,} bytes)", file=path, remedy="check the file"
        )
    raw = path.read_bytes()
    if not raw.strip():
        raise TruncatedFile(path, byte_offset=0, events_kept=0, problem="is empty")
    builder = ET.TreeBuilder()
    parser = expat.ParserCreate()
    depth = 0

    def refuse(*_: object) -> NoReturn:
        raise UnsupportedFormat(
            "declares a document type or entities, which no QC report needs",
            file=path,
            remedy="export the report again; do not trust this file",
        )

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            raise UnsupportedFormat(f"nests deeper than {_MAX_DEPTH} elements", file=path)
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(raw, True)  # noqa: FBT003
    except expat.ExpatError as error:
        if depth and error.code == expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS]:
            raise TruncatedFile(path, byte_offset=len(raw), events_kept=0) from None
        raise UnsupportedFormat(f"is not well-formed XML: {error}", file=path) from None
    except (LookupError, ValueError) as error:  # an encoding that nobody knows, or a wrong one
        raise UnsupportedFormat(f"is in an unusable encoding: {error}", file=path) from None
    return builder.close()
