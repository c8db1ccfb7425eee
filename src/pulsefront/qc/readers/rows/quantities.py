"""What the texts of a row mean: the unit and its clock, times, numbers, when it became known."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from pulsefront.errors import QCDataError
from pulsefront.qc.readers.rows.cell_numbers import numbers_of_cells
from pulsefront.qc.readers.rows.row_table import RowTable, Texts
from pulsefront.qc.site import Mapping, Site, UnitSettings
from pulsefront.qc.times import DateOrder, iso_time, parse_times

__all__ = [
    "CORRECT",
    "NotYet",
    "Reading",
    "check_not_future",
    "components_of",
    "future_reason",
    "known_of",
    "numbers_of",
    "times_of",
    "units_of",
    "zone_of",
]

_EARLIEST_S = 315_532_800  # 1980-01-01: before, clocks were reset rather than scanners checked

_CLOCK_SLACK_S = 2 * 3600
"""So much may the clock of a console be ahead: an hour that summer time left there, and what it
drifts. What lies further ahead waits until its time has come, and is not lost."""

_ZONE_SLACK_S = 14 * 3600
"""So much is the farthest zone ahead of UTC, which is assumed where nobody says a zone."""

CORRECT = "correct the row at its source and export it again"
_DATE_HELP = "correct the date, or give date_format or date_order in the mapping"
_CLOCK_HELP = "is tried again when its time has come; check the clocks of console and server"


@dataclass(frozen=True)
class Reading:
    """How the texts of one file are to be understood.

    ``decimal_comma`` is None where both signs occur. ``now_s`` is the present: what is dated after
    it is tried again when its time has come. ``from_path`` are quantities that the path of the file
    tells.
    """

    mapping: Mapping
    site: Site
    order: DateOrder
    decimal_comma: bool | None
    now_s: int
    from_path: Table[str, str] = field(default_factory=dict)


def future_reason(name: str) -> tuple[str, str]:
    """Return why a time in the future is refused, and what to do about it."""
    reason = f"{name} lies in the future (day and month swapped, or a clock that is wrong?)"
    return reason, _CLOCK_HELP


class NotYet(QCDataError):
    """A file is dated in the future; ``retry_at`` is when it can be read."""

    def __init__(self, field: str, when_s: int, file: Path, slack_s: int) -> None:
        reason, remedy = future_reason(field)
        self.retry_at = when_s - slack_s
        super().__init__(reason, file=file, value=iso_time(when_s), remedy=remedy)


def zone_of(site: Site, unit: UnitSettings, mapping: Mapping | None = None) -> str:
    """Return the time zone of a unit's clock, empty where nobody says it and UTC is assumed."""
    return (mapping.timezone if mapping else "") or unit.timezone or site.timezone


def check_not_future(when_s: int, now_s: int | None, field: str, file: Path, *, zone: str) -> None:
    """Refuse a file that is dated after the present, where that is known.

    ``zone`` is as `zone_of` returns it. The clock of a console may be ahead by two hours, and by
    fourteen where its zone is not known.

    Raises
    ------
    NotYet
        Its time has not come.
    """
    slack_s = _CLOCK_SLACK_S if zone else _ZONE_SLACK_S
    if now_s is not None and when_s > now_s + slack_s:
        raise NotYet(field, when_s, file, slack_s)


def units_of(reading: Reading, table: RowTable) -> tuple[Texts, Texts]:
    """Return the unit of every row under its own name, and the zone of its clock as `zone_of`."""
    names = table.text("unit_id")
    table.refuse(names == "", "has no unit", CORRECT)
    if "site" in table.texts:
        codes, pairs = pd.MultiIndex.from_arrays([names, table.texts["site"]]).factorize()
        units = [reading.site.unit(str(name), str(site)) for name, site in pairs]
    else:
        codes, distinct = pd.factorize(names)
        units = [reading.site.unit(str(name)) for name in distinct]
    zones = [zone_of(reading.site, unit, reading.mapping) for unit in units]
    own = np.array([unit.unit_id for unit in units], dtype=object)
    return own[codes], np.array(zones, dtype=object)[codes]


def components_of(reading: Reading, table: RowTable, unit_ids: Texts) -> Texts:
    """Return the component of every row under its own name."""
    names = table.text("component_id")
    if not any(unit.components for unit in reading.site.units):
        return names
    codes, pairs = pd.MultiIndex.from_arrays([unit_ids, names]).factorize()
    own = [reading.site.unit(str(unit)).component(str(name)) for unit, name in pairs]
    return np.asarray(np.array(own, dtype=object)[codes])


def times_of(
    reading: Reading,
    table: RowTable,
    name: str,
    zones: Texts,
    *,
    later: bool = False,
    required: bool = False,
) -> npt.NDArray[np.int64]:
    """Return the times of a quantity, 0 where there is none."""
    texts = table.text(name)
    seconds = np.zeros(len(texts), dtype=np.int64)
    if not required and not (texts != "").any():
        return seconds
    for zone in dict.fromkeys(zones.tolist()):
        rows = zones == zone
        some, reasons = parse_times(
            texts[rows].tolist(),
            zone=zone or "UTC",
            order=reading.order,
            later_if_twice=later,
            formats=reading.mapping.date_format,
        )
        seconds[rows] = some
        if (reasons != "").any():
            whole = np.full(len(texts), "", dtype=object)
            whole[rows] = reasons
            wrong = (whole != "") & ((texts != "") | required)
            words = np.array([f"{name}: {reason}" for reason in whole], dtype=object)
            table.refuse(wrong, words, _DATE_HELP)
    empty = (texts == "") & (not required)
    seconds[empty] = 0
    too_early = (seconds < _EARLIEST_S) & ~empty
    table.refuse(too_early, f"{name} lies before 1980 (a clock that was reset?)", CORRECT)
    slack = np.where(zones == "", _ZONE_SLACK_S, _CLOCK_SLACK_S)
    table.refuse(seconds > reading.now_s + slack, *future_reason(name), seconds - slack)
    return seconds


def known_of(
    reading: Reading, table: RowTable, happened: npt.NDArray[np.int64], name: str, zones: Texts
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the earliest time at which a record can be known, and 1 where nobody says it."""
    hours = reading.mapping.available_delay_hours
    known = happened + round((hours or 0.0) * 3600)
    on_arrival = np.full(len(table), int(hours is None), dtype=np.int64)
    if name in table.texts:
        said = table.texts[name] != ""
        known = np.where(said, times_of(reading, table, name, zones, later=True), known)
        on_arrival[said] = 0
        table.refuse(known < happened, f"{name} lies before the record itself", CORRECT)
    return known, on_arrival


def numbers_of(
    reading: Reading, table: RowTable, name: str, units: Texts | None = None
) -> npt.NDArray[np.float64]:
    """Return the numbers of a quantity, NaN where there is none.

    Parameters
    ----------
    units
        In which unit of measurement each row should be; nothing says it if left out.
    """
    if name in table.numbers:
        return table.numbers[name]
    if name not in table.texts:
        return np.full(len(table), np.nan)
    units = np.full(len(table), "", dtype=object) if units is None else units
    return numbers_of_cells(table, name, units=units, decimal_comma=reading.decimal_comma)
