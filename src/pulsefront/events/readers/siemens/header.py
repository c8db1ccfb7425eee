"""The Interfile header of Siemens list mode: which bin of which sinogram an address means.

The keys, and how addresses count, are those that STIR reads (UCL/STIR at 9a59610:
``InterfileListmodeHeaderSiemens`` and ``CListEventECAT8_32bit``, after the "Guideline to the
PETLINK proposal", rev. J1, 2013): bins, views, axial positions, segments 0, −1, +1, −2, …, and bins
of time of flight count up in this order, the first one fastest.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError, UnsupportedFormat

__all__ = ["DEPTH_MM", "SiemensListHeader", "is_header", "read_header"]

DEPTH_MM = 7.0
"""From the front of a crystal to where a photon interacts in the mean: STIR's value for scanners of
this maker (``Scanner.cxx``). Headers do not say it; 1 mm more or less makes 0.3 % in x and y."""

LIKE_A_HEADER = re.compile(rb"^\s*!?INTERFILE\s*:=", re.IGNORECASE)


@dataclass(frozen=True)
class SiemensListHeader:
    """What a header says.

    Attributes
    ----------
    data
        The file of words.
    offset
        Bytes before the first word.
    crystals
        Places of crystals on a ring, gaps between blocks included.
    segments
        (segment, 2) ring difference, and first sinogram of each segment in the order of the file;
        ``sinograms`` there are in all.
    tof_bins
        Bins of time of flight; 1 where there are none.
    """

    path: Path
    data: Path
    offset: int
    rings: int
    ring_mm: float
    radius_mm: float
    crystals: int
    bins: int
    views: int
    segments: NDArray[np.int64]
    sinograms: int
    tof_bins: int
    system: str

    @property
    def addresses(self) -> int:
        """Return how many bins there are."""
        return self.bins * self.views * self.sinograms * self.tof_bins

    @property
    def place_mm(self) -> NDArray[np.float64]:
        """Return (ring · crystals + crystal, axis) the place of each crystal, from the middle.

        Crystal 0 lies at −y, the next ones towards +x, as in STIR.
        """
        angle = 2 * np.pi * np.arange(self.crystals) / self.crystals
        radius = self.radius_mm + DEPTH_MM
        x, y = radius * np.sin(angle), -radius * np.cos(angle)
        z = (np.arange(self.rings) - (self.rings - 1) / 2) * self.ring_mm
        return np.stack(
            [np.tile(x, self.rings), np.tile(y, self.rings), np.repeat(z, self.crystals)], axis=1
        )


def is_header(head: bytes) -> bool:
    """Return whether the first bytes of a file are those of a header of list mode."""
    text = head.lower()
    return LIKE_A_HEADER.match(head) is not None and (
        b"petlink bin address" in text or re.search(rb"data format\s*:=\s*coincidencelist", text)
        is not None
    )  # fmt: skip


def read_header(path: Path) -> SiemensListHeader:
    """Return what a header says.

    Raises
    ------
    DataError
        A key is missing, is no number, or contradicts another.
    UnsupportedFormat
        The words are of another kind, rings or views are joined, or the bed moves on.
    """
    keys = _keys(path)
    header = _Keys(path, keys)
    words = header.integer("lm event and tag words format (bits)")
    if words != 32:
        raise UnsupportedFormat(
            f"has words of {words} bits; only those of 32 are described in public",
            file=path,
            remedy="histogram it with the maker's tools, or map the centroids that they tell",
        )
    if keys.get("horizontal bed translation", "stepped").lower() == "continuous":
        raise UnsupportedFormat(
            "was recorded while the bed moved on: its centre moves with the bed",
            file=path,
            remedy="record motion with the bed at rest",
        )
    if header.integer("axial compression") != 1:
        raise UnsupportedFormat(
            "joins neighbouring ring differences (axial compression "
            f"{keys['axial compression']}), which is not described well enough",
            file=path,
            remedy="record list mode with axial compression 1",
        )
    rings, most = header.integer("number of rings"), header.integer("maximum ring difference")
    differences = [0, *(sign * d for d in range(1, most + 1) for sign in (-1, 1))]
    sizes = [rings - abs(d) for d in differences]
    table = [int(one) for one in re.findall(r"-?\d+", keys.get("segment table", ""))]
    if min(sizes) < 1 or table != sizes:
        raise DataError(
            "is not that of single ring differences 0, −1, +1, …",
            file=path,
            field="%segment table",
            value=f"{len(table)} segments",
            remedy="copy the header again from the scanner",
        )
    radius_mm = 10 * header.real("gantry crystal radius (cm)")
    # The width of a bin in the middle is half the way from crystal to crystal on the ring.
    crystals = round(math.pi * radius_mm / (10 * header.real("bin size (cm)")))
    views, bins = header.integer("number of views"), header.integer("number of projections")
    if 2 * views != crystals or bins > crystals:
        raise UnsupportedFormat(
            f"has {views} views and {bins} projections for {crystals} crystals on a ring: joined "
            "views are not described well enough",
            file=path,
            remedy="record list mode without mashing",
        )
    starts = np.concatenate([[0], np.cumsum(sizes)])
    return SiemensListHeader(
        path=path,
        data=path.parent / keys.get("name of data file", path.name.removesuffix(".hdr")),
        offset=header.integer("data offset in bytes", 0),
        rings=rings,
        ring_mm=10 * header.real("distance between rings (cm)"),
        radius_mm=radius_mm,
        crystals=crystals,
        bins=bins,
        views=views,
        segments=np.stack([np.array(differences), starts[:-1]], axis=1).astype(np.int64),
        sinograms=int(starts[-1]),
        tof_bins=header.integer("number of tof time bins", 1),
        system=keys.get("originating system", ""),
    )


def _keys(path: Path) -> dict[str, str]:
    """Return key → value; keys in small letters, without ``!`` and ``%`` and spare blanks."""
    found: dict[str, str] = {}
    # Some headers end their lines with \r\r\n.
    for line in path.read_text(errors="replace").replace("\r", "\n").split("\n"):
        key, sign, value = line.partition(":=")
        if sign:
            found.setdefault(" ".join(key.lower().strip(" !%").split()), value.strip())
    return found


@dataclass(frozen=True)
class _Keys:
    path: Path
    keys: dict[str, str]

    def real(self, key: str, default: float | None = None) -> float:
        text = self.keys.get(key)
        if text is None and default is not None:
            return default
        try:
            value = float(text or "")
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or value < 0:
            raise DataError(
                "is missing from the header" if text is None else "is no number",
                file=self.path,
                field=key,
                value=text,
                remedy="copy the header again from the scanner",
            )
        return value

    def integer(self, key: str, default: int | None = None) -> int:
        return round(self.real(key, default))
