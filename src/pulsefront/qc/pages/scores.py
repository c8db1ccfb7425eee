"""What a night's scores say, as a section of a page."""

from __future__ import annotations

from pulsefront.evaluate.intervals import Interval
from pulsefront.qc.nightly.run import ScoreRow, ScoreRun
from pulsefront.qc.pages.words import level
from pulsefront.qc.times import DAY_S, iso_date
from pulsefront.report import Block, Section, Table

__all__ = ["score_section"]

_MOST = 12


def score_section(run: ScoreRun) -> Section:
    """Return what a night's scores say: the components at most risk, and those without decision."""
    day = iso_date(run.as_of_s - DAY_S)
    scored = [(interval, row) for row in run.rows if (interval := _interval(row, run.confidence))]
    scored.sort(key=lambda pair: (-pair[0].value, pair[1].unit_id, pair[1].component_id))
    top = [
        (row.unit_id, _component(row), interval, row.decision, row.reasons)
        for interval, row in scored[:_MOST]
    ]
    refused = [
        (row.unit_id, _component(row), row.reasons) for row in run.rows if row.probability is None
    ]
    blocks: list[Block] = [
        Table(
            ("scanner", "component", "probability", "decision", "because"),
            top,
            f"The components at most risk as of {day}, with {level(run.confidence)} intervals.",
            [k for k, (_, row) in enumerate(scored[:_MOST]) if row.decision == "alert"],
        )
    ]
    if refused:
        blocks.append(
            Table(
                ("scanner", "component", "no decision because"),
                refused[:_MOST],
                f"{len(refused)} components without a decision.",
            )
        )
    return Section("Last night's scores", blocks)


def _component(row: ScoreRow) -> str:
    return row.component_id or "whole unit"


def _interval(row: ScoreRow, confidence: float) -> Interval | None:
    low, high = row.probability_low, row.probability_high
    if row.probability is None or low is None or high is None:
        return None
    return Interval(row.probability, low, high, confidence)
