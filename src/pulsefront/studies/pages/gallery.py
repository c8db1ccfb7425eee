"""A page of every measured file of a folder: what is in it, and its pulses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pulsefront.errors import DataError
from pulsefront.files import write_text
from pulsefront.measured.gallery import Gallery, GalleryItem, measured_gallery
from pulsefront.progress import Report, silent
from pulsefront.report import Block, FigureBlock, Page, Paragraph, Section, Table, render

__all__ = ["write_gallery"]


def write_gallery(
    folder: str | Path,
    out: str | Path,
    *,
    channels: Sequence[int] = (),
    report: Report = silent,
) -> Gallery:
    """Write the page *out* about the files below *folder* and return what it shows.

    Files that are no measured waveforms or lists of events are named with the reason; one that
    cannot be read is shown with its error.

    Raises
    ------
    DataError
        No file of the folder is of a known format, or there is no such folder.
    """
    folder = Path(folder)
    found = Gallery()
    if folder.is_dir():
        found = measured_gallery(folder, channels=channels, report=report)
    items = found.items
    if not items:
        left = f" ({len(found.left_out)} of another kind)" if found.left_out else ""
        raise DataError(
            f"holds no measured file of a known format{left}",
            file=folder,
            remedy="give a folder with digitizer files, such as WaveDump's or WaveCatcher's",
        )
    broken = sum("error" in item.facts for item in items)
    page = Page(
        "Measured data",
        f"{len(items)} files"
        + (f", {broken} of them not readable" if broken else "")
        + ": read, looked through, first pulses drawn"
        + (f"; {len(found.left_out)} left out, named at the end" if found.left_out else ""),
        [
            Section("How to read this", [Paragraph(_EXPLANATION)]),
            *(Section(item.name, _blocks(item)) for item in items),
            *_left_out(found),
        ],
        {},
    )
    write_text(Path(out), render(page))
    return found


def _left_out(found: Gallery) -> list[Section]:
    if not found.left_out:
        return []
    rows = [(one.name, one.reason) for one in found.left_out]
    return [Section("Left out", [Table(("file", "why"), rows)])]


_EXPLANATION = (
    "Every file was read by the reader that its content asks for, and its first pulses went "
    "through the pulse chain: baseline, polarity, amplitude, leading edge and status. Typical, "
    "mean and worst pulses are drawn as they were digitized. A status is a flag of the event: "
    "flagged events keep their place."
)


def _blocks(item: GalleryItem) -> list[Block]:
    blocks: list[Block] = [Table(("", ""), list(item.facts.items()))]
    if item.figure is not None:
        blocks.append(FigureBlock(item.figure, f"Pulses of {item.name}"))
    return blocks
