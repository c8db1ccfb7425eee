"""What a report says of training on other detectors: before and after, on the same events."""

from __future__ import annotations

from pulsefront.report import Block, FigureBlock, Paragraph, Table
from pulsefront.report.figures import before_and_after
from pulsefront.studies.augmented import AugmentRecord

__all__ = ["augment_blocks"]


def augment_blocks(found: AugmentRecord | None, confidence: str) -> list[Block]:
    """Return table and figure of both networks on every set; nothing where none was augmented.

    Parameters
    ----------
    confidence
        Of the intervals, in words.
    """
    if found is None:
        return []
    metric = found.sets[0].metric
    shown = [one for one in found.sets if one.metric == metric]
    return [
        Paragraph(
            "Networks were trained on detectors drawn from the ranges under [augment]. Below is "
            f"the full float network trained so and trained without, from {found.initializations} "
            "initializations each, the one that is best on selection events; everything else is "
            "alike, and the test events are the same. Nothing of the external sets was trained on."
        ),
        Table(
            ("set", "events", "trained without", "trained with", "difference (%)"),
            [
                (
                    one.name if one.metric == metric else f"{one.name}; {one.metric}",
                    one.events,
                    one.without,
                    one.augmented,
                    one.difference_percent,
                )
                for one in found.sets
            ],
            caption=f"{metric} with {confidence} bootstrap intervals; the difference is paired by "
            "event, and negative where training on other detectors helps.",
            highlight=(0,),
        ),
        FigureBlock(
            before_and_after(
                {
                    one.name: (
                        (one.without.value, one.without.low, one.without.high),
                        (one.augmented.value, one.augmented.low, one.augmented.high),
                    )
                    for one in shown
                },
                names=("trained without", "trained with"),
                label=f"full float network, {metric}",
            ),
            "The network trained with and without other detectors, on every set",
        ),
    ]
