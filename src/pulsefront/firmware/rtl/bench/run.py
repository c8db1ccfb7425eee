"""The test bench of a folder of Verilog or VHDL, run on its own vectors or on others."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from pulsefront.errors import ExportError
from pulsefront.firmware.rtl.time_shared.top import top_name
from pulsefront.firmware.vector_files import write_hex_vectors
from pulsefront.firmware.vectors import VectorSet
from pulsefront.fixed_point.format import Integers
from pulsefront.fixed_point.specification import Specification

__all__ = ["BenchRun", "FolderRun"]

SECONDS = 3600


class FolderRun(ABC):
    """A folder of Verilog or VHDL, compiled in a temporary folder.

    Use it as a context. The files are copied: nothing is written where they lie.

    Raises
    ------
    ToolMissing
        No simulator is installed.
    ExportError
        There is no bench, or it does not compile.
    """

    suffix: ClassVar[str]
    """of the bench's file"""

    def __init__(self, folder: str | Path, model: Specification) -> None:
        self._model = model
        self._bench = f"{top_name(model)}_tb"
        self._temporary = tempfile.TemporaryDirectory(prefix="pulsefront-rtl-")
        self._work = Path(self._temporary.name) / "rtl"
        shutil.copytree(folder, self._work)
        name = f"{self._bench}{self.suffix}"
        if not (self._work / name).exists():
            self._temporary.cleanup()
            raise ExportError("holds no test bench", file=folder, value=name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._temporary.cleanup()

    def run(self, arrays: Mapping[str, Integers]) -> dict[str, Integers]:
        """Return the outputs for raw input integers, by name, shapes (vector, …).

        Raises
        ------
        ExportError
            The design stops, or gives another number of elements than its outputs have.
        """
        vectors = len(next(iter(arrays.values())))
        self._write_inputs(arrays)
        log = self._log({"DUMP": 1, "VECTORS": vectors})
        return {name: self._found(name, vectors, log) for name in self._model.outputs}

    def _write_inputs(self, arrays: Mapping[str, Integers]) -> None:
        sets = (VectorSet("run", dict(arrays), {}),)
        write_hex_vectors(sets, self._work / "tb_data", self._model)

    @abstractmethod
    def _log(self, parameters: Mapping[str, int]) -> str:
        """Compile and run with *parameters* of the bench; return what it prints."""

    @abstractmethod
    def _integers(self, name: str) -> Sequence[int | str]:
        """Return what the bench wrote of an output; a text that is no number is one not known."""

    def _found(self, name: str, vectors: int, log: str) -> Integers:
        tensor = self._model.tensors[name]
        values = self._integers(name)
        try:
            found = np.array(values, dtype=np.int64)
        except ValueError as error:
            raise ExportError(f"the simulation gives bits not known of {name!r}: {error}") from None
        if len(found) != vectors * tensor.size:
            raise ExportError(
                f"the simulation gives {len(values)} elements of {name!r} instead of "
                f"{vectors * tensor.size}: {log[-200:]}"
            )
        return found.reshape(vectors, *tensor.shape)

    def _call(self, command: Sequence[str], *, failing: bool = False) -> str:
        """Run a *command*; *failing*: it may end with a status, what it prints says why."""
        done = subprocess.run(  # noqa: S603 - a fixed command line of this room
            command,
            cwd=self._work,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode != 0 and not failing:
            text = (done.stderr or done.stdout).strip()
            raise ExportError(f"{command[0]} fails: {text[-400:]}", file=self._work)
        return done.stdout


class BenchRun(FolderRun):
    """The test bench of a folder."""

    def check(self) -> str:
        """Run the folder's own test bench on its golden vectors; return what it prints.

        Raises
        ------
        ExportError
            It does not end with PASS; the message is its first line that says why.
        """
        log = self._log({})
        if "PASS" not in log.splitlines():
            found = [line for line in log.splitlines() if line.startswith("FAIL")]
            raise ExportError(found[0] if found else f"no verdict: {log[-300:]}", file=self._work)
        return log
