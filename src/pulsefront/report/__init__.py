"""Self-contained HTML and figures from plain results; knows nothing of where they come from."""

from pulsefront.report.page import (
    Block,
    Callout,
    Checklist,
    ChecklistItem,
    FigureBlock,
    Files,
    Grid,
    Page,
    Paragraph,
    Preformatted,
    Section,
    Table,
    Tile,
    Tiles,
)
from pulsefront.report.render import render

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
    "render",
]
