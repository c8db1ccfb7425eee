"""What the measurement of both kinds of study shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulsefront.evaluate.intervals import (
    Interval,
    Statistic,
    bootstrap,
    difference,
    relative_gain,
    t_interval,
)

__all__ = ["compare", "over_initializations", "rows"]


def compare(
    statistics: Mapping[str, Mapping[str, Statistic]],
    table: Mapping[str, Mapping[str, Any]],
    events: int,
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """Compare the network, metric by metric, with the classical estimator that is best in it.

    Parameters
    ----------
    statistics
        Estimator → metric → statistic; ``"network"`` among them.
    table
        Estimator → metric → value.

    Returns
    -------
    Per metric the name of the baseline, baseline − network and the relative gain, each with its
    interval, paired by event.
    """
    record: dict[str, Any] = {}
    for key, network in statistics["network"].items():
        best = min((name for name in statistics if name != "network"), key=lambda n: table[n][key])
        baseline = statistics[best][key]
        found = bootstrap(difference(baseline, network), events, **options)
        gain = bootstrap(relative_gain(network, baseline), events, **options).scaled(100.0)
        record[key] = {
            "baseline": best,
            **found.as_dict("improvement"),
            **gain.as_dict("gain_percent"),
            "excludes_zero": found.low > 0.0,
        }
    return record


def over_initializations(values: list[dict[str, float]]) -> dict[str, Any]:
    """Return each metric's values over initializations with mean and t interval."""
    record: dict[str, Any] = {}
    for key in values[0]:
        series = [value[key] for value in values]
        record[key] = {"each": series, **t_interval(series).as_dict("mean")}
    return record


def rows(intervals: Mapping[str, Interval]) -> dict[str, Any]:
    """Return the intervals by metric as plain numbers."""
    return {key: value for name, i in intervals.items() for key, value in i.as_dict(name).items()}
