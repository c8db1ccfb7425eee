"""Histories and fleets from where they come: out of the store, or simulated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import sqlalchemy as sa

from pulsefront.progress import Report, silent
from pulsefront.qc.features.history import (
    UnitHistory,
    assemble,
    history_from_frames,
    series_names,
)
from pulsefront.qc.features.labels import Target
from pulsefront.qc.features.samples import Fleet, Outline, build_fleet, no_measurements
from pulsefront.qc.features.schema import FeatureSchema
from pulsefront.qc.records import SeriesKey
from pulsefront.qc.simulate.fleet import simulate_units
from pulsefront.qc.simulate.settings import FleetSettings
from pulsefront.qc.store import schema
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.history import read_contexts, read_rows, read_unit

__all__ = ["load_histories", "load_history", "outline", "simulated_fleet", "stored_fleet"]


def load_history(store: Store, unit_id: str) -> UnitHistory:
    """Return the history of one unit, all of it."""
    frames, rows = read_unit(store, unit_id), read_rows(store, unit_id)
    used = np.unique(rows.context_id)
    return assemble(frames, rows, used, read_contexts(store, used))


def load_histories(store: Store, units: Sequence[str] | None = None) -> Iterator[UnitHistory]:
    """Yield the history of every unit, in the order of their names, one at a time."""
    for unit_id in store.units()["unit_id"] if units is None else units:
        yield load_history(store, unit_id)


def outline(store: Store) -> Outline:
    """Return what the store holds altogether, without reading it unit by unit.

    Raises
    ------
    QCDataError
        There are no measurements.
    """
    m, s = schema.measurement, schema.series
    with store.engine.connect() as connection:
        span = sa.select(
            m.c.series_id, sa.func.min(m.c.measured_at), sa.func.max(m.c.available_at)
        ).group_by(m.c.series_id)
        spans = {row[0]: (row[1], row[2]) for row in connection.execute(span)}
        series = connection.execute(sa.select(s).order_by(s.c.unit_id)).fetchall()
        codes = connection.execute(sa.select(schema.event.c.code).distinct()).scalars().all()
    keys: dict[str, list[SeriesKey]] = {}
    for row in series:
        if row.series_id in spans:
            key = SeriesKey(row.component_id, row.test, row.measurement_unit)
            keys.setdefault(row.unit_id, []).append(key)
    if not keys:
        raise no_measurements()
    names = [name for group in keys.values() for name in series_names(group)]
    return Outline(
        FeatureSchema(
            tuple(sorted({test for _, test in names})),
            tuple(sorted({test for component, test in names if component == ""})),
            tuple(sorted(codes)),
        ),
        tuple(sorted(keys)),
        sum(len({key.component_id for key in group}) for group in keys.values()),
        min(first for first, _ in spans.values()),
        max(last for _, last in spans.values()),
    )


def stored_fleet(
    store: Store, target: Target, *, daily_from: float, report: Report = silent
) -> Fleet:
    """Return the samples of all units of a store, read one at a time.

    Raises
    ------
    QCDataError
        There are no measurements.
    """
    return build_fleet(
        load_histories(store), target, daily_from=daily_from, outline=outline(store), report=report
    )


def simulated_fleet(
    settings: FleetSettings, target: Target, *, daily_from: float, report: Report = silent
) -> tuple[Fleet, pd.DataFrame]:
    """Return the samples of a simulated fleet, past all files and stores, and its failures."""
    histories = []
    truth = []
    for done, unit in enumerate(simulate_units(settings), start=1):
        truth.append(unit.failures)
        histories.append(
            history_from_frames(unit.units, unit.measurements, unit.events, unit.services)
        )
        report(done, settings.scanners)
    fleet = build_fleet(histories, target, daily_from=daily_from)
    return fleet, pd.concat(truth, ignore_index=True)
