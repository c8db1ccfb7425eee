"""Simulation of a folder of Verilog with its own test bench: Verilator or Icarus Verilog."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from pulsefront.errors import ExportError, ToolMissing
from pulsefront.firmware.executor import Executor, ExportFolder, Inputs, Outputs
from pulsefront.firmware.rtl.top import top_name
from pulsefront.firmware.targets import RTL_TARGETS
from pulsefront.firmware.vector_files import write_hex_vectors
from pulsefront.firmware.vectors import VectorSet
from pulsefront.fixed_point.format import Integers
from pulsefront.fixed_point.specification import Specification

__all__ = ["SIMULATORS", "Simulation", "find_simulator", "rtl_executors"]

SIMULATORS = ("iverilog", "verilator")
"""Programs that run the test bench: the first compiles in no time, the second runs faster."""

VERILATOR_FLAGS = ("--binary", "--timing", "-O3", "--x-assign", "fast", "-Wno-fatal", "-Wno-lint")
MOST_VECTORS = 10_000
MOST_GATE_VECTORS = 200
COMPILED_FROM = 2_000
"""With more vectors than this, Verilator's compilation takes less time than it saves."""
GATE_FLAGS = ("-g2012", "-DNO_ICE40_DEFAULT_ASSIGNMENTS")
SECONDS = 3600


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


class Simulation:
    """The test bench of a folder of Verilog, compiled in a temporary folder.

    Use it as a context. The files are copied: nothing is written where they lie.

    Raises
    ------
    ToolMissing
        No simulator is installed.
    ExportError
        The Verilog does not compile.
    """

    def __init__(
        self, folder: str | Path, model: Specification, simulator: str | None = None
    ) -> None:
        self._model = model
        self._bench = f"{top_name(model)}_tb"
        self._simulator = find_simulator(simulator)
        self._temporary = tempfile.TemporaryDirectory(prefix="pulsefront-rtl-")
        self._work = Path(self._temporary.name) / "rtl"
        shutil.copytree(folder, self._work)
        if not (self._work / f"{self._bench}.v").exists():
            self._temporary.cleanup()
            raise ExportError("holds no test bench", file=folder, value=f"{self._bench}.v")

    def __enter__(self) -> Simulation:
        return self

    def __exit__(self, *_: object) -> None:
        self._temporary.cleanup()

    def check(self) -> str:
        """Run the folder's own test bench on its golden vectors; return what it prints.

        Raises
        ------
        ExportError
            It does not end with PASS; the message is its first line that says why.
        """
        log = self._call(self._compile({}))
        if "PASS" not in log.splitlines():
            found = [line for line in log.splitlines() if line.startswith("FAIL")]
            raise ExportError(found[0] if found else f"no verdict: {log[-300:]}", file=self._work)
        return log

    def run(self, arrays: Mapping[str, Integers]) -> dict[str, Integers]:
        """Return the outputs for raw input integers, by name, shapes (vector, …).

        Raises
        ------
        ExportError
            The design stops, or gives another number of elements than its outputs have.
        """
        vectors = len(next(iter(arrays.values())))
        _write_inputs(arrays, self._work / "tb_data", self._model)
        log = self._call(self._compile({"DUMP": 1, "VECTORS": vectors}))
        return {name: self._found(name, vectors, log) for name in self._model.outputs}

    def _found(self, name: str, vectors: int, log: str) -> Integers:
        path = self._work / f"found_{name}.txt"
        values = path.read_text().split() if path.exists() else []
        tensor = self._model.tensors[name]
        if len(values) != vectors * tensor.size or "x" in "".join(values[:64]):
            raise ExportError(
                f"the simulation gives {len(values)} elements of {name!r} instead of "
                f"{vectors * tensor.size}: {log[-200:]}"
            )
        return np.array(values, dtype=np.int64).reshape(vectors, *tensor.shape)

    def _compile(self, parameters: Mapping[str, int]) -> list[str]:
        """Compile with *parameters* of the bench; return the command that runs it."""
        sources = sorted(path.name for path in self._work.glob("*.v"))
        if self._simulator == "iverilog":
            given = [f"-P{self._bench}.{name}={value}" for name, value in parameters.items()]
            # The tools' models of cells are written in a later Verilog than ours.
            gates = (self._work / "cells_sim.v").exists()
            flags = GATE_FLAGS if gates else ("-g2001",)
            command = ["iverilog", *flags, "-s", self._bench, *given, "-o", "bench", *sources]
            self._call(command)
            return ["vvp", "-n", "bench"]
        given = [f"-G{name}={value}" for name, value in parameters.items()]
        command = ["verilator", *VERILATOR_FLAGS, "--top-module", self._bench, *given, *sources]
        shutil.rmtree(self._work / "obj_dir", ignore_errors=True)
        self._call([*command, "-o", "bench", "--build-jobs", "1"])
        return ["obj_dir/bench"]

    def _call(self, command: Sequence[str]) -> str:
        done = subprocess.run(  # noqa: S603 - a fixed command line of this file
            command,
            cwd=self._work,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode != 0:
            text = (done.stderr or done.stdout).strip()
            raise ExportError(f"{command[0]} fails: {text[-400:]}", file=self._work)
        return done.stdout


def _write_inputs(arrays: Mapping[str, Integers], folder: Path, model: Specification) -> None:
    write_hex_vectors((VectorSet("run", dict(arrays), {}),), folder, model)


def rtl_executors() -> dict[str, Executor]:
    """Return the Verilog of an export as executors of `verify`, one for each target."""
    return {
        "Verilog": _executor("rtl", MOST_VECTORS),
        "Verilog unrolled": _executor("rtl_unrolled", MOST_VECTORS),
        "Verilog gates": _executor("rtl_gates", MOST_GATE_VECTORS),
    }


def _executor(target: str, most_vectors: int) -> Executor:
    folder_name = RTL_TARGETS[target]

    def run(folder: ExportFolder, sets: Sequence[Inputs]) -> Iterator[Outputs]:
        """Run all sets at once, so that the bench is compiled once."""
        joined = {name: np.concatenate([one[name] for one in sets]) for name in sets[0]}
        many = len(next(iter(joined.values()))) > COMPILED_FROM
        simulator = "verilator" if many and shutil.which("verilator") else None
        with Simulation(folder.directory / folder_name, folder.model, simulator) as simulation:
            found = simulation.run(joined)
        start = 0
        for one in sets:
            end = start + len(next(iter(one.values())))
            yield {name: array[start:end] for name, array in found.items()}
            start = end

    return Executor(folder_name, run, most_vectors=most_vectors)
