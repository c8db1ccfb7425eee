"""What the search for a small network found: the path of the ablation, fronts of methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from pulsefront.report.style import MUTED, colour_of, legend, logarithmic, new_figure
from pulsefront.report.svg import PALETTE

__all__ = ["FrontPanel", "PathStep", "ablation_path", "cost_fronts", "pareto_fronts"]

NARROW = 5.0
"""Below this ratio of its ends a logarithmic axis in a narrow panel takes few, even ticks."""


@dataclass(frozen=True)
class PathStep:
    """One tried step: its cost, its metric with interval, whether it was accepted, and a name."""

    cost: float
    value: float
    low: float
    high: float
    accepted: bool
    name: str = ""


def ablation_path(
    steps: Sequence[PathStep],
    *,
    cost_label: str,
    label: str,
    budget: float | None = None,
    limit: float | None = None,
    references: Mapping[str, float] | None = None,
    named: int = 6,
) -> Figure:
    """Draw resolution against cost for every tried step, the accepted ones joined.

    Parameters
    ----------
    steps
        In the order tried; the first is the full model.
    budget
        Largest allowed cost, a vertical line.
    limit
        Largest metric that is still non-inferior to the full model, a horizontal line.
    references
        Name → metric of classical estimators, horizontal lines.
    named
        At most this many accepted steps carry their name, far enough apart to be read.
    """
    figure, (axes,) = new_figure(7.6, 3.9)
    refused = [step for step in steps if not step.accepted]
    kept = [step for step in steps if step.accepted]
    if refused:
        x, y = [s.cost for s in refused], [s.value for s in refused]
        low, high = [s.low for s in refused], [s.high for s in refused]
        axes.vlines(x, low, high, color=PALETTE["series-8"], linewidth=0.7, alpha=0.45)
        axes.plot(x, y, "x", color=PALETTE["series-8"], ms=5, mew=1.1, label="refused")
    if kept:
        cost = np.array([s.cost for s in kept])
        axes.vlines(
            cost, [s.low for s in kept], [s.high for s in kept], color=colour_of(0), linewidth=1.2
        )
        values = [s.value for s in kept]
        axes.plot(cost, values, "o-", color=colour_of(0), ms=5, linewidth=1.3, label="accepted")
        axes.plot(cost[-1], values[-1], "o", color=PALETTE["good"], ms=9, label="final")
        for place in _apart(cost, named):
            if kept[place].name:
                axes.annotate(
                    _short(kept[place].name),
                    (cost[place], kept[place].high),
                    xytext=(0, 7),
                    textcoords="offset points",
                    ha="left" if place == 0 else "center",
                    color=MUTED,
                    fontsize=7.5,
                )
    for number, (name, value) in enumerate((references or {}).items()):
        axes.axhline(value, color=colour_of(number + 1), linewidth=1.2, label=name)
    if limit is not None:
        axes.axhline(
            limit, color=MUTED, linewidth=1, linestyle=(0, (2, 2)), label="non-inferiority limit"
        )
    if budget is not None:
        axes.axvline(
            budget, color=PALETTE["bad"], linewidth=1.3, linestyle=(0, (5, 3)), label="budget"
        )
    if steps and min(s.cost for s in steps) > 0:
        logarithmic(axes, "x")
    # Costs fall as the ablation goes on; so does the axis.
    axes.invert_xaxis()
    axes.set_xlabel(cost_label)
    axes.set_ylabel(label)
    axes.margins(y=0.12)
    legend(axes, ncols=3, loc="best")
    return figure


def _apart(cost: NDArray[np.float64], most: int) -> list[int]:
    """Return at most *most* places whose costs lie far enough apart, the first among them."""
    axis = np.log(np.maximum(cost, 1e-12))
    room = 0.2 * max(float(np.ptp(axis)), 1e-12)
    chosen: list[int] = []
    # The ends say most; what lies between them fills the room that is left.
    for place in [0, len(cost) - 1, *range(1, len(cost) - 1)]:
        if len(chosen) < most and all(abs(axis[place] - axis[other]) > room for other in chosen):
            chosen.append(place)
    return chosen


def _short(name: str, most: int = 26) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


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


@dataclass(frozen=True)
class FrontPanel:
    """All candidates by one cost: (candidate,) each; *front* and *path* are places among them.

    The front is cheapest first, the path in the order of the search.
    """

    label: str
    cost: ArrayLike
    metric: ArrayLike
    front: Sequence[int]
    path: Sequence[int]
    budget: float | None = None


def cost_fronts(panels: Sequence[FrontPanel], *, label: str, limit: float | None = None) -> Figure:
    """Draw every candidate of one search by several costs, side by side.

    Parameters
    ----------
    label
        Of the metric, which the panels share; smaller is better.
    limit
        Largest metric that is still non-inferior, a horizontal line.
    """
    figure, all_axes = new_figure(8.4, 3.4, columns=len(panels))
    for number, (axes, panel) in enumerate(zip(all_axes, panels, strict=True)):
        cost = np.asarray(panel.cost, dtype=np.float64)
        metric = np.asarray(panel.metric, dtype=np.float64)
        front, path = np.array(panel.front, int), np.array(panel.path, int)
        axes.plot(cost, metric, "o", color=MUTED, ms=3, alpha=0.45, label="candidates")
        axes.plot(cost[path], metric[path], "o", color=colour_of(0), ms=5, label="accepted")
        axes.step(
            cost[front],
            metric[front],
            where="post",
            color=PALETTE["good"],
            linewidth=1.6,
            label="Pareto front",
        )
        if limit is not None:
            axes.axhline(limit, color=MUTED, linewidth=1, linestyle=(0, (2, 2)), label="limit")
        if panel.budget is not None:
            axes.axvline(
                panel.budget,
                color=PALETTE["bad"],
                linewidth=1.3,
                linestyle=(0, (5, 3)),
                label="budget",
            )
        logarithmic(axes, "x")
        low_cost, high_cost = axes.get_xlim()
        if high_cost < NARROW * low_cost:
            axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.set_xlabel(panel.label)
        top = np.nanmax(metric[np.concatenate([front, path])])
        low, spread = float(np.nanmin(metric)), float(max(top, limit or top) - np.nanmin(metric))
        # One candidate far off must not flatten the rest.
        axes.set_ylim(low - 0.15 * spread, low + 2.2 * max(spread, 1e-12))
        if number == 0:
            axes.set_ylabel(label)
            legend(axes)
        else:
            axes.tick_params(labelleft=False)
    return figure


def _front(
    cost: NDArray[np.float64], metric: NDArray[np.float64], usable: NDArray[np.intp]
) -> NDArray[np.intp]:
    order = usable[np.lexsort((metric[usable], cost[usable]))]
    best = np.minimum.accumulate(metric[order])
    first = np.concatenate([[True], np.diff(best) < 0]) if len(best) else np.zeros(0, bool)
    return np.asarray(order[first])
