"""What arrives in the folder of logs night by night: three sites, three shapes of table.

Times are those of the clocks on the wall, without an offset, and the readings are taken in the hour
that the clocks of each site show twice on the night when summer time ends. Nothing in the files
says when a reading became known.

Part of the files come late, come twice, are corrected later on, have a row that cannot be read, or
come in a shape that the site's file explains only from some night on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.random import Generator

from pulsefront.qc.records import LIMIT_COLUMNS
from pulsefront.qc.simulate.fleet import SimulatedUnit
from pulsefront.qc.simulate.settings import FleetSettings, SiteProfile
from pulsefront.qc.times import DAY_S

__all__ = ["SHARES", "Arrival", "MonthOfFiles", "files_of_month", "until"]

SHARES = {"late": 0.10, "duplicate": 0.08, "corrected": 0.10, "unreadable": 0.05}
"""Which share of the daily exports is in some way unusual."""

_ORDINARY = 1.0 - sum(SHARES.values())
_LATEST_NIGHTS = 5
_WRONG = 1.5  # what a reading was multiplied with before it was corrected

_NAMES = {"measured_at": "Date", "value": "Value", "unit_id": "Scanner", "test": "Test"}


class Shape(NamedTuple):
    """How the exports of a site look."""

    delimiter: str
    decimal: str
    date_format: str
    date_order: str
    names: Mapping[str, str]
    hour: float
    """Of a reading, UTC: the one that the clock on the wall will show again."""


_EUROPE_H, _NEW_YORK_H = 2 / 3, 5 + 2 / 3
SHAPES = {
    "north": Shape(",", ".", "%Y-%m-%d %H:%M:%S", "ymd", _NAMES, _EUROPE_H),
    "city": Shape(";", ",", "%d.%m.%Y %H:%M", "dmy", {**_NAMES, "measured_at": "Datum"}, _EUROPE_H),
    "coast": Shape("\t", ".", "%d-%b-%Y %H:%M", "dmy", {**_NAMES, "value": "Reading"}, _NEW_YORK_H),
}
_UNMAPPED = "coast"

_OTHERS = {
    "event": ["unit_id", "component_id", "code", "severity", "occurred_at"],
    "service": ["unit_id", "component_id", "kind", "reported_at", "started_at", "completed_at",
                "downtime_hours"],
}  # fmt: skip
_TIMES = {"event": ("available_at", "occurred_at"), "service": ("logged_at", "completed_at")}
"""When such a record was known, and when it happened."""


@dataclass(frozen=True)
class Arrival:
    """A file that comes in on a night, counted from 0; ``path`` is below the folder of logs.

    ``first_day`` is the earliest day that it tells of.
    """

    night: int
    path: str
    content: bytes
    kind: str
    first_day: int


@dataclass(frozen=True)
class MonthOfFiles:
    """All files of a month, and the truth about it.

    Attributes
    ----------
    start_s
        Beginning of its first day, UTC.
    readings
        unit_id, component_id, test, measured_at, value: each as it was last corrected.
    mapped_night
        From which night on the site's file knows all mappings.
    site_files
        The site's file before that night, and from it on.
    """

    start_s: int
    nights: int
    arrivals: tuple[Arrival, ...]
    readings: pd.DataFrame
    mapped_night: int
    site_files: tuple[str, str]

    def kinds(self) -> dict[str, int]:
        """Return how many files of each kind come in."""
        return dict(Counter(arrival.kind for arrival in self.arrivals))

    def joins_late(self, night: int, mended: int) -> bool:
        """Return whether a night that is made up for on a later one then sees more than it would.

        That is so where a file about its days, or days before it, came in only afterwards.
        """
        for arrival in self.arrivals:
            came = arrival.night
            if arrival.kind == "unmapped":
                came = max(came, self.mapped_night)
            if night < came <= mended and arrival.first_day <= night:
                return True
        return False


def until(unit: SimulatedUnit, instant_s: int) -> SimulatedUnit:
    """Return a unit as it was known at an instant."""
    m, e, s = unit.measurements, unit.events, unit.services
    return replace(
        unit,
        measurements=m[m["available_at"] < instant_s].reset_index(drop=True),
        events=e[e["available_at"] < instant_s].reset_index(drop=True),
        services=s[s["logged_at"] < instant_s].reset_index(drop=True),
    )


def files_of_month(
    settings: FleetSettings, units: Sequence[SimulatedUnit], *, nights: int, random: Generator
) -> MonthOfFiles:
    """Return the files of the last days of a simulated fleet."""
    last_s = max(int(unit.measurements["measured_at"].max()) for unit in units)
    start_s = (last_s // DAY_S + 1 - nights) * DAY_S
    mapped = min(12, nights // 2 + 1)
    arrivals: list[Arrival] = []
    truth = []
    for site in settings.sites:
        mine = [unit for unit in units if unit.unit_id.startswith(f"{site.name}-")]
        readings = _readings(mine, SHAPES[site.name], start_s)
        truth.append(readings)
        for day in range(nights):
            today = readings[readings["measured_at"] // DAY_S == start_s // DAY_S + day]
            if len(today):
                arrivals += _exports(site, today, day, nights, random)
            arrivals += _others(site, mine, start_s, day)
    arrivals.append(Arrival(0, "readme.txt", b"Where the consoles write to.\n", "no log", 0))
    return MonthOfFiles(
        start_s,
        nights,
        tuple(sorted(arrivals, key=lambda arrival: (arrival.night, arrival.path))),
        pd.concat(truth, ignore_index=True)[
            ["unit_id", "component_id", "test", "measured_at", "value"]
        ],
        mapped,
        (_site_file(settings, whole=False), _site_file(settings, whole=True)),
    )


def _readings(units: Sequence[SimulatedUnit], shape: Shape, start_s: int) -> pd.DataFrame:
    frames = [unit.measurements for unit in units]
    found = pd.concat(frames, ignore_index=True)
    found = found[found["measured_at"] >= start_s]
    day_s = found["measured_at"] // DAY_S * DAY_S
    return found.assign(measured_at=day_s + round(shape.hour * 3600)).reset_index(drop=True)


def _exports(
    site: SiteProfile, today: pd.DataFrame, day: int, nights: int, random: Generator
) -> Iterator[Arrival]:
    """Yield the arrivals of one day's export."""
    kind = str(random.choice(["daily", *SHARES], p=[_ORDINARY, *SHARES.values()]))
    later = min(day + int(random.integers(1, _LATEST_NIGHTS + 1)), nights - 1)
    stem = f"{site.name}/{site.name}_day{day + 1:02d}"
    name, text = f"{stem}.csv", _table(today, site)
    if site.name == _UNMAPPED:
        kind = "unmapped"
    match kind:
        case "late":
            yield Arrival(later, name, text, kind, day)
        case "duplicate":
            yield Arrival(day, name, text, "daily", day)
            yield Arrival(later, f"{stem}_copy.csv", text, kind, day)
        case "corrected":
            wrong = today["unit_id"] == today["unit_id"].iloc[0]
            before = today.assign(value=today["value"].where(~wrong, today["value"] * _WRONG))
            yield Arrival(day, name, _table(before, site), "daily", day)
            # In place of the first export, or beside it.
            new_name = name if random.random() < 0.5 else f"{stem}_corrected.csv"
            yield Arrival(max(later, day), new_name, text, kind, day)
        case "unreadable":
            row = text.splitlines(keepends=True)[-1]
            broken = row.replace(row.split(SHAPES[site.name].delimiter.encode())[3], b"broken", 1)
            yield Arrival(day, name, text + broken, kind, day)
        case _:
            yield Arrival(day, name, text, kind, day)


