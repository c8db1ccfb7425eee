"""What a night's scores say, as a section of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pulsefront.evaluate.intervals import Interval
from pulsefront.report import (
    Block,
    Section,
    Table,
)

__all__ = ["score_section"]


def score_section(rows: Sequence[Mapping[str, Any]], day: str) -> Section:
    """Return what a night's scores say: the components at most risk, and those without decision."""
    scored = [row for row in rows if row["probability"] is not None]
    scored.sort(key=lambda row: (-row["probability"], row["unit_id"], row["component_id"]))
    top = [
        (
            row["unit_id"],
            row["component_id"] or "whole unit",
            Interval(row["probability"], row["probability_low"], row["probability_high"]),
            row["decision"],
            row["reasons"],
        )
        for row in scored[:12]
    ]
    refused = [
        (row["unit_id"], row["component_id"] or "whole unit", row["reasons"])
        for row in rows
        if row["probability"] is None
    ]
    blocks: list[Block] = [
        Table(
            ("scanner", "component", "probability", "decision", "because"),
            top,
            f"The components at most risk as of {day}.",
            [k for k, row in enumerate(top) if row[3] == "alert"],
        )
    ]
    if refused:
        blocks.append(
            Table(
                ("scanner", "component", "no decision because"),
                refused[:12],
                f"{len(refused)} components without a decision.",
            )
        )
    return Section("Last night's scores", blocks)
