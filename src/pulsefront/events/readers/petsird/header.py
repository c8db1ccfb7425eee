"""The header of a PETSIRD file: the scanner, its bins, and where the time blocks begin.

The package petsird reads it. The file says its own schema, and only one that petsird has as well is
read: any other one means another order of the same bytes.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError, TruncatedFile, UnsupportedFormat
from pulsefront.events.readers.petsird.bytes import number
from pulsefront.extras import require

__all__ = [
    "BINARY_MAGIC",
    "ModuleType",
    "PetsirdScanner",
    "is_petsird",
    "read_header",
    "scanner_of",
]

BINARY_MAGIC = b"yardl"
YARDL_VERSION = b"\x01\x00\x00\x00"
PROTOCOL = b'"name":"PETSIRD"'
LONGEST_HEADER = 1 << 30  # bytes; efficiencies of all pairs of detectors take most of it

# What petsird raises on a damaged header depends on where the damage is.
_PETSIRD_ERRORS = (
    ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError, struct.error,
    TypeError, ValueError,
)  # fmt: skip

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ModuleType:
    """Equal modules: how many, elements in each, and the edges of their energy bins in keV."""

    modules: int
    elements: int
    energy_edges_kev: Floats

    @property
    def energy_bins(self) -> int:
        """Return the number of energy bins."""
        return len(self.energy_edges_kev) - 1

    @property
    def bins(self) -> int:
        """Return the number of detection bins: energies of elements of modules."""
        return self.modules * self.elements * self.energy_bins

    @property
    def energy_centres_kev(self) -> Floats:
        """Return the centres of the energy bins."""
        return np.asarray((self.energy_edges_kev[1:] + self.energy_edges_kev[:-1]) / 2)


@dataclass(frozen=True)
class PetsirdScanner:
    """What decoding and describing events needs of a header.

    Attributes
    ----------
    tof_edges_mm, ctr_mm
        Of a pair of module types, first ≥ second: ``[first][second]``.
    policies
        What the scanner says it stores: single, prompt, delayed, triple, quadruple.
    """

    model: str
    types: tuple[ModuleType, ...]
    tof_edges_mm: tuple[tuple[Floats, ...], ...]
    ctr_mm: tuple[tuple[float, ...], ...]
    policies: dict[str, str]

    @property
    def only_singles(self) -> bool:
        """Whether the scanner stores single hits and no coincidences."""
        none = all(self.policies[name] == "none" for name in ("prompt", "delayed"))
        return none and self.policies["single"] != "none"


def is_petsird(head: bytes) -> bool:
    """Return whether a file begins as binary PETSIRD does."""
    return head.startswith(BINARY_MAGIC) and PROTOCOL in head[:100]


def read_header(path: Path) -> tuple[PetsirdScanner, int]:
    """Return the scanner and the byte at which the time blocks begin.

    Raises
    ------
    ToolMissing
        The package petsird is not installed.
    UnsupportedFormat
        The file was written by another version of PETSIRD.
    DataError
        The header is cut or damaged.
    """
    require("petsird", needed_for=f"reading {path.name}, a PETSIRD file,")
    from petsird.binary import HeaderSerializer

    size = path.stat().st_size
    with open(path, "rb") as file:
        begin = _check_schema(path, file.read(1 << 20))
        file.seek(begin)
        stream = _bounded_stream(file, size)
        try:
            header = HeaderSerializer().read(stream)
            end: int = stream.position
        except (EOFError, BufferError):
            raise _cut(path, begin, "header") from None
        except _PETSIRD_ERRORS as error:
            raise DataError(
                f"the header at byte {begin} is damaged: {type(error).__name__}",
                file=path,
                remedy="copy the file again from its source",
            ) from None
    return scanner_of(header, path), end


def _bounded_stream(file: Any, size: int) -> Any:
    """Return the stream that petsird reads from; a damaged length asks for no more than there is.

    It also tells where it is, which petsird does not.
    """
    from petsird._binary import CodedInputStream

    class Bounded(CodedInputStream):  # type: ignore[misc]
        def read_view(self, count: int) -> memoryview:
            self._check(count)
            return super().read_view(count)  # type: ignore[no-any-return]

        def read_bytearray(self, count: int) -> bytearray:
            self._check(count)
            return super().read_bytearray(count)  # type: ignore[no-any-return]

        def _check(self, count: int) -> None:
            if not 0 <= count <= size or self.position > LONGEST_HEADER:
                raise EOFError

        @property
        def position(self) -> int:
            ahead: int = self._last_read_count - self._offset
            return int(file.tell()) - ahead

    return Bounded(file)


def _check_schema(path: Path, head: bytes) -> int:
    """Return where the header begins, behind the schema, which must be that of petsird."""
    from petsird import PETSIRDReaderBase

    begin = len(BINARY_MAGIC) + len(YARDL_VERSION)
    if not is_petsird(head):
        raise UnsupportedFormat(
            "is no binary PETSIRD file", file=path, remedy="name the right one with --format"
        )
    if head[len(BINARY_MAGIC) : begin] != YARDL_VERSION:
        raise UnsupportedFormat(
            "is written in another version of yardl's binary format than 1", file=path
        )
    length, end = number(np.frombuffer(head, np.uint8), begin, 5)
    if end < 0:
        raise _cut(path, begin, "schema")
    begin = end
    schema = head[begin : begin + length]
    expected = PETSIRDReaderBase.schema.encode()
    if schema == expected:
        return begin + length
    if len(schema) < length and expected.startswith(schema):
        raise _cut(path, begin, "schema")
    raise UnsupportedFormat(
        f"is PETSIRD of another version than petsird {version('petsird')} reads"
        + _told(schema, expected),
        file=path,
        remedy="copy it to this version with the petsird that wrote it, or install that one",
    )


def _cut(path: Path, begin: int, part: str) -> TruncatedFile:
    problem = f"ends inside its {part}, which begins at byte {begin}, or that is damaged"
    error = TruncatedFile(path, byte_offset=begin, events_kept=0, problem=problem)
    error.remedy = "there is nothing to keep: copy the file again from its source"
    return error


def _told(schema: bytes, expected: bytes) -> str:
    """Return which types of two schemas differ."""
    try:
        types = [{t["name"]: t for t in json.loads(text)["types"]} for text in (schema, expected)]
    except (ValueError, KeyError, TypeError):
        return ", or its schema is damaged"
    names = sorted(n for n in {**types[0], **types[1]} if types[0].get(n) != types[1].get(n))
    more = "…" if len(names) > 4 else ""
    return f": {', '.join(names[:4])}{more} differ" if names else ""


def scanner_of(header: Any, path: Path) -> PetsirdScanner:
    """Return what is needed of a header as petsird gives it.

    Raises
    ------
    DataError
        It contradicts itself.
    """
    scanner = header.scanner
    replicated = scanner.scanner_geometry.replicated_modules
    count = len(replicated)
    if not 1 <= count <= 255:
        raise DataError("has no types of modules", file=path, field="replicatedModules")
    if len(scanner.event_energy_bin_edges) != count:
        raise DataError(
            "must be as many as types of modules",
            file=path,
            field="eventEnergyBinEdges",
            value=len(scanner.event_energy_bin_edges),
        )
    types = tuple(
        ModuleType(
            len(module.transforms),
            len(module.object.detecting_elements.transforms),
            _edges(path, "eventEnergyBinEdges", edges),
        )
        for module, edges in zip(replicated, scanner.event_energy_bin_edges, strict=True)
    )
    for kind in types:
        if not 0 < kind.bins < 1 << 31:
            raise DataError("are none, or too many", file=path, field="detectionBins")
    tof = _lower(path, "tofBinEdges", scanner.tof_bin_edges, count)
    ctr = _lower(path, "tofResolution", scanner.tof_resolution, count)
    policies = {
        name: getattr(scanner, f"{name}_event_policy").name.lower()
        for name in ("single", "prompt", "delayed", "triple", "quadruple")
    }
    return PetsirdScanner(
        scanner.model_name,
        types,
        tuple(tuple(_edges(path, "tofBinEdges", cell) for cell in row) for row in tof),
        tuple(tuple(float(cell) for cell in row) for row in ctr),
        policies,
    )


def _edges(path: Path, field: str, edges: Any) -> Floats:
    values = np.asarray(edges.edges, np.float64)
    if len(values) < 2 or not np.isfinite(values).all() or not (np.diff(values) > 0).all():
        raise DataError("must be two or more rising numbers", file=path, field=field)
    return values


def _lower(path: Path, field: str, matrix: Sequence[Sequence[Any]], count: int) -> list[list[Any]]:
    """Return the lower triangle, which may be part of a whole matrix."""
    if len(matrix) != count or any(len(row) <= i for i, row in enumerate(matrix)):
        raise DataError("must be given for each pair of types of modules", file=path, field=field)
    return [list(row[: i + 1]) for i, row in enumerate(matrix)]
