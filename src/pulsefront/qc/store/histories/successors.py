"""Scanners that took over the name of another one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from pulsefront.qc.store.histories.history import version_as_of
from pulsefront.qc.store.rows.units import versions_of_units
from pulsefront.qc.store.rows.writing import PER_QUERY, pieces
from pulsefront.qc.store.tables import schema

__all__ = ["Successor", "Successors", "successors_of"]


@dataclass(frozen=True)
class Successor:
    """The scanner that bears a name which another one bore before.

    Attributes
    ----------
    came_s
        When it came: what is reported from then on is about it.
    counted_from_s
        The first instant as of which that counts. Scores, and the alerts that they opened, are
        those of a scanner before it where they are as of an earlier one.
    """

    came_s: int
    counted_from_s: int


Successors = Mapping[str, Successor]


def successors_of(connection: sa.Connection, as_of_s: int) -> dict[str, Successor]:
    """Return the present scanner of each name that another one bore, as was known at an instant."""
    v = schema.unit_version
    names = connection.execute(sa.select(v.c.unit_id).where(v.c.life_from > 0).distinct())
    found: dict[str, Successor] = {}
    for some in pieces(sorted(names.scalars()), PER_QUERY):
        for unit_id, versions in versions_of_units(connection, some).items():
            came_s = version_as_of(versions, as_of_s).life_from
            if came_s:
                counted_from_s = min(
                    max(version.known_at, version.holds_from + 1)
                    for version in versions
                    if version.life_from == came_s
                )
                found[unit_id] = Successor(came_s, counted_from_s)
    return found
