"""Features and labels of a fleet as rows, with what is needed to judge a score on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pulsefront.errors import QCDataError
from pulsefront.progress import Report, silent
from pulsefront.qc.features.ages import days_in_use
from pulsefront.qc.features.daily import UnitFeatures, daily_as_of, unit_features
from pulsefront.qc.features.history import UnitHistory
from pulsefront.qc.features.labels import (
    NO_LABEL,
    Target,
    component_labels,
    failure_times,
    longest_label_delay_days,
    replacement_times,
)
from pulsefront.qc.features.peers import fill_peers, fleet_levels
from pulsefront.qc.features.schema import FeatureSchema, schema_of
from pulsefront.qc.times import DAY_S

__all__ = [
    "Fleet",
    "Outline",
    "Samples",
    "build_fleet",
    "empty_samples",
    "outline_of",
    "put_rows",
    "split_time",
]


@dataclass(frozen=True)
class Samples:
    """Rows of (component, day).

    Attributes
    ----------
    values
        (row, feature) float32.
    label
        (row,) 1, 0 or −1 where there is none.
    unit, component
        (row,) index into the fleet's units, and into its (unit, component) pairs.
    as_of_s, records, last_measured_s, in_service, software
        (row,) see `UnitFeatures`.
    """

    values: npt.NDArray[np.float32]
    label: npt.NDArray[np.int8]
    unit: npt.NDArray[np.int32]
    component: npt.NDArray[np.int32]
    as_of_s: npt.NDArray[np.int64]
    records: npt.NDArray[np.int32]
    last_measured_s: npt.NDArray[np.int64]
    in_service: npt.NDArray[np.bool_]
    software: npt.NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.label)

    def take(self, rows: npt.NDArray[Any]) -> Samples:
        """Return some rows, by mask or index."""
        return replace(self, **{f.name: getattr(self, f.name)[rows] for f in fields(self)})


@dataclass(frozen=True)
class Fleet:
    """Samples of a fleet and the names behind their indices.

    ``failures_s`` holds, by component index, the times of its failures; ``label_delay_days`` the
    longest time from a failure to its entry in the log. Of ``assumed_records`` it had to be assumed
    when they became known: ``assumed_delay_s`` after they were measured. Rows of a component lie
    ``every_s`` apart where none is left out.
    """

    schema: FeatureSchema
    target: Target
    samples: Samples
    units: tuple[str, ...]
    sites: tuple[str, ...]
    models: tuple[str, ...]
    components: tuple[tuple[int, str], ...]
    failures_s: tuple[npt.NDArray[np.int64], ...]
    replaced_s: tuple[npt.NDArray[np.int64], ...]
    first_s: int
    last_s: int
    label_delay_days: float
    assumed_records: int = 0
    assumed_delay_s: int = 0
    every_s: int = DAY_S

    @property
    def embargo_days(self) -> int:
        """Days between what one slice may use and the first day of the next."""
        return int(np.ceil(self.target.span_days + self.label_delay_days))

    @property
    def spacing_s(self) -> int:
        """Seconds between rows of a component that figures by row are about."""
        return self.target.spacing_s(self.every_s)


@dataclass(frozen=True)
class Outline:
    """What a fleet's records hold altogether, to be known before the first unit is read.

    ``components`` counts the components of all units; times in seconds since 1970 UTC.
    """

    schema: FeatureSchema
    units: tuple[str, ...]
    components: int
    first_s: int
    last_s: int


def no_measurements() -> QCDataError:
    """Return the error of an empty store."""
    return QCDataError("the store holds no measurements", remedy="run pulsefront qc ingest first")


def outline_of(histories: Sequence[UnitHistory], *, hourly: bool = False) -> Outline:
    """Return the outline of histories that are at hand; *hourly* as in `FeatureSchema`."""
    units = [history for history in histories if len(history.value)]
    if not units:
        raise no_measurements()
    schema = schema_of(units, hourly=hourly)
    return Outline(
        schema,
        tuple(h.unit_id for h in units),
        sum(len(schema.components(h)) for h in units),
        min(int(h.measured_at.min()) for h in units),
        max(int(h.available_at.max()) for h in units),
    )


def empty_samples(rows: int, features: int) -> Samples:
    """Return room for rows; a page of memory is taken once something is written to it."""
    return Samples(
        np.empty((rows, features), dtype=np.float32),
        np.full(rows, -1, dtype=np.int8),
        np.empty(rows, dtype=np.int32),
        np.empty(rows, dtype=np.int32),
        np.empty(rows, dtype=np.int64),
        np.empty(rows, dtype=np.int32),
        np.empty(rows, dtype=np.int64),
        np.empty(rows, dtype=np.bool_),
        np.empty(rows, dtype=object),
    )


def put_rows(
    samples: Samples, row: int, features: UnitFeatures, unit: int, first_component: int, first: int
) -> int:
    """Write a unit's features from *row* on, component by component; return the next row.

    Instants before number *first* are left out; there is no label yet.
    """
    count, size = features.records.shape
    size -= first
    end = row + count * size
    rows = slice(row, end)
    samples.values[rows].reshape(count, size, -1)[:] = features.values[:, first:]
    samples.unit[rows] = unit
    samples.component[rows] = np.repeat(np.arange(first_component, first_component + count), size)
    samples.as_of_s[rows] = np.tile(features.as_of_s[first:], count)
    samples.records[rows] = features.records[:, first:].reshape(-1)
    samples.last_measured_s[rows] = np.tile(features.last_measured_s[first:], count)
    samples.in_service[rows] = features.in_service[:, first:].reshape(-1)
    samples.software[rows] = np.tile(features.software[first:], count)
    return int(end)


def build_fleet(
    histories: Iterable[UnitHistory],
    target: Target,
    *,
    daily_from: float = 0.0,
    stride_before: int | None = None,
    every_s: int = DAY_S,
    outline: Outline | None = None,
    assumed_delay_s: int = 0,
    report: Report = silent,
) -> Fleet:
    """Return features and labels of all units.

    Parameters
    ----------
    histories
        With *outline* given they are taken one at a time, so that a large store is never in
        memory as a whole.
    daily_from
        Share of the time from which on every instant is a row.
    stride_before
        Before that, one instant in so many is a row; if left out, those a quarter of the horizon
        apart (`Target.spacing_s`). On three reference fleets cut to 20 scanners (28 days ahead,
        seeds 7000 to 7002) that cost the blend nothing: from every 7th, every 2nd and every day its
        log loss was 0.0112, 0.0112 and 0.0112, its average precision 0.551, 0.551 and 0.551, and it
        found 51, 51 and 50 of 56 failures at one false alert a scanner-year. Models of the site
        alone lose: of 100 scanners (seed 7000) boosted trees found 45 of 82 from every 7th day and
        62 from every day, the hazard model 52 and 56, the blend 65 from either.
    every_s
        Seconds between instants, a day or a part of one.
    assumed_delay_s
        With what the histories were read.

    Raises
    ------
    QCDataError
        There are no measurements.
    """
    if outline is None:
        histories = list(histories)
        outline = outline_of(histories)
    schema, last_s = outline.schema, outline.last_s
    as_of_s = daily_as_of(outline.first_s, last_s, every_s=every_s)
    number = np.arange(len(as_of_s))
    stride = stride_before or target.spacing_s(every_s) // every_s
    as_of_s = as_of_s[(number >= daily_from * len(number)) | (number % stride == 0)]
    samples = empty_samples(outline.components * len(as_of_s), len(schema.names))
    found = _Found()
    end = 0
    for history in histories:
        if not len(history.value):
            continue
        features = unit_features(history, schema, as_of_s)
        first = int(np.searchsorted(as_of_s, int(history.measured_at.min())))
        begin = end
        end = put_rows(samples, begin, features, len(found.units), len(found.components), first)
        used = days_in_use(history.unit, as_of_s[first:])
        follow_up_s = min(last_s, int(history.unit["active_to"]) or last_s)
        label = [
            component_labels(history.services, name, as_of_s[first:], target, follow_up_s)
            for name in features.components
        ]
        samples.label[begin:end] = np.where(used, np.stack(label), NO_LABEL).reshape(-1)
        found.add(history, features, _Rows(begin, end, first))
        report(len(found.units), len(outline.units))
    samples = Samples(**{f.name: getattr(samples, f.name)[:end] for f in fields(Samples)})
    _add_peers(samples, found, schema)
    return replace(found.fleet(outline, target, samples, assumed_delay_s), every_s=every_s)


class _Rows(NamedTuple):
    """The rows of a unit, begin to end, from instant number *first* on."""

    begin: int
    end: int
    first: int


class _Found:
    """What is kept of each unit beside its rows."""

    def __init__(self) -> None:
        self.units: list[str] = []
        self.sites: list[str] = []
        self.models: list[str] = []
        self.components: list[tuple[int, str]] = []
        self.failures: list[npt.NDArray[np.int64]] = []
        self.replaced: list[npt.NDArray[np.int64]] = []
        self.delays: list[float] = []
        self.levels: list[npt.NDArray[np.float32]] = []
        self.rows: list[_Rows] = []
        self.assumed = 0

    def add(self, history: UnitHistory, features: UnitFeatures, rows: _Rows) -> None:
        unit = len(self.units)
        self.units.append(history.unit_id)
        self.sites.append(str(history.unit["site"]))
        self.models.append(str(history.unit["model"]))
        for name in features.components:
            self.components.append((unit, name))
            self.failures.append(failure_times(history.services, name))
            self.replaced.append(replacement_times(history.services, name))
        self.delays.append(longest_label_delay_days(history.services))
        self.levels.append(features.levels)
        self.rows.append(rows)
        self.assumed += history.assumed

    def fleet(
        self, outline: Outline, target: Target, samples: Samples, assumed_delay_s: int
    ) -> Fleet:
        return Fleet(
            schema=outline.schema,
            target=target,
            samples=samples,
            units=tuple(self.units),
            sites=tuple(self.sites),
            models=tuple(self.models),
            components=tuple(self.components),
            failures_s=tuple(self.failures),
            replaced_s=tuple(self.replaced),
            first_s=outline.first_s,
            last_s=outline.last_s,
            label_delay_days=max(self.delays),
            assumed_records=self.assumed,
            assumed_delay_s=assumed_delay_s,
        )


def _add_peers(samples: Samples, found: _Found, schema: FeatureSchema) -> None:
    """Fill how far each unit is from the fleet, in place."""
    fleet = fleet_levels(found.levels, found.models)
    for rows, levels, model in zip(found.rows, found.levels, found.models, strict=True):
        size = levels.shape[1] - rows.first
        if size:
            values = samples.values[rows.begin : rows.end]
            values = values.reshape(-1, size, samples.values.shape[1])
            mine = {model: fleet[model][:, rows.first :]}
            fill_peers(values, levels[:, rows.first :], mine, model, schema)


def split_time(fleet: Fleet, share: float) -> int:
    """Return the instant at a share of the fleet's time, at the end of a day."""
    return int((fleet.first_s + share * (fleet.last_s - fleet.first_s)) // DAY_S * DAY_S)
