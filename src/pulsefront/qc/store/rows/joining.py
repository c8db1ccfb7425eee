"""Units and components that the site's file names otherwise than the store does.

A scanner that was renamed, or a log that calls a head by another name, is one scanner and one head:
their rows are joined under the name that the site's file gives. Two names whose readings overlap in
time are two scanners, and stay apart with a word about it. Names that differ in case alone are
joined by an alias too, and by nothing else, but somebody is told of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import sqlalchemy as sa

from pulsefront.qc.site import Site
from pulsefront.qc.store.rows.measurements import end_measurements
from pulsefront.qc.store.rows.occasions import EVENTS, SERVICES, end_occasions
from pulsefront.qc.store.tables import schema

__all__ = ["join_names", "names_alike", "strange_components"]


def join_names(connection: sa.Connection, site: Site, now_s: int) -> list[str]:
    """Join what the site's file says is one; return what there is to say about it."""
    u = schema.unit
    notes: list[str] = []
    for name, where in connection.execute(sa.select(u.c.unit_id, u.c.site)).all():
        own = site.unit(name, where).unit_id
        if own == name:
            continue
        # Of two names that differ in case alone nobody means two scanners: logs alternate.
        if name.casefold() != own.casefold() and _overlap(connection, name, own):
            notes.append(
                f"{name!r} and {own!r} have readings of the same days and stay two units; correct "
                "the aliases in the site's file, or withdraw the readings of one (qc forget)"
            )
            continue
        _rename_unit(connection, name, own, now_s)
        notes.append(f"the unit {name!r} is {own!r} now, with all its readings")
    for unit in site.units:
        for own, aliases in unit.components.items():
            notes += [
                f"the component {alias!r} of {unit.unit_id} is {own!r} now"
                for alias in aliases
                if alias != own and _rename_component(connection, unit.unit_id, alias, own, now_s)
            ]
    return notes


def strange_components(connection: sa.Connection) -> list[str]:
    """Return a word about services of components that no reading is of: they are no labels."""
    v, s = schema.service, schema.series
    known = sa.exists().where(s.c.unit_id == v.c.unit_id, s.c.component_id == v.c.component_id)
    query = (
        sa.select(v.c.component_id, sa.func.min(v.c.unit_id), sa.func.count())
        .where(v.c.component_id != "", ~known)
        .group_by(v.c.component_id)
        .order_by(v.c.component_id)
    )
    return [
        f"{count} services of {name!r} (such as one of {unit}) are of no component that has "
        "readings: say what it is under components of the unit in the site's file"
        for name, unit, count in connection.execute(query).all()
    ]


def names_alike(connection: sa.Connection, site: Site) -> list[str]:
    """Return a word about units, and tests of one component, whose names differ in case alone."""
    u, s = schema.unit, schema.series
    declared = {unit.unit_id for unit in site.units}
    known = sa.union(sa.select(u.c.unit_id), sa.select(s.c.unit_id))
    notes = []
    for names in _alike(connection.execute(known).scalars()):
        own, *others = sorted(names, key=lambda name: (name not in declared, name))
        strange = [name for name in others if name not in declared]
        if strange:  # two that the site's file has are meant
            alias = json.dumps(strange, ensure_ascii=False)
            both = " and ".join(map(repr, (own, *strange)))
            notes.append(
                f"{both} differ in case alone and are {len(strange) + 1} units: if they are one "
                f"scanner, give aliases = {alias} to unit_id = {json.dumps(own)} under [[units]] "
                "in the site's file; if not, name each there"
            )
    query = (
        sa.select(sa.func.min(s.c.unit_id), sa.func.min(s.c.test), sa.func.max(s.c.test))
        .group_by(s.c.unit_id, s.c.component_id, sa.func.lower(s.c.test))
        .having(sa.func.count(s.c.test.distinct()) > 1)
    )
    found: dict[tuple[str, str], list[str]] = {}
    for unit_id, one, other in connection.execute(query):
        found.setdefault((one, other), []).append(unit_id)
    for (one, other), units in sorted(found.items()):
        notes.append(
            f"the tests {one!r} and {other!r} (such as of {min(units)}) differ in case alone and "
            "are two series: have them written alike where the logs are made"
        )
    return notes


