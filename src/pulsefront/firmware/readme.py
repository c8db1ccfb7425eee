"""The README of an export folder, written for the firmware engineer."""

from __future__ import annotations

from collections.abc import Sequence

from pulsefront.firmware.board import Board
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["readme"]


def readme(
    model: FixedPointModel,
    targets: Sequence[str],
    board: Board,
    vectors: dict[str, int],
    reuse_factor: int,
) -> str:
    """Return the text of ``README.md``: ports, formats, files, how to build and to check."""
    cost = model.cost()
    lines = [
        f"# {model.name}",
        "",
        "A neural network in fixed-point arithmetic. Every number in it is an integer; every file",
        "in this folder computes the same integers, and the golden vectors prove it.",
        "",
        "## Ports",
        "",
        "| port | direction | elements | format | raw integers | value of one step |",
        "|---|---|---|---|---|---|",
    ]
    for one in model.inputs:
        shape = " × ".join(map(str, one.shape))
        lines.append(_port(one.name, "in", shape, one.format))
    for name, one_format in model.output_formats.items():
        shape = " × ".join(map(str, model.tensors[name].shape))
        lines.append(_port(name, "out", shape, one_format))
    lines += [
        "",
        "A raw integer n of the format fixed<W,I> stands for the value n · 2^−(W−I).",
        "Elements of a two-dimensional port run channel fastest.",
        "",
        "## Cost of the specification",
        "",
        f"- weights and biases: {cost.weight_bytes:,} bytes",
        f"- multiply-accumulates per event: {cost.macs:,}",
        f"- bit operations per event (BOPs): {cost.bops:,.0f}; effective (EBOPs): {cost.ebops:,}",
        "",
        "No resource or timing figure is given here: only synthesis knows them.",
        "",
        "## Layers",
        "",
        "| layer | kind | format | rounding | overflow | proven range | spare bits |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in model.audit().rows:
        low, high = row.proven
        modes = f"{row.rounding or 'none'} | {row.overflow or 'impossible'}"
        spare = "saturates" if row.can_overflow and not row.can_wrap else str(row.headroom_bits)
        lines.append(
            f"| {row.layer} | {row.kind} | {row.format} | {modes} | {low} … {high} | {spare} |"
        )
    lines += ["", "## Files", "", *_files(targets, vectors), "", *_build(targets, board)]
    if "hls4ml" in targets:
        lines.append(
            f"The design is pipelined; it takes a new event every {reuse_factor} cycle(s)."
        )
    lines += [
        "",
        "## Check",
        "",
        "`sha256sum -c SHA256SUMS` tells whether a file has changed since the export.",
        "With Python at hand, `pulsefront verify FOLDER` runs every executor on every vector and",
        "fails on the first integer that differs.",
    ]
    return "\n".join(lines) + "\n"


def _port(name: str, direction: str, shape: str, one: FixedPointFormat) -> str:
    return (
        f"| {name} | {direction} | {shape} | {one} | {one.minimum} … {one.maximum} "
        f"| 2^{-one.fraction} |"
    )


def _files(targets: Sequence[str], vectors: dict[str, int]) -> list[str]:
    sets = ", ".join(f"{count:,} {name}" for name, count in vectors.items())
    lines = [
        "- `model.json`: the specification; every other file is written from it",
        f"- `vectors/`: golden vectors ({sets}) as `vectors.npz`, as text, one",
        "  vector of decimal integers a line, and as `.hex`, one packed word a line, element 0 in",
        "  the least significant bits, for `$readmemh`; `sets.txt` has the length of each set",
        "- `provenance.json`: where the model comes from",
    ]
    if "onnx" in targets:
        lines.append("- `model.onnx`: raw integers in and out, bit-exact in any ONNX runtime")
    if "hls4ml" in targets:
        lines.append("- `hls4ml_vitis/`: HLS project of hls4ml, every precision by name")
    return lines


def _build(targets: Sequence[str], board: Board) -> list[str]:
    if "hls4ml" not in targets:
        return []
    return [
        "## Build",
        "",
        f"Written for {board.name}, part {board.part}, clock period {board.clock_period_ns:g} ns.",
        "Test bench with g++ alone: `bash hls4ml_vitis/run_testbench.sh`; it ends with PASS, or",
        "with FAIL, the vector, the output and both integers, and a non-zero status.",
        "Synthesis with Vitis HLS: `cd hls4ml_vitis && vitis-run --tcl build_prj.tcl --mode hls`.",
    ]
