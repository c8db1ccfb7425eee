"""Normalisation within a position chain: each charge over the sum of its event, in Verilog."""

from __future__ import annotations

from pulsefront.firmware.front_end.position.layout import PositionLayout
from pulsefront.firmware.front_end.record.logic import CLOCK, Text
from pulsefront.firmware.rtl.language.verilog import address_bits, instance

__all__ = ["normalisation_lines"]


def normalisation_lines(layout: PositionLayout) -> list[str]:
    """Return the charges of an event over their sum, as values of the network's input."""
    chain, form = layout.settings, layout.model.inputs[0].format
    made = layout.normalisation
    bits = 1 if made is None else made.reciprocal_bits
    lines = [
        "// normalisation",
        "wire factor_valid, factor_ready, window_valid, window_ready;",
        f"wire [{bits - 1}:0] factor;",
        f"wire [{form.width - 1}:0] window_value;",
    ]
    if made is not None:
        lines += [
            "wire quotient_valid, quotient_ready;",
            f"wire [{bits - 1}:0] quotient;",
        ]
        lines += instance(
            "pf_reciprocal",
            "reciprocal",
            {
                "IN_BITS": layout.sum_bits,
                "DIVIDEND_BITS": layout.division_steps,
                "DIVIDEND": Text(f"{layout.division_steps}'h{made.dividend:x}"),
                "OUT_BITS": bits,
            },
            {
                **CLOCK,
                "in_valid": "divided_valid",
                "in_ready": "divided_ready",
                "in_data": "event_sum",
                "out_valid": "quotient_valid",
                "out_ready": "quotient_ready",
                "out_data": "quotient",
            },
        )
        # The next sum is divided by while this one's charges pass.
        lines += instance(
            "pf_fifo",
            "factors",
            {"WIDTH": bits, "DEPTH_LOG2": 1},
            {
                **CLOCK,
                "in_valid": "quotient_valid",
                "in_ready": "quotient_ready",
                "in_data": "quotient",
                "out_valid": "factor_valid",
                "out_ready": "factor_ready",
                "out_data": "factor",
            },
        )
    else:
        lines += ["assign factor_valid = 1'b1;", "assign factor = 1'b1;"]
    taps = sum(1 << channel for channel in layout.chosen)
    return [
        *lines,
        *instance(
            "pf_normalise",
            "normalise",
            {
                "CHARGE_BITS": layout.charge_bits,
                "FACTOR_BITS": bits,
                "SHIFT": 0 if made is None else made.shift,
                "DROP": layout.drop_bits,
                "CHANNELS": chain.channels,
                "CHANNEL_BITS": address_bits(chain.channels),
                "TAPS": Text(f"{chain.channels}'h{taps:x}"),
                "VALUE_BITS": form.width,
                "VALUE_SIGNED": form.signed,
            },
            {
                **CLOCK,
                "charge_valid": "waiting_valid",
                "charge_ready": "waiting_ready",
                "charge": "waiting",
                "factor_valid": "factor_valid",
                "factor_ready": "factor_ready",
                "factor": "factor",
                "value_valid": "window_valid",
                "value_ready": "window_ready",
                "value": "window_value",
            },
        ),
    ]
