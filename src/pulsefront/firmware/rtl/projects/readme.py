"""README of a folder of Verilog, for the engineer who builds it into a design."""

from __future__ import annotations

from pulsefront.firmware.rtl.bench.verilog import Bench
from pulsefront.firmware.rtl.time_shared.plan import SharedPlan
from pulsefront.fixed_point.specification import Specification

__all__ = ["axis_section", "readme"]


def axis_section(bench: Bench, suffix: str) -> list[str]:
    """Return the lines on the module with the names of AXI4-Stream."""
    return [
        "## AXI4-Stream",
        "",
        f"`{bench.axis}{suffix}` is the same design, without a clock more, under the names of",
        "AXI4-Stream: `aclk`, `aresetn` (low resets, at a clock), `s_axis_NAME_tvalid`, `_tready`,",
        "`_tdata` for an input, `m_axis_NAME_…` with `_tlast` for an output. In `tdata` an element",
        "fills an integer of C, 8, 16, 32 or 64 bits, the first in the least significant: above",
        "its own bits an output has its sign, an input is not read. The test bench drives it.",
        "",
        "| stream | elements of a beat | bits of each | bits of `tdata` | beats of an event |",
        "|---|---|---|---|---|",
        *(
            f"| `{side}_axis_{one.name}` | {one.beat} | {one.width} | {one.beat * one.lane} | "
            f"{one.beats} |"
            for side, ports in (("s", bench.inputs), ("m", bench.outputs))
            for one in ports
        ),
    ]


def readme(model: Specification, plan: SharedPlan, bench: Bench) -> str:
    """Return the text of ``README.md``: ports, clocks, files, how to check and to build."""
    lines = [
        f"# {model.name}: time-shared Verilog",
        "",
        f"`{bench.top}.v` in Verilog-2001, nothing vendor-specific; the modules `pf_*.v` say in",
        "their heads what they do. Every integer is the specification's; the test bench proves it.",
        "",
        "## Streams",
        "",
        "One clock `clk`, a synchronous reset `rst`. Every port is a stream: an element passes",
        "in each clock in which `NAME_valid` and `NAME_ready` are both high; until then",
        "`NAME_valid` stays and `NAME_data` does not change. An event is as many elements as its",
        "port has, channel fastest; events follow one another without a mark, and after `rst` the",
        "first element is element 0.",
        "",
        "| port | direction | bits | elements of an event | signed | value of one step |",
        "|---|---|---|---|---|---|",
    ]
    for direction, ports in (("in", bench.inputs), ("out", bench.outputs)):
        lines += [
            f"| `{one.name}` | {direction} | {one.width} | {one.elements} | "
            f"{'yes' if one.signed else 'no'} | 2^{-model.tensors[one.name].format.fraction} |"
            for one in ports
        ]
    lines += [
        "",
        "`NAME_last` of an output is high on the last element of an event.",
        "",
        *axis_section(bench, ".v"),
        "",
        "## Clocks",
        "",
        f"- a new event every {plan.interval_cycles:,} clocks, set by {plan.limit}",
        f"- at most {plan.latency_cycles:,} clocks from an event's first element in",
        "  to its last element out",
        "",
        "Both without gaps and back-pressure; the test bench measures them and fails where they",
        f"are exceeded. At f MHz that is f / {plan.interval_cycles:,} million events a second.",
    ]
    if plan.matrices:
        lines += [
            "",
            "## Multipliers",
            "",
            "| layer | windows | elements of each | sums | multipliers | as DSP blocks | clocks |",
            "|---|---|---|---|---|---|---|",
            *(
                f"| {name} | {one.rows} | {one.length} | {one.outputs} | {one.lanes} | "
                f"{one.dsp_lanes} | {one.cycles:,} |"
                for name, one in plan.matrices.items()
            ),
            "",
            "A multiplier that asks for no DSP block is written as a sum of shifted copies. The",
            "numbers are parameters (`LANES`, `DSP_LANES`) with memory files that fit them: export",
            "again with `--multipliers` for others.",
        ]
    lines += [
        "",
        "## Files",
        "",
        f"- `{bench.top}.v`: the design; `pf_*.v`: its modules",
        "- `LAYER_weights.hex`, `LAYER_biases.hex`: memories, read with `$readmemh` from the",
        "  folder in which the tool runs",
        f"- `{bench.top}_tb.v`: the test bench; `tb_data/`: its {bench.vectors:,} golden vectors,",
        "  one packed word a line, element 0 in the least significant bits",
        "",
        "## Check",
        "",
        "    sh run_testbench.sh",
        "",
        "runs the bench with Icarus Verilog: all vectors at full speed, then all with gaps in the",
        "inputs and back-pressure on the outputs. It ends with PASS, or with FAIL, the vector, the",
        "element and both integers, and a non-zero status.",
        "",
        "## Build",
        "",
        f"    yosys -p 'read_verilog {bench.top}.v pf_*.v; synth_ecp5 -top {bench.top}'",
        "",
        "or add the same files to a project of any vendor's tool.",
    ]
    return "\n".join(lines) + "\n"
