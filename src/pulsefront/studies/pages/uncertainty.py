"""What a report says of the uncertainty of single events."""

from __future__ import annotations

from pulsefront.report import Block, Callout, FigureBlock, Grid, Paragraph, Table
from pulsefront.report.figures.rejection import error_kept, said_beside_found
from pulsefront.studies.uncertainty.records import EventUncertainty, InputTestRecord, RegionCoverage

__all__ = ["input_test_blocks", "uncertainty_blocks"]


def uncertainty_blocks(found: EventUncertainty, confidence: str) -> list[Block]:
    """Return how the head was calibrated, whom it beats at ranking, and what its regions hold."""
    head, unit = found.head, found.unit
    first = head.regions[0]
    curves = {
        f"{curve.by}" if curve.of == "network" else f"{curve.of} by its own {curve.by}": curve
        for curve in found.curves
    }
    bound = next((row for row in found.curves if row.by.startswith("the error itself")), None)
    shown = {name: row.median_error for name, row in curves.items() if row is not bound}
    return [
        Paragraph(
            f"One more output foretells the {head.quantile:g} quantile of the error of each event. "
            f"It reads {head.reads} through {head.nodes} nodes of its own, was trained when the "
            "network was finished, and left the network's own outputs as they were, to the bit. It "
            f"adds {head.cost.weight_bytes:,} bytes, {head.cost.macs:,} MACs and "
            f"{head.cost.ebops:,} EBOPs to the network."
        ),
        *_verdict(found),
        FigureBlock(
            error_kept(
                found.shares_kept,
                shown,
                unit=unit,
                bound=None if bound is None else bound.median_error,
            ),
            "Median error of the events that are kept against the share that is kept",
            "Those that look worst are left out, by what the head says and by other rankings of "
            "the same test events.",
        ),
        Table(
            ("ranked by", "error of", "median error falls by (%)", "the head lowers more by"),
            [
                (row.by, row.of, row.lowered_percent, row.head_lowers_more_percent or "")
                for row in found.curves
            ],
            caption=f"Where {100 * found.share_compared:g} % of the test events are kept; "
            f"{confidence} intervals; differences in percent points, paired by event.",
        ),
        Grid(
            [
                FigureBlock(
                    said_beside_found(
                        [row.said for row in found.said_and_found],
                        [(r.found.value, r.found.low, r.found.high) for r in found.said_and_found],
                        label=f"{100 * first.share:g} % of the errors are below",
                        unit=unit,
                    ),
                    "What the head says of tenths of the events against what is found",
                    f"Tenths of the test events by what the head says: median radius of the "
                    f"{100 * first.share:g} % region, and the same quantile of the errors.",
                ),
            ]
        ),
        *(_coverage(row) for row in found.coverage),
        Table(
            ("share", "scale above", "radius", "in integers", "selection events"),
            [
                (
                    f"{100 * row.share:g} %",
                    edge,
                    f"{numerator / 2**row.fraction_bits:.3f} × scale",
                    f"(scale × {numerator}) >> {row.fraction_bits}",
                    events,
                )
                for row in head.regions
                for edge, numerator, events in zip(
                    (0, *row.edges), row.numerators, row.selection_events, strict=True
                )
            ],
            caption=f"One step of the scale is {head.step:g} in the unit of the outputs; a "
            f"scale below {head.least} counts as {head.least}. Factors by split conformal "
            "prediction in every part of the events, parted by scale; exact in integers.",
        ),
        Table(
            ("kept for", "largest scale that is kept", "test events kept (%)"),
            [
                (f"{100 * float(name):g} %", cut, 100 * found.cut_kept[name])
                for name, cut in head.cuts.items()
            ],
            caption="Cuts as selection events fix them.",
        ),
        *input_test_blocks(found.input_tests, confidence),
        Table(
            ("nodes", "weights left out (%)", "loss", "worse (%)", "at most (%)", "taken"),
            [
                (
                    row.nodes,
                    100 * row.pruned,
                    ", ".join(f"{one:.4g}" for one in row.loss),
                    100 * row.worse,
                    100 * row.worse_at_most,
                    row.accepted,
                )
                for row in head.trials
            ],
            caption="Heads that were tried, against the largest one in floating point, on "
            "selection events.",
        ),
    ]


def input_test_blocks(found: InputTestRecord, confidence: str) -> list[Block]:
    """Return what the integer tests of the inputs flag."""
    rows: list[tuple[object, ...]] = [
        (
            "test events",
            "",
            *(one.flagged.scaled(100.0) for one in found.tests),
            found.any_flagged.scaled(100.0),
        )
    ]
    rows += [
        (row.inputs, row.vectors, *(100.0 * one for one in row.by_test), 100.0 * row.by_any)
        for row in found.caught
    ]
    return [
        Table(
            ("inputs", "vectors", *(f"{one.test} (%)" for one in found.tests), "any (%)"),
            rows,
            caption="Share of inputs that integer tests flag, each made to flag "
            f"{100 * found.false_rate:g} % of selection vectors; {confidence} intervals. They are "
            f"a model of their own, {found.ebops:,} EBOPs and {found.nonzero_weights:,} weights "
            "that are not zero, exported and compared as the network is: steps/export/input_check.",
            highlight=(0,),
        )
    ]


def _verdict(found: EventUncertainty) -> list[Block]:
    own = found.curves[0].lowered_percent
    text = (
        f"Where the {100 * (1 - found.share_compared):g} % of the events that the head doubts most "
        f"are left out, the median error falls by {own} %."
    )
    if found.worse_than:
        return [
            Callout(f"{text} The head ranks worse than: {'; '.join(found.worse_than)}.", "warning")
        ]
    return [Callout(text, "good" if own.low > 0 else "warning")]


def _coverage(row: RegionCoverage) -> Table:
    return Table(
        ("test events", "number", "inside (%)"),
        [
            ("all", "", row.inside.scaled(100.0)),
            *((one.part, one.events, one.inside.scaled(100.0)) for one in row.parts),
        ],
        caption=f"Events within the region that was calibrated for {100 * row.share:g} % of them.",
        highlight=(0,),
    )
