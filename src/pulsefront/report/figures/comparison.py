"""Numbers beside each other: comparisons, matrices, curves of training and calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from pulsefront.report.style import (
    DIVERGING,
    INK,
    MUTED,
    SEQUENTIAL,
    colour_bar,
    colour_of,
    legend,
    logarithmic,
    new_figure,
    style_axes,
)
from pulsefront.report.svg import PALETTE

__all__ = [
    "before_and_after",
    "comparison_bars",
    "heat_map",
    "importance_bars",
    "learning_curve",
    "validation_dots",
]

Triple = tuple[float, float, float]
"""Value, low and high end of its interval."""


def comparison_bars(
    values: Mapping[str, Triple],
    *,
    label: str,
    emphasized: Sequence[str] = (),
    reference: float | None = None,
    reference_label: str = "",
    width: float = 7.2,
) -> Figure:
    """Draw one point with interval per name, from top to bottom.

    Parameters
    ----------
    values
        Name → (value, low, high).
    emphasized
        Names drawn in the first colour; the others are muted.
    reference
        A vertical line, such as a requirement or a bound.
    """
    figure, (axes,) = new_figure(width, 0.9 + 0.36 * len(values))
    style_axes(axes, grid="x")
    names = list(values)
    for row, name in enumerate(names):
        value, low, high = values[name]
        strong = name in emphasized or not emphasized
        colour = colour_of(0) if strong else PALETTE["series-8"]
        axes.plot([low, high], [row, row], "|-", color=colour, linewidth=1.6, ms=9, mew=1.6)
        axes.plot([value], [row], "o", color=colour, ms=6)
    if reference is not None:
        axes.axvline(reference, color=PALETTE["bad"], linewidth=1.2, linestyle=(0, (4, 3)))
        if reference_label:
            axes.annotate(
                reference_label,
                (reference, -0.62),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                color=PALETTE["bad"],
                fontsize=8,
            )
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set_ylim(len(names) - 0.5, -0.8)
    axes.set_xlabel(label)
    axes.spines["left"].set_visible(False)
    return figure


def before_and_after(
    values: Mapping[str, tuple[Triple, Triple]],
    *,
    names: tuple[str, str],
    label: str,
    width: float = 7.2,
) -> Figure:
    """Draw two points with intervals per row, from top to bottom.

    Parameters
    ----------
    values
        Row → (value, low, high) before and after.
    names
        Of both, for the legend.
    """
    figure, (axes,) = new_figure(width, 1.2 + 0.44 * len(values))
    style_axes(axes, grid="x")
    colours = (PALETTE["series-8"], colour_of(0))
    for row, pair in enumerate(values.values()):
        for (value, low, high), colour, shift in zip(pair, colours, (-0.14, 0.14), strict=True):
            at = row + shift
            axes.plot([low, high], [at, at], "|-", color=colour, linewidth=1.6, ms=8, mew=1.6)
            axes.plot([value], [at], "o", color=colour, ms=5)
    for name, colour in zip(names, colours, strict=True):
        axes.plot([], [], "o-", color=colour, ms=5, label=name)
    axes.set_yticks(range(len(values)), list(values))
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set_ylim(len(values) - 0.5, -0.8)
    axes.set_xlabel(label)
    axes.spines["left"].set_visible(False)
    legend(axes)
    return figure


def validation_dots(
    rows: Mapping[str, tuple[Sequence[float], Triple]],
    *,
    label: str,
    reference: float | None = None,
    reference_label: str = "",
    width: float = 7.2,
) -> Figure:
    """Draw validation designs from top to bottom: every division a dot, the mean with interval.

    Parameters
    ----------
    rows
        Design → (value of each division, (mean, low, high)).
    reference
        A vertical line, such as the value on selection events.
    """
    figure, (axes,) = new_figure(width, 1.0 + 0.5 * len(rows))
    style_axes(axes, grid="x")
    for row, (values, (mean, low, high)) in enumerate(rows.values()):
        axes.plot(values, [row + 0.2] * len(values), "o", color=PALETTE["series-8"], ms=4)
        axes.plot([low, high], [row, row], "|-", color=colour_of(0), linewidth=1.6, ms=9, mew=1.6)
        axes.plot([mean], [row], "o", color=colour_of(0), ms=6)
    if reference is not None:
        axes.axvline(reference, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)))
        axes.annotate(
            reference_label,
            (reference, -0.62),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            color=MUTED,
            fontsize=8,
        )
    axes.set_yticks(range(len(rows)), list(rows))
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set_ylim(len(rows) - 0.5, -0.8)
    axes.set_xlabel(label)
    axes.spines["left"].set_visible(False)
    return figure


def importance_bars(
    values: Mapping[str, Triple], *, label: str, most: int = 20, width: float = 7.2
) -> Figure:
    """Draw the largest values as bars with intervals, the largest first."""
    chosen = sorted(values.items(), key=lambda item: -item[1][0])[:most]
    figure, (axes,) = new_figure(width, 0.9 + 0.24 * len(chosen))
    style_axes(axes, grid="x")
    for row, (_, (value, low, high)) in enumerate(chosen):
        axes.barh(row, value, height=0.62, color=colour_of(0), alpha=0.85)
        axes.plot([low, high], [row, row], color=INK, linewidth=1.1)
    axes.set_yticks(range(len(chosen)), [name for name, _ in chosen])
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.set_ylim(len(chosen) - 0.5, -0.5)
    axes.set_xlabel(label)
    axes.spines["left"].set_visible(False)
    axes.axvline(0, color=MUTED, linewidth=0.8)
    return figure


def learning_curve(
    events: ArrayLike, values: Mapping[str, Sequence[Triple]], *, label: str
) -> Figure:
    """Draw a metric with its intervals over the number of training events."""
    figure, (axes,) = new_figure(7.2, 2.9)
    sizes = np.asarray(events, dtype=np.float64)
    for number, (name, triples) in enumerate(values.items()):
        value, low, high = np.array(triples).T
        colour = colour_of(number)
        axes.fill_between(sizes, low, high, color=colour, alpha=0.18, linewidth=0)
        axes.plot(sizes, value, "o-", ms=4, color=colour, linewidth=1.4, label=name)
    logarithmic(axes, "x")
    axes.set_xlabel("training events")
    axes.set_ylabel(label)
    legend(axes)
    return figure


def heat_map(
    matrix: ArrayLike,
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    label: str,
    diverging: bool = False,
    numbers: bool | None = None,
) -> Figure:
    """Draw a matrix with named rows and columns.

    Parameters
    ----------
    diverging
        Colours are centred at zero, for correlations and differences.
    numbers
        Whether the values are written; left out, where there are at most 150.
    """
    values = np.asarray(matrix, dtype=np.float64)
    cell = 0.42 if values.size <= 150 else 0.2
    size = (
        min(2.2 + cell * 1.5 * values.shape[1], 9.0),
        min(1.2 + cell * values.shape[0], 9.0),
    )
    figure, (axes,) = new_figure(*size)
    style_axes(axes, grid="none")
    finite = values[np.isfinite(values)]
    top = float(np.abs(finite).max()) if finite.size else 1.0
    low = -top if diverging else float(finite.min()) if finite.size else 0.0
    high = top if diverging else float(finite.max()) if finite.size else 1.0
    colours = DIVERGING if diverging else SEQUENTIAL
    image = axes.imshow(values, cmap=colours, vmin=low, vmax=high, aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), rows)
    axes.tick_params(length=0, labelcolor=INK)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if numbers if numbers is not None else values.size <= 150:
        for (row, column), value in np.ndenumerate(values):
            if np.isfinite(value):
                red, green, blue, _ = colours((value - low) / ((high - low) or 1))
                dark = 0.3 * red + 0.59 * green + 0.11 * blue < 0.55
                axes.text(
                    column,
                    row,
                    f"{value:.2f}" if top <= 1 else f"{value:.3g}",
                    ha="center",
                    va="center",
                    fontsize=8,
                    color="#ffffff" if dark else "#10151a",
                )
    colour_bar(image, axes, label)
    return figure
