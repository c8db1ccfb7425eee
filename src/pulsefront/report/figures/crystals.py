"""Pixelated arrays: the flood map, what is right crystal by crystal, and how far wrong ones lie."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from pulsefront.report.style import (
    SEQUENTIAL,
    colour_bar,
    colour_of,
    legend,
    new_figure,
    style_axes,
    title,
)

__all__ = ["crystal_maps", "flood_maps", "misplacement_bars"]


def flood_maps(
    centroids_mm: Mapping[str, ArrayLike], *, peaks_mm: ArrayLike | None = None, bins: int = 200
) -> Figure:
    """Draw two-dimensional histograms of light centroids, on a scale of counts to the power ½.

    Parameters
    ----------
    centroids_mm
        Name of the panel → (event, 2).
    peaks_mm
        (crystal, 2), marked with rings in every panel.
    """
    data = {name: np.asarray(v, dtype=np.float64) for name, v in centroids_mm.items()}
    reach = 1.03 * max(float(np.abs(v).max()) for v in data.values())
    figure, panels = new_figure(3.5 * len(data) + 0.6, 3.5, columns=len(data))
    image = None
    for axes, (name, places) in zip(panels, data.items(), strict=True):
        style_axes(axes, grid="none")
        counts, _, _ = np.histogram2d(
            places[:, 0], places[:, 1], bins=bins, range=[[-reach, reach]] * 2
        )
        image = axes.imshow(
            np.sqrt(counts.T),
            origin="lower",
            extent=(-reach, reach, -reach, reach),
            cmap=SEQUENTIAL,
            interpolation="nearest",
        )
        if peaks_mm is not None:
            peaks = np.asarray(peaks_mm)
            axes.plot(peaks[:, 0], peaks[:, 1], "o", mfc="none", mec="#ffffff", ms=6, mew=0.6)
        title(axes, name)
        axes.set_xlabel("centroid x (mm)")
    panels[0].set_ylabel("centroid y (mm)")
    if image is not None:
        colour_bar(image, panels, "√ (events per bin)", shrink=0.85)
    return figure


def crystal_maps(
    values: Mapping[str, ArrayLike], *, label: str, number_format: str = "{:.0f}"
) -> Figure:
    """Draw one value per crystal over the array, one map per name on one scale.

    Parameters
    ----------
    values
        Name → (row, column), the first row at the lowest y.
    """
    data = {name: np.asarray(v, dtype=np.float64) for name, v in values.items()}
    known = np.concatenate([v[np.isfinite(v)] for v in data.values()])
    low, high = float(known.min()), float(known.max())
    figure, panels = new_figure(3.4 * len(data) + 0.7, 3.4, columns=len(data))
    image = None
    for axes, (name, grid) in zip(panels, data.items(), strict=True):
        style_axes(axes, grid="none")
        image = axes.imshow(grid, origin="lower", cmap=SEQUENTIAL, vmin=low, vmax=high)
        for (row, column), value in np.ndenumerate(grid):
            if np.isfinite(value):
                dark = (value - low) / ((high - low) or 1) < 0.55
                axes.text(
                    column,
                    row,
                    number_format.format(value),
                    ha="center",
                    va="center",
                    fontsize=7,
                    color="#ffffff" if dark else "#10151a",
                )
        axes.set_xticks(range(grid.shape[1]))
        axes.set_yticks(range(grid.shape[0]))
        axes.tick_params(length=0)
        title(axes, name)
        axes.set_xlabel("column (x)")
    panels[0].set_ylabel("row (y)")
    if image is not None:
        colour_bar(image, panels, label, shrink=0.85)
    return figure


def misplacement_bars(shares: Mapping[str, Mapping[str, float]], *, label: str) -> Figure:
    """Draw groups of bars: for each distance class one bar per estimator.

    Parameters
    ----------
    shares
        Estimator → distance class → share.
    """
    figure, (axes,) = new_figure(7.2, 3.0)
    style_axes(axes, grid="y")
    width = 0.8 / len(shares)
    classes = list(next(iter(shares.values())))
    for number, (name, values) in enumerate(shares.items()):
        at = np.arange(len(classes)) + width * (number - 0.5 * (len(shares) - 1))
        axes.bar(
            at, [values[c] for c in classes], 0.92 * width, color=colour_of(number), label=name
        )
    axes.set_xticks(range(len(classes)), classes)
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel(label)
    legend(axes, ncols=2)
    return figure
