"""What the test benches of both chains say in the same words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pulsefront.firmware.front_end.record.fields import Field

__all__ = [
    "PARAMETERS",
    "StreamSizes",
    "compared",
    "further_runs",
    "indented",
    "records_compared",
    "unchanged_while_waiting",
]

PARAMETERS = (
    "// 1: write what comes out to found_records.txt and compare nothing.",
    "parameter DUMP = 0;",
)
"""Behind the sizes of the golden stream."""


@dataclass(frozen=True)
class StreamSizes:
    """Samples or charges of a golden stream, and the records that it gives."""

    samples: int
    records: int

    def parameters(self) -> list[str]:
        """Return the parameters of a bench."""
        return [
            f"parameter SAMPLES = {self.samples};",
            f"parameter RECORDS = {self.records};",
            *PARAMETERS,
        ]


def unchanged_while_waiting(event: str) -> list[str]:
    """Return the check that a record stays as it is until it is taken; *event* tells its number."""
    return [
        "if (stalled && (!record_valid || record !== held)) begin",
        f'    $display("FAIL: the record changed before it was taken, event %0d", {event});',
        "    failed = 1;",
        "end",
        "stalled = record_valid && !record_ready;",
        "held = record;",
    ]


def records_compared(fields: Sequence[Field]) -> list[str]:
    """Return the lines that hold a record against ``expected[index]``, or miss one there."""
    return [
        "if (index >= RECORDS) begin",
        '    $display("FAIL: event %0d is beyond the last", index);',
        "    failed = 1;",
        "end else begin",
        *(f"    {line}" for line in compared(fields)),
        "end",
    ]


def compared(fields: Sequence[Field]) -> list[str]:
    """Return the lines that compare each field of a record with ``expected[index]``."""
    lines: list[str] = []
    start = 0
    for one in fields:
        lines += [
            f"wanted_{one.name} = expected[index][{start + one.bits - 1}:{start}];",
            f"if (record_{one.name} !== wanted_{one.name}) begin",
            f'    $display("FAIL: event %0d, {one.name}: expected %0d, got %0d", index,',
            f"             wanted_{one.name}, record_{one.name});",
            "    failed = 1;",
            "end",
        ]
        start += one.bits
    return lines


def further_runs(told: str, values: str) -> list[str]:
    """Return the second and the third run, with gaps, and with a receiver that stops for long.

    *told* is what is said at the end of each, of *values*.
    """
    lines: list[str] = []
    for run, what in ((1, "gaps and back-pressure"), (2, "a receiver that stops")):
        lines += [
            "if (!failed) begin",
            f"    run = {run};",
            "    start;",
            "    wait (done || failed);",
            "    check;",
            f'    $display("{what}: {told}", {values});',
            "end",
        ]
    return lines


def indented(lines: Sequence[str], spaces: int) -> str:
    """Return *lines* as one text, all but the first behind *spaces*."""
    return f"\n{' ' * spaces}".join(lines)
