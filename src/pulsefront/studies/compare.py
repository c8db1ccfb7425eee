"""Finished runs beside each other: the same test events, paired differences, cost beside error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError, DataError
from pulsefront.evaluate import Interval
from pulsefront.evaluate.record import Intervals, Record
from pulsefront.events.container import EventTable
from pulsefront.fixed_point import FixedPointModel
from pulsefront.studies.folders import RunFolders
from pulsefront.studies.kinds import StudyKind, kind_of
from pulsefront.studies.load import load_study
from pulsefront.studies.steps import read_step
from pulsefront.studies.uncertainty.outputs import estimates_in

__all__ = ["MetricDifference", "NetworkRow", "RunComparison", "compare_runs"]

LEAST_EVENTS = 50
"""Fewer common test events have no resolution worth a number."""


class MetricDifference(Record):
    """One metric of a network beside that of the first one, on the same events."""

    metric: str
    unit: str
    difference: Interval
    """this network less the first, in the metric's unit; paired by event"""
    difference_percent: Interval
    """the same relative to the first"""

    @property
    def verdict(self) -> str:
        """What the interval says."""
        if self.difference.high < 0:
            return "better"
        return "worse" if self.difference.low > 0 else "not shown to differ"


class NetworkRow(Record):
    """A network: what it costs, what it reaches, and how it differs from the first."""

    name: str
    run: str
    weight_bytes: int
    macs: int
    ebops: int
    measured: Intervals
    differences: tuple[MetricDifference, ...] = ()
    """none of the first network"""


class RunComparison(Record):
    """Networks on the test events that all of them were kept from."""

    kind: str
    test_events: int
    test_events_of_each: tuple[int, ...]
    main_metric: str
    networks: tuple[NetworkRow, ...]


@dataclass(frozen=True)
class _Run:
    path: Path
    name: str
    kind: StudyKind
    folders: RunFolders
    model: FixedPointModel
    kept: NDArray[np.int64]
    test: NDArray[np.int64]
    """indices among all events of the study"""

    def outputs(self, events: EventTable) -> NDArray[np.float64]:
        inputs = self.kind.network_inputs(events)
        vectors = inputs.reshape(-1, inputs.shape[-1])[:, self.kept].astype(np.int64)
        (output,) = self.model.output_formats.values()
        outputs = output.values(self.model.run(vectors))
        return np.asarray(estimates_in(self.kind.study, outputs), np.float64)


def compare_runs(paths: Sequence[str | Path]) -> RunComparison:
    """Compare the exported networks of finished runs with that of the first.

    Raises
    ------
    ConfigError
        Fewer than two runs, runs of different kinds, or the same run twice.
    DataError
        A folder holds no finished run, the runs have different events, or too few test events in
        common.
    """
    runs = [_read(Path(path), number) for number, path in enumerate(paths)]
    if len(runs) < 2:
        raise ConfigError("takes two runs or more", field="RUN", value=len(runs))
    if len({run.path.resolve() for run in runs}) < len(runs):
        raise ConfigError("the same run is named twice", field="RUN")
    _refuse_others(runs)
    common = runs[0].test
    for run in runs[1:]:
        common = np.intersect1d(common, run.test)
    if len(common) < LEAST_EVENTS:
        raise DataError(
            f"the runs have {len(common)} test events in common",
            file=runs[-1].path,
            remedy="compare studies of the same seed, whose splits are alike",
        )
    first = runs[0]
    events = _of_test(first, common)
    reference = first.kind.estimates_of(events, first.outputs(events))
    rows: list[NetworkRow] = []
    main = ""
    for run in runs[1:]:
        own = _of_test(run, common)
        found = run.kind.evaluate_external(
            own, run.outputs(own), {first.name: np.asarray(reference, np.float64)}
        )
        main = found.main_metric.key
        if not rows:
            rows.append(_row(first, found.estimators[first.name], ()))
        gains = found.gain_over_baselines
        metrics = {metric.key: metric for metric in run.kind.metrics}
        differences = tuple(
            MetricDifference(
                metric=key,
                unit=metrics[key].unit if key in metrics else "",
                difference=_turned(gain.improvement),
                difference_percent=_turned(gain.gain_percent),
            )
            for key, gain in gains.items()
        )
        rows.append(_row(run, found.estimators["network"], differences))
    return RunComparison(
        kind=first.kind.study.kind,
        test_events=len(common),
        test_events_of_each=tuple(len(run.test) for run in runs),
        main_metric=main,
        networks=tuple(rows),
    )


def _read(path: Path, number: int) -> _Run:
    folders = RunFolders(path / "steps")
    if not folders.search.is_file() or not (path / "study.toml").is_file():
        raise DataError(
            "holds no finished run",
            file=path,
            remedy="name the directory of a run, such as out/position_lyso_monolithic",
        )
    kind = kind_of(load_study(path / "study.toml")[0])
    with np.load(folders.test_arrays) as arrays:
        kept = arrays["kept_inputs"]
    with np.load(folders.split_arrays) as arrays:
        test = arrays["selected"][arrays["test"]]
    model = FixedPointModel.load(folders.model)
    return _Run(path, f"{number + 1}: {path.name}", kind, folders, model, kept, np.sort(test))


def _refuse_others(runs: Sequence[_Run]) -> None:
    first = runs[0]
    events = read_step(first.folders.of("data")).files
    for run in runs[1:]:
        if run.kind.study.kind != first.kind.study.kind:
            raise ConfigError(
                f"is a {run.kind.study.kind} study, the first is one of {first.kind.study.kind}",
                file=run.path,
                field="kind",
            )
        if read_step(run.folders.of("data")).files != events:
            raise DataError(
                "has other events than the first run",
                file=run.path,
                field="data",
                remedy="compare studies with the same detector, scan and seed; networks on other "
                "events are compared as [[external]] sets of a study",
            )


def _of_test(run: _Run, common: NDArray[np.int64]) -> EventTable:
    """Return the common events in the order of their numbers."""
    with np.load(run.folders.split_arrays) as arrays:
        test = arrays["selected"][arrays["test"]]
    order = np.argsort(test)
    places = order[np.searchsorted(test, common, sorter=order)]
    return run.kind.test_events(run.folders).select(places)


def _row(run: _Run, measured: Intervals, differences: tuple[MetricDifference, ...]) -> NetworkRow:
    cost = run.model.cost()
    return NetworkRow(
        name=run.kind.study.name,
        run=str(run.path),
        weight_bytes=cost.weight_bytes,
        macs=cost.macs,
        ebops=cost.ebops,
        measured=measured,
        differences=differences,
    )


def _turned(gain: Interval) -> Interval:
    """Return the difference that a gain of the first over this one is: its negative."""
    return Interval(-gain.value, -gain.high, -gain.low, gain.confidence)