def _alike(names: Iterable[str]) -> list[list[str]]:
    """Return the groups of several names that are one but for their case."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(name.casefold(), []).append(name)
    return [group for group in groups.values() if len(group) > 1]


def _overlap(connection: sa.Connection, one: str, other: str) -> bool:
    """Return whether the readings of two units overlap in time."""
    m, s = schema.measurement, schema.series
    spans = []
    for name in (one, other):
        query = (
            sa.select(sa.func.min(m.c.measured_at), sa.func.max(m.c.measured_at))
            .join_from(m, s, m.c.series_id == s.c.series_id)
            .where(s.c.unit_id == name)
        )
        spans.append(connection.execute(query).one())
    if any(first is None for first, _ in spans):
        return False
    (first, last), (begin, end) = spans
    return bool(first <= end and begin <= last)


def _rename_unit(connection: sa.Connection, name: str, own: str, now_s: int) -> None:
    """Give all rows of a unit to another one."""
    u, v, s = schema.unit, schema.unit_version, schema.series
    there = connection.execute(sa.select(u.c.unit_id).where(u.c.unit_id == own)).first()
    if there is None:
        connection.execute(sa.update(u).where(u.c.unit_id == name).values(unit_id=own))
        connection.execute(sa.update(v).where(v.c.unit_id == name).values(unit_id=own))
    else:
        connection.execute(sa.delete(u).where(u.c.unit_id == name))
        connection.execute(sa.delete(v).where(v.c.unit_id == name))
    for row in connection.execute(sa.select(s).where(s.c.unit_id == name)).all():
        _move_series(connection, row.series_id, own, row.component_id, now_s)
    for kind in (EVENTS, SERVICES):
        keys = [column for column in kind.table.primary_key.columns if column.name != "unit_id"]
        twin = kind.table.alias()
        doubled = sa.exists().where(
            twin.c.unit_id == own, *(twin.c[key.name] == key for key in keys)
        )
        mine = kind.table.c.unit_id == name
        end_occasions(connection, kind, sa.and_(mine, doubled), until=now_s, why="joined")
        connection.execute(sa.update(kind.table).where(mine).values(unit_id=own))
        former = kind.former
        connection.execute(sa.update(former).where(former.c.unit_id == name).values(unit_id=own))
    a, c = schema.arrival, schema.checkpoint
    connection.execute(sa.update(a).where(a.c.unit_id == name).values(unit_id=own))
    connection.execute(sa.delete(c).where(c.c.unit_id.in_([name, own])))


def _rename_component(
    connection: sa.Connection, unit_id: str, alias: str, own: str, now_s: int
) -> bool:
    """Give all rows of a component to another one; return whether there were any."""
    s = schema.series
    mine = sa.and_(s.c.unit_id == unit_id, s.c.component_id == alias)
    series = connection.execute(sa.select(s.c.series_id).where(mine)).scalars().all()
    for series_id in series:
        _move_series(connection, series_id, unit_id, own, now_s)
    moved = len(series)
    for kind in (EVENTS, SERVICES):
        t = kind.table
        some = sa.and_(t.c.unit_id == unit_id, t.c.component_id == alias)
        keys = [column for column in t.primary_key.columns if column.name != "component_id"]
        twin = t.alias()
        doubled = sa.exists().where(
            twin.c.component_id == own, *(twin.c[key.name] == key for key in keys)
        )
        end_occasions(connection, kind, sa.and_(some, doubled), until=now_s, why="joined")
        done = connection.execute(sa.update(t).where(some).values(component_id=own))
        f = kind.former
        there = sa.and_(f.c.unit_id == unit_id, f.c.component_id == alias)
        connection.execute(sa.update(f).where(there).values(component_id=own))
        moved += int(done.rowcount)
    if moved:
        c = schema.checkpoint
        connection.execute(sa.delete(c).where(c.c.unit_id == unit_id))
    return moved > 0


def _move_series(
    connection: sa.Connection, series_id: int, unit_id: str, component_id: str, now_s: int
) -> None:
    """Make a series one of a unit and component; where that has one of the test, join them."""
    s, m, f = schema.series, schema.measurement, schema.former_measurement
    old = connection.execute(sa.select(s).where(s.c.series_id == series_id)).one()
    same = sa.select(s.c.series_id).where(
        s.c.unit_id == unit_id,
        s.c.component_id == component_id,
        s.c.test == old.test,
        s.c.measurement_unit == old.measurement_unit,
    )
    other = connection.execute(same).scalar_one_or_none()
    here = sa.update(s).where(s.c.series_id == series_id)
    if other is None:
        connection.execute(here.values(unit_id=unit_id, component_id=component_id))
        return
    twin = m.alias()
    doubled = sa.exists().where(twin.c.series_id == other, twin.c.measured_at == m.c.measured_at)
    mine = m.c.series_id == series_id
    end_measurements(connection, sa.and_(mine, doubled), until=now_s, why="joined")
    connection.execute(sa.update(m).where(mine).values(series_id=other))
    connection.execute(sa.update(f).where(f.c.series_id == series_id).values(series_id=other))
    connection.execute(sa.delete(s).where(s.c.series_id == series_id))
