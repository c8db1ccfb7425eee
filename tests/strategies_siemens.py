"""Siemens list mode made by hand: a small scanner, its header, and words of coincidences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

RINGS, CRYSTALS, BINS, MOST = 6, 48, 31, 3
RADIUS_MM, RING_MM = 150.0, 5.0

HEADER = """!INTERFILE:=
!originating system:=2008
%SMS-MI header name space:=PETLINK bin address
!data offset in bytes:=0
name of data file:={name}
data format:=CoincidenceList
horizontal bed translation:=stepped
number of rings:={rings}
distance between rings (cm):={ring_cm}
gantry crystal radius (cm):={radius_cm}
bin size (cm):={bin_cm}
%number of TOF time bins:=1
%LM event and tag words format (bits):=32
%timing tagwords interval (msec):=1
%axial compression:=1
%maximum ring difference:={most}
%number of projections:={bins}
%number of views:={views}
%number of segments:={segments}
%segment table:={{{table}}}
"""


def header(name: str, **changed: str) -> str:
    """Return a header; keys of *changed* have ``_`` for blanks, and replace whole values."""
    sizes = [RINGS, *(RINGS - d for d in range(1, MOST + 1) for _ in (0, 1))]
    text = HEADER.format(
        name=name,
        rings=RINGS,
        ring_cm=RING_MM / 10,
        radius_cm=RADIUS_MM / 10,
        bin_cm=round(np.pi * RADIUS_MM / CRYSTALS / 10, 5),
        most=MOST,
        bins=BINS,
        views=CRYSTALS // 2,
        segments=len(sizes),
        table=", ".join(map(str, sizes)),
    )
    for key, value in changed.items():
        lines = [
            f"{line.split(':=')[0]}:={value}" if key.replace("_", " ") in line.lower() else line
            for line in text.split("\n")
        ]
        assert lines != text.split("\n"), key
        text = "\n".join(lines)
    return text.replace("\n", "\r\n")


def addresses() -> Iterator[tuple[int, int, int, int, int]]:
    """Yield (address, bin, view, axial position, ring difference) of all bins, in file order."""
    at = 0
    for difference in (0, -1, 1, -2, 2, -3, 3):
        for axial in range(RINGS - abs(difference)):
            for view in range(CRYSTALS // 2):
                for number in range(-(BINS // 2), BINS - BINS // 2):
                    yield at, number, view, axial, difference
                    at += 1


def tick(ms: int) -> int:
    return (1 << 31) | ms


def event(address: int, *, delayed: bool = False) -> int:
    return address | (0 if delayed else 1 << 30)


def write(folder: Path, words: Iterable[int], name: str = "scan.l", **changed: str) -> Path:
    """Write words and their header; return the path of the words."""
    path = folder / name
    path.write_bytes(np.array(list(words), "<u4").tobytes())
    (folder / f"{name}.hdr").write_text(header(name, **changed))
    return path
