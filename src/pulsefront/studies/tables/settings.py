"""What a study file says of networks of look-up tables."""

from __future__ import annotations

from typing import Literal

from pulsefront.search.tables import TableSearchSettings

__all__ = ["TableSettings", "TableTarget"]

TableTarget = Literal[
    "onnx", "onnx_float", "hls4ml", "hls4ml_vivado", "c99", "rtl_unrolled", "rtl_unrolled_vhdl"
]
"""Targets that tables can be written for."""


class TableSettings(TableSearchSettings):
    """Networks whose neurons are look-up tables, beside the searched one.

    Every node is a sum of tables, one for each input, cut off at the ends of a code; the output is
    a sum of a table for each node's code. No number is multiplied, so that look-up tables are all
    that they take: bytes and multiplications of the budget say nothing of them. They read raw
    inputs and learn from the training events (a stream's are left to the searched network); how
    good they are is decided by the search's own test, on the same events and initializations.
    """

    targets: tuple[TableTarget, ...] = ("onnx", "hls4ml")
    """firmware of the chosen network, as the targets of `pulsefront export`; time-shared Verilog
    (rtl), QONNX and hls4ml's other back-ends have no tables"""
    count_gates: bool = False
    """whether yosys counts the unrolled designs of the searched network and of the chosen one for
    the part of export.board; minutes"""
