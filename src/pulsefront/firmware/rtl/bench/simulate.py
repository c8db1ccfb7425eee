"""Simulation of Verilog with its own test bench, and the executors of Verilog and VHDL."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from pulsefront.errors import ToolMissing
from pulsefront.firmware.executor import Executor, ExportFolder, Inputs, Outputs
from pulsefront.firmware.rtl.bench.cxxrtl import CxxrtlSimulation
from pulsefront.firmware.rtl.bench.ghdl import GhdlSimulation
from pulsefront.firmware.rtl.bench.run import BenchRun, FolderRun
from pulsefront.firmware.rtl.language.languages import VERILOG
from pulsefront.firmware.targets import RTL_TARGETS
from pulsefront.fixed_point.specification import Specification

__all__ = ["SIMULATORS", "Simulation", "find_simulator", "rtl_executors"]

SIMULATORS = ("iverilog", "verilator")
"""Programs that run the test bench: the first compiles in no time, the second runs faster."""

VERILATOR_FLAGS = ("--binary", "--timing", "-O3", "--x-assign", "fast", "-Wno-fatal", "-Wno-lint")
MOST_VECTORS = 10_000
MOST_GATE_VECTORS = 200
MOST_DRAWN = 10_000
"""Of vectors that someone asks for, those that slow simulations run."""
COMPILED_FROM = 2_000
"""With more vectors than this, Verilator's compilation takes less time than it saves."""
GATE_DEFINE = "-DNO_ICE40_DEFAULT_ASSIGNMENTS"
GATE_FLAGS = ("-g2012", GATE_DEFINE)
VERILATOR_GATE_FLAGS = (GATE_DEFINE, "-CFLAGS", "-O1")
"""A netlist is long: g++ takes most of the time, and little is left to optimize."""


def find_simulator(name: str | None = None) -> str:
    """Return the simulator of that name, or the first that is installed.

    Raises
    ------
    ToolMissing
        It is not on PATH, or none is.
    """
    for one in SIMULATORS if name is None else (name,):
        if shutil.which(one) is not None:
            return one
    absent = name or "iverilog"
    raise ToolMissing(
        absent,
        needed_for="the simulation of Verilog",
        install=f"install it with: apt install {absent}",
    )


class Simulation(BenchRun):
    """The test bench of a folder of Verilog, by Verilator or Icarus Verilog; see `BenchRun`."""

    suffix = VERILOG.suffix

    def __init__(
        self, folder: str | Path, model: Specification, simulator: str | None = None
    ) -> None:
        self._simulator = find_simulator(simulator)
        super().__init__(folder, model)

    def _log(self, parameters: Mapping[str, int]) -> str:
        return self._call(self._compile(parameters))

    def _integers(self, name: str) -> Sequence[int | str]:
        path = self._work / f"found_{name}.txt"
        return path.read_text().split() if path.exists() else []

    def _compile(self, parameters: Mapping[str, int]) -> list[str]:
        """Compile with *parameters* of the bench; return the command that runs it."""
        sources = sorted(path.name for path in self._work.glob("*.v"))
        gates = (self._work / "cells_sim.v").exists()
        if self._simulator == "iverilog":
            given = [f"-P{self._bench}.{name}={value}" for name, value in parameters.items()]
            # The tools' models of cells are written in a later Verilog than ours.
            flags = GATE_FLAGS if gates else ("-g2001",)
            command = ["iverilog", *flags, "-s", self._bench, *given, "-o", "bench", *sources]
            self._call(command)
            return ["vvp", "-n", "bench"]
        given = [f"-G{name}={value}" for name, value in parameters.items()]
        flags = (*VERILATOR_FLAGS, *(VERILATOR_GATE_FLAGS if gates else ()))
        command = ["verilator", *flags, "--top-module", self._bench, *given, *sources]
        shutil.rmtree(self._work / "obj_dir", ignore_errors=True)
        self._call([*command, "-o", "bench", "--build-jobs", "1"])
        return ["obj_dir/bench"]


def rtl_executors() -> dict[str, Executor]:
    """Return the Verilog and VHDL of an export as executors of `verify`, one for each target."""
    return {
        "Verilog": _verilog("rtl"),
        "CXXRTL": Executor(RTL_TARGETS["rtl"], _cxxrtl("rtl"), most_vectors=MOST_VECTORS),
        "Verilog unrolled": _verilog("rtl_unrolled"),
        "VHDL (ghdl)": Executor(
            RTL_TARGETS["rtl_unrolled_vhdl"],
            _vhdl,
            most_vectors=MOST_VECTORS,
            most_drawn=MOST_DRAWN,
        ),
        "Verilog gates": Executor(
            RTL_TARGETS["rtl_gates"], _gates, most_vectors=MOST_GATE_VECTORS, most_drawn=MOST_DRAWN
        ),
    }


def _many(sets: Sequence[Inputs]) -> bool:
    return sum(len(next(iter(one.values()))) for one in sets) > COMPILED_FROM


def _verilog(target: str) -> Executor:
    folder_name = RTL_TARGETS[target]

    def run(folder: ExportFolder, sets: Sequence[Inputs]) -> Iterator[Outputs]:
        simulator = "verilator" if _many(sets) and shutil.which("verilator") else None
        with Simulation(folder.directory / folder_name, folder.model, simulator) as simulation:
            yield from _together(simulation, sets)

    return Executor(folder_name, run, most_vectors=MOST_VECTORS)


def _gates(folder: ExportFolder, sets: Sequence[Inputs]) -> Iterator[Outputs]:
    """Run the gates; many vectors by Verilator, or CXXRTL, for which g++ takes many times as long.

    Icarus Verilog is too slow for many.
    """
    if _many(sets) and not shutil.which("verilator"):
        return _cxxrtl("rtl_gates")(folder, sets)
    return _verilog("rtl_gates").run(folder, sets)


def _vhdl(folder: ExportFolder, sets: Sequence[Inputs]) -> Iterator[Outputs]:
    path = folder.directory / RTL_TARGETS["rtl_unrolled_vhdl"]
    with GhdlSimulation(path, folder.model) as simulation:
        yield from _together(simulation, sets)


def _cxxrtl(target: str) -> Callable[[ExportFolder, Sequence[Inputs]], Iterator[Outputs]]:
    folder_name = RTL_TARGETS[target]

    def run(folder: ExportFolder, sets: Sequence[Inputs]) -> Iterator[Outputs]:
        with CxxrtlSimulation(folder.directory / folder_name, folder.model) as simulation:
            yield from _together(simulation, sets)

    return run


def _together(simulation: FolderRun, sets: Sequence[Inputs]) -> Iterator[Outputs]:
    """Run all sets at once, so that the bench is compiled once; yield the outputs of each."""
    found = simulation.run({name: np.concatenate([one[name] for one in sets]) for name in sets[0]})
    start = 0
    for one in sets:
        end = start + len(next(iter(one.values())))
        yield {name: array[start:end] for name, array in found.items()}
        start = end
