"""Every measured file of a folder, looked through: facts and figures for a page of a report."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pulsefront.errors import PulsefrontError, UnsupportedFormat
from pulsefront.events.channels import with_channels
from pulsefront.events.readers.base import DataWarning, ReadOptions
from pulsefront.events.readers.open import open_events, recognise
from pulsefront.measured.inspect import Inspection, inspect_events
from pulsefront.measured.pickoff import counted_status
from pulsefront.progress import Report, silent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Gallery", "GalleryItem", "LeftOut", "measured_gallery"]

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


@dataclass(frozen=True)
class LeftOut:
    """A file that the gallery does not show, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Gallery:
    """What was found below a folder, in order of name."""

    items: tuple[GalleryItem, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


def measured_gallery(
    folder: str | Path,
    options: ReadOptions | None = None,
    *,
    channels: Sequence[int] = (),
    report: Report = silent,
) -> Gallery:
    """Return an item for every file below *folder* whose format is recognised.

    Tables, which need a mapping file each, and files of no known format are named with the reason.
    A file that cannot be read is an item with its error and no figure: a page must not fail for
    one bad file.

    Parameters
    ----------
    channels
        Of files with several, those to show; all if none are named.
    report
        Called with files looked through and files in all.
    """
    folder = Path(folder)
    items, left_out = [], []
    paths = sorted(entry for entry in folder.rglob("*") if entry.is_file())
    for number, path in enumerate(paths, start=1):
        name = str(path.relative_to(folder))
        reason = ""
        try:
            found = recognise(path)
            reason = _NO_MAPPING.format(found) if found in TABLES else ""
        except UnsupportedFormat as error:
            reason = error.problem
        except PulsefrontError as error:
            items.append(GalleryItem(name, error=str(error).replace(str(path), name)))
            report(number, len(paths))
            continue
        if reason:
            left_out.append(LeftOut(name, reason))
        else:
            items.append(_item(path, name, options, channels))
        report(number, len(paths))
    return Gallery(tuple(items), tuple(left_out))


_NO_MAPPING = "a table ({}), which needs a mapping file to say which column is what"


def _item(
    path: Path, name: str, options: ReadOptions | None, channels: Sequence[int]
) -> GalleryItem:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        try:
            found = inspect_events(with_channels(open_events(path, options), channels))
        except PulsefrontError as error:
            return GalleryItem(name, error=str(error).replace(str(path), name))
    told = (str(w.message) for w in caught if issubclass(w.category, DataWarning))
    return GalleryItem(name, found, tuple(text.replace(str(path), name) for text in told))
