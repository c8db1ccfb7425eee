"""Where the elements of a scanner are: from a PETSIRD header, or from a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.events.readers.siemens.header import read_header
from pulsefront.events.readers.siemens.reader import header_of

__all__ = [
    "ScannerElements",
    "elements_of_petsird",
    "elements_of_siemens",
    "elements_of_table",
    "sectors_of",
]

Floats = NDArray[np.float64]

MOST_VIEWS = 64
SECTORS = 24


@dataclass(frozen=True)
class ScannerElements:
    """Centres of elements.

    Attributes
    ----------
    place_mm
        (element, axis).
    view
        (element,) the part of the scanner in whose rate it counts; ``views`` there are.
    """

    place_mm: Floats
    view: NDArray[np.int64]
    views: int


def elements_of_petsird(path: Path) -> ScannerElements:
    """Return the elements of a PETSIRD scanner, numbered as the reader's ``channel``.

    Type after type, module after module. Parts are modules, neighbours together where there are
    more than 64.

    Raises
    ------
    DataError
        The header cannot be read.
    """
    from petsird import BinaryPETSIRDReader

    # Only the header is read: the package would complain that the events were not.
    with BinaryPETSIRDReader(str(path), skip_completed_check=True) as reader:
        header = reader.read_header()
    places: list[Floats] = []
    modules: list[NDArray[np.int64]] = []
    count = 0
    for kind in header.scanner.scanner_geometry.replicated_modules:
        inside = kind.object.detecting_elements
        corners = np.array([corner.c for corner in inside.object.shape.corners], np.float64)
        centre = np.append(corners.mean(axis=0), 1.0)
        elements = np.array([t.matrix for t in inside.transforms], np.float64) @ centre
        for transform in kind.transforms:
            matrix = np.asarray(transform.matrix, np.float64)
            places.append(elements @ matrix[:, :3].T + matrix[:, 3])
            modules.append(np.full(len(elements), count, np.int64))
            count += 1
    module = np.concatenate(modules)
    views = min(count, MOST_VIEWS)
    return ScannerElements(np.concatenate(places), module * views // max(count, 1), views)


def elements_of_siemens(path: Path) -> ScannerElements:
    """Return the crystals of a Siemens scanner, numbered as the reader's ``channel``.

    Parts are 64 sectors around the axis, all rings together.
    """
    header = read_header(header_of(path))
    crystal = np.tile(np.arange(header.crystals), header.rings)
    views = min(header.crystals, MOST_VIEWS)
    return ScannerElements(header.place_mm, crystal * views // header.crystals, views)


def elements_of_table(path: Path) -> tuple[ScannerElements, NDArray[np.int64]]:
    """Return elements out of a text table ``channel,x_mm,y_mm,z_mm``, and their channels.

    Raises
    ------
    DataError
        The table has other columns, or a channel comes twice.
    """
    import pandas as pd

    wanted = ["channel", "x_mm", "y_mm", "z_mm"]
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise DataError(
            f"cannot be read: {type(error).__name__}", file=path, field="--elements"
        ) from None
    missing = [name for name in wanted if name not in table.columns]
    if missing:
        raise DataError(
            "lacks columns", file=path, field=", ".join(missing), remedy=f"it needs {wanted}"
        )
    channel = table["channel"].to_numpy(np.int64)
    if len(np.unique(channel)) != len(channel):
        raise DataError("names a channel twice", file=path, field="channel")
    place = table[wanted[1:]].to_numpy(np.float64)
    return ScannerElements(place, sectors_of(place), SECTORS), channel


def sectors_of(place_mm: Floats) -> NDArray[np.int64]:
    """Return (element,) which of 24 sectors around the axis an element lies in."""
    angle = np.arctan2(place_mm[:, 1], place_mm[:, 0]) / (2 * np.pi) + 0.5
    return np.minimum((angle * SECTORS).astype(np.int64), SECTORS - 1)
