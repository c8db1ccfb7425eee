"""What a report says of learning curve, cross validation, sham data and uncertainty."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulsefront.report import Block, FigureBlock, Paragraph, Table
from pulsefront.report.figures import learning_curve
from pulsefront.studies.pages.network import metric_words

__all__ = ["diagnosis_blocks"]

SPREADS = {
    "half_of_least_spread": "half of least spread",
    "between": "between",
    "tenth_of_most_spread": "tenth of most spread",
}


def diagnosis_blocks(results: Mapping[str, Any]) -> list[Block]:
    """Return figure and tables; what was not asked for is left out."""
    blocks: list[Block] = []
    found = results.get("diagnosis", {})
    words = metric_words(found["metric"]) if found else ""
    points = found.get("learning_curve", [])
    if points:
        triples = [(row["mean"], row["mean_low"], row["mean_high"]) for row in points]
        blocks.append(
            FigureBlock(
                learning_curve(
                    [row["events"] for row in points], {"full float network": triples}, label=words
                ),
                "The metric over the number of training events",
                "Selection events; mean over initializations with its 95 % t interval.",
            )
        )
    rows = []
    if "cross_validation" in found:
        row = found["cross_validation"]
        rows.append((f"{row['folds']} folds of whole positions", row["events"], row["each"]))
    if "sham" in found:
        row = found["sham"]
        rows.append(("sham: inputs of the events exchanged", row["events"], row["each"]))
        rows.append(("the best constant answer", "", [row["constant_answer"]]))
    if rows:
        blocks.append(
            Table(
                ("training", "training events", words),
                [(a, b, ", ".join(f"{v:.4g}" for v in each)) for a, b, each in rows],
                caption="The full float network. Folds are measured on their own held-out "
                "positions, at twice the pitch; the sham network on selection events, where it "
                "should do no better than a constant.",
            )
        )
    uncertain = results["test"]["uncertainty"]
    blocks += [
        Paragraph(
            "Where the initializations of the searched network disagree, an estimate is less "
            "certain: a front end that can afford all of them may decline to decide there."
        ),
        Table(
            ("test events", metric_words(results["test"]["main_metric"])),
            [(SPREADS[k], v) for k, v in uncertain["main_metric_by_spread"].items()],
            caption=f"Main metric of the exported network by the {uncertain['measure']}.",
        ),
    ]
    return blocks
