"""What each site gained by a federation, as a page."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pulsefront.qc.federate.documents import FederatedResult
from pulsefront.qc.pages.words import level
from pulsefront.report import (
    Block,
    Callout,
    FigureBlock,
    Page,
    Paragraph,
    Section,
    Table,
    Tile,
    Tiles,
)
from pulsefront.report.style import MUTED, colour_of, literal, new_figure

__all__ = ["federated_page"]


def federated_page(result: FederatedResult, facts: Mapping[str, str]) -> Page:
    """Return the page of a federation's result."""
    judged = (
        "A site's scanners are judged at later times by a model that has not seen them, once a "
        "week per component; where failures are few the intervals are wide."
    )
    sent = (
        "What leaves a site are counts, sums over component-days and medians. They hold no record "
        "and no name, but sums over very few scanners tell much about these: look at the file "
        "before it is sent."
    )
    return Page(
        "One model of several sites",
        f"{len(result.judgements)} sites, {result.rounds} rounds, {result.features} features; "
        "no record has left a site",
        [
            _summary(result),
            _gains(result),
            _sites(result),
            Section("Limits", [Callout(text, "warning") for text in (judged, sent)]),
        ],
        facts,
    )


def _summary(result: FederatedResult) -> Section:
    judged = sum(each.failures_judged for each in result.judgements)
    better = sum((each.gain.value or 0.0) > 0.0 for each in result.judgements)
    alone = sum(not each.own_model for each in result.judgements)
    tiles = [
        Tile(
            "gain in log loss × 1000",
            result.gain.interval(result.confidence, 1000.0),
            "",
            "per component-day, over the sites' own models; above 0 is better",
            "good" if (result.gain.low or 0.0) > 0.0 else "neutral",
        ),
        Tile("sites that gained", better, "", f"of {len(result.judgements)}"),
        Tile("sites without a model of their own", alone, "", "no failure to learn from"),
        Tile("failures judged", judged, "", "after the part that trained and calibrated"),
    ]
    return Section("At a glance", [Tiles(tiles)])


def _gains(result: FederatedResult) -> Section:
    sites = result.judgements
    figure, (axes,) = new_figure(7.2, 0.8 + 0.36 * (len(sites) + 1))
    rows = [*((each.site, each.gain) for each in sites), ("all sites", result.gain)]
    for place, (_, gain) in enumerate(rows):
        last = place == len(rows) - 1
        colour = colour_of(1 if last else 0)
        if gain.value is None:
            continue
        if gain.low is not None and gain.high is not None:
            axes.plot([1000 * gain.low, 1000 * gain.high], [place, place], color=colour,
                      linewidth=2.6 if last else 1.6)  # fmt: skip
        axes.plot(1000 * gain.value, place, "D" if last else "o", color=colour)
    axes.axvline(0.0, color=MUTED, linestyle=":")
    axes.set_yticks(np.arange(len(rows)), [literal(name) for name, _ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlabel("gain in log loss × 1000 over the site's own model")
    pooled = [each.gain_over_pooled.value for each in sites if each.gain_over_pooled is not None]
    blocks: list[Block] = [
        FigureBlock(
            figure,
            "Gain of each site and of all, with intervals",
            f"With {level(result.confidence)} intervals over scanners; right of the line the "
            "model of all sites is better than the site's own.",
        )
    ]
    known = [value for value in pooled if value is not None]
    if known:
        blocks.append(
            Paragraph(
                "The sites are simulated, so their records could also be laid together: the fit on "
                "all of them differs from the federated one by at most "
                f"{max(map(abs, known)):.1e} in log loss at any site. Moving the records would "
                "have gained nothing more."
            )
        )
    return Section("What each site gained", blocks)


def _sites(result: FederatedResult) -> Section:
    confidence = result.confidence
    rows = [
        (
            each.site,
            each.units,
            each.failures_trained_on,
            each.failures_judged,
            each.log_loss_own,
            each.log_loss_federated,
            each.log_loss_pooled,
            each.average_precision_own,
            each.average_precision_federated,
            each.gain_average_precision.interval(confidence),
        )
        for each in result.judgements
    ]
    pooled = any(each.log_loss_pooled is not None for each in result.judgements)
    columns = (
        "site", "scanners", "failures that trained", "failures judged", "log loss, own",
        "log loss, federated", "log loss, pooled", "area under PR, own",
        "area under PR, federated", "gain in area",
    )  # fmt: skip
    kept = [k for k, name in enumerate(columns) if pooled or name != "log loss, pooled"]
    return Section(
        "Site by site",
        [
            Table(
                [columns[k] for k in kept],
                [[row[k] for k in kept] for row in rows],
                "Own: the hazard model that the site can train alone, or its base rate where it "
                f"had no failure. Intervals of {level(confidence)}, by bootstrap over scanners.",
            )
        ],
    )
