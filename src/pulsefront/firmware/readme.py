"""The README of an export folder, written for the firmware engineer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pulsefront.firmware.before_network import before_network
from pulsefront.firmware.c99.write import FOLDER
from pulsefront.firmware.contents import Contents, MeasuredGraph, Project
from pulsefront.firmware.hls4ml.synthesis import COMMANDS, OLDER_COMMANDS, TOOLS
from pulsefront.firmware.onnx.qonnx import exact_in
from pulsefront.firmware.targets import FRONT_END, QONNX_GRAPH
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["readme"]


def readme(contents: Contents) -> str:
    """Return the text of ``README.md``: ports, formats, files, how to build and to check."""
    model = contents.model
    sections = [
        _title(model),
        _ports(model, contents.units),
        before_network(contents),
        _cost(model),
        _estimates(contents.projects),
        _layers(model),
        _files(contents),
        *(_measured(one) for one in contents.graphs),
        *(_build(one, model.name) for one in contents.projects),
        _executors(contents),
        _check(),
    ]
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _title(model: FixedPointModel) -> list[str]:
    return [
        f"# {model.name}",
        "",
        "A neural network in fixed-point arithmetic. Every number in it is an integer. Every file",
        "here is written from `model.json` to compute the same integers; whether it does,",
        "`pulsefront verify` tells, which runs each of them on the golden vectors.",
    ]


def _ports(model: FixedPointModel, units: Mapping[str, str]) -> list[str]:
    ports = [(one.name, "in", one.shape, one.format) for one in model.inputs]
    ports += [
        (name, "out", model.tensors[name].shape, one) for name, one in model.output_formats.items()
    ]
    return [
        "## Ports",
        "",
        "| port | direction | elements | format | raw integers | value of one step |",
        "|---|---|---|---|---|---|",
        *(_port(*one, units) for one in ports),
        "",
        "A raw integer n of the format fixed<W,I> stands for the value n · 2^−(W−I).",
        "Elements of a two-dimensional port run channel fastest.",
    ]


def _port(
    name: str,
    direction: str,
    shape: tuple[int, ...],
    one: FixedPointFormat,
    units: Mapping[str, str],
) -> str:
    step = f"2^{-one.fraction} {units.get(name, '')}".rstrip()
    elements = " × ".join(map(str, shape))
    return f"| {name} | {direction} | {elements} | {one} | {one.minimum} … {one.maximum} | {step} |"


def _cost(model: FixedPointModel) -> list[str]:
    cost = model.cost()
    return [
        "## Cost of the specification",
        "",
        f"- weights and biases: {cost.weight_bytes:,} bytes",
        f"- inputs and results of all layers: {cost.activation_bytes:,} bytes",
        f"- multiply-accumulates per event: {cost.macs:,}",
        f"- bit operations per event (BOPs): {cost.bops:,.0f}; effective (EBOPs): {cost.ebops:,}",
    ]


def _layers(model: FixedPointModel) -> list[str]:
    lines = [
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
    return lines


def _measured(graph: MeasuredGraph) -> list[str]:
    return [
        f"## {graph.file}",
        "",
        "For generic runtimes, with real values in and out. It is **not** bit-exact; measured",
        "on the golden vectors with ONNX Runtime, in steps of the output:",
        "",
        *(
            f"- {vector_set}: {one}"
            for vector_set, differences in graph.differences.items()
            for one in differences
        ),
    ]


def _check() -> list[str]:
    return [
        "## Check",
        "",
        "`sha256sum -c SHA256SUMS` tells whether a file has changed since the export.",
        "With Python at hand, `pulsefront verify FOLDER` runs every executor on every vector and",
        "fails on the first integer that differs.",
    ]


def _estimates(projects: Sequence[Project]) -> list[str]:
    """Return the estimated resources of each project; nothing where there is none."""
    if not projects:
        return []
    lines = [
        "## Estimated resources",
        "",
        "An estimate from the constants and formats alone, for six-input LUTs (Intel: ALMs); no",
        "tool has seen the design yet, and synthesis decides. In brackets the share of the part.",
        *_ranges(projects),
        "",
        "| project | LUT | FF | DSP | block RAM | latency | new event every |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in projects:
        board, found = one.board, one.estimate
        cells = [
            one.settings.folder,
            _share(found.lut, board.lut),
            _share(found.ff, board.flip_flop),
            _share(found.dsp, board.dsp),
            _share(found.bram_18k, board.block_ram_kbit // 18),
            f"{found.latency_cycles} cycles of {board.clock_period_ns:g} ns",
            f"{found.interval_cycles} cycle{'s' if found.interval_cycles > 1 else ''}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _ranges(projects: Sequence[Project]) -> list[str]:
    """Return how far figures of high-level synthesis lay from such estimates, where it is known."""
    spread = next((one.estimate.spread for one in projects if one.estimate.spread), None)
    if spread is None:
        return []
    lut, ff, dsp, latency = (spread[one] for one in ("lut", "ff", "dsp", "latency_cycles"))
    return [
        "Under the latency strategy, 9 of 10 reports of high-level synthesis (Vivado, Vitis) lay",
        f"within a factor {lut:.1f} of such an estimate for LUT, {ff:.1f} for FF, {dsp:.1f} for",
        f"DSP and {latency:.1f} for the latency; routing then left about half of the LUTs.",
    ]


def _share(count: int, whole: int) -> str:
    return f"{count:,} ({100 * count / whole:.2g} %)" if whole else f"{count:,}"


def _executors(contents: Contents) -> list[str]:
    """Return what computes each file, and what has not been run."""
    lines = [
        "## What is run",
        "",
        "| file | computed by | compared by `pulsefront verify` |",
        "|---|---|---|",
        "| `model.json` | the emulator | yes, bit for bit |",
    ]
    if "onnx" in contents.targets:
        lines.append("| `model.onnx` | ONNX Runtime | yes, bit for bit |")
    if "qonnx" in contents.targets:
        lines.append(
            f"| `{QONNX_GRAPH}` | ONNX's reference with QONNX's quantizers, float64 | yes, bit for "
            "bit |"
        )
    lines += [
        f"| `{one.file}` | ONNX Runtime | yes, the difference is measured |"
        for one in contents.graphs
    ]
    if "c99" in contents.targets:
        lines.append(
            f"| `{FOLDER}/` | gcc on the host, arm-none-eabi-gcc and QEMU | yes, bit for bit |"
        )
    for project in contents.projects:
        settings = project.settings
        with_what = "hls4ml's types" if settings.backend != "oneAPI" else "stand-ins for SYCL"
        tool, product = TOOLS[settings.backend]
        lines += [
            f"| `{settings.folder}/` | C simulation: g++ with {with_what} | yes, bit for bit |",
            f"| `{settings.folder}/` | co-simulation and synthesis: {product} (`{tool}`) | no |",
        ]
    lines += [f"| `{one.folder}/` | {one.simulators} | yes, bit for bit |" for one in contents.hdl]
    if contents.front_end is not None:
        lines.append(
            f"| `{FRONT_END}/` | the emulator of the chain, Verilator or Icarus Verilog | yes, bit "
            "for bit |"
        )
    return lines


def _files(contents: Contents) -> list[str]:
    sets = ", ".join(f"{len(one):,} {one.name}" for one in contents.vectors)
    lines = [
        "## Files",
        "",
        "- `model.json`: the specification; every other file is written from it",
        f"- `vectors/`: golden vectors ({sets}) as `vectors.npz`, as text, one",
        "  vector of decimal integers a line, and as `.hex`, one packed word a line, element 0 in",
        "  the least significant bits, for `$readmemh`; `sets.txt` has the length of each set",
        "- `provenance.json`: where the model comes from",
    ]
    if "onnx" in contents.targets:
        lines.append("- `model.onnx`: raw integers in and out, for any ONNX runtime")
    if "qonnx" in contents.targets:
        lines += [
            f"- `{QONNX_GRAPH}`: real values and QONNX's quantizers, for tools that read these; in",
            f"  {np.dtype(exact_in(contents.model)).name} every sum of it is exact",
        ]
    if "c99" in contents.targets:
        name = contents.model.name
        lines += [
            f"- `{FOLDER}/{name}.c`, `{name}.h`: `{name}_run`, C99 with integers alone and no",
            f"  library; `bash {FOLDER}/run_testbench.sh` runs it on the golden vectors",
        ]
    for project in contents.projects:
        folder, backend = project.settings.folder, project.settings.backend
        lines.append(f"- `{folder}/`: HLS project of hls4ml for {backend}, every precision by name")
    lines += [
        f"- `{one.folder}/`: {one.language}, {one.what}, with a test bench: a new event every "
        f"{one.interval_cycles:,} clocks, at most {one.latency_cycles:,} clocks of latency"
        for one in contents.hdl
    ]
    if contents.front_end is not None:
        lines.append(
            f"- `{FRONT_END}/`: Verilog of the whole front end around the network, with a test "
            "bench; its README states rate and dead time"
        )
    return lines


def _build(project: Project, name: str) -> list[str]:
    settings, board = project.settings, project.board
    lines = [
        f"## {settings.backend}",
        "",
        f"Written for {board.name}, part {board.part}, clock period {board.clock_period_ns:g} ns,",
        f"strategy {settings.strategy}, {settings.io_type}.",
    ]
    if project.reuse_factors:
        reuse = ", ".join(f"{layer} {factor}" for layer, factor in project.reuse_factors.items())
        lines.append(f"Reuse factors: {reuse}; the largest is the design's initiation interval.")
    lines += [
        f"Test bench with g++ alone: `bash {settings.folder}/run_testbench.sh`; it ends with",
        "PASS, or with FAIL, the vector, the output and both integers, and a non-zero status.",
    ]
    if not settings.has_namespace:
        lines.append(
            "It calls the library that `build_lib.sh` builds, as hls4ml's C simulation is."
        )
    if settings.backend == "oneAPI":
        lines += [
            "`build_lib.sh` and `stand_in/` are for g++ alone: SYCL's queue, pipes and tasks",
            "in plain C++, which icpx does not read.",
        ]
    command = COMMANDS[settings.backend].format(name=name)
    lines.append(f"Synthesis: `cd {settings.folder} && {command}`.")
    for older in OLDER_COMMANDS.get(settings.backend, {}).values():
        lines.append(f"With older releases: `{older}`.")
    return lines
