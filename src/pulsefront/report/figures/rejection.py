"""Figures of what is kept where the events that look worst are left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from pulsefront.report.style import MUTED, colour_of, legend, literal, new_figure

__all__ = ["error_kept", "said_beside_found"]


def error_kept(
    shares: Sequence[float],
    curves: Mapping[str, Sequence[float]],
    *,
    unit: str,
    bound: Sequence[float] | None = None,
    label: str = "median error of what is kept",
    legend_above: bool = False,
) -> Figure:
    """Draw the median error of what is kept, or what *label* says, against the share that is kept.

    Parameters
    ----------
    shares
        Kept, ascending.
    curves
        Ranking → median error at every share; the first is drawn strongest.
    bound
        The same where events are ranked by their errors.
    legend_above
        The legend stands above the axes, and not in the lower right corner: where an error may
        go down to zero, no corner is free of every curve.
    """
    figure, (axes,) = new_figure(7.2, 3.6)
    percent = 100.0 * np.asarray(shares)
    for number, (name, errors) in enumerate(curves.items()):
        axes.plot(
            percent,
            errors,
            color=colour_of(number),
            linewidth=2.2 if number == 0 else 1.3,
            linestyle="-" if number % 2 == 0 else "--",
            label=literal(name),
        )
    if bound is not None:
        axes.plot(
            percent, bound, color=MUTED, linewidth=1, linestyle=":", label="ranked by the error"
        )
    axes.set_xlabel("events kept (%)")
    axes.set_ylabel(f"{label} ({unit})")
    axes.set_ylim(bottom=0)
    if legend_above:
        legend(axes, ncols=2, loc="lower left", bbox_to_anchor=(0, 1.0))
    else:
        legend(axes, loc="lower right")
    return figure


def said_beside_found(
    said: Sequence[float],
    found: Sequence[tuple[float, float, float]],
    *,
    label: str,
    unit: str,
) -> Figure:
    """Draw what was said of tenths of the events against what was found.

    Parameters
    ----------
    said, found
        Radius, and value, low and high of the same quantity as it was found.
    """
    figure, (axes,) = new_figure(4.6, 3.4)
    values = np.asarray(found, float)
    most = 1.05 * max(float(values.max()), float(np.max(said)))
    axes.plot([0, most], [0, most], color=MUTED, linewidth=0.8, linestyle="--")
    axes.errorbar(
        said,
        values[:, 0],
        yerr=[values[:, 0] - values[:, 1], values[:, 2] - values[:, 0]],
        fmt="o",
        markersize=4,
        linewidth=1,
        color=colour_of(0),
    )
    axes.set_xlim(0, most)
    axes.set_ylim(0, most)
    axes.set_xlabel(f"said ({unit})")
    axes.set_ylabel(f"{label} ({unit})")
    return figure
