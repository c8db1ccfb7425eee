"""Records of every kind out of the texts of rows."""

from __future__ import annotations

from collections.abc import Mapping as Table

import numpy as np
import numpy.typing as npt
import pandas as pd

from pulsefront.qc.readers.rows.cell_numbers import unit_of_cell
from pulsefront.qc.readers.rows.quantities import (
    CORRECT,
    Reading,
    components_of,
    known_of,
    numbers_of,
    times_of,
    units_of,
)
from pulsefront.qc.readers.rows.row_table import RowTable, Texts, by_distinct
from pulsefront.qc.readers.text.words import STATUS_WORDS, kind_of_service
from pulsefront.qc.records import (
    BOUND_COLUMNS,
    EVENT_COLUMNS,
    LIMIT_COLUMNS,
    MEASUREMENT_COLUMNS,
    SERVICE_COLUMNS,
    UNIT_COLUMNS,
    frame_of,
)

__all__ = ["events_of", "measurements_of", "services_of", "unit_records_of"]


def measurements_of(reading: Reading, table: RowTable) -> pd.DataFrame:
    """Return a measurement per row; what does not fit is noted in *table*."""
    unit_ids, zones = units_of(reading, table)
    measured_at = times_of(reading, table, "measured_at", zones, required=True)
    test = table.text("test")
    table.refuse(test == "", "has no test", CORRECT)
    status = _status_of(table)
    unit, limit_unit = _units_of(reading, table), table.text("limit_unit")
    value = numbers_of(reading, table, "value", unit)
    empty = np.isnan(value) & (status != "skipped")
    table.refuse(empty, "has no value and was not skipped", CORRECT)
    limits = {name: numbers_of(reading, table, name, unit) for name in LIMIT_COLUMNS}
    has_limits = ~np.isnan(np.column_stack(list(limits.values()))).all(axis=1)
    table.refuse(
        has_limits & (limit_unit != "") & (limit_unit != unit),
        "the limits are in another unit than the value",
        CORRECT,
    )
    table.refuse(_crossing(limits), "the limits cross", CORRECT)
    known, on_arrival = known_of(reading, table, measured_at, "available_at", zones)
    return frame_of(
        MEASUREMENT_COLUMNS,
        {
            "unit_id": unit_ids,
            "component_id": components_of(reading, table, unit_ids),
            "test": test,
            "value": value,
            "measurement_unit": unit,
            **limits,
            "status": status,
            "measured_at": measured_at,
            "available_at": known,
            "baseline_id": table.text("baseline_id"),
            "software_version": table.text("software_version"),
            "row": table.number,
            "known_on_arrival": on_arrival,
        },
    )


def events_of(reading: Reading, table: RowTable) -> pd.DataFrame:
    """Return an event per row; what does not fit is noted in *table*."""
    unit_ids, zones = units_of(reading, table)
    occurred_at = times_of(reading, table, "occurred_at", zones, required=True)
    table.refuse(table.text("code") == "", "has no code", CORRECT)
    known, on_arrival = known_of(reading, table, occurred_at, "available_at", zones)
    return frame_of(
        EVENT_COLUMNS,
        {
            "unit_id": unit_ids,
            "component_id": components_of(reading, table, unit_ids),
            "code": table.text("code"),
            "severity": table.text("severity"),
            "occurred_at": occurred_at,
            "available_at": known,
            "row": table.number,
            "known_on_arrival": on_arrival,
        },
    )


def services_of(reading: Reading, table: RowTable) -> pd.DataFrame:
    """Return a service per row; what does not fit is noted in *table*."""
    unit_ids, zones = units_of(reading, table)
    reported_at = times_of(reading, table, "reported_at", zones, required=True)
    kind = _kind_of(reading, table)
    hours = np.full(len(table), "h", dtype=object)
    downtime = numbers_of(reading, table, "downtime_hours", hours)
    started = times_of(reading, table, "started_at", zones)
    started = np.where(started == 0, reported_at, started)
    completed = times_of(reading, table, "completed_at", zones)
    lasted = np.nan_to_num(downtime * 3600.0).astype(np.int64)
    completed = np.where(completed == 0, started + lasted, completed)
    table.refuse(completed < reported_at, "was completed before it was reported", CORRECT)
    # What is logged without a time of logging is known once the work is done, at the earliest.
    logged_at, on_arrival = known_of(reading, table, completed, "logged_at", zones)
    return frame_of(
        SERVICE_COLUMNS,
        {
            "unit_id": unit_ids,
            "component_id": components_of(reading, table, unit_ids),
            "kind": kind,
            "reported_at": reported_at,
            "started_at": started,
            "completed_at": completed,
            "logged_at": logged_at,
            "downtime_hours": downtime,
            "row": table.number,
            "known_on_arrival": on_arrival,
        },
    )


def unit_records_of(reading: Reading, table: RowTable) -> pd.DataFrame:
    """Return what each row says of a unit; what does not fit is noted in *table*."""
    unit_ids, zones = units_of(reading, table)
    zone = table.text("timezone")
    texts = ("site", "modality", "vendor", "model", "serial")
    days = ("installed_on", "active_from", "active_to")
    frame = frame_of(
        UNIT_COLUMNS,
        {
            "unit_id": unit_ids,
            **{name: table.text(name) for name in texts},
            **{name: times_of(reading, table, name, zones) for name in days},
            "timezone": np.where(zone != "", zone, np.where(zones != "", zones, "UTC")),
        },
    )
    return frame.assign(site=np.where(frame["site"] == "", reading.site.site, frame["site"]))


def _units_of(reading: Reading, table: RowTable) -> Texts:
    """Return in which unit each row is measured; the cells say it where the mapping asks them."""
    columns = reading.mapping.columns
    said = table.text("measurement_unit")
    if columns.value and columns.measurement_unit == columns.value:
        return by_distinct(said, unit_of_cell)
    return said


def _status_of(table: RowTable) -> Texts:
    """Return what each row says of its result, in our words."""
    said = table.text("status")
    status = by_distinct(said, lambda word: STATUS_WORDS.get(word.lower(), "?"))
    unknown = np.asarray(status == "?")
    if unknown.any():
        words = by_distinct(said, lambda word: f"has an unknown status: {word!r}")
        table.refuse(unknown, words, "correct the word, or leave status out of the mapping")
    return status


def _kind_of(reading: Reading, table: RowTable) -> Texts:
    """Return the kind of each service."""
    said = table.text("kind")
    own = {**reading.site.service_kinds, **reading.mapping.kinds}
    kind = by_distinct(said, lambda word: kind_of_service(word, own))
    words = by_distinct(said, lambda word: f"has an unknown kind of service: {word!r}")
    table.refuse(
        np.asarray(kind == ""),
        words,
        "say what it means under kinds in the mapping, or service_kinds in site.toml",
    )
    return kind


def _crossing(limits: Table[str, npt.NDArray[np.float64]]) -> npt.NDArray[np.bool_]:
    bad = np.zeros(len(limits["action_low"]), dtype=bool)
    highest = np.full(len(bad), -np.inf)
    for name in BOUND_COLUMNS:
        bad |= limits[name] < highest  # NaN compares false
        highest = np.fmax(highest, limits[name])
    return bad
