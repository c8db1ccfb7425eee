"""What a report says of the uncertainty of single events of a study of classes."""

from __future__ import annotations

from pulsefront.report import Block, Callout, FigureBlock, Paragraph, Table
from pulsefront.report.figures.rejection import error_kept, said_beside_found
from pulsefront.studies.pages.uncertainty import input_test_blocks
from pulsefront.studies.uncertainty.class_records import ClassUncertainty

__all__ = ["class_uncertainty_blocks"]


def class_uncertainty_blocks(found: ClassUncertainty, confidence: str) -> list[Block]:
    """Return what the margin is worth: its cut, its bins, its sets of classes."""
    margin = found.margin
    shown = {
        row.by if row.of == "network" else f"{row.of} by {row.by}": [
            100.0 * (1.0 - one) for one in row.right
        ]
        for row in found.curves
    }
    wrong = 1.0 - found.right.value
    told = [row for row in found.bins if row.found is not None]
    return [
        Paragraph(
            "The margin of an event is its largest score less the second largest, an integer: no "
            "output is added, nothing is trained, and a front end forms it with comparisons. What "
            "it says is fixed on selection events."
        ),
        *_verdict(found),
        FigureBlock(
            error_kept(
                found.shares_kept,
                shown,
                unit="%",
                bound=[100.0 * max(0.0, 1.0 - (1.0 - wrong) / kept) for kept in found.shares_kept],
                label="kept events in the wrong class",
                legend_above=True,
            ),
            "Share of the kept events that is wrong against the share that is kept",
            "Those that look worst are left out, by the margin and by other rankings of the same "
            "test events.",
        ),
        Table(
            ("ranked by", "choices of", "right (%)", "the margin has more by"),
            [
                (
                    row.by,
                    row.of,
                    row.right_kept.scaled(100.0),
                    "" if row.margin_more is None else row.margin_more.scaled(100.0),
                )
                for row in found.curves
            ],
            caption=f"Where {100 * found.share_compared:g} % of the test events are kept; of all "
            f"events the network has {found.right.scaled(100.0)} % right. {confidence} intervals; "
            "differences in percent points, paired by event.",
        ),
        FigureBlock(
            said_beside_found(
                [100.0 * row.said for row in told],
                [
                    (100.0 * row.found.value, 100.0 * row.found.low, 100.0 * row.found.high)
                    for row in told
                    if row.found is not None
                ],
                label="right",
                unit="%",
            ),
            "Share that is right as the margin says against what is found",
            "Bins of the margin: what is right of selection events, and of test events.",
        ),
        Table(
            ("margin above", "selection events", "right of them (%)", "test events", "right (%)"),
            [
                (
                    row.above,
                    row.events,
                    100.0 * row.right / row.events,
                    held.events,
                    "" if held.found is None else held.found.scaled(100.0),
                )
                for row, held in zip(margin.bins, found.bins, strict=True)
            ],
            caption=f"One step of the margin is {margin.step:g} in the unit of the scores.",
        ),
        Table(
            ("share", "classes within", "hold the true one (%)", "classes", "one alone (%)"),
            [
                (
                    f"{100 * row.share:g} %",
                    f"{told_by.reach} steps",
                    row.inside.scaled(100.0),
                    row.mean_classes,
                    100.0 * row.alone,
                )
                for row, told_by in zip(found.sets, margin.sets, strict=True)
            ],
            caption="Sets of all classes whose score lies within so many steps of the largest, for "
            "a share of events at least (split conformal prediction): how many hold the true "
            "class, and how many classes are in them on average. Where the largest score is right "
            "more often than the share, sets of one class hold it more often, too.",
        ),
        *(
            Table(
                ("test events", "number", "in their set (%)"),
                [(one.part, one.events, one.inside.scaled(100.0)) for one in row.parts],
                caption=f"Events whose set for {100 * row.share:g} % holds the true class, by what "
                "is known of them.",
            )
            for row in found.sets
        ),
        Table(
            ("kept for", "smallest margin that is kept", "test events kept (%)", "right (%)"),
            [
                (
                    f"{100 * float(name):g} %",
                    cut,
                    100.0 * found.cuts[name].kept,
                    found.cuts[name].right.scaled(100.0),
                )
                for name, cut in margin.cuts.items()
            ],
            caption="Cuts as selection events fix them; what is below has no decision.",
        ),
        *input_test_blocks(found.input_tests, confidence),
    ]


def _verdict(found: ClassUncertainty) -> list[Block]:
    own = found.curves[0].right_kept
    text = (
        f"Where the {100 * (1 - found.share_compared):g} % of the events with the smallest margin "
        f"have no decision, {own.scaled(100.0)} % of the others are right, instead of "
        f"{found.right.scaled(100.0)} %."
    )
    if found.worse_than:
        return [
            Callout(
                f"{text} The margin ranks worse than: {'; '.join(found.worse_than)}.", "warning"
            )
        ]
    return [Callout(text, "good" if own.low > found.right.high else "warning")]
