"""What a scoring run finds: a row per component, and how much was read for it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pulsefront.qc.features.daily import UnitFeatures
from pulsefront.qc.models.horizons.curve import CURVE_DAYS
from pulsefront.qc.nightly.checkpoints import UnitCheckpoint

__all__ = ["SCORE_COLUMNS", "Decision", "ScoreRow", "ScoreRun"]

Decision = Literal["alert", "watch", "no alert", "no decision"]


@dataclass(frozen=True)
class ScoreRow:
    """The score of one component, as in the score table.

    The probability is that of a failure in the model's window, after the lead. ``within_7_days``
    and so on are the chance to fail from now on up to then, of a model that tells it. All are None
    where there is no decision.
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
    within_7_days: float | None = None
    within_7_days_low: float | None = None
    within_7_days_high: float | None = None
    within_14_days: float | None = None
    within_14_days_low: float | None = None
    within_14_days_high: float | None = None
    within_28_days: float | None = None
    within_28_days_low: float | None = None
    within_28_days_high: float | None = None
    within_60_days: float | None = None
    within_60_days_low: float | None = None
    within_60_days_high: float | None = None

    @property
    def ahead(self) -> dict[int, tuple[float, float, float]]:
        """By days ahead, the chance to fail within them and the ends of its interval."""
        columns = vars(self)
        found = {
            days: tuple(columns[f"within_{days}_days{end}"] for end in ("", "_low", "_high"))
            for days in CURVE_DAYS
        }
        return {days: three for days, three in found.items() if None not in three}

    def as_dict(self) -> dict[str, Any]:
        """Return the columns by name."""
        return dict(vars(self))


SCORE_COLUMNS = tuple(column.name for column in fields(ScoreRow))


@dataclass(frozen=True)
class ScoreRun:
    """One run: its rows, and the units that could not be scored with the reason.

    ``confidence`` is the level of the intervals, ``code`` the program that scored, ``role`` that of
    its model. ``features`` are those of the night by unit, where they were computed just now, so
    that pages draw from them without reading again. ``records_read``, ``units_resumed`` and
    ``checkpoints`` tell how the work was saved; the scores are the same without. ``exact`` (row,)
    is what was compared with the threshold, before it was rounded and NaN where there is no
    decision; a run out of the store has none.
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
    model_name: str = ""
    code: str = ""
    role: str = "champion"
    threshold: float | None = None
    false_alerts_per_unit_year: float | None = None
    features: tuple[UnitFeatures, ...] = field(default=(), compare=False, repr=False)
    exact: npt.NDArray[np.float64] | None = field(default=None, compare=False, repr=False)

    @property
    def alerts(self) -> int:
        """Components whose score is at the threshold or above, new or not."""
        return sum(row.decision == "alert" for row in self.rows)

    @property
    def abstained(self) -> int:
        """Components without a decision."""
        return sum(row.decision == "no decision" for row in self.rows)
