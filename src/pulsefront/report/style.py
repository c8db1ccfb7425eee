"""The look of all figures: sizes, axes, grid and helpers that every drawing uses."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from pulsefront.report.svg import PALETTE, SERIES

__all__ = [
    "DIVERGING",
    "INK",
    "MUTED",
    "RULE",
    "SEQUENTIAL",
    "colour_bar",
    "colour_of",
    "legend",
    "literal",
    "logarithmic",
    "new_figure",
    "percentile_limits",
    "png_of",
    "style_axes",
    "title",
]

INK, MUTED, RULE = PALETTE["ink"], PALETTE["muted"], PALETTE["rule"]
_FONT = 8.5

# Both end well away from black and white, so that they stand out on light and dark pages.
SEQUENTIAL = LinearSegmentedColormap.from_list(
    "depth", ["#2a2f6b", "#1f6fa8", "#2aa69a", "#a5cf63", "#f6e05e"]
)
DIVERGING = LinearSegmentedColormap.from_list(
    "sign", ["#1f6fb5", "#8fb8dc", "#e9e9e6", "#eca27a", "#c8481d"]
)


def new_figure(
    width: float = 7.2,
    height: float = 3.4,
    columns: int = 1,
    rows: int = 1,
    *,
    height_ratios: Sequence[float] | None = None,
) -> tuple[Figure, list[Axes]]:
    """Return a styled figure (inches) and its axes, row by row.

    It is made without pyplot, whose global list of figures grows and is not safe in threads.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False, height_ratios=height_ratios)
    figure.patch.set_alpha(0)
    flat = [axes[row, column] for row in range(rows) for column in range(columns)]
    for each in flat:
        style_axes(each)
    return figure, flat


def style_axes(axes: Axes, *, grid: Literal["both", "x", "y", "none"] = "both") -> None:
    """Give axes the house style, with grid lines across *grid*."""
    axes.patch.set_alpha(0)
    axes.set_axisbelow(True)
    axes.tick_params(
        which="both", colors=MUTED, labelsize=_FONT, length=3, width=0.7, labelcolor=MUTED
    )
    for side, spine in axes.spines.items():
        spine.set_visible(side in {"left", "bottom"})
        spine.set_color(MUTED)
        spine.set_linewidth(0.7)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    for text in (axes.xaxis.label, axes.yaxis.label, axes.title):
        text.set_fontsize(_FONT + 0.5)
    axes.title.set_color(INK)
    axes.grid(visible=False)
    if grid != "none":
        axes.grid(visible=True, axis=grid, color=RULE, linewidth=0.6)


def legend(axes: Axes, **options: Any) -> None:
    """Add a legend without a box."""
    settings: dict[str, Any] = {
        "frameon": False,
        "fontsize": _FONT,
        "labelcolor": INK,
        "handlelength": 1.6,
        **options,
    }
    axes.legend(**settings)


def literal(name: str) -> str:
    """Return a name out of data for a figure, where two dollars would make a formula."""
    return name.replace("$", r"\$")


def title(axes: Axes, text: str) -> None:
    """Put a small title over one panel."""
    axes.set_title(text, fontsize=_FONT + 0.5, color=INK)


def logarithmic(axes: Axes, which: Literal["x", "y"]) -> None:
    """Make an axis logarithmic, with plain numbers at 1, 2 and 5 of each decade."""
    axis: Axis
    if which == "x":
        axes.set_xscale("log")
        axis = axes.xaxis
    else:
        axes.set_yscale("log")
        axis = axes.yaxis
    low, high = axis.get_view_interval()
    # Over many decades only their powers have room.
    steps = (1.0, 2.0, 5.0) if high < 300 * max(low, 1e-300) else (1.0,)
    axis.set_major_locator(LogLocator(subs=steps, numticks=12))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:,.12g}".replace(",", "\N{NARROW NO-BREAK SPACE}"))
    )


def colour_bar(image: AxesImage, axes: Axes | Sequence[Axes], label: str, **options: Any) -> None:
    """Add a colour bar without a frame."""
    figure = image.get_figure(root=True)
    if figure is None:
        return
    bar = figure.colorbar(image, ax=axes, pad=0.02, **options)
    bar.set_label(label, color=INK, fontsize=_FONT)
    bar.ax.tick_params(colors=MUTED, labelsize=8, labelcolor=MUTED)
    bar.outline.set_visible(False)


def colour_of(number: int) -> str:
    """Return the colour of the curve with this number, from 0; they repeat after eight."""
    return SERIES[number % len(SERIES)]


def png_of(figure: Figure, dots_per_inch: int = 150) -> bytes:
    """Return the figure as PNG on a white page, for use outside a report."""
    buffer = io.BytesIO()
    figure.savefig(
        buffer, format="png", dpi=dots_per_inch, facecolor="white", metadata={"Software": None}
    )
    return buffer.getvalue()


def percentile_limits(values: object, low: float = 1, high: float = 99) -> tuple[float, float]:
    """Return limits that leave out the extreme values, never empty."""
    finite = np.asarray(values, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    if finite.size == 0:
        return 0.0, 1.0
    bottom, top = np.percentile(finite, [low, high])
    return (float(bottom), float(top)) if top > bottom else (bottom - 0.5, bottom + 0.5)
