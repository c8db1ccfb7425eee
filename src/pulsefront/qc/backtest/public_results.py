"""What the method finds on a public set of machine failures, as it is saved."""

from __future__ import annotations

from collections.abc import Mapping

from pulsefront.qc.backtest.results import Curve, ReliabilityPoints
from pulsefront.qc.documents import Document

__all__ = ["PublicFigures", "PublicResult", "RemainingLife"]


class PublicFigures(Document):
    """The probability of failure on rows that were not trained on."""

    pr_auc: float
    pr_auc_low: float | None
    pr_auc_high: float | None
    roc_auc: float
    brier: float
    calibration_error: float
    precision_recall: Curve
    reliability: ReliabilityPoints


class RemainingLife(Document):
    """The life left at the last cycle of each test engine, capped; ``choice`` has the errors."""

    chosen: str
    chosen_by: str
    choice: Mapping[str, float]
    rmse_cycles: float
    predicted_cycles: tuple[float, ...]
    true_cycles: tuple[float, ...]


class PublicResult(Document):
    """The figures on one set beside published ones, by quantity and method.

    ``operating_conditions`` are those within which the sensors of engines are told.
    """

    set: str
    what: str
    rows_test: int
    groups_test: int
    base_rate: float
    chosen: str
    chosen_by: str
    choice: Mapping[str, float]
    failure: PublicFigures
    remaining_life: RemainingLife | None = None
    each_candidate: Mapping[str, float] | None = None
    published: Mapping[str, Mapping[str, float]]
    confidence: float = 0.95
    operating_conditions: int | None = None
