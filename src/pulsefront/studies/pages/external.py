"""What a report says of the external test sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulsefront.report import Block, FigureBlock, Paragraph, Table
from pulsefront.report.figures import comparison_bars
from pulsefront.studies.pages.network import interval, metric_words

__all__ = ["external_blocks"]


def external_blocks(test: Mapping[str, Any]) -> list[Block]:
    """Return a table of all external sets beside the study's own test set, and a figure."""
    sets = test.get("external", [])
    if not sets:
        return [Paragraph("The study names no external test set.")]
    measured = [row for row in sets if "not_measured" not in row]
    names = list(test["estimators"])
    key = test["main_metric"]
    rows = [_row("own test set", test, key, names)]
    rows += [_row(row["name"], row, key, names) for row in measured]
    blocks: list[Block] = [
        Paragraph(
            "Network and classical estimators as they were fitted above, without any change, on "
            "data that differ from the training data on purpose. Only the photopeak window is "
            "that of the set's own spectrum, as a detector is calibrated in energy before use."
        ),
        Table(
            ("set", "origin", "events", *names),
            rows,
            caption=f"{metric_words(key)} with 95 % bootstrap intervals; smaller is better.",
            highlight=(0,),
        ),
    ]
    same = [row for row in measured if row["main_metric"] == key]
    if same:
        bars = {
            row["name"]: tuple(row["estimators"]["network"][k] for k in _ends(key)) for row in same
        }
        own = {"own test set": tuple(test["estimators"]["network"][k] for k in _ends(key))}
        blocks.append(
            FigureBlock(
                comparison_bars(
                    {**own, **bars},
                    label=f"network, {metric_words(key)}",
                    emphasized=("own test set",),
                ),
                "The network on its own test set and on the external sets",
            )
        )
    blocks += [
        Paragraph(f"{row['name']}: nothing could be measured. {row['not_measured']}.")
        for row in sets
        if "not_measured" in row
    ]
    return blocks


def _ends(key: str) -> tuple[str, str, str]:
    return key, f"{key}_low", f"{key}_high"


def _row(name: str, row: Mapping[str, Any], shown: str, estimators: list[str]) -> tuple[Any, ...]:
    key = row["main_metric"]
    words = name if key == shown else f"{name}; {metric_words(key)}"
    values = (interval(row["estimators"][e], key) for e in estimators)
    return words, row.get("origin", ""), row["test_events"], *values
