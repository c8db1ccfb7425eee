"""What reports of consoles share: which scanner they are about, and records of one instant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pulsefront.errors import QCDataError
from pulsefront.qc.readers.rows.assemble import path_values
from pulsefront.qc.readers.rows.quantities import zone_of
from pulsefront.qc.records import MEASUREMENT_COLUMNS, UNIT_COLUMNS, frame_of
from pulsefront.qc.site import Mapping, Site, UnitSettings
from pulsefront.qc.times import parse_times

__all__ = ["ReportedValue", "instant_of", "unit_of_report", "unit_record", "values_frame"]


def unit_of_report(
    path: Path, site: Site, mapping: Mapping | None, *, names: Sequence[str] = ()
) -> UnitSettings:
    """Return the unit of a report: from the mapping, or by one of the *names* that it tells.

    Raises
    ------
    QCDataError
        Nothing tells the unit.
    """
    given = {**mapping.fixed, **path_values(mapping, path)} if mapping else {}
    told = [name for name in (given.get("unit_id", ""), *names) if name.strip()]
    for name in told:
        unit = site.unit(name)
        if unit in site.units:
            return unit
    if told:
        return site.unit(told[0])
    raise QCDataError(
        "does not tell which scanner it is about",
        file=path,
        remedy="give a mapping with its format and fixed = { unit_id = … } in site.toml",
    )


def instant_of(
    path: Path, text: str, site: Site, mapping: Mapping | None, unit: UnitSettings, *, field: str
) -> int:
    """Return an instant that a report tells, in seconds.

    Raises
    ------
    QCDataError
        It tells none.
    """
    order = (mapping.date_order if mapping else None) or "ymd"
    formats = mapping.date_format if mapping else ()
    zone = zone_of(site, unit, mapping) or "UTC"
    seconds, reasons = parse_times([text], zone=zone, order=order, formats=formats)
    if reasons[0]:
        raise QCDataError(
            str(reasons[0]),
            file=path,
            field=field,
            remedy="give date_format or date_order in a mapping for such files",
        )
    return int(seconds[0])


@dataclass(frozen=True)
class ReportedValue:
    """One number of a report, at a line or an index of it; limits are NaN where it tells none."""

    row: int
    test: str
    value: float
    measurement_unit: str = ""
    component_id: str = ""
    action_low: float = np.nan
    action_high: float = np.nan
    status: str = ""


def values_frame(
    values: Sequence[ReportedValue], unit: UnitSettings, *, measured_at: int, available_at: int
) -> pd.DataFrame:
    """Return the measurements of a report."""
    names = ("row", "test", "value", "measurement_unit", "action_low", "action_high", "status")
    return frame_of(
        MEASUREMENT_COLUMNS,
        {
            **{name: [getattr(value, name) for value in values] for name in names},
            "component_id": [unit.component(value.component_id) for value in values],
            "unit_id": unit.unit_id,
            "measured_at": measured_at,
            "available_at": available_at,
            "known_on_arrival": 1,
        },
    )


def unit_record(site: Site, unit: UnitSettings, **told: str) -> pd.DataFrame:
    """Return the record of a unit: what the site says of it, and else what the report tells."""
    names = ("modality", "vendor", "model", "serial")
    return frame_of(
        UNIT_COLUMNS,
        {
            "unit_id": unit.unit_id,
            "site": unit.site or site.site,
            **{name: getattr(unit, name) or told.get(name, "") for name in names},
            "timezone": unit.timezone or site.timezone or "UTC",
        },
    )
