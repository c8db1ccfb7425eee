"""Features and labels of a fleet as rows, with what is needed to judge a score on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.errors import QCDataError
from pulsefront.progress import Report, silent
from pulsefront.qc.features import (
    FeatureSchema,
    UnitFeatures,
    add_peers,
    daily_as_of,
    fleet_levels,
    schema_of,
    unit_features,
)
from pulsefront.qc.history import UnitHistory
from pulsefront.qc.labels import Target, component_labels, failure_times, longest_label_delay_days
from pulsefront.qc.times import DAY_S

__all__ = ["Fleet", "Samples", "build_fleet", "rows_of"]


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
    unit: npt.NDArray[np.int64]
    component: npt.NDArray[np.int64]
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
    longest time from a failure to its entry in the log.
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

    @property
    def embargo_days(self) -> int:
        """Days between what one slice may use and the first day of the next."""
        return int(np.ceil(self.target.span_days + self.label_delay_days))


def rows_of(features: UnitFeatures, unit: int, first_component: int) -> Samples:
    """Return the features of one unit as rows without labels, component by component."""
    count, size = features.records.shape
    return Samples(
        features.values.reshape(count * size, -1),
        np.full(count * size, -1, dtype=np.int8),
        np.full(count * size, unit, dtype=np.int64),
        np.repeat(np.arange(first_component, first_component + count), size),
        np.tile(features.as_of_s, count),
        features.records.reshape(-1),
        np.tile(features.last_measured_s, count),
        features.in_service.reshape(-1),
        np.tile(features.software, count),
    )


def join(parts: Sequence[Samples]) -> Samples:
    """Return the rows of several samples, one after the other."""
    return Samples(
        **{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Samples)}
    )


def build_fleet(
    histories: Iterable[UnitHistory],
    target: Target,
    *,
    daily_from: float = 0.0,
    stride_before: int = 7,
    schema: FeatureSchema | None = None,
    report: Report = silent,
) -> Fleet:
    """Return features and labels of all units.

    Parameters
    ----------
    daily_from
        Share of the time from which on every day is a row; before, every *stride_before* days,
        which costs training little: neighbouring days tell nearly the same.

    Raises
    ------
    QCDataError
        There are no measurements.
    """
    units = [history for history in histories if len(history.value)]
    if not units:
        raise QCDataError(
            "the store holds no measurements", remedy="run pulsefront qc ingest first"
        )
    schema = schema or schema_of(units)
    first_s = min(int(h.measured_at.min()) for h in units)
    last_s = max(int(h.available_at.max()) for h in units)
    as_of_s = daily_as_of(first_s, last_s)
    day = np.arange(len(as_of_s))
    wanted = (day >= daily_from * len(day)) | (day % stride_before == 0)
    parts: list[Samples] = []
    computed: list[UnitFeatures] = []
    components: list[tuple[int, str]] = []
    failures, replaced = [], []
    for done, history in enumerate(units, start=1):
        computed.append(unit_features(history, schema, as_of_s[wanted]))
        report(done, len(units))
    levels = fleet_levels(computed)
    for k, (history, features) in enumerate(zip(units, computed, strict=True)):
        add_peers(features, levels, schema)
        rows = rows_of(features, k, len(components))
        seen = features.as_of_s >= int(history.measured_at.min())
        label = [
            component_labels(history.services, name, features.as_of_s, target, last_s)
            for name in features.components
        ]
        rows = replace(rows, label=np.concatenate(label))
        parts.append(rows.take(np.tile(seen, len(features.components))))
        for name in features.components:
            components.append((k, name))
            failures.append(failure_times(history.services, name))
            replaced.append(_replaced(history, name))
        computed[k] = replace(features, values=features.values[:0])  # the rows hold them now
    return Fleet(
        schema,
        target,
        join(parts),
        tuple(h.unit_id for h in units),
        tuple(str(h.unit["site"]) for h in units),
        tuple(str(h.unit["model"]) for h in units),
        tuple(components),
        tuple(failures),
        tuple(replaced),
        first_s,
        last_s,
        max(longest_label_delay_days(h.services) for h in units),
    )


def _replaced(history: UnitHistory, component: str) -> npt.NDArray[np.int64]:
    services = history.services
    mine = (services["component_id"] == component) & (services["kind"] == "preventive")
    if component == "":
        mine &= False
    return np.sort(services.loc[mine, "reported_at"].to_numpy(dtype=np.int64))


def split_time(fleet: Fleet, share: float) -> int:
    """Return the instant at a share of the fleet's time, at the end of a day."""
    return int((fleet.first_s + share * (fleet.last_s - fleet.first_s)) // DAY_S * DAY_S)
