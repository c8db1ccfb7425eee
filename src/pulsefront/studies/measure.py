"""What the measurement of every kind of study shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pulsefront.evaluate import Interval
from pulsefront.evaluate.intervals import (
    Statistic,
    bootstrap,
    difference,
    relative_gain,
    t_interval,
)
from pulsefront.evaluate.power import (
    events_for_half_width,
    plan_paired_test,
    power_of_paired_test,
)
from pulsefront.evaluate.record import Intervals
from pulsefront.evaluate.subgroups import subgroup_table
from pulsefront.studies.metrics import Metric
from pulsefront.studies.records import Gain, SeedSpread, SubgroupRecord, Uncertainty
from pulsefront.studies.settings import StudyBase
from pulsefront.studies.use_records import TestPower

__all__ = [
    "Measured",
    "Resampling",
    "agreement",
    "compare",
    "measure",
    "over_initializations",
    "power_of_test",
    "subgroup_records",
]

StatisticOf = Mapping[Metric, Statistic]
"""The statistic of every metric, prepared from one estimator's residuals."""


@dataclass(frozen=True)
class Resampling:
    """How intervals over test events are made.

    ``groups`` (event,) or (event, k) label events that are resampled together.
    """

    events: int
    replicates: int
    confidence: float
    seed: int
    groups: NDArray[np.integer] | None = None

    @staticmethod
    def of(study: StudyBase, events: int, groups: NDArray[np.integer] | None = None) -> Resampling:
        """Return what the study file asks for."""
        chosen = study.statistics
        return Resampling(events, chosen.replicates, chosen.confidence, study.seed, groups)

    def interval(self, statistic: Statistic) -> Interval:
        """Return the bootstrap interval of a statistic of these events."""
        return bootstrap(
            statistic,
            self.events,
            groups=self.groups,
            replicates=self.replicates,
            confidence=self.confidence,
            seed=self.seed,
            method="expanded",
        )


@dataclass(frozen=True)
class Measured:
    """Estimator → metric → statistic, and the same with values and intervals."""

    statistics: Mapping[str, StatisticOf]
    table: dict[str, Intervals]

    def best(self, metric: Metric) -> str:
        """Return the classical estimator that is best in *metric*."""
        names = [name for name in self.statistics if name != "network"]
        return min(names, key=lambda name: self.table[name][metric.key].value)


def measure(statistics: Mapping[str, StatisticOf], resampling: Resampling) -> Measured:
    """Return every estimator's metrics with bootstrap intervals."""
    table = {
        name: Intervals(
            intervals={metric.key: resampling.interval(s) for metric, s in metrics.items()}
        )
        for name, metrics in statistics.items()
    }
    return Measured(statistics, table)


def compare(
    measured: Measured, resampling: Resampling, *, without: Sequence[str] = ()
) -> dict[str, Gain]:
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
    record: dict[str, Gain] = {}
    kept = {name: s for name, s in measured.statistics.items() if name not in without}
    rivals = Measured(kept, measured.table)
    for metric, network in kept["network"].items():
        best = rivals.best(metric)
        baseline = kept[best][metric]
        improvement = resampling.interval(difference(baseline, network))
        record[metric.key] = Gain(
            baseline=best,
            improvement=improvement,
            gain_percent=resampling.interval(relative_gain(network, baseline)).scaled(100.0),
            excludes_zero=improvement.low > 0.0,
        )
    return record


def power_of_test(
    measured: Measured,
    metric: Metric,
    resampling: Resampling,
    least_gain_percent: float,
    places: Literal["positions", "patients"] = "positions",
) -> TestPower | None:
    """Return what this test, as a pilot, says of the size of another one.

    None where resampled sets have no metric, or all the same.
    """
    best = measured.best(metric)
    network, reference = measured.statistics["network"][metric], measured.statistics[best][metric]
    options: dict[str, Any] = {
        "groups": resampling.groups,
        "replicates": max(200, resampling.replicates // 5),
        "seed": resampling.seed,
    }
    value = measured.table["network"][metric.key].value
    gain = 0.01 * least_gain_percent * measured.table[best][metric.key].value
    if not (gain > 0 and value > 0):
        return None
    try:
        plan = plan_paired_test(network, reference, resampling.events, gain=gain, **options)
        narrow = events_for_half_width(
            network, resampling.events, half_width=0.02 * value, **options
        )
    except ValueError:
        # Some resampled set has no width.
        return None
    if plan.standard_error == 0:
        return None
    return TestPower(
        counted="events" if resampling.groups is None else places,
        here=plan.pilot,
        least_gain_percent=least_gain_percent,
        power_here=power_of_paired_test(plan, plan.pilot),
        needed=plan.needed,
        needed_for_two_percent=narrow,
    )


def over_initializations(
    statistics: Sequence[StatisticOf], resampling: Resampling
) -> dict[str, SeedSpread]:
    """Return each metric's values over initializations with mean and t interval."""
    every = np.ones(resampling.events)
    values = [{metric: s(every) for metric, s in metrics.items()} for metrics in statistics]
    record: dict[str, SeedSpread] = {}
    for metric in values[0]:
        series = tuple(value[metric] for value in values)
        mean = t_interval(series, resampling.confidence)
        record[metric.key] = SeedSpread(each=series, mean=mean)
    return record


def agreement(
    outputs: NDArray[np.float64],
    errors: NDArray[np.float64],
    score: Callable[[NDArray[np.float64]], float],
) -> Uncertainty:
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
    return Uncertainty(
        measure=f"spread of {len(outputs)} initializations",
        main_metric_by_spread={
            name: score(errors[inside]) for name, inside in parts.items() if inside.any()
        },
    )


def subgroup_records(
    network: NDArray[np.float64],
    baseline: NDArray[np.float64],
    masks: Mapping[str, NDArray[np.bool_]],
    metric: Metric,
    statistic: Callable[[NDArray[np.float64]], Statistic],
    resampling: Resampling,
) -> tuple[SubgroupRecord, ...]:
    """Return one metric of network and best classical estimator in each subgroup.

    Parameters
    ----------
    network, baseline
        (event, …) what the metric is made of.
    masks
        Subgroup → (event,) boolean.
    """
    fewer = replace(resampling, replicates=max(200, resampling.replicates // 5))
    tables = [
        subgroup_table(
            values,
            masks,
            statistic,
            groups=fewer.groups,
            replicates=fewer.replicates,
            confidence=fewer.confidence,
            seed=fewer.seed,
        )
        for values in (network, baseline)
    ]
    return tuple(
        SubgroupRecord(
            subgroup=ours.name,
            events=ours.events,
            note=ours.note or None,
            measured=Intervals(
                intervals={
                    f"{who}_{metric.key}": row.interval
                    for who, row in (("network", ours), ("baseline", theirs))
                    if row.interval
                }
            ),
        )
        for ours, theirs in zip(*tables, strict=True)
    )
