"""How the numbers of a fixed-point model use their formats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from pulsefront.report.style import INK, MUTED, colour_of, legend, new_figure, style_axes
from pulsefront.report.svg import PALETTE

__all__ = ["FormatRange", "format_audit"]


@dataclass(frozen=True)
class FormatRange:
    """A quantity of the model, in real values.

    ``range`` is what the format can hold, ``proven`` what can occur for any input, ``seen`` what
    occurred in data, or None; ``step`` the least significant bit. ``saturates`` says that values
    beyond the range are clipped because the model asks for it by name.
    """

    name: str
    range: tuple[float, float]
    proven: tuple[float, float]
    seen: tuple[float, float] | None
    step: float
    saturates: bool = False


def format_audit(rows: Sequence[FormatRange]) -> Figure:
    """Draw, per quantity, how many bits its format has and how many of them can be and were used.

    The horizontal axis counts bits above the least significant one of each format: the magnitude
    in steps, in powers of two. A proven range beyond the format has its own colour where it is
    saturated by name, and that of errors where it is not.
    """
    figure, (axes,) = new_figure(7.6, 1.1 + 0.36 * len(rows))
    style_axes(axes, grid="x")
    labels = {
        "format": "format",
        "proven": "proven range",
        "saturated": "proven range, saturated by name",
        "outside": "beyond the format",
        "seen": "seen in data",
    }
    colours = {
        "proven": colour_of(0),
        "saturated": PALETTE["series-5"],
        "outside": PALETTE["bad"],
    }
    for number, row in enumerate(rows):
        holds = _bits(row.range, row.step)
        proven = _bits(row.proven, row.step)
        outside = row.proven[0] < row.range[0] or row.proven[1] > row.range[1]
        kind = "proven" if not outside else "saturated" if row.saturates else "outside"
        axes.barh(
            number, holds, 0.72, color=PALETTE["rule"], label=labels.pop("format", None), zorder=1
        )
        axes.barh(
            number,
            proven,
            0.4,
            color=colours[kind],
            label=labels.pop(kind, None),
            zorder=2,
        )
        if row.seen is not None:
            axes.barh(
                number,
                _bits(row.seen, row.step),
                0.14,
                color=colour_of(1),
                label=labels.pop("seen", None),
                zorder=3,
            )
    axes.set_yticks(range(len(rows)), [row.name for row in rows])
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel("bits of magnitude above the least significant bit")
    axes.spines["left"].set_color(MUTED)
    legend(axes, ncols=3, loc="lower left", bbox_to_anchor=(0, 1.0))
    return figure


def _bits(limits: tuple[float, float], step: float) -> float:
    largest = max(abs(limits[0]), abs(limits[1]))
    return float(np.log2(max(largest / step, 1)))
