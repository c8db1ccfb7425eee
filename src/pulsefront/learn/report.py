"""What a notebook is told of estimators on test events: figures with intervals, stages, model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.evaluate.intervals import Interval, bootstrap
from pulsefront.evaluate.metrics import euclidean_error
from pulsefront.evaluate.statistics import (
    Statistic,
    central_width_statistic,
    mean_statistic,
    median_statistic,
    point_spread_statistic,
    relative_gain,
)
from pulsefront.files import write_text
from pulsefront.fixed_point import FixedPointModel
from pulsefront.learn.arrays import groups_of, labels
from pulsefront.learn.base import DetectorEstimator
from pulsefront.report import Page, Paragraph, Section, Table, render

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EstimatorReport", "Stage", "report_of"]

REPLICATES = 500


@dataclass(frozen=True)
class Stage:
    """A network on the way: ``figures`` on selection events, per initialization."""

    name: str
    architecture: str
    figure: str
    figures: tuple[float, ...]
    weight_bytes: int
    macs: int


@dataclass(frozen=True, repr=False)
class EstimatorReport:
    """Estimators on the same test events.

    Attributes
    ----------
    events, groups
        Test events with an estimate from all, and how many groups were resampled (events where
        there are no groups).
    table
        Estimator → figure with its unit → value with its 95 % bootstrap interval.
    gains
        Estimator beside → gain of the network over it in the first figure, in percent, paired.
    stages
        What training went through, on selection events.
    """

    events: int
    groups: int
    table: Mapping[str, Mapping[str, Interval]]
    gains: Mapping[str, Interval]
    stages: Sequence[Stage] = ()
    model: FixedPointModel | None = field(default=None, repr=False)

    @property
    def figures(self) -> tuple[str, ...]:
        """Names of the figures, with units."""
        return tuple(next(iter(self.table.values())))

    def to_pandas(self) -> pd.DataFrame:
        """Return one row per estimator and figure: value, low, high; ready for Parquet."""
        import pandas as pd

        return pd.DataFrame(
            [
                {"estimator": name, "figure": figure, "value": one.value, "low": one.low,
                 "high": one.high, "confidence": one.confidence, "events": self.events}
                for name, row in self.table.items()
                for figure, one in row.items()
            ]
        )  # fmt: skip

    def save(self, path: str | Path) -> Path:
        """Write the report as one HTML page that opens offline; return its path."""
        target = Path(path)
        write_text(target, render(self._page()))
        return target

    def _tables(self) -> list[Table]:
        rows = [[name, *(row[figure] for figure in self.figures)]
                for name, row in self.table.items()]  # fmt: skip
        tables = [Table(["estimator", *self.figures], rows, highlight=[0])]
        if self.gains:
            gains = [[name, gain] for name, gain in self.gains.items()]
            tables.append(Table(["gain over", f"{self.figures[0].split(' (')[0]} (%)"], gains))
        if self.stages:
            figure = f"{self.stages[0].figure}, selection"
            steps = [
                [one.name, one.architecture, min(one.figures), one.weight_bytes, one.macs]
                for one in self.stages
            ]
            tables.append(Table(["stage", "network", figure, "weights (bytes)", "MACs"], steps))
        return tables

    def _sentence(self) -> str:
        unit = "events" if self.groups == self.events else f"{self.groups:,} groups"
        return (
            f"{self.events:,} test events; 95 % bootstrap intervals over {unit}. Stages are "
            "measured on selection events, on which choices were made."
        )

    def _page(self) -> Page:
        model = "" if self.model is None else repr(self.model)[1:-1]
        sections = [Section("Estimators", [Paragraph(self._sentence()), *self._tables()])]
        if model:
            sections.append(Section("Model", [Paragraph(model)]))
        return Page("Estimators on test events", model, sections)

    def __repr__(self) -> str:
        lines = [f"<EstimatorReport: {self.events:,} test events"]
        for name, row in self.table.items():
            found = ", ".join(f"{figure}: {_words(one)}" for figure, one in row.items())
            lines.append(f"  {name}: {found}")
        return "\n".join(lines) + ">"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the tables, without any style of their own."""
        tables = "".join(_html(table) for table in self._tables())
        return f"<p>{escape(self._sentence())}</p>{tables}"


def _words(one: Interval) -> str:
    return f"{one.value:.3g} [{one.low:.3g}, {one.high:.3g}]"


def _html(table: Table) -> str:
    def cell(value: object) -> str:
        if isinstance(value, Interval):
            return _words(value)
        return f"{value:,}" if isinstance(value, int) else (
            f"{value:.3g}" if isinstance(value, float) else str(value)
        )  # fmt: skip

    head = "".join(f"<th>{escape(name)}</th>" for name in table.columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell(value))}</td>" for value in row) + "</tr>"
        for row in table.rows
    )
    return f"<table><tr>{head}</tr>{rows}</table>"


def report_of(
    estimators: Mapping[str, DetectorEstimator],
    X: Any,  # noqa: N803
    y: Any,
    *,
    groups: Any = None,
    stages: Sequence[Stage] = (),
    model: FixedPointModel | None = None,
    seed: int = 0,
) -> EstimatorReport:
    """Return the figures of fitted *estimators* on test events; the first is compared with others.

    Raises
    ------
    DataError
        Fewer than 99 % of the events have an estimate from all of them.
    """
    estimates = {name: one.predict(X) for name, one in estimators.items()}
    events = len(next(iter(estimates.values())))
    known = labels(y, events)
    residuals = {name: (found - known).reshape(events, -1) for name, found in estimates.items()}
    usable = np.all([np.isfinite(one).all(axis=1) for one in residuals.values()], axis=0)
    if usable.mean() < 0.99:
        raise DataError("events have no estimate", value=int((~usable).sum()))
    of_event = groups_of(groups, events)
    chosen = None if of_event is None else of_event[usable]
    count = int(usable.sum())

    def interval(statistic: Statistic) -> Interval:
        return bootstrap(statistic, count, groups=chosen, replicates=REPLICATES, seed=seed)

    found = {name: _statistics(one[usable]) for name, one in residuals.items()}
    table = {
        name: {figure: interval(one) for figure, one in row.items()} for name, row in found.items()
    }
    first, *others = found
    figure = next(iter(found[first]))
    gains = {
        name: interval(relative_gain(found[first][figure], found[name][figure])).scaled(100.0)
        for name in others
    }
    return EstimatorReport(
        events=count,
        groups=count if chosen is None else len(np.unique(chosen)),
        table=table,
        gains=gains,
        stages=tuple(stages),
        model=model,
    )


def _statistics(residual: NDArray[np.float64]) -> dict[str, Statistic]:
    """Return the figures of (event, axis) residuals: positions in mm, or a time in ns."""
    axes = residual.shape[1]
    if axes == 1:
        return {
            "central 76.1 % width (ps)": central_width_statistic(1000.0 * residual[:, 0]),
            "bias (ps)": mean_statistic(1000.0 * residual[:, 0]),
        }
    error = euclidean_error(residual)
    return {
        f"median {axes}-D error (mm)": median_statistic(error),
        f"mean {axes}-D error (mm)": mean_statistic(error),
        "2-D FWHM (mm)": point_spread_statistic(residual[:, :2]),
    }
