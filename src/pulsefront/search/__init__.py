"""Budgets and the ablation search: the smallest network that is not worse, with the evidence."""

from typing import TYPE_CHECKING, Any

from pulsefront.search.budget import Budget
from pulsefront.search.noninferiority import MetricChange, compare
from pulsefront.search.residual_metrics import (
    central_width,
    mean_distance,
    mean_misplacement,
    median_distance,
    misclassified,
    root_mean_square,
    scaled_distance,
)
from pulsefront.search.result import (
    AblationResult,
    Architecture,
    AttributionRow,
    PathPoint,
    ShapeTrial,
    TrialNetwork,
)
from pulsefront.search.settings import PriceSettings, ResourceSettings, SearchSettings
from pulsefront.search.task import Task
from pulsefront.search.workers import Workers

if TYPE_CHECKING:
    from pulsefront.search.ablation import run_ablation

__all__ = [
    "AblationResult",
    "Architecture",
    "AttributionRow",
    "Budget",
    "MetricChange",
    "PathPoint",
    "PriceSettings",
    "ResourceSettings",
    "SearchSettings",
    "ShapeTrial",
    "Task",
    "TrialNetwork",
    "Workers",
    "central_width",
    "compare",
    "mean_distance",
    "mean_misplacement",
    "median_distance",
    "misclassified",
    "root_mean_square",
    "run_ablation",
    "scaled_distance",
]


def __getattr__(name: str) -> Any:
    # run_ablation needs torch; a study's settings do not.
    if name == "run_ablation":
        from pulsefront.search.ablation import run_ablation

        return run_ablation
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
