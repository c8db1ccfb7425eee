"""The picture of several search methods side by side, which the benchmark alone draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from pulsefront.report.style import MUTED, colour_of, legend, logarithmic, new_figure
from pulsefront.report.svg import PALETTE

__all__ = ["pareto_fronts"]


def pareto_fronts(
    points: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    cost_label: str,
    label: str,
    budget: float | None = None,
    fronts: Mapping[str, Sequence[int]] | None = None,
    limits: tuple[float, float] | None = None,
    limit: float | None = None,
) -> Figure:
    """Draw all candidates of each method faintly and its front (smaller is better) as a stair.

    Parameters
    ----------
    points
        Method → (cost, metric), each (candidate,). The first method is drawn on top.
    budget
        Largest allowed cost, a vertical line.
    fronts
        Method → places of its front, cheapest first, where it was chosen on other events than
        those shown; found from the points shown where None.
    limits
        Range of the metric shown; everything where None.
    limit
        Largest metric that is still good enough, a horizontal line.
    """
    figure, (axes,) = new_figure(7.2, 3.9)
    for number, (name, (costs, metrics)) in enumerate(points.items()):
        cost, metric = np.asarray(costs, dtype=np.float64), np.asarray(metrics, dtype=np.float64)
        usable = np.flatnonzero(np.isfinite(cost) & np.isfinite(metric))
        colour, order = colour_of(number), len(points) - number
        axes.plot(cost[usable], metric[usable], "o", color=colour, ms=3, alpha=0.3, zorder=order)
        front = _front(cost, metric, usable) if fronts is None else np.array(fronts[name], int)
        axes.step(
            cost[front],
            metric[front],
            where="post",
            color=colour,
            linewidth=2.2 if number == 0 else 1.5,
            marker="o",
            ms=4.5,
            label=name,
            zorder=order + len(points),
        )
    if limit is not None:
        axes.axhline(
            limit, color=MUTED, linewidth=1, linestyle=(0, (2, 2)), label="non-inferiority limit"
        )
    if budget is not None:
        axes.axvline(
            budget, color=PALETTE["bad"], linewidth=1.3, linestyle=(0, (5, 3)), label="budget"
        )
    logarithmic(axes, "x")
    if limits is not None:
        axes.set_ylim(*limits)
    axes.set_xlabel(cost_label)
    axes.set_ylabel(label)
    # Above the axes: fronts of many methods leave no corner empty.
    legend(axes, ncols=3, loc="lower left", bbox_to_anchor=(0, 1.0))
    return figure


def _front(
    cost: NDArray[np.float64], metric: NDArray[np.float64], usable: NDArray[np.intp]
) -> NDArray[np.intp]:
    order = usable[np.lexsort((metric[usable], cost[usable]))]
    best = np.minimum.accumulate(metric[order])
    first = np.concatenate([[True], np.diff(best) < 0]) if len(best) else np.zeros(0, bool)
    return np.asarray(order[first])
