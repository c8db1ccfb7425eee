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

__all__ = ["FrontPanel", "PathStep", "ablation_path", "cost_fronts"]

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
