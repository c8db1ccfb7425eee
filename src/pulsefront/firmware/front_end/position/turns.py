"""The mirrors of a position chain in Verilog: how an event is turned, read, and turned back."""

from __future__ import annotations

from pulsefront.firmware.front_end.position.layout import PositionLayout
from pulsefront.firmware.front_end.record.logic import CLOCK
from pulsefront.firmware.rtl.language.verilog import address_bits, instance
from pulsefront.fixed_point.fold import Mirrors

__all__ = ["FOLD_CLOCKS", "kept_charges", "turn_lines", "turned_back_lines"]

FOLD_CLOCKS = 14
"""Registers of the moments, of the queues of turns, of reading, and of turning back."""


def _grid(mirrors: Mirrors) -> dict[str, int]:
    return {
        "COLUMNS": mirrors.columns,
        "ROWS": mirrors.rows,
        "COLUMN_BITS": address_bits(mirrors.columns),
        "ROW_BITS": address_bits(mirrors.rows),
        "DIAGONAL": int(mirrors.diagonal),
    }


def turn_lines(layout: PositionLayout, mirrors: Mirrors, events_log2: int) -> list[str]:
    """Return how an event is turned, for its charges and for the network's answer.

    The turn is known a few clocks after the sum; both go on together, as the stream ``joined``. The
    next event's sum waits for that, and so the turn is never overwritten.
    """
    queues = [
        line
        for name in ("order", "back")
        for line in (
            f"wire {name}_in_valid, {name}_in_ready, {name}_valid, {name}_ready;",
            f"wire [2:0] {name};",
            *instance(
                "pf_fifo",
                f"{name}s",
                {"WIDTH": 3, "DEPTH_LOG2": events_log2},
                {
                    **CLOCK,
                    "in_valid": f"{name}_in_valid",
                    "in_ready": f"{name}_in_ready",
                    "in_data": "turn",
                    "out_valid": f"{name}_valid",
                    "out_ready": f"{name}_ready",
                    "out_data": name,
                },
            ),
        )
    ]
    return [
        "// how the event is turned",
        "wire turn_valid;",
        "wire [2:0] turn;",
        "wire joined_valid = event_valid && turn_valid;",
        "wire joined_ready;",
        "assign event_ready = joined_ready && joined_valid;",
        *instance(
            "pf_turn",
            "turns",
            {"CHARGE_BITS": layout.charge_bits, "SUM_BITS": layout.sum_bits, **_grid(mirrors)},
            {
                **CLOCK,
                "passes": "passed_valid && passed_ready",
                "charge": "passed",
                "out_valid": "turn_valid",
                "out_ready": "event_ready",
                "out_turn": "turn",
            },
        ),
        *queues,
    ]


def kept_charges(layout: PositionLayout, mirrors: Mirrors) -> list[str]:
    """Return the memory that charges wait in, and from which they are read as they are turned."""
    return instance(
        "pf_turned",
        "charges",
        {"WIDTH": layout.charge_bits, **_grid(mirrors)},
        {
            **CLOCK,
            "in_valid": "passed_valid",
            "in_ready": "passed_ready",
            "in_data": "passed",
            "turn_valid": "order_valid",
            "turn_ready": "order_ready",
            "turn": "order",
            "out_valid": "waiting_valid",
            "out_ready": "waiting_ready",
            "out_data": "waiting",
        },
    )


def turned_back_lines(layout: PositionLayout) -> list[str]:
    """Return what turns the network's ``answer`` back to the ``result``."""
    width, elements = layout.limits.format.width, len(layout.limits.low)
    return [
        "wire result_valid, result_ready;",
        f"wire [{width * elements - 1}:0] result;",
        *instance(
            "pf_unturn",
            "turned_back",
            {"WIDTH": width, "COUNT": elements},
            {
                **CLOCK,
                "in_valid": "answer_valid",
                "in_ready": "answer_ready",
                "in_data": "answer",
                "turn_valid": "back_valid",
                "turn_ready": "back_ready",
                "turn": "back",
                "out_valid": "result_valid",
                "out_ready": "result_ready",
                "out_data": "result",
            },
        ),
    ]
