"""What a report says of the whole search: its Pareto fronts, and what each step saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pulsefront.report import Block, FigureBlock, Table
from pulsefront.report.figures import FrontPanel, cost_fronts

__all__ = ["front_blocks"]

COSTS = {"weight_bytes": "weight bytes", "ebops": "EBOPs", "lut": "LUTs, estimated"}


def front_blocks(search: Mapping[str, Any], budget: Mapping[str, Any], metric: str) -> list[Block]:
    """Return the fronts of a search over bytes, EBOPs and LUTs, and their networks.

    Parameters
    ----------
    search
        `search.AblationResult.summary`.
    budget
        Limits by name.
    metric
        The metric in words.
    """
    trials = search["candidates"]
    full = float(np.mean(search["full"]))
    tried = [n for n, trial in enumerate(trials) if trial["comparison"]["value"] is not None]
    panels = []
    for name, words in COSTS.items():
        shown = [n for n in tried if trials[n]["cost"][name] is not None and n > 0]
        place = {n: k for k, n in enumerate(shown)}
        panels.append(
            FrontPanel(
                words,
                [trials[n]["cost"][name] for n in shown],
                [full * (1.0 + trials[n]["comparison"]["value"]) for n in shown],
                [place[n] for n in search["fronts"][name] if n in place],
                [place[n] for n in shown if trials[n]["accepted"]],
                budget.get(name),
            )
        )
    return [
        FigureBlock(
            cost_fronts(
                panels, label=f"{metric}, selection events", limit=full * (1.0 + search["margin"])
            ),
            "Pareto fronts of the search over weight bytes, EBOPs and LUTs",
            "Every quantized candidate, by three costs. The fronts are chosen on the selection "
            "events and so flatter what lies on them.",
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
                    _shape(trials[n]["architecture"]),
                    trials[n]["cost"]["weight_bytes"],
                    trials[n]["cost"]["macs"],
                    trials[n]["cost"]["ebops"],
                    trials[n]["cost"]["lut"],
                    f"{100.0 * trials[n]['comparison']['value']:+.1f}",
                )
                for n in search["front"]
            ],
            caption="The Pareto front of weight bytes against the metric, cheapest first; changes "
            "are against the full float network.",
        ),
    ]


def _shape(architecture: Mapping[str, Any]) -> str:
    sizes = (architecture["inputs"], *architecture["hidden"], architecture["outputs"])
    return "-".join(map(str, sizes))
