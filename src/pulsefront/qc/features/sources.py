"""Histories and fleets from where they come: out of the store, or simulated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

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
from pulsefront.qc.features.schema import FEATURES_VERSION, FeatureSchema, failing_kinds
from pulsefront.qc.records import SeriesKey
from pulsefront.qc.simulate.fleet import simulate_units
from pulsefront.qc.simulate.settings import FleetSettings
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.histories.history import lives_of, read_contexts, read_rows, read_unit
from pulsefront.qc.store.rows.units import UnitVersion
from pulsefront.qc.store.tables import schema

__all__ = ["load_histories", "load_history", "outline", "simulated_fleet", "stored_fleet"]


def load_history(
    store: Store,
    unit_id: str,
    *,
    life: UnitVersion | None = None,
    end: int | None = None,
    assumed_delay_s: int = 0,
) -> UnitHistory:
    """Return the history of one unit, all of it that counts today.

    Parameters
    ----------
    life, end
        One of the scanners that have borne the name, and when the next one came; the one that
        bears it now if left out.
    assumed_delay_s
        How long after it was measured a reading is taken to have been known that arrived in a load
        of history.
    """
    frames = read_unit(store, unit_id, life=life, assumed_delay_s=assumed_delay_s)
    rows = read_rows(store, unit_id, life=(frames.life_from, end), assumed_delay_s=assumed_delay_s)
    used = np.unique(rows.context_id)
    history = assemble(frames, rows, used, read_contexts(store, used))
    return replace(history, assumed=rows.assumed)


def load_histories(
    store: Store, units: Sequence[str] | None = None, *, assumed_delay_s: int = 0
) -> Iterator[UnitHistory]:
    """Yield the history of every unit, in the order of their names, one at a time.

    A name that several scanners have borne has a history for each; those that left bear their
    serial number behind the name.
    """
    for unit_id in store.units()["unit_id"] if units is None else units:
        lives = lives_of(store, unit_id)
        ends = [*(life.life_from for life in lives[1:]), None]
        for life, end in zip(lives, ends, strict=True):
            history = load_history(
                store, unit_id, life=life, end=end, assumed_delay_s=assumed_delay_s
            )
            if end is not None:
                name = f"{unit_id} ({life.record['serial'] or 'earlier'})"
                history = replace(history, unit={**history.unit, "unit_id": name})
            yield history


def outline(store: Store) -> Outline:
    """Return what the store holds altogether, without reading it unit by unit.

    Raises
    ------
    QCDataError
        There are no measurements.
    """
    m, s, v = schema.measurement, schema.series, schema.unit_version
    u, w = schema.unit, schema.service
    with store.engine.connect() as connection:
        span = sa.select(
            m.c.series_id,
            sa.func.min(m.c.measured_at),
            sa.func.max(m.c.measured_at),
            sa.func.max(m.c.available_at),
        ).group_by(m.c.series_id)
        spans = {row[0]: tuple(row[1:]) for row in connection.execute(span)}
        series = connection.execute(sa.select(s).order_by(s.c.unit_id)).fetchall()
        codes = connection.execute(sa.select(schema.event.c.code).distinct()).scalars().all()
        stamps = set(
            connection.execute(sa.select(schema.arrival.c.arrived_at).distinct()).scalars()
        )
        lives = sa.select(v.c.unit_id, sa.func.count(v.c.life_from.distinct())).group_by(
            v.c.unit_id
        )
        scanners = {row[0]: int(row[1]) for row in connection.execute(lives)}
        named = connection.execute(sa.select(u.c.unit_id, u.c.model))
        model_of = {row.unit_id: row.model for row in named}
        failed = sa.select(w.c.unit_id, w.c.component_id).where(w.c.kind == "corrective")
        failures = connection.execute(failed).fetchall()
    keys: dict[str, list[SeriesKey]] = {}
    for row in series:
        if row.series_id in spans:
            key = SeriesKey(row.component_id, row.test, row.measurement_unit)
            keys.setdefault(row.unit_id, []).append(key)
    if not keys:
        raise no_measurements()
    names = [name for group in keys.values() for name in series_names(group)]
    read = {unit_id: {key.component_id for key in group} for unit_id, group in keys.items()}
    models = {unit_id: str(model_of.get(unit_id, "")) for unit_id in keys}
    several = sorted(set(models.values()))
    kinds = failing_kinds(
        (models[row.unit_id], row.unit_id, row.component_id)
        for row in failures
        if row.unit_id in read and row.component_id not in read[row.unit_id]
    )
    return Outline(
        FeatureSchema(
            tuple(sorted({test for _, test in names})),
            tuple(sorted({test for component, test in names if component == ""})),
            tuple(sorted(codes)),
            version=FEATURES_VERSION,
            models=tuple(several) if len(several) > 1 else (),
            kinds=kinds,
        ),
        tuple(sorted(keys)),
        # Room for every kind, whatever the model: an earlier bearer of the name had another one.
        sum((len(own) + len(kinds)) * scanners.get(unit_id, 1) for unit_id, own in read.items()),
        min(first for first, _, _ in spans.values()),
        # What arrived in a load says nothing of the time that the records cover.
        max(last if known in stamps else known for _, last, known in spans.values()),
    )


def stored_fleet(
    store: Store,
    target: Target,
    *,
    daily_from: float,
    assumed_delay_s: int = 0,
    report: Report = silent,
) -> Fleet:
    """Return the samples of all units of a store, read one at a time.

    Raises
    ------
    QCDataError
        There are no measurements.
    """
    return build_fleet(
        load_histories(store, assumed_delay_s=assumed_delay_s),
        target,
        daily_from=daily_from,
        outline=outline(store),
        assumed_delay_s=assumed_delay_s,
        report=report,
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
