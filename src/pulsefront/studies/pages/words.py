"""Words and selections that the pages of a study share."""

from __future__ import annotations

import math
from collections.abc import Iterable

from pulsefront.evaluate import Interval
from pulsefront.evaluate.record import Intervals
from pulsefront.search.noninferiority import MetricChange
from pulsefront.studies.metrics import Metric

__all__ = ["change_in_percent", "change_in_words", "each_of", "metrics_in", "percent"]


def percent(share: float) -> str:
    """Return a share such as the confidence of an interval: 0.95 is "95 %"."""
    return f"{100 * share:g} %"


def metrics_in(metrics: Iterable[Metric], row: Intervals) -> list[Metric]:
    """Return those of *metrics* that a row of results has with an interval."""
    return [metric for metric in metrics if metric.key in row]


def each_of(values: Iterable[float]) -> str:
    """Return the figures of all initializations, by commas."""
    return ", ".join(f"{value:.4g}" for value in values)


def change_in_percent(change: MetricChange) -> Interval:
    """Return a relative change and its bounds in per cent."""
    return Interval(change.value, change.low, change.high).scaled(100.0)


def change_in_words(change: MetricChange) -> str:
    """Return a relative change as a sentence tells it."""
    if not math.isfinite(change.value):
        return "no number"
    value, low, high = (100.0 * one for one in (change.value, change.low, change.high))
    return f"{value:+.1f} % [{low:+.1f}, {high:+.1f}] (one-sided 95 % each)"
