"""What a report says of the inputs that the network uses, and of the size of the test set."""

from __future__ import annotations

from pulsefront.report import Block, FigureBlock, Paragraph, Table
from pulsefront.report.figures import importance_bars
from pulsefront.studies.records import TestRecord

__all__ = ["power_blocks", "use_blocks"]

TABLE_ROWS = 16


def use_blocks(test: TestRecord) -> list[Block]:
    """Return figure and table of the growth of the error without each input."""
    uses = test.input_uses
    if uses is None:
        return []
    rows = uses.inputs
    words = {row.input: row.input.replace("_", " ") for row in rows}
    return [
        Paragraph(
            f"How much the {uses.loss} grows on {uses.events:,} test events where one input of "
            "the exported network is exchanged between events (what it uses the input for), and "
            "where it is zero (what a dead channel costs)."
        ),
        FigureBlock(
            importance_bars(
                {
                    words[row.input]: (row.shuffled.value, row.shuffled.low, row.shuffled.high)
                    for row in rows
                },
                label=f"growth of the {uses.loss}",
            ),
            "Growth of the error where an input is exchanged between events",
            "The largest first.",
        ),
        Table(
            ("input", "exchanged", "zero"),
            [(words[row.input], row.shuffled, row.silent) for row in rows[:TABLE_ROWS]],
            caption=f"Growth of the {uses.loss}"
            + (f"; the first {TABLE_ROWS} of {len(rows)}." if len(rows) > TABLE_ROWS else "."),
        ),
    ]


def power_blocks(test: TestRecord) -> list[Block]:
    """Return how large another test would have to be."""
    power = test.power
    if power is None:
        return []
    what = f"test {power.counted}"
    return [
        Paragraph(
            f"Size of another evaluation, with this test as its pilot: a gain of "
            f"{power.least_gain_percent:g} % in the {test.main_metric.words} over "
            f"{test.best_baseline} is shown in nine of ten tests with {power.needed:,} {what} "
            f"(here {power.here:,}, which show it in {power.power_here:.0%} of tests); "
            f"{power.needed_for_two_percent:,} {what} bring the interval of the network's figure "
            "to ± 2 %."
        )
    ]
