"""Every measured file of a folder, looked through: facts and figures for a page of a report."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pulsefront.errors import PulsefrontError, UnsupportedFormat
from pulsefront.events.readers.base import DataWarning, ReadOptions
from pulsefront.events.readers.open import open_events, recognise
from pulsefront.measured.inspect import Inspection, inspect_events
from pulsefront.measured.pickoff import counted_status

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["GalleryItem", "measured_gallery"]

TABLES = ("csv", "npy", "npz", "hdf5", "parquet", "root")


@dataclass(frozen=True)
class GalleryItem:
    """One file.

    Attributes
    ----------
    name
        Path relative to the folder.
    inspection
        What it holds; None where it cannot be read.
    warnings
        What the reader warned of.
    error
        Why it cannot be read; empty where it can.
    """

    name: str
    inspection: Inspection | None = None
    warnings: tuple[str, ...] = ()
    error: str = ""

    @property
    def figure(self) -> Figure | None:
        """Its pulses; None without waveforms."""
        return None if self.inspection is None else self.inspection.figure

    @property
    def facts(self) -> dict[str, str]:
        """Format, events, status counts, rate where it is known, and any warning or error."""
        found = self.inspection
        if found is None:
            return {"error": self.error}
        facts = {
            "format": found.format,
            "events": str(found.events),
            "status": counted_status(found.status),
        }
        if found.pulse_status:
            facts["first pulses, measured"] = counted_status(found.pulse_status)
        if found.rate_per_s is not None:
            facts["rate (1/s)"] = f"{found.rate_per_s:.4g}"
        if self.warnings:
            facts["warning"] = "; ".join(self.warnings)
        return facts


def measured_gallery(
    folder: str | Path, options: ReadOptions | None = None
) -> tuple[GalleryItem, ...]:
    """Return an item for every file below *folder* whose format is recognised, in order of name.

    Tables are left out, for they need a mapping file each. A file that cannot be read is an item
    with its error and no figure: a page must not fail for one bad file.
    """
    folder = Path(folder)
    items = []
    for path in sorted(entry for entry in folder.rglob("*") if entry.is_file()):
        try:
            if recognise(path) in TABLES:
                continue
        except UnsupportedFormat:
            continue
        except PulsefrontError as error:
            items.append(GalleryItem(str(path.relative_to(folder)), error=str(error)))
            continue
        items.append(_item(path, str(path.relative_to(folder)), options))
    return tuple(items)


def _item(path: Path, name: str, options: ReadOptions | None) -> GalleryItem:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        try:
            found = inspect_events(open_events(path, options))
        except PulsefrontError as error:
            return GalleryItem(name, error=str(error).replace(str(path), name))
    told = (str(w.message) for w in caught if issubclass(w.category, DataWarning))
    return GalleryItem(name, found, tuple(text.replace(str(path), name) for text in told))
