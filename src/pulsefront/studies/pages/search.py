"""What a report says of the whole search: its Pareto fronts, and what each step saved."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from pulsefront.networks.cost import NetworkCost
from pulsefront.report import Block, FigureBlock, Table
from pulsefront.report.figures import FrontPanel, cost_fronts
from pulsefront.search.noninferiority import MetricChange
from pulsefront.search.result import SearchSummary

__all__ = ["front_blocks"]

COSTS: dict[str, tuple[str, Callable[[NetworkCost], float | None]]] = {
    "weight_bytes": ("weight bytes", lambda cost: cost.weight_bytes),
    "ebops": ("EBOPs", lambda cost: cost.ebops),
    "lut": ("LUTs, estimated", lambda cost: cost.lut),
    "part_use": ("share of the part, estimated", lambda cost: cost.part_use),
}

NUMBERS = {3: "three", 4: "four"}


SHAPES = {
    "dense": "every node reads all of the layer before",
    "row_column": "nodes of the first layer read one row or column",
    "windows": "nodes of the first layer read a window",
    "linear_residual": "sums of the inputs go to the outputs beside the hidden layers",
}


def _change(found: MetricChange) -> str:
    value, low, high = (f"{100.0 * one:+.1f}" for one in (found.value, found.low, found.high))
    return f"{value} [{low}, {high}]"


def shape_blocks(search: SearchSummary, metric: str) -> list[Block]:
    """Return the shapes that were tried before anything was removed; nothing of a single one."""
    if not search.shapes:
        return []
    first = search.shapes[0].shape
    return [
        Table(
            ("shape", "nodes", "weights that are not zero", f"{metric} (change, %)", "taken"),
            [
                (
                    SHAPES[trial.shape],
                    "-".join(map(str, trial.hidden)),
                    trial.weights,
                    _change(trial.comparison),
                    "yes" if trial.accepted else "",
                )
                for trial in search.shapes
            ],
            caption=f"Shapes of the full float network; changes are against the first ({first}), "
            "paired over selection events and initializations, with bounds at one-sided 95 % each. "
            "Another is taken where its upper bound is below zero.",
        )
    ]


def front_blocks(search: SearchSummary, budget: Mapping[str, float], metric: str) -> list[Block]:
    """Return the fronts of a search over bytes, EBOPs and LUTs, and their networks.

    Parameters
    ----------
    budget
        Limits by name.
    metric
        The metric in words.
    """
    trials = search.candidates
    full = float(np.mean(search.full))
    tried = [n for n, trial in enumerate(trials) if math.isfinite(trial.comparison.value)]
    panels = []
    for name, (words, cost_of) in COSTS.items():
        if name not in search.fronts:  # no part was asked for
            continue
        costs = {n: cost_of(trials[n].cost) for n in tried if n > 0}
        shown = {n: cost for n, cost in costs.items() if cost is not None}
        index = {n: k for k, n in enumerate(shown)}
        panels.append(
            FrontPanel(
                words,
                list(shown.values()),
                [full * (1.0 + trials[n].comparison.value) for n in shown],
                [index[n] for n in search.fronts[name] if n in index],
                [index[n] for n in shown if trials[n].accepted],
                1.0 if name == "part_use" else budget.get(name),
            )
        )
    return [
        *shape_blocks(search, metric),
        FigureBlock(
            cost_fronts(
                panels, label=f"{metric}, selection events", limit=full * (1.0 + search.margin)
            ),
            "Pareto fronts of the search over weight bytes, EBOPs and LUTs",
            f"Every quantized candidate, by {NUMBERS[len(panels)]} costs. The fronts are chosen on "
            "the selection events and so flatter what lies on them.",
        ),
        Table(
            (
                "network",
                "weight bytes",
                "MACs",
                "EBOPs",
                "LUTs, estimated",
                f"{metric} (change, %)",
            ),
            [
                (
                    str(trials[n].architecture),
                    trials[n].cost.weight_bytes,
                    trials[n].cost.macs,
                    trials[n].cost.ebops,
                    trials[n].cost.lut,
                    f"{100.0 * trials[n].comparison.value:+.1f}",
                )
                for n in search.front
            ],
            caption="The Pareto front of weight bytes against the metric, cheapest first; changes "
            "are against the full float network.",
        ),
    ]
