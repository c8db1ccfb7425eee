"""All that is known of one scanner, as arrays in the order in which it became known."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from pulsefront.qc import schema
from pulsefront.qc.records import LIMIT_COLUMNS
from pulsefront.qc.store import Store, group_rows

__all__ = ["UnitHistory", "history_from_frames", "load_histories", "load_history"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_CONTEXT_NAMES = (*LIMIT_COLUMNS, "status", "baseline_id", "software_version")


@dataclass(frozen=True)
class UnitHistory:
    """Records of one unit.

    Attributes
    ----------
    unit
        The unit's own record.
    series
        (component_id, test) of each series; a test that came in two units of measurement is two
        series, the unit in brackets behind the name.
    start
        (series + 1,) where the rows of each series begin.
    value, measured_at, available_at, context
        (row,) sorted by series, then by the time they became known, then by the time measured.
    limits
        (context, 5) reference and the four limits.
    baseline, software
        (context,) names.
    services, events
        Frames sorted by the time they became known (``logged_at``, ``available_at``).
    """

    unit: Mapping[str, Any]
    series: tuple[tuple[str, str], ...]
    start: Ints
    value: Floats
    measured_at: Ints
    available_at: Ints
    context: Ints
    limits: Floats
    baseline: npt.NDArray[np.object_]
    software: npt.NDArray[np.object_]
    services: pd.DataFrame
    events: pd.DataFrame

    @property
    def unit_id(self) -> str:
        """Name of the unit."""
        return str(self.unit["unit_id"])

    @property
    def components(self) -> tuple[str, ...]:
        """Components that have tests of their own, sorted."""
        return tuple(sorted({component for component, _ in self.series}))

    def known_by(self, as_of_s: int) -> UnitHistory:
        """Return the history with just what was known at an instant."""
        keep = self.available_at <= as_of_s
        before = np.concatenate([[0], np.cumsum(keep)])
        return replace(
            self,
            start=before[self.start].astype(np.int64),
            value=self.value[keep],
            measured_at=self.measured_at[keep],
            available_at=self.available_at[keep],
            context=self.context[keep],
            services=self.services[self.services["logged_at"] <= as_of_s].reset_index(drop=True),
            events=self.events[self.events["available_at"] <= as_of_s].reset_index(drop=True),
        )

    def content_hash(self) -> str:
        """Return the SHA-256 of all records, the same wherever and whenever they were stored."""
        digest = hashlib.sha256()
        digest.update(repr((sorted(self.unit.items()), self.series, self.start.tolist())).encode())
        names = [
            repr(row) for row in zip(self.baseline.tolist(), self.software.tolist(), strict=True)
        ]
        text = np.array(
            [
                hashlib.sha256(f"{n}{row.tolist()}".encode()).digest()[:8]
                for n, row in zip(names, self.limits, strict=True)
            ],
            dtype="S8",
        )
        for array in (self.value, self.measured_at, self.available_at):
            digest.update(np.ascontiguousarray(array).tobytes())
        digest.update(text[self.context].tobytes() if len(text) else b"")
        for frame in (self.services, self.events):
            digest.update(frame.to_csv(index=False).encode())
        return digest.hexdigest()


def _assemble(
    unit: Mapping[str, Any],
    keys: Sequence[tuple[str, str, str]],
    series_code: Ints,
    columns: tuple[Floats, Ints, Ints, Ints],
    contexts: Sequence[tuple[Any, ...]],
    services: pd.DataFrame,
    events: pd.DataFrame,
) -> UnitHistory:
    """Return the history from rows in any order; *keys* are (component, test, unit)."""
    counts: dict[tuple[str, str], int] = {}
    for component, test, _ in keys:
        counts[component, test] = counts.get((component, test), 0) + 1
    names = [(c, t if counts[c, t] == 1 else f"{t} [{u}]") for c, t, u in keys]
    order = sorted(range(len(names)), key=lambda k: names[k])
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    value, measured_at, available_at, context = columns
    code = rank[series_code] if len(series_code) else series_code
    rows = np.lexsort((measured_at, available_at, code))
    start = np.searchsorted(code[rows], np.arange(len(names) + 1))
    services = services.sort_values(
        ["logged_at", "reported_at", "component_id", "kind"], ignore_index=True
    )
    events = events.sort_values(
        ["available_at", "occurred_at", "component_id", "code"], ignore_index=True
    )
    limits = np.array([[np.nan if v is None else v for v in c[:5]] for c in contexts], dtype=float)
    return UnitHistory(
        unit,
        tuple(names[k] for k in order),
        start.astype(np.int64),
        value[rows],
        measured_at[rows],
        available_at[rows],
        context[rows],
        limits.reshape(-1, 5),
        np.array([c[6] for c in contexts], dtype=object),
        np.array([c[7] for c in contexts], dtype=object),
        services,
        events,
    )


def history_from_frames(
    units: pd.DataFrame, measurements: pd.DataFrame, events: pd.DataFrame, services: pd.DataFrame
) -> UnitHistory:
    """Return the history of the one unit that the frames are about."""
    series_code, keys = group_rows(measurements, ["component_id", "test", "unit"])
    context_code, contexts = group_rows(measurements, list(_CONTEXT_NAMES))
    return _assemble(
        {str(k): v for k, v in units.iloc[0].items()},
        keys,
        series_code,
        (
            measurements["value"].to_numpy(dtype=float),
            measurements["measured_at"].to_numpy(),
            measurements["available_at"].to_numpy(),
            context_code,
        ),
        contexts,
        services.drop(columns=["row", "source_id"], errors="ignore"),
        events.drop(columns=["row", "source_id"], errors="ignore"),
    )


def load_history(store: Store, unit_id: str) -> UnitHistory:
    """Return the history of one unit from the store."""
    m, s, c = schema.measurement, schema.series, schema.context
    unit = store.frame(sa.select(schema.unit).where(schema.unit.c.unit_id == unit_id))
    series = store.frame(sa.select(s).where(s.c.unit_id == unit_id))
    columns = (m.c.series_id, m.c.measured_at, m.c.available_at, m.c.value, m.c.context_id)
    query = sa.select(*columns).join_from(s, m, m.c.series_id == s.c.series_id)
    with store.engine.connect() as connection:
        rows = connection.execute(query.where(s.c.unit_id == unit_id)).fetchall()
        used = sorted({row[4] for row in rows})
        contexts: dict[int, tuple[Any, ...]] = {}
        for k in range(0, len(used), 400):
            names = (c.c.context_id, *(c.c[name] for name in _CONTEXT_NAMES))
            found = connection.execute(
                sa.select(*names).where(c.c.context_id.in_(used[k : k + 400]))
            )
            contexts.update({row[0]: tuple(row[1:]) for row in found})
    # A NULL value becomes NaN; the other columns are never NULL, and exact as floats.
    table = np.array([tuple(row) for row in rows], dtype=np.float64).reshape(-1, 5)
    series_id, measured_at, available_at = (table[:, k].astype(np.int64) for k in range(3))
    context_id = table[:, 4].astype(np.int64)
    ids = series["series_id"].to_numpy(dtype=np.int64)
    by_id = np.argsort(ids)
    keys = list(series[["component_id", "test", "unit"]].itertuples(index=False, name=None))
    return _assemble(
        {str(k): v for k, v in unit.iloc[0].items()},
        [keys[k] for k in by_id],
        np.searchsorted(ids[by_id], series_id),
        (
            table[:, 3].copy(),
            measured_at,
            available_at,
            np.searchsorted(np.array(used, dtype=np.int64), context_id),
        ),
        [contexts[k] for k in used],
        _of_unit(store, schema.service, unit_id),
        _of_unit(store, schema.event, unit_id),
    )


def _of_unit(store: Store, table: sa.Table, unit_id: str) -> pd.DataFrame:
    frame = store.frame(sa.select(table).where(table.c.unit_id == unit_id))
    return frame.drop(columns="source_id")


def load_histories(store: Store) -> Iterator[UnitHistory]:
    """Yield the history of every unit, in the order of their names."""
    for unit_id in store.units()["unit_id"]:
        yield load_history(store, unit_id)
