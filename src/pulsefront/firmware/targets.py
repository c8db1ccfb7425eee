"""What an export can hold: the names of the targets, and the file or back-end of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pulsefront.errors import ExportError

__all__ = [
    "DEFAULT_TARGETS",
    "EXACT_GRAPH",
    "FRONT_END",
    "HLS_TARGETS",
    "QONNX_GRAPH",
    "REAL_TARGETS",
    "RTL_TARGETS",
    "RealTarget",
    "known_targets",
]


@dataclass(frozen=True)
class RealTarget:
    """A graph for generic runtimes, with real values and not bit-exact."""

    file: str
    int8: bool


EXACT_GRAPH = "model.onnx"
"""File of the target ``onnx``."""

QONNX_GRAPH = "model_qonnx.onnx"
"""File of the target ``qonnx``."""

REAL_TARGETS = {
    "onnx_float": RealTarget("model_float.onnx", int8=False),
    "onnx_qdq": RealTarget("model_int8_qdq.onnx", int8=True),
}

HLS_TARGETS = {
    "hls4ml": "Vitis",
    "hls4ml_vivado": "Vivado",
    "hls4ml_quartus": "Quartus",
    "hls4ml_oneapi": "oneAPI",
    "hls4ml_catapult": "Catapult",
}
"""Targets that are hls4ml projects, with the back-end of each."""

RTL_TARGETS = {
    "rtl": "rtl",
    "rtl_unrolled": "rtl_unrolled",
    "rtl_unrolled_vhdl": "rtl_unrolled_vhdl",
    "rtl_gates": "rtl_gates",
}
"""Targets that are Verilog or VHDL with a test bench, with the folder of each."""

FRONT_END = "front_end"
"""Target that is the whole chain around the network, and its folder."""

DEFAULT_TARGETS = ("onnx", "hls4ml")


def known_targets(names: Sequence[str]) -> tuple[str, ...]:
    """Return *names*, each once.

    Raises
    ------
    ExportError
        A target is not known.
    """
    known = ("onnx", "qonnx", *REAL_TARGETS, *HLS_TARGETS, "c99", *RTL_TARGETS, FRONT_END)
    for name in names:
        if name not in known:
            raise ExportError(
                "unknown target", value=name, remedy=f"use some of {', '.join(known)}"
            )
    return tuple(dict.fromkeys(names))
