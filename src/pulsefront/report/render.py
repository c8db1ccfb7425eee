"""From a page to one HTML file that opens offline: no script, no font, no address outside it."""

from __future__ import annotations

import math
import re
from functools import cache
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pulsefront.report.page import FigureBlock, Page
from pulsefront.report.svg import svg_of

__all__ = ["environment", "format_cell", "format_number", "is_numeric", "render"]

_MINUS = "\N{MINUS SIGN}"
_THIN = "\N{NARROW NO-BREAK SPACE}"


def format_number(value: float) -> str:
    """Return a number for reading: four significant digits, thousands apart, a true minus.

    Whole numbers keep all digits. NaN and infinities are said in words.
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "∞" if value > 0 else f"{_MINUS}∞"
    if isinstance(value, int) or (float(value).is_integer() and abs(value) < 1e15):
        text = f"{int(value):,}"
    elif 1e-4 <= abs(value) < 1e6:
        text = f"{value:#.4g}".rstrip(".")
        if abs(value) >= 1e4:
            text = f"{value:,.0f}"
    else:
        mantissa, exponent = f"{value:.3e}".split("e")
        power = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        text = f"{mantissa}·10{power}"
    return text.replace(",", _THIN).replace("-", _MINUS)


def format_cell(value: Any) -> str:
    """Return the text of a table cell or tile; see `page.Table`."""
    if value is None:
        return "–"
    if isinstance(value, bool) or _kind(value) == "b":
        return "yes" if value else "no"
    if _is_interval(value):
        return str(value).replace("-", _MINUS)
    if is_numeric(value):
        # NumPy's scalars become Python's, whose kinds format_number knows.
        return format_number(value.item() if hasattr(value, "item") else value)
    return str(value)


def _is_interval(value: Any) -> bool:
    return all(hasattr(value, name) for name in ("value", "low", "high"))


def _large(value: Any) -> str:
    """Return what a tile shows large: of an interval its value alone."""
    return format_cell(value).split(" [")[0]


def _range(value: Any) -> str:
    """Return the interval's range, for below the value; empty where there is none."""
    if not _is_interval(value):
        return ""
    low, high = format_cell(value).split(" [")[1].rstrip("]").split(", ")
    confidence = getattr(value, "confidence", None)
    text = f"{low} to {high}"
    return text if confidence is None else f"{text} ({confidence:.0%} interval)"


def is_numeric(value: Any) -> bool:
    """Return whether a cell is a number or an interval, and so set flush right."""
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float) or _kind(value) in set("iuf") or _is_interval(value)


def _kind(value: Any) -> str:
    """Return the kind letter of a NumPy scalar, or nothing."""
    return str(getattr(getattr(value, "dtype", None), "kind", ""))


def _numeric_columns(rows: Any, count: int) -> list[bool]:
    cells = [[row[column] for row in rows if row[column] is not None] for column in range(count)]
    return [bool(column) and all(map(is_numeric, column)) for column in cells]


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "section"


class _FigureCounter:
    """Numbers the figures of one page, for captions and for unique identifiers in the SVG."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, block: FigureBlock) -> tuple[int, Markup]:
        self.count += 1
        drawing = svg_of(block.figure, block.alt, prefix=f"figure{self.count}-")
        # The SVG is made by matplotlib, which escapes its texts; svg_of escapes the alternative.
        return self.count, Markup(drawing)  # noqa: S704


@cache
def environment(*packages: str) -> Environment:
    """Return the templates of this room, after those in the folders ``templates`` of *packages*."""
    made = Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in (*packages, "pulsefront.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["cell"] = format_cell
    made.filters["large"] = _large
    made.filters["range"] = _range
    made.filters["slug"] = _slug
    made.tests["numeric"] = is_numeric
    made.globals["numeric_columns"] = _numeric_columns
    return made


def render(page: Page) -> str:
    """Return the page as self-contained HTML.

    All texts are escaped. Figures become inline SVG whose colours follow the reader's light or
    dark preference. The same page gives the same bytes.
    """
    template = environment().get_template("page.html.jinja")
    anchors = {
        section.title: f"{number}-{_slug(section.title)}"
        for number, section in enumerate(page.sections, 1)
    }
    return template.render(page=page, draw=_FigureCounter(), anchors=anchors)
