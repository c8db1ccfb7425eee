"""What is told of a training, as it is saved in the model's manifest."""

from __future__ import annotations

from collections.abc import Mapping

from pulsefront.qc.documents import Document, Range

__all__ = ["ClassicRecord", "Comparison", "Redundant", "SelectionRecord", "TrainingRecord"]


class Comparison(Document):
    """One model against the one that led before it, on unseen units at later times.

    ``low`` and ``high`` are of the gain in log loss. ``gain_found`` is the gain in the share of
    failures found at the first rate of false alerts, by which charts are compared with the blend.
    """

    model: str
    against: str
    gain_log_loss: float
    low: float | None
    high: float | None
    gain_average_precision: float | None = None
    gain_found: Range | None = None
    better: bool


class Redundant(Document):
    """A feature that was left out because it tells the same as one that was kept."""

    left_out: str
    kept: str
    correlation: float


class SelectionRecord(Document):
    """One step of the classic recipe: what was done, the inputs after it, the selection loss."""

    action: str
    inputs: tuple[str, ...]
    loss: float


class ClassicRecord(Document):
    """How the small network came to its inputs and nodes, and its figures on its own test part.

    That part is rows, not units, that were held out: only the back-test tells what it is worth.
    """

    steps: tuple[SelectionRecord, ...]
    hidden_nodes: int
    roc_auc: float
    sensitivity: float
    specificity: float
    accuracy: float


class TrainingRecord(Document):
    """What a model was trained on, what it was compared with, and which features it was offered.

    ``left_out`` are the candidates that there were too few failures for, ``blend_shares`` what each
    part of the blend has of the weights.
    """

    first_day: str
    last_day: str
    trained_until: str
    embargo_days: int
    units: int
    components: int
    sites: tuple[str, ...]
    models: tuple[str, ...]
    failures: int
    rows_train: int
    rows_calibrate: int
    rows_without_label: int
    base_rate: float
    chosen: str
    comparison: tuple[Comparison, ...]
    candidates: tuple[str, ...]
    folds: int
    seed: int
    redundant_features: tuple[Redundant, ...]
    features_kept: tuple[str, ...]
    correlation_features: tuple[str, ...]
    correlation: tuple[tuple[float, ...], ...]
    confidence: float = 0.95
    classic: ClassicRecord | None = None
    blend_shares: Mapping[str, float] = {}
    left_out: tuple[str, ...] = ()
