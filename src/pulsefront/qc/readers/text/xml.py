"""XML from consoles, read without trusting it.

Entity declarations are how a few hundred bytes grow to gigabytes or fetch other files, and no QC
report needs them: defusedxml refuses a document with a DOCTYPE before anything is expanded. It
bounds neither the size of a file nor how deep it nests; both are bounded here.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from xml.parsers.expat import errors as expat_errors

from defusedxml import DefusedXmlException  # type: ignore[import-untyped]
from defusedxml.ElementTree import DefusedXMLParser  # type: ignore[import-untyped]

from pulsefront.errors import TruncatedFile, UnsupportedFormat

__all__ = ["read_xml"]

_MAX_BYTES = 64 * 2**20
_MAX_DEPTH = 100
_ENDS_INSIDE_AN_ELEMENT = expat_errors.codes[expat_errors.XML_ERROR_NO_ELEMENTS]


class _TooDeep(Exception):
    pass


class _ShallowTree(ET.TreeBuilder):
    """A tree of names without their namespaces, which gives up where elements nest too deep."""

    depth = 0

    def start(self, tag: str, attributes: dict[str, str], /) -> ET.Element:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise _TooDeep
        return super().start(_local(tag), {_local(k): text for k, text in attributes.items()})

    def end(self, tag: str, /) -> ET.Element:
        self.depth -= 1
        return super().end(_local(tag))


def _local(name: str) -> str:
    return name.rpartition("}")[2]


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
    tree = _ShallowTree()
    parser = DefusedXMLParser(target=tree, forbid_dtd=True)
    try:
        parser.feed(raw)
        root: ET.Element = parser.close()
    except DefusedXmlException:
        raise UnsupportedFormat(
            "declares a document type or entities, which no QC report needs",
            file=path,
            remedy="export the report again; do not trust this file",
        ) from None
    except _TooDeep:
        raise UnsupportedFormat(f"nests deeper than {_MAX_DEPTH} elements", file=path) from None
    except ET.ParseError as error:
        if tree.depth and error.code == _ENDS_INSIDE_AN_ELEMENT:
            raise TruncatedFile(path, byte_offset=len(raw), events_kept=0) from None
        raise UnsupportedFormat(f"is not well-formed XML: {error}", file=path) from None
    except (LookupError, ValueError) as error:  # an encoding that nobody knows, or a wrong one
        raise UnsupportedFormat(f"is in an unusable encoding: {error}", file=path) from None
    return root
