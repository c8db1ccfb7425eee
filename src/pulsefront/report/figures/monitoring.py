"""Figures of a deployed network that is checked again and again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from pulsefront.report.style import MUTED, colour_of, legend, literal, new_figure, style_axes, title

__all__ = ["shift_bars", "shift_history"]


def shift_bars(
    names: Sequence[str],
    shifts: ArrayLike,
    errors: ArrayLike,
    moved: ArrayLike,
    *,
    label: str,
) -> Figure:
    """Draw one shift with its error for every input; those that moved stand out.

    Parameters
    ----------
    shifts, errors, moved
        (input,): in the unit of *label*; whether it is beyond its limit.
    """
    values, sizes = np.asarray(shifts, float), np.asarray(errors, float)
    beyond = np.asarray(moved, bool)
    figure, (axes,) = new_figure(7.2, 2.8)
    places = np.arange(len(names))
    axes.axhline(0.0, color=MUTED, linewidth=0.8)
    for which, colour, text in (
        (~beyond, colour_of(0), "within what chance gives"),
        (beyond, colour_of(1), "moved"),
    ):
        if which.any():
            axes.errorbar(
                places[which],
                values[which],
                yerr=2 * sizes[which],
                fmt="o",
                markersize=3,
                linewidth=1,
                color=colour,
                label=text,
            )
    step = max(1, len(names) // 24)
    labels = [literal(names[k]) for k in places[::step]]
    axes.set_xticks(places[::step], labels, rotation=90 if len(max(labels, key=len)) > 2 else 0)
    axes.set_ylabel(label)
    if beyond.any():
        legend(axes)
    title(axes, "Each input against what the others say of it (bars: two standard errors)")
    style_axes(axes)
    return figure


def shift_history(
    times: Sequence[str], names: Sequence[str], sigmas: ArrayLike, limit: float
) -> Figure:
    """Draw how far a few quantities were from the reference at every check.

    Parameters
    ----------
    times
        Of the checks, as they are to be written.
    sigmas
        (quantity, check) in standard errors of the single check; NaN where it could not be told.
    limit
        Of a single check, in standard errors.
    """
    values = np.asarray(sigmas, float)
    figure, (axes,) = new_figure(7.2, 2.8)
    places = np.arange(len(times))
    for sign in (-1, 1):
        axes.axhline(sign * limit, color=MUTED, linewidth=0.8, linestyle="--")
    for k, name in enumerate(names):
        axes.plot(
            places, values[k], marker="o", markersize=2.5, color=colour_of(k), label=literal(name)
        )
    if np.nanmax(np.abs(values), initial=0.0) > 4 * limit:
        axes.set_yscale("symlog", linthresh=2 * limit)
    step = max(1, -(-len(times) // 6))
    axes.set_xticks(places[::step], [times[k] for k in places[::step]])
    axes.set_ylabel("shift (standard errors)")
    legend(axes, loc="best")
    title(axes, "The quantities that stand out most, check by check")
    style_axes(axes)
    return figure
