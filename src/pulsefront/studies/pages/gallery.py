"""A page of every measured file of a folder: what is in it, and its pulses."""

from __future__ import annotations

from pathlib import Path

from pulsefront.errors import DataError
from pulsefront.files import write_text
from pulsefront.measured.gallery import GalleryItem, measured_gallery
from pulsefront.report import Block, FigureBlock, Page, Paragraph, Section, Table, render

__all__ = ["write_gallery"]


def write_gallery(folder: str | Path, out: str | Path) -> int:
    """Write the page *out* about the files below *folder* and return how many it shows.

    Files that are no measured waveforms or lists of events are left out; one that cannot be read
    is shown with its error.

    Raises
    ------
    DataError
        No file of the folder is of a known format, or there is no such folder.
    """
    folder = Path(folder)
    items = measured_gallery(folder) if folder.is_dir() else ()
    if not items:
        raise DataError(
            "holds no measured file of a known format",
            file=folder,
            remedy="give a folder with digitizer files, such as WaveDump's or WaveCatcher's",
        )
    broken = sum("error" in item.facts for item in items)
    page = Page(
        "Measured data",
        f"{len(items)} files"
        + (f", {broken} of them not readable" if broken else "")
        + ": read, looked through, first pulses drawn",
        [
            Section("How to read this", [Paragraph(_EXPLANATION)]),
            *(Section(item.name, _blocks(item)) for item in items),
        ],
        {},
    )
    write_text(Path(out), render(page))
    return len(items)


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
