"""The Verilog of a front end, run by Verilator or Icarus Verilog in a temporary folder."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from pulsefront.errors import ExportError
from pulsefront.firmware.front_end.record.fields import Field, Records
from pulsefront.firmware.rtl.bench.simulate import VERILATOR_FLAGS, find_simulator

__all__ = ["FrontEndRun", "hex_words"]

SECONDS = 3600


def hex_words(values: npt.NDArray[np.integer], bits: int) -> str:
    """Return integers (row,) as hexadecimal words, one a line."""
    digits = -(-bits // 4)
    return "".join(f"{value:0{digits}x}\n" for value in values.tolist())


class FrontEndRun:
    """The folder of a front end with its bench, compiled in a copy; use it as a context.

    Parameters
    ----------
    folder
        With ``BENCH.v`` and the modules that it needs.
    bench
        Its top module.
    simulator
        ``iverilog`` or ``verilator``; the first that is installed where left out.

    Raises
    ------
    ToolMissing
        No simulator is installed.
    ExportError
        There is no bench.
    """

    def __init__(self, folder: str | Path, bench: str, simulator: str | None = None) -> None:
        self._bench = bench
        self._simulator = find_simulator(simulator)
        self._temporary = tempfile.TemporaryDirectory(prefix="pulsefront-front-end-")
        self._work = Path(self._temporary.name) / "rtl"
        shutil.copytree(folder, self._work)
        if not (self._work / f"{bench}.v").exists():
            self._temporary.cleanup()
            raise ExportError("holds no test bench", file=folder, value=f"{bench}.v")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._temporary.cleanup()

    def check(self) -> str:
        """Run the bench on the golden stream of the folder; return what it prints.

        Raises
        ------
        ExportError
            It does not end with PASS; the message is its first line that says why.
        """
        return self._passed(self._simulated({}))

    def compare(self, samples: npt.NDArray[np.integer], bits: int, expected: Records) -> str:
        """Run the bench on another stream and the records that it shall give; see `check`."""
        self._write(samples, bits)
        (self._work / "tb_data" / "records.hex").write_text("\n".join(expected.words()) + "\n")
        return self._passed(self._simulated({"SAMPLES": len(samples), "RECORDS": len(expected)}))

    def run(
        self, samples: npt.NDArray[np.integer], bits: int, fields: tuple[Field, ...]
    ) -> Records:
        """Return the records that the Verilog gives for a stream at one sample a clock.

        Raises
        ------
        ExportError
            It does not run, or a bit of a record is not known.
        """
        self._write(samples, bits)
        log = self._simulated({"SAMPLES": len(samples), "RECORDS": 0, "DUMP": 1})
        found = self._work / "found_records.txt"
        try:
            return Records.of_words(fields, found.read_text().split())
        except (OSError, ValueError) as error:
            raise ExportError(f"the simulation gives no records: {error}; {log[-200:]}") from None

    def _write(self, samples: npt.NDArray[np.integer], bits: int) -> None:
        (self._work / "tb_data" / "stream.hex").write_text(hex_words(samples, bits))

    def _passed(self, log: str) -> str:
        if "PASS" not in log.splitlines():
            found = [line for line in log.splitlines() if line.startswith("FAIL")]
            raise ExportError(found[0] if found else f"no verdict: {log[-300:]}", file=self._work)
        return log

    def _simulated(self, parameters: Mapping[str, int]) -> str:
        """Compile the bench with *parameters* and run it."""
        sources = sorted(path.name for path in self._work.glob("*.v"))
        if self._simulator == "iverilog":
            given = [f"-P{self._bench}.{name}={value}" for name, value in parameters.items()]
            self._call(["iverilog", "-g2001", "-s", self._bench, *given, "-o", "bench", *sources])
            return self._call(["vvp", "-n", "bench"])
        given = [f"-G{name}={value}" for name, value in parameters.items()]
        shutil.rmtree(self._work / "obj_dir", ignore_errors=True)
        command = ["verilator", *VERILATOR_FLAGS, "--top-module", self._bench, *given, *sources]
        self._call([*command, "-o", "bench", "--build-jobs", "1"])
        return self._call(["obj_dir/bench"])

    def _call(self, command: list[str]) -> str:
        done = subprocess.run(  # noqa: S603 - a fixed command line of this room
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
