"""Time-shared Verilog or its gates through CXXRTL: yosys' own reading, as C++ for g++.

A second opinion on what the Verilog means, by the tool that synthesizes it. The driver drives the
streams of AXI4-Stream, with gaps and back-pressure.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from pulsefront.errors import ToolMissing
from pulsefront.firmware.rtl.bench.run import FolderRun
from pulsefront.firmware.rtl.language.languages import VERILOG
from pulsefront.firmware.rtl.streams import axis_name, lane_bits
from pulsefront.firmware.rtl.tools import find_tool
from pulsefront.fixed_point.format import Integers
from pulsefront.fixed_point.specification import Specification

__all__ = ["CxxrtlSimulation"]

HEAD = """#include "design.cc"
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

static std::uint32_t drawn = 1;

// Whether to wait a clock: one of three times.
static bool waits() {
    drawn = drawn * 1664525u + 1013904223u;
    return (drawn >> 16) % 3 == 0;
}

static std::vector<std::int64_t> read(const char *name) {
    std::vector<std::int64_t> found;
    std::FILE *file = std::fopen(name, "r");
    long long one;
    while (file && std::fscanf(file, "%lld", &one) == 1) found.push_back(one);
    if (file) std::fclose(file);
    return found;
}
"""
GATE_FLAGS = "-sv -DNO_ICE40_DEFAULT_ASSIGNMENTS"
MOST_CLOCKS_OF_AN_ELEMENT = 100_000
"""After so many without a result the design has stopped."""


class CxxrtlSimulation(FolderRun):
    """A folder of time-shared Verilog or of gates, compiled by yosys and g++; see `FolderRun`."""

    suffix = VERILOG.suffix

    def __init__(self, folder: str | Path, model: Specification) -> None:
        self._yosys = find_tool("yosys")
        if shutil.which("g++") is None:
            raise ToolMissing(
                "g++", needed_for="CXXRTL", install="install it with: apt install g++"
            )
        super().__init__(folder, model)

    def _write_inputs(self, arrays: Mapping[str, Integers]) -> None:
        for name, array in arrays.items():
            text = "\n".join(map(str, array.reshape(-1).tolist()))
            (self._work / f"inputs_{name}.txt").write_text(text + "\n")

    def _log(self, parameters: Mapping[str, int]) -> str:
        sources = [one.name for one in sorted(self._work.glob("*.v"))]
        design = " ".join(one for one in sources if not one.endswith("_tb.v"))
        top = axis_name(self._model)
        # The tools' models of cells are written in a later Verilog than ours.
        gates = (self._work / "cells_sim.v").exists()
        read = f"read_verilog {GATE_FLAGS} -defer" if gates else "read_verilog -defer"
        script = f"{read} {design}; hierarchy -top {top}; write_cxxrtl design.cc"
        self._yosys.run(["-q", "-p", script], self._work)
        (self._work / "driver.cc").write_text(driver(self._model))
        # Releases differ in where the header lies.
        include = self._yosys.shared("include")
        folders = [f"-I{include}", f"-I{include}/backends/cxxrtl/runtime"]
        self._call(["g++", "-std=c++14", "-O1", *folders, "driver.cc", "-o", "run"])
        return self._call(["./run", str(parameters["VECTORS"])])

    def _integers(self, name: str) -> Sequence[int | str]:
        path = self._work / f"found_{name}.txt"
        return path.read_text().split() if path.exists() else []


def driver(model: Specification) -> str:
    """Return the C++ that sends the integers of files through the design, and writes others."""
    outputs = [model.tensors[name] for name in model.outputs]
    going = " || ".join(f"{one.name}_left > 0" for one in outputs)
    lines = [
        HEAD,
        "int main(int, char **arguments) {",
        "    long vectors = std::atol(arguments[1]);",
        f"    cxxrtl_design::{_mangled(axis_name(model))} top;",
    ]
    for port in model.inputs:
        name = port.name
        lines += [
            f'    std::vector<std::int64_t> {name}_given = read("inputs_{name}.txt");',
            f"    std::size_t {name}_next = 0;",
            f"    bool {name}_offered = false;",
        ]
    for one in outputs:
        lines += [
            f"    long {one.name}_left = vectors * {one.size};",
            f'    std::FILE *{one.name}_file = std::fopen("found_{one.name}.txt", "w");',
        ]
    lines += [
        "    for (int clock = 0; clock < 4; clock++) {",
        "        top.p_aclk.set<bool>(false);",
        "        top.step();",
        "        top.p_aclk.set<bool>(true);",
        "        top.step();",
        "    }",
        "    top.p_aresetn.set<bool>(true);",
        f"    for (long quiet = 0; quiet < {MOST_CLOCKS_OF_AN_ELEMENT} && ({going}); quiet++) {{",
    ]
    for port in model.inputs:
        name, stem = port.name, f"top.{_mangled(f's_axis_{port.name}_t')}"
        kind = f"std::uint{lane_bits(port.format.width)}_t"
        lines += [
            f"        if (!{name}_offered)",
            f"            {name}_offered = {name}_next < {name}_given.size() && !waits();",
            f"        {stem}valid.set<bool>({name}_offered);",
            f"        if ({name}_offered)",
            f"            {stem}data.set<{kind}>(({kind}){name}_given[{name}_next]);",
        ]
    for one in outputs:
        lines.append(f"        top.{_mangled(f'm_axis_{one.name}_t')}ready.set<bool>(!waits());")
    lines += ["        top.p_aclk.set<bool>(false);", "        top.step();"]
    for port in model.inputs:
        name, stem = port.name, f"top.{_mangled(f's_axis_{port.name}_t')}"
        lines += [
            f"        if ({name}_offered && {stem}ready.get<bool>()) {{",
            f"            {name}_offered = false;",
            f"            {name}_next++;",
            "        }",
        ]
    for one in outputs:
        name, stem = one.name, f"top.{_mangled(f'm_axis_{one.name}_t')}"
        bits = lane_bits(one.format.width)
        sign = "" if one.format.signed else "u"
        got = f"(std::{sign}int{bits}_t){stem}data.get<std::uint{bits}_t>()"
        lines += [
            f"        if ({stem}valid.get<bool>() && {stem}ready.get<bool>()) {{",
            f'            std::fprintf({name}_file, "%lld\\n", (long long){got});',
            f"            {name}_left--;",
            "            quiet = 0;",
            "        }",
        ]
    lines += [
        "        top.p_aclk.set<bool>(true);",
        "        top.step();",
        "    }",
        *(f"    std::fclose({one.name}_file);" for one in outputs),
        "    return 0;",
        "}",
        "",
    ]
    return "\n".join(lines)


def _mangled(name: str) -> str:
    """Return a name as CXXRTL writes it."""
    return "p_" + name.replace("_", "__")
