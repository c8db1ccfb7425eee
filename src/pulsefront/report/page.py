"""A report as data: a page of sections of blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "Block",
    "Callout",
    "Checklist",
    "ChecklistItem",
    "FigureBlock",
    "Files",
    "Grid",
    "Page",
    "Paragraph",
    "Preformatted",
    "Section",
    "Table",
    "Tile",
    "Tiles",
    "Tone",
]

Tone = Literal["neutral", "good", "warning", "bad"]


@dataclass(frozen=True)
class Paragraph:
    """Running text, plain."""

    kind: ClassVar[str] = "paragraph"
    text: str


@dataclass(frozen=True)
class Callout:
    """A sentence that must not be overlooked, such as a limit or a failure."""

    kind: ClassVar[str] = "callout"
    text: str
    tone: Tone = "neutral"


@dataclass(frozen=True)
class Tile:
    """One key figure: ``value`` is shown large, ``note`` small below it."""

    label: str
    value: object
    unit: str = ""
    note: str = ""
    tone: Tone = "neutral"


@dataclass(frozen=True)
class Tiles:
    """Key figures beside each other."""

    kind: ClassVar[str] = "tiles"
    tiles: Sequence[Tile]


@dataclass(frozen=True)
class Table:
    """Rows under headers that carry the units.

    A cell is text, a number, True/False, None (shown as a dash) or an interval (anything with
    ``value``, ``low`` and ``high``). Rows in ``highlight`` stand out.
    """

    kind: ClassVar[str] = "table"
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    caption: str = ""
    highlight: Sequence[int] = ()


@dataclass(frozen=True)
class FigureBlock:
    """A matplotlib figure with a text for those who do not see it and a caption."""

    kind: ClassVar[str] = "figure"
    figure: Figure
    alt: str
    caption: str = ""


@dataclass(frozen=True)
class Grid:
    """Blocks beside each other where the screen is wide enough."""

    kind: ClassVar[str] = "grid"
    blocks: Sequence[FigureBlock | Table | Preformatted | Paragraph]


@dataclass(frozen=True)
class ChecklistItem:
    """One topic, what it asks, its answer, whether it was done, and the section that shows it."""

    title: str
    question: str
    answer: str
    done: bool
    evidence: str = ""
    """title of a section of the same page; rendering fails where there is none"""


@dataclass(frozen=True)
class Checklist:
    """Topics with their answers."""

    kind: ClassVar[str] = "checklist"
    items: Sequence[ChecklistItem]


@dataclass(frozen=True)
class Preformatted:
    """Text whose spaces matter: commands, a file, a listing."""

    kind: ClassVar[str] = "preformatted"
    text: str
    caption: str = ""


@dataclass(frozen=True)
class Files:
    """Files that lie beside the page: relative path and what it is, each a link."""

    kind: ClassVar[str] = "files"
    items: Mapping[str, str]


Block = Files | Paragraph | Callout | Tiles | Table | FigureBlock | Grid | Checklist | Preformatted


@dataclass(frozen=True)
class Section:
    """A heading with blocks."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Page:
    """A whole report. ``facts`` are short lines under the title (date, version, study)."""

    title: str
    subtitle: str
    sections: Sequence[Section]
    facts: Mapping[str, str] = field(default_factory=dict)
