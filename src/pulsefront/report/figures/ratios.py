"""Ratios with intervals, one a row: simulated over published, or changed over nominal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from pulsefront.report.style import MUTED, RULE, colour_of, literal, new_figure, style_axes, title

__all__ = ["ratio_rows"]

Ratio = tuple[float, float, float]
_MARKS = (0.25, 0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2, 3, 4)


def ratio_rows(
    names: Sequence[str],
    ratios: Mapping[str, Sequence[Ratio | None]],
    *,
    label: str,
    within: Sequence[float] = (),
) -> Figure:
    """Draw a panel of rows for every quantity, on a common logarithmic scale about 1.

    Parameters
    ----------
    names
        (row,).
    ratios
        By quantity (row,): value, low and high end, or None where a row has none.
    within
        (row,) how far from 1 is called agreement, shaded; nothing is shaded where empty.
    """
    figure, panels = new_figure(7.2, 0.9 + 0.21 * len(names), columns=len(ratios))
    places = np.arange(len(names))[::-1]
    ends = [value for rows in ratios.values() for row in rows if row for value in row]
    reach = max(1.2, *(max(end, 1 / end) for end in ends if end > 0)) * 1.08
    for number, (axes, (quantity, rows)) in enumerate(zip(panels, ratios.items(), strict=True)):
        _panel(axes, places, rows, colour_of(number))
        for place, width in zip(places, within, strict=False):
            axes.fill_betweenx(
                [place - 0.4, place + 0.4], 1 - width, 1 + width, color=RULE, alpha=0.6, linewidth=0
            )
        axes.set_xscale("log")
        axes.set_xlim(1 / reach, reach)
        inside = [m for m in _MARKS if 1 / reach < m < reach]
        step = 1 if len(inside) <= 5 else 2
        shown = [m for m in inside if (inside.index(m) - inside.index(1)) % step == 0]
        axes.set_xticks(shown)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.minorticks_off()
        axes.set_ylim(-0.7, len(names) - 0.3)
        axes.set_yticks(places, [literal(name) for name in names] if number == 0 else [])
        axes.set_xlabel(label if len(ratios) == 1 else quantity)
        style_axes(axes, grid="x")
    title(panels[0], label if len(ratios) > 1 else "")
    return figure


def _panel(
    axes: Axes,
    places: np.ndarray,
    rows: Sequence[Ratio | None],
    colour: str,
) -> None:
    axes.axvline(1.0, color=MUTED, linewidth=0.8)
    for place, row in zip(places, rows, strict=True):
        if row is None:
            continue
        value, low, high = row
        axes.errorbar(
            value,
            place,
            xerr=[[max(0.0, value - low)], [max(0.0, high - value)]],
            fmt="o",
            markersize=3.5,
            linewidth=1,
            color=colour,
        )