def _table(frame: pd.DataFrame, site: SiteProfile) -> bytes:
    shape = SHAPES[site.name]
    zone = ZoneInfo(site.timezone)
    when = pd.to_datetime(frame["measured_at"], unit="s", utc=True).dt.tz_convert(zone)
    columns = ["unit_id", "component_id", "test", "value", "measurement_unit", *LIMIT_COLUMNS,
               "baseline_id", "software_version", "measured_at"]  # fmt: skip
    told = frame.assign(measured_at=when.dt.strftime(shape.date_format))[columns]
    told = told.rename(columns=dict(shape.names))
    return told.to_csv(index=False, sep=shape.delimiter, decimal=shape.decimal).encode()


def _others(
    site: SiteProfile, units: Sequence[SimulatedUnit], start_s: int, day: int
) -> Iterator[Arrival]:
    """Yield what is exported of error and service logs on a day."""
    for table, columns in _OTHERS.items():
        known, happened = _TIMES[table]
        frame = pd.concat([getattr(unit, f"{table}s") for unit in units], ignore_index=True)
        frame = frame[frame[known] // DAY_S == start_s // DAY_S + day]
        if not len(frame):
            continue
        first = int(frame[happened].min())
        frame = frame[columns]
        for column in columns:
            if column.endswith("_at"):
                times = frame[column].to_numpy().astype("datetime64[s]")
                frame = frame.assign(**{column: np.datetime_as_string(times, timezone="UTC")})
        name = f"{site.name}/{site.name}_day{day + 1:02d}_{table}s.csv"
        text = frame.to_csv(index=False).encode()
        yield Arrival(day, name, text, f"{table}s", (first - start_s) // DAY_S)


def _site_file(settings: FleetSettings, *, whole: bool) -> str:
    """Return the site's file, with or without the mapping that is missing at first."""
    lines = ['site = "rehearsal"', 'timezone = "UTC"', ""]
    for site in settings.sites:
        shape = SHAPES[site.name]
        for table, columns in _OTHERS.items():
            pairs = ", ".join(f'{name} = "{name}"' for name in columns)
            lines += [
                f'[mappings."{site.name}_day??_{table}s.csv"]',
                f'table = "{table}"',
                f"columns = {{ {pairs} }}",
                "",
            ]
        if site.name == _UNMAPPED and not whole:
            continue
        sign = "tab" if shape.delimiter == "\t" else shape.delimiter
        lines += [
            f'[mappings."{site.name}_day*.csv"]',
            'table = "measurement"',
            f'timezone = "{site.timezone}"',
            f'delimiter = "{sign}"',
            f'date_order = "{shape.date_order}"',
            f'[mappings."{site.name}_day*.csv".columns]',
        ]
        others = {name: name for name in ("component_id", "measurement_unit", *LIMIT_COLUMNS,
                                          "baseline_id", "software_version")}  # fmt: skip
        lines += [f'{name} = "{column}"' for name, column in {**shape.names, **others}.items()]
        lines.append("")
    return "\n".join(lines)
