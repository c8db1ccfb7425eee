"""What a report says of networks of look-up tables, beside the searched network."""

from __future__ import annotations

from pulsefront.report import Block, Callout, Paragraph, Table
from pulsefront.search.result import SearchSummary
from pulsefront.studies.metrics import metric_named
from pulsefront.studies.pages.words import change_in_percent, change_in_words, each_of
from pulsefront.studies.tables.records import TablesRecord, TablesTest, UnrolledCost

__all__ = ["table_blocks"]


def table_blocks(found: TablesRecord, test: TablesTest, search: SearchSummary) -> list[Block]:
    """Return all that were tried, the chosen one beside the searched network, and its proof."""
    metric = metric_named(search.metric)
    chosen = next(trial for trial in found.trials if trial.accepted)
    return [
        Paragraph(
            "Every node of these networks is a sum of tables, one for each input, cut off to a "
            "code; the output is a sum of tables of the codes. Nothing is multiplied. They read "
            "the inputs of the searched network, or those of them without which they lose most, "
            "and are judged by the same test on the same events. The one with the fewest "
            "look-up tables that is not inferior is chosen, and exported beside the searched "
            "network (steps/tables/model.json, steps/tables_test/firmware)."
        ),
        Table(
            ("nodes", "inputs", "tables", "LUTs, estimated", "bytes as memories", "change (%)",
             "not inferior"),
            [
                (
                    trial.nodes,
                    len(trial.inputs),
                    trial.tables,
                    trial.lut,
                    trial.table_bytes,
                    "diverged" if trial.diverged else change_in_percent(trial.comparison),
                    "chosen" if trial.accepted and trial.non_inferior else trial.non_inferior,
                )
                for trial in found.trials
            ],
            caption=f"Change of the {metric.words} against the full float network, selection "
            "events. LUTs are estimated for unrolled Verilog.",
        ),
        *([] if chosen.non_inferior else [_none_good(search)]),
        Table(
            ("network", *("LUTs, estimated", "LUTs, counted", "flip-flops, counted"),
             "bytes", f"{metric}, test events"),
            [
                ("tables", *_built(found.cost), each_of(test.tables)),
                ("searched", *_built(found.searched_cost), each_of(test.searched)),
            ],
            caption=f"Both as unrolled Verilog, of {len(test.tables)} initializations each. "
            f"{_counted(found.cost)} Of tables, bytes are those of memories that would hold them.",
        ),
        Paragraph(
            f"On test events the {metric.words} of the tables differs from the searched network's "
            f"by {change_in_words(test.change)}. {', '.join(test.executors)} gave the emulator's "
            f"integers: {test.mismatches:,} of {test.integers_compared:,} differ."
        ),
    ]  # fmt: skip


def _none_good(search: SearchSummary) -> Callout:
    return Callout(
        f"No network of tables stays within {search.margin:.0%} of the full float network; the "
        "one that loses least is shown as the chosen one.",
        "warning",
    )


def _built(cost: UnrolledCost) -> tuple[int | str, ...]:
    counts = [", ".join(f"{n:,}" for n in one) for one in (cost.counted_lut, cost.counted_ff)]
    return (cost.lut, *counts, cost.weight_bytes)


def _counted(cost: UnrolledCost) -> str:
    if not cost.counted_by:
        return "No tool counted them ([tables] count_gates)."
    return f"Counted by {cost.counted_by}, streams included."
