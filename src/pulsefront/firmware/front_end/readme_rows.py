"""Rows of tables in the README of a front end: fields of a record, bits of its flags."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from pulsefront.firmware.front_end.axis import record_lanes
from pulsefront.firmware.front_end.records import Field
from pulsefront.firmware.front_end.settings import DOUBTS, Doubt
from pulsefront.fixed_point.format import FixedPointFormat

__all__ = ["field_rows", "flag_rows"]


def field_rows(
    fields: Sequence[Field], what: Mapping[str, str], output: FixedPointFormat
) -> list[str]:
    """Return a row for each field: *what* it is by name, else an output of the network."""
    lanes = record_lanes(fields)
    return [
        f"| `{one.name}` | {one.bits} | {'yes' if one.signed else 'no'} | "
        f"{lanes[one.name][0]} to {sum(lanes[one.name]) - 1} | "
        f"{what.get(one.name, f'output of the network, {output}')} |"
        for one in fields
    ]


def flag_rows(meanings: Mapping[Doubt, str], undecided: Collection[Doubt]) -> list[str]:
    """Return a row for each bit: where it is set, and whether nothing is decided then."""
    never = "never set here"
    rows = [
        f"| {bit} | {one} | {meanings.get(one, never)} | {'yes' if one in undecided else 'no'} |"
        for bit, one in enumerate(DOUBTS)
    ]
    return [*rows, f"| {len(DOUBTS)} | no decision | one of those marked is set | |"]
