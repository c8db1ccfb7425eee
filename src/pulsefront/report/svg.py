"""Matplotlib figures as inline SVG that follows the page's colours.

Figures are drawn with the fixed colours of `PALETTE`; in the SVG each becomes a CSS variable with
that colour as its fallback, which the page redefines for dark screens. Text stays text, set in
the page's font.
"""

from __future__ import annotations

import io
import re
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PALETTE", "SERIES", "svg_of"]

PALETTE = {
    "ink": "#1d2733",
    "muted": "#5f6c7b",
    "rule": "#d5dce4",
    "paper": "#fefefd",
    "series-1": "#0b6fb8",
    "series-2": "#d4570f",
    "series-3": "#0e8f6a",
    "series-4": "#b0559b",
    "series-5": "#2f9fc9",
    "series-6": "#a8780a",
    "series-7": "#7a5cc7",
    "series-8": "#6c7885",
    "good": "#1a7f4e",
    "bad": "#c0302b",
}
"""Name → colour on a light page; the template holds the colours on a dark one."""

SERIES = tuple(PALETTE[f"series-{number}"] for number in range(1, 9))
"""Colours of curves, in their order; told apart also with common colour blindness."""


def svg_of(figure: Figure, alt: str, *, prefix: str = "") -> str:
    """Return the figure as an SVG element.

    Parameters
    ----------
    figure
        Any matplotlib figure; its backgrounds are left out.
    alt
        What it shows, in words, for those who do not see it.
    prefix
        Put before every identifier, so that several figures share a page.
    """
    import matplotlib as mpl  # half a second, which pages without figures need not wait for

    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "pulsefront"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    body = text[text.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<style[^>]*>.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->\n?", "", body, flags=re.DOTALL)
    body = re.sub(r'(\sid=")', rf"\1{prefix}", body)
    body = re.sub(r"(url\(#|href=\"#)", rf"\1{prefix}", body)
    for name, colour in PALETTE.items():
        body = re.sub(rf"(?<=: ){colour}\b", f"var(--{name}, {colour})", body, flags=re.IGNORECASE)
    # One font for figures and text: the page's.
    body = re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", body)
    body = re.sub(r"font-family: [^;\"]*;?\s*", "", body)
    width, height = figure.get_size_inches() * 72
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'role="img" aria-label="{escape(alt)}" viewBox="0 0 {width:g} {height:g}" '
        f'style="max-width: {width * 1.5:.0f}px">\n<title>{escape(alt)}</title>'
    )
    return re.sub(r"<svg[^>]*>", lambda _: head, body, count=1)
