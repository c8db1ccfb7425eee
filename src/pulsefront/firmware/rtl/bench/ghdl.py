"""Simulation of a folder of VHDL with its own test bench, by ghdl."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from pulsefront.errors import ToolMissing
from pulsefront.firmware.rtl.bench.run import BenchRun
from pulsefront.firmware.rtl.bench.vhdl import GHDL_FLAGS, RUN_FLAGS
from pulsefront.firmware.rtl.language.languages import VHDL
from pulsefront.firmware.vector_files import unpacked
from pulsefront.fixed_point.specification import Specification

__all__ = ["GhdlSimulation", "require_ghdl"]


def require_ghdl() -> None:
    """Check that ghdl is installed.

    Raises
    ------
    ToolMissing
        It is not on PATH.
    """
    if shutil.which("ghdl") is None:
        raise ToolMissing(
            "ghdl",
            needed_for="the simulation of VHDL",
            install="install it with: apt install ghdl",
        )


class GhdlSimulation(BenchRun):
    """The test bench of a folder of VHDL, compiled once by ghdl; see `BenchRun`."""

    suffix = VHDL.suffix

    def __init__(self, folder: str | Path, model: Specification) -> None:
        require_ghdl()
        super().__init__(folder, model)
        self._entity = VHDL.name(self._bench)
        self._built = False

    def _log(self, parameters: Mapping[str, int]) -> str:
        if not self._built:
            sources = sorted(path.name for path in self._work.glob(f"*{self.suffix}"))
            self._call(["ghdl", "-i", *GHDL_FLAGS, *sources])
            self._call(["ghdl", "-m", *GHDL_FLAGS, self._entity])
            self._built = True
        given = [f"-g{name}={value}" for name, value in parameters.items()]
        command = ["ghdl", "-r", *GHDL_FLAGS, self._entity, *RUN_FLAGS, *given]
        return self._call(command, failing=True)

    def _integers(self, name: str) -> Sequence[int | str]:
        path, tensor = self._work / f"found_{name}.hex", self._model.tensors[name]
        values: list[int | str] = []
        for line in path.read_text().split() if path.exists() else []:
            try:
                values += unpacked(line, tensor.size, tensor.format)
            except ValueError:
                values.append(line)
        return values
