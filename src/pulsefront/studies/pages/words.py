"""Words and selections that the pages of a study share."""

from __future__ import annotations

from collections.abc import Iterable

from pulsefront.evaluate.record import Intervals
from pulsefront.studies.metrics import Metric

__all__ = ["metrics_in", "percent"]


def percent(share: float) -> str:
    """Return a share such as the confidence of an interval: 0.95 is "95 %"."""
    return f"{100 * share:g} %"


def metrics_in(metrics: Iterable[Metric], row: Intervals) -> list[Metric]:
    """Return those of *metrics* that a row of results has with an interval."""
    return [metric for metric in metrics if metric.key in row]
