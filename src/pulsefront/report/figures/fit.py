"""Which parts take a model at which rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pulsefront.report.style import INK, colour_bar, literal, new_figure, style_axes
from pulsefront.report.svg import PALETTE

__all__ = ["FitCell", "fit_map"]

# Pale enough for dark text on all of it, from nothing used to the whole part.
USE = LinearSegmentedColormap.from_list("use", ["#e9f3ec", "#bfe0c9", "#f2e3a4", "#f0c27a"])
MISS = "#f6eceb"


@dataclass(frozen=True)
class FitCell:
    """One part at one rate.

    *share* is the largest share of what may be used of the part; where it does not fit, how many
    times too much is asked. *text* says how it is built and what limits, in a few short lines.
    """

    share: float
    fits: bool
    text: str


def fit_map(
    cells: Sequence[Sequence[FitCell]],
    parts: Sequence[str],
    rates: Sequence[str],
    *,
    title: str = "",
) -> Figure:
    """Draw parts (rows) against event rates (columns): what fits, and with how much of the part.

    What does not fit is hatched, and its text says what is missing.
    """
    width = max(4.6, 1.9 + 1.5 * len(rates))
    figure, (axes,) = new_figure(width, 1.3 + 0.62 * len(parts))
    style_axes(axes, grid="none")
    shares = np.array([[one.share if one.fits else np.nan for one in row] for row in cells])
    image = axes.imshow(shares, cmap=USE, vmin=0, vmax=1, aspect="auto")
    for row, line in enumerate(cells):
        for column, one in enumerate(line):
            if not one.fits:
                axes.add_patch(
                    Rectangle(
                        (column - 0.5, row - 0.5),
                        1,
                        1,
                        facecolor=MISS,
                        edgecolor="#ecd6d4",
                        hatch="////",
                        linewidth=0,
                    )
                )
            axes.text(
                column,
                row,
                literal(one.text),
                ha="center",
                va="center",
                fontsize=7,
                linespacing=1.15,
                # On cells that are pale on dark pages too.
                color="#1d2733" if one.fits else PALETTE["bad"],
                bbox=None if one.fits else {"facecolor": MISS, "linewidth": 0, "pad": 1.5},
            )
    axes.set_xticks(range(len(rates)), list(rates))
    axes.set_yticks(range(len(parts)), [literal(one) for one in parts])
    axes.tick_params(length=0, labelcolor=INK)
    for edge in range(1, len(parts)):
        axes.axhline(edge - 0.5, color=PALETTE["paper"], linewidth=2)
    for edge in range(1, len(rates)):
        axes.axvline(edge - 0.5, color=PALETTE["paper"], linewidth=2)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlabel("events per second")
    if title:
        axes.set_title(literal(title), fontsize=9, color=INK, loc="left")
    colour_bar(image, axes, "largest share of the part")
    return figure
