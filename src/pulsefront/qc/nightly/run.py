"""What a scoring run finds: a row per component, and how much was read for it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from pulsefront.qc.nightly.checkpoints import UnitCheckpoint

__all__ = ["SCORE_COLUMNS", "Decision", "ScoreRow", "ScoreRun"]

Decision = Literal["alert", "watch", "no alert", "no decision"]


@dataclass(frozen=True)
class ScoreRow:
    """The score of one component, as in the score table.

    The probability and the ends of its interval are None where there is no decision.
    """

    run_id: str
    unit_id: str
    component_id: str
    as_of: int
    lead_days: int
    horizon_days: int
    probability: float | None
    probability_low: float | None
    probability_high: float | None
    decision: Decision
    reasons: str
    model_hash: str
    data_hash: str

    def as_dict(self) -> dict[str, Any]:
        """Return the columns by name."""
        return dict(vars(self))


SCORE_COLUMNS = tuple(field.name for field in fields(ScoreRow))


@dataclass(frozen=True)
class ScoreRun:
    """One run: its rows, and the units that could not be scored with the reason.

    ``confidence`` is the level of the intervals. ``records_read``, ``units_resumed`` and
    ``checkpoints`` tell how the work was saved; the scores are the same without.
    """

    run_id: str
    as_of_s: int
    rows: tuple[ScoreRow, ...]
    failed_units: dict[str, str]
    quarantined: int
    model_hash: str
    data_hash: str
    confidence: float
    records_read: int
    units_resumed: int
    checkpoints: dict[str, UnitCheckpoint]

    @property
    def alerts(self) -> int:
        """Components with an alert."""
        return sum(row.decision == "alert" for row in self.rows)

    @property
    def abstained(self) -> int:
        """Components without a decision."""
        return sum(row.decision == "no decision" for row in self.rows)
