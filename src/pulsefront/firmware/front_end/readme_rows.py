"""Rows of tables in the README of a front end: fields of a record, bits of its flags."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from pulsefront.firmware.front_end.axis import record_lanes
from pulsefront.firmware.front_end.record.fields import Field
from pulsefront.firmware.front_end.record.flags import Flag
from pulsefront.firmware.front_end.record.input_tests import InputTestPlan
from pulsefront.firmware.front_end.settings import DOUBTS, Doubt
from pulsefront.fixed_point.format import FixedPointFormat

__all__ = ["field_rows", "flag_rows", "test_rows"]

TESTED: dict[Doubt, str] = {
    "input_sum": "the sum of what the network reads lies outside that of its training",
    "dead_channel": "an input lies far below those that go with it, as of a dead channel",
}
"""Of tests of what the network reads."""


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


def test_rows(plan: InputTestPlan) -> list[str]:
    """Return how what the network reads is tested."""
    chosen, (low, high) = plan.settings, plan.settings.sum_range
    return [
        f"- tests of what the network reads: its sum lies from {low} to {high}; and the sum",
        f"  of the {plan.group - 1} inputs that go best with one, less {chosen.ratio} times that,",
        f"  is at most {chosen.least}: `input_tests.hex` lists them, that one behind",
    ]


def flag_rows(
    meanings: Mapping[Doubt, str], undecided: Collection[Doubt], *, tests: bool
) -> list[str]:
    """Return a row for each bit: where it is set, and whether nothing is decided then."""
    never, known = "never set here", {**meanings, **(TESTED if tests else {})}
    bits = {int(Flag[one.upper()]).bit_length() - 1: one for one in DOUBTS}
    rows = {
        bit: f"| {bit} | {one} | {known.get(one, never)} | {'yes' if one in undecided else 'no'} |"
        for bit, one in bits.items()
        if tests or one not in TESTED
    }
    last = int(Flag.NO_DECISION).bit_length() - 1
    rows[last] = f"| {last} | no decision | one of those marked is set | |"
    return [rows[bit] for bit in sorted(rows)]
