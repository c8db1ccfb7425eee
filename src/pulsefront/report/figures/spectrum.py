"""Spectra: how often a charge or energy was seen, with the window that was kept."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from pulsefront.report.style import MUTED, colour_of, legend, new_figure

__all__ = ["spectrum"]


def spectrum(
    values: Mapping[str, ArrayLike],
    *,
    label: str,
    windows: Mapping[str, tuple[float, float]] | None = None,
    bins: int = 160,
    width: float = 7.2,
) -> Figure:
    """Draw one histogram per name as steps, and shade the accepted window of each.

    Parameters
    ----------
    values
        Name → (event,).
    windows
        Name → lower and upper limit.
    """
    figure, (axes,) = new_figure(width, 2.9)
    arrays = {name: np.asarray(v, dtype=np.float64) for name, v in values.items()}
    top = 1.05 * max(float(np.quantile(v, 0.999)) for v in arrays.values())
    bottom = 0.95 * min(float(v.min()) for v in arrays.values())
    for number, (name, array) in enumerate(arrays.items()):
        counts, edges = np.histogram(array, bins=bins, range=(bottom, top))
        axes.stairs(counts, edges, color=colour_of(number), linewidth=1.3, label=name)
        if windows and name in windows:
            low, high = windows[name]
            axes.axvspan(low, high, color=colour_of(number), alpha=0.12, linewidth=0)
            axes.axvline(low, color=MUTED, linewidth=0.7)
            axes.axvline(high, color=MUTED, linewidth=0.7)
    axes.set_xlim(bottom, top)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(label)
    axes.set_ylabel("events per bin")
    if len(arrays) > 1:
        legend(axes)
    return figure
