"""What the store knows of each scanner, version by version.

A scanner is described better and better as files come in; that it is another scanner now, that it
moved, or that it retired is a change. A change is known from its arrival on, and scores of earlier
days still take what was known then. A new serial number begins a new life: nothing that was
measured before is about this scanner, and its age begins anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd
import sqlalchemy as sa

from pulsefront.qc.records import UNIT_COLUMNS
from pulsefront.qc.site import Site, UnitSettings
from pulsefront.qc.store.rows.writing import PER_QUERY, insert_new, pieces
from pulsefront.qc.store.tables import schema
from pulsefront.qc.times import DAY_S, end_of_day

__all__ = [
    "UnitVersion",
    "apply_site",
    "describe_units",
    "meet_units",
    "versions_of",
    "versions_of_units",
    "with_site",
]

_PLAIN: dict[str, Any] = {name: "" if k == "text" else 0 for name, k in UNIT_COLUMNS.items()}
_DESCRIBED = (*(name for name in UNIT_COLUMNS if name != "unit_id"), "idle")
_UNKNOWN = ("", 0)


@dataclass(frozen=True)
class UnitVersion:
    """What a unit was said to be.

    Attributes
    ----------
    known_at, holds_from
        Since when it was known, and since when it is so.
    life_from, moved_at
        When the scanner of this serial number came, and when it was last put up elsewhere; 0 where
        it was there from the beginning.
    record
        The columns of the unit table.
    idle
        Pairs of dates, ``2026-08-01/2026-08-20 …``.
    """

    known_at: int
    holds_from: int
    life_from: int
    moved_at: int
    record: Mapping[str, Any]
    idle: str = ""


def versions_of(connection: sa.Connection, unit_id: str) -> list[UnitVersion]:
    """Return all versions of a unit, in the order in which they were taken down."""
    return versions_of_units(connection, [unit_id])[unit_id]


def versions_of_units(
    connection: sa.Connection, unit_ids: Sequence[str]
) -> dict[str, list[UnitVersion]]:
    """Return all versions of units, by unit."""
    v = schema.unit_version
    query = sa.select(v).where(v.c.unit_id.in_(unit_ids)).order_by(v.c.version_id)
    found: dict[str, list[UnitVersion]] = {unit_id: [] for unit_id in unit_ids}
    for row in connection.execute(query).mappings():
        version = UnitVersion(
            row["known_at"],
            row["holds_from"],
            row["life_from"],
            row["moved_at"],
            {name: row[name] for name in UNIT_COLUMNS},
            row["idle"],
        )
        found[row["unit_id"]].append(version)
    return found


def meet_units(connection: sa.Connection, names: Iterable[str]) -> None:
    """Make room for units that a log names; what they are may be said later."""
    u, wanted = schema.unit, sorted(set(names))
    known: set[str] = set()
    for some in pieces(wanted, PER_QUERY):
        query = sa.select(u.c.unit_id).where(u.c.unit_id.in_(some))
        known.update(connection.execute(query).scalars())
    fresh = [{**_PLAIN, "unit_id": n, "timezone": "UTC"} for n in wanted if n not in known]
    if fresh:
        connection.execute(insert_new(connection, u), fresh)
        connection.execute(sa.insert(schema.unit_version), fresh)


def describe_units(connection: sa.Connection, frame: pd.DataFrame, since: int) -> int:
    """Take down what rows say of units; return how many of them said something new.

    A row leaves as it is what it does not mention. ``since`` is the instant from which on what is
    new counts (see `known`).
    """
    changed = 0
    for row in frame.to_dict("records"):
        said = {name: row[name] for name in _DESCRIBED if row.get(name, "") not in _UNKNOWN}
        changed += _describe(connection, str(row["unit_id"]), said, since)
    return changed


def _describe(connection: sa.Connection, unit_id: str, said: Mapping[str, Any], since: int) -> bool:
    """Take down what is said of a unit; return whether it was new."""
    versions = versions_of(connection, unit_id)
    if not versions:
        meet_units(connection, [unit_id])
        versions = versions_of(connection, unit_id)
    current = versions[-1]
    now = {**current.record, "idle": current.idle}
    serial = said.get("serial", "")
    if serial and serial != now["serial"]:
        if serial in {version.record["serial"] for version in versions[:-1]}:
            return False  # told of a scanner that has left
        if now["serial"]:
            return _replaced(connection, unit_id, current, said, since)
    new = {**now, **said}
    if new == now:
        return False
    moved = bool(now["site"]) and now["site"] != new["site"]
    if not moved and not _was_scored(connection, unit_id):
        _overwrite(connection, unit_id, new)
        return True
    times = {
        "known_at": since,
        "holds_from": since,
        "life_from": current.life_from,
        "moved_at": since if moved else current.moved_at,
    }
    _add_version(connection, unit_id, new, times)
    return True


def _replaced(
    connection: sa.Connection,
    unit_id: str,
    current: UnitVersion,
    said: Mapping[str, Any],
    since: int,
) -> bool:
    """Begin the life of another scanner under the same name."""
    before = current.record["installed_on"]
    came = max((said.get(name, 0) for name in ("installed_on", "active_from")), default=0)
    begins = came if came > max(before, current.life_from) else since
    # What is not said of the new scanner is not known: it may be of another model. Place, clock
    # and days without use belong to the name.
    kept = {name: current.record[name] for name in ("unit_id", "site", "timezone", "modality")}
    new = {**_PLAIN, "idle": current.idle, **kept, **said}
    new["installed_on"] = came if came > before else begins
    times = {
        "known_at": since,
        "holds_from": begins,
        "life_from": begins,
        "moved_at": 0,
    }
    _add_version(connection, unit_id, new, times)
    return True


def _was_scored(connection: sa.Connection, unit_id: str) -> bool:
    query = sa.select(schema.score.c.unit_id).where(schema.score.c.unit_id == unit_id).limit(1)
    return connection.execute(query).first() is not None


def _overwrite(connection: sa.Connection, unit_id: str, new: Mapping[str, Any]) -> None:
    """Complete the last version: no score has used it."""
    v = schema.unit_version
    last = sa.select(sa.func.max(v.c.version_id)).where(v.c.unit_id == unit_id).scalar_subquery()
    connection.execute(sa.update(v).where(v.c.version_id == last).values(dict(new)))
    _show(connection, unit_id, new)


def _add_version(
    connection: sa.Connection, unit_id: str, new: Mapping[str, Any], times: Mapping[str, int]
) -> None:
    connection.execute(sa.insert(schema.unit_version).values({**new, **times, "unit_id": unit_id}))
    _show(connection, unit_id, new)
    # What the nightly job remembers was made of another life or another place.
    connection.execute(sa.delete(schema.checkpoint).where(schema.checkpoint.c.unit_id == unit_id))


def _show(connection: sa.Connection, unit_id: str, new: Mapping[str, Any]) -> None:
    """Let the unit table show the last version."""
    u = schema.unit
    shown = {name: new[name] for name in UNIT_COLUMNS}
    connection.execute(sa.update(u).where(u.c.unit_id == unit_id).values(shown))


def with_site(site: Site, frame: pd.DataFrame) -> pd.DataFrame:
    """Return unit records with what the site's file says in the place of what logs say."""
    if frame.empty or not site.units:
        return frame
    rows: list[dict[str, Any]] = []
    for each in frame.to_dict("records"):
        row = {str(name): value for name, value in each.items()}
        unit = site.unit(str(row["unit_id"]))
        rows.append({**row, **(_settings(site, unit) if unit in site.units else {})})
    return pd.DataFrame(rows)


def apply_site(connection: sa.Connection, site: Site, since: int) -> None:
    """Take down what the site's file says of the units that the store has met."""
    u = schema.unit
    met = set(connection.execute(sa.select(u.c.unit_id)).scalars())
    for unit in site.units:
        if unit.unit_id in met:
            _describe(connection, unit.unit_id, _settings(site, unit), since)


def _settings(site: Site, unit: UnitSettings) -> dict[str, Any]:
    """Return what a site's file says of a unit, in the columns of the store."""
    said: dict[str, Any] = {
        "site": unit.site or site.site,
        **{name: getattr(unit, name) for name in ("modality", "vendor", "model", "serial")},
        "installed_on": _begin(unit.installed_on),
        "timezone": unit.timezone or site.timezone,
        "active_from": _begin(unit.active_from),
        "active_to": end_of_day(unit.active_to) if unit.active_to else 0,
        "idle": " ".join(f"{first}/{last}" for first, last in unit.idle),
    }
    return {name: value for name, value in said.items() if value not in _UNKNOWN}


def _begin(day: date | None) -> int:
    return end_of_day(day) - DAY_S if day else 0
