"""What a report says of networks of regions, beside the searched network."""

from __future__ import annotations

from pulsefront.evaluate import Interval
from pulsefront.report import Block, Callout, Paragraph, Table
from pulsefront.search.regions import RegionCost, RegionTrial
from pulsefront.search.result import SearchSummary
from pulsefront.studies.metrics import metric_named
from pulsefront.studies.pages.words import change_in_percent, change_in_words, each_of
from pulsefront.studies.regions.records import RegionsRecord, RegionsTest

__all__ = ["region_blocks"]

DIVIDED = {
    "cells": "A linear estimate of x and y says in which cell of the block an event lies",
    "depth": "A linear estimate of the depth says in which range of depth an event lies",
}

COSTS = ("MACs", "effective bit operations", "bytes", "LUTs, estimated", "DSPs, estimated")


def region_blocks(found: RegionsRecord, test: RegionsTest, search: SearchSummary) -> list[Block]:
    """Return all that were tried, the chosen one beside the searched network, and its proof."""
    metric = metric_named(search.metric)
    chosen = next(trial for trial in found.trials if trial.accepted)
    return [
        Paragraph(
            f"{DIVIDED[found.by]}; then a small network, of one shape for all regions and with "
            "weights of that region, says where. Multiplications are those of one region and of "
            "the estimate, bytes those of all regions. They read the inputs of the searched "
            "network and are judged by the same test on the same events. The one with the fewest "
            "bytes that is not inferior is chosen, and exported beside the searched network "
            "(steps/regions/model.json, steps/regions_test/firmware)."
        ),
        Table(
            ("regions", *COSTS, "change (%)", "over one region (%)", "not inferior"),
            [
                (
                    trial.regions,
                    *_cost(trial.cost),
                    "diverged" if trial.diverged else change_in_percent(trial.comparison),
                    _over_one(trial),
                    "chosen" if trial.accepted and trial.non_inferior else trial.non_inferior,
                )
                for trial in found.trials
            ],
            caption=f"Change of the {metric.words} against the full float network, and against "
            "the same network without regions; selection events. LUTs and DSPs are estimated for "
            "a new event every clock; where multipliers take turns, both kinds have their "
            "weights in memories and the same multipliers.",
        ),
        *([] if chosen.non_inferior else [_none_good(search)]),
        Table(
            ("network", *COSTS, f"{metric}, test events"),
            [
                (f"{chosen.regions} regions", *_cost(chosen.cost), each_of(test.regions)),
                ("searched", *_cost(found.searched_cost), each_of(test.searched)),
            ],
            caption=f"Of {len(test.regions)} initializations each; costs are the most of any.",
        ),
        Paragraph(
            f"On test events the {metric.words} of the network of regions differs from the "
            f"searched network's by {change_in_words(test.change)}. "
            f"{', '.join(test.executors)} gave the emulator's integers: "
            f"{test.mismatches:,} of {test.integers_compared:,} differ."
        ),
    ]


def _none_good(search: SearchSummary) -> Callout:
    return Callout(
        f"No network of regions is shown to stay within {search.margin:.0%} of the full float "
        "network; the one that loses least stands as the chosen one.",
        "warning",
    )


def _cost(cost: RegionCost) -> tuple[int, ...]:
    return (cost.macs, cost.ebops, cost.weight_bytes, cost.lut, cost.dsp)


def _over_one(trial: RegionTrial) -> Interval | str:
    return "" if trial.over_one is None else change_in_percent(trial.over_one)
