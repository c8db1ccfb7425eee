"""What a study file says of networks of regions."""

from __future__ import annotations

from typing import Literal

from pulsefront.networks.regions.settings import RegionNetworkSettings

__all__ = ["RegionSettings", "RegionTarget"]

RegionTarget = Literal["onnx", "onnx_float", "hls4ml", "hls4ml_vivado", "c99", "rtl"]
"""Targets that weights by number can be written for."""


class RegionSettings(RegionNetworkSettings):
    """Two-stage networks, beside the searched one.

    A linear estimate says in which region of the block an event lies; then a small network, of one
    shape for all regions and with weights of that region, says where. Multiplications are those of
    one region and of the estimate, bytes those of all regions. The networks read the inputs of the
    searched one and learn from the training events (a stream's are left to the searched network);
    how good they are is decided by the search's own test, on the same events and initializations.
    """

    targets: tuple[RegionTarget, ...] = ("onnx", "c99")
    """firmware of the chosen network, as the targets of `pulsefront export`; rtl is time-shared
    Verilog; unrolled Verilog and VHDL, QONNX and hls4ml's other back-ends have no weights by
    number"""
