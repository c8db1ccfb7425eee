"""What the measurement of every kind of study shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.evaluate.intervals import (
    Interval,
    Statistic,
    bootstrap,
    difference,
    relative_gain,
    t_interval,
)

__all__ = ["Answers", "Measured", "agreement", "compare", "measure", "over_initializations", "rows"]


@dataclass(frozen=True)
class Answers:
    """Outputs of the networks for the test inputs, in the target's unit.

    ``network`` (vector, output) is the exported one; ``final`` and ``full`` hold every
    initialization of the searched and of the full float network, (initialization, vector, output).
    """

    network: NDArray[np.float64]
    final: NDArray[np.float64]
    full: NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """Estimator → metric → statistic, and the same with values and intervals, as plain numbers."""

    statistics: Mapping[str, Mapping[str, Statistic]]
    table: dict[str, dict[str, Any]]

    def best(self, metric: str) -> str:
        """Return the classical estimator that is best in *metric*."""
        names = [name for name in self.statistics if name != "network"]
        return min(names, key=lambda name: float(self.table[name][metric]))


def measure(
    statistics: Mapping[str, Mapping[str, Statistic]], events: int, options: Mapping[str, Any]
) -> Measured:
    """Return every estimator's metrics with bootstrap intervals over *events*."""
    table = {
        name: rows({key: bootstrap(s, events, **options) for key, s in metrics.items()})
        for name, metrics in statistics.items()
    }
    return Measured(statistics, table)


def compare(
    measured: Measured, events: int, options: Mapping[str, Any], *, without: Sequence[str] = ()
) -> dict[str, Any]:
    """Compare the network, metric by metric, with the classical estimator that is best in it.

    Parameters
    ----------
    measured
        ``"network"`` among its estimators.
    without
        Estimators that are not compared with.

    Returns
    -------
    Per metric the name of the baseline, baseline − network and the relative gain, each with its
    interval, paired by event.
    """
    record: dict[str, Any] = {}
    kept = {name: s for name, s in measured.statistics.items() if name not in without}
    rivals = Measured(kept, measured.table)
    for key, network in kept["network"].items():
        best = rivals.best(key)
        baseline = kept[best][key]
        found = bootstrap(difference(baseline, network), events, **options)
        gain = bootstrap(relative_gain(network, baseline), events, **options).scaled(100.0)
        record[key] = {
            "baseline": best,
            **found.as_dict("improvement"),
            **gain.as_dict("gain_percent"),
            "excludes_zero": found.low > 0.0,
        }
    return record


def over_initializations(
    statistics: Sequence[Mapping[str, Statistic]], events: int
) -> dict[str, Any]:
    """Return each metric's values over initializations with mean and t interval."""
    every = np.ones(events)
    values = [{key: s(every) for key, s in metrics.items()} for metrics in statistics]
    record: dict[str, Any] = {}
    for key in values[0]:
        series = [value[key] for value in values]
        record[key] = {"each": series, **t_interval(series).as_dict("mean")}
    return record


def agreement(
    outputs: NDArray[np.float64],
    errors: NDArray[np.float64],
    score: Callable[[NDArray[np.float64]], float],
) -> dict[str, Any]:
    """Return how well the spread between initializations foretells the error of an event.

    Parameters
    ----------
    outputs
        (initialization, event, output).
    errors
        (event, …) residuals of the exported network.
    score
        The main metric of some events' residuals.
    """
    spread = np.sqrt(outputs.var(axis=0).sum(axis=-1))
    middle, high = np.quantile(spread, [0.5, 0.9])
    parts = {
        "half_of_least_spread": spread <= middle,
        "between": (spread > middle) & (spread <= high),
        "tenth_of_most_spread": spread > high,
    }
    return {
        "measure": f"spread of {len(outputs)} initializations",
        "main_metric_by_spread": {
            name: score(errors[inside]) for name, inside in parts.items() if inside.any()
        },
    }


def rows(intervals: Mapping[str, Interval]) -> dict[str, Any]:
    """Return the intervals by metric as plain numbers."""
    return {key: value for name, i in intervals.items() for key, value in i.as_dict(name).items()}
