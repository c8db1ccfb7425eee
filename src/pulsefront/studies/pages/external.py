"""What a report says of the external test sets."""

from __future__ import annotations

from pulsefront.evaluate import Interval
from pulsefront.report import Block, FigureBlock, Paragraph, Table
from pulsefront.report.figures import comparison_bars
from pulsefront.studies.metrics import Metric
from pulsefront.studies.records import ExternalRecord, TestRecord

__all__ = ["external_blocks"]


def external_blocks(test: TestRecord, confidence: str) -> list[Block]:
    """Return a table of all external sets beside the study's own test set, and a figure.

    Parameters
    ----------
    confidence
        Of the intervals, in words.
    """
    sets = test.external or ()
    if not sets:
        return [Paragraph("The study names no external test set.")]
    metric, names = test.main_metric, list(test.estimators)
    own = test.estimators
    rows = [("own test set", "", test.test_events, *(own[e][metric.key] for e in names))]
    rows += [row for one in sets for row in _rows(one, metric, names)]
    same = {one.name: bar for one in sets for bar in _bars(one, metric)}
    blocks: list[Block] = [
        Paragraph(
            "Network and classical estimators as they were fitted above, without any change, on "
            "data that differ from the training data on purpose. Only the photopeak window is "
            "that of the set's own spectrum, as a detector is calibrated in energy before use."
        ),
        Table(
            ("set", "origin", "events", *names),
            rows,
            caption=f"{metric} with {confidence} bootstrap intervals; smaller is better.",
            highlight=(0,),
        ),
    ]
    if same:
        bars = {"own test set": own["network"][metric.key], **same}
        blocks.append(
            FigureBlock(
                comparison_bars(
                    {name: (one.value, one.low, one.high) for name, one in bars.items()},
                    label=f"network, {metric}",
                    emphasized=("own test set",),
                ),
                "The network on its own test set and on the external sets",
            )
        )
    if delays := [words for one in sets for words in _delays(one)]:
        blocks.append(
            Paragraph(
                "Delay between the channels, measured on the set itself and taken out of the times "
                f"of all estimators: {'; '.join(delays)}."
            )
        )
    blocks += [
        Paragraph(f"{row.name}: nothing could be measured. {row.not_measured}.")
        for row in sets
        if row.not_measured is not None
    ]
    return blocks


def _rows(
    row: ExternalRecord, shown: Metric, names: list[str]
) -> list[tuple[str | int | Interval | None, ...]]:
    """Return the row of a set on which something was measured."""
    metric, table = row.main_metric, row.estimators
    if metric is None or table is None:
        return []
    words = row.name if metric == shown else f"{row.name}; {metric}"
    return [(words, row.origin, row.test_events, *(table[e][metric.key] for e in names))]


def _delays(row: ExternalRecord) -> list[str]:
    """Return the delay of every detector of a set that has one, in words."""
    found = row.channel_delays or {}
    return [
        f"{row.name}{f', {name}' if len(found) > 1 else ''} "
        f"{1000 * one.removed_ns:.0f} ps ({1000 * one.measured_ns:.0f} ± "
        f"{1000 * one.error_ns:.0f} ps measured)"
        for name, one in found.items()
    ]


def _bars(row: ExternalRecord, shown: Metric) -> list[Interval]:
    """Return the network's interval where the set was measured by the same metric."""
    if row.estimators is None or row.main_metric != shown:
        return []
    return [row.estimators["network"][shown.key]]
