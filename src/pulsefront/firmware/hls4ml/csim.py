"""hls4ml's C simulation of an exported project: built and run in a temporary copy.

``build_lib.sh`` of the project itself is run, the same that hls4ml's ``compile()`` runs, so that
what is checked are the files in the folder and nothing that Python remembers.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.errors import ExportError, PrecisionError, ToolMissing
from pulsefront.firmware.hls4ml.complete import complete_project
from pulsefront.fixed_point.format import Integers
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.fixed_point.real_values import raw_integers

__all__ = ["CSimulation", "check_weight_files", "require_compiler"]

COMPILE_TIMEOUT_S = 1800


def require_compiler() -> str:
    """Return the path of g++.

    Raises
    ------
    ToolMissing
        It is not on PATH.
    """
    path = shutil.which("g++")
    if path is None or shutil.which("bash") is None:
        raise ToolMissing(
            "g++",
            needed_for="hls4ml's C simulation",
            install="install it with: apt-get install g++ (or your system's compiler package)",
        )
    return path


class CSimulation:
    """A compiled C simulation; a context manager that removes the temporary copy.

    ``library`` is the path of the compiled library. *optimize* false compiles with ``-O1``: in
    half the time, for a few thousand vectors.

    Raises
    ------
    ToolMissing
        g++ is not installed.
    ExportError
        The project does not compile; the message ends with the compiler's first error.
    """

    def __init__(
        self, project: str | Path, model: FixedPointModel, *, optimize: bool = True
    ) -> None:
        require_compiler()
        self._model = model
        self._folder = tempfile.TemporaryDirectory(prefix="pulsefront-csim-")
        try:
            copy = self._copy = Path(self._folder.name) / "project"
            shutil.copytree(project, copy)
            complete_project(copy, model)
            if not optimize:
                script = copy / "build_lib.sh"
                script.write_text(script.read_text().replace("-O3", "-O1"))
            self.library = _build(copy, Path(project))
        except BaseException:
            self._folder.cleanup()
            raise

    def __enter__(self) -> CSimulation:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def run(self, arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, Integers]:
        """Run raw integers, event by event, through the compiled top function.

        Raises
        ------
        ExportError
            The simulation stops, or an output is no multiple of its format's step.
        """
        model = self._model
        events = len(next(iter(arrays.values())))
        # In doubles every input and output of up to 53 bits is exact.
        columns = {
            f"in_{one.name}": one.format.values(arrays[one.name]).reshape(events, -1)
            for one in model.inputs
        }
        columns |= {
            f"out_{name}": np.zeros((events, model.tensors[name].size)) for name in model.outputs
        }
        folder = Path(self._folder.name)
        files = [folder / f"{name}.npy" for name in columns]
        for file, values in zip(files, columns.values(), strict=True):
            np.save(file, np.ascontiguousarray(values))
        self._call([f"{model.name}_double", str(len(model.inputs)), *map(str, files)])
        return {
            name: self._integers(name, np.load(folder / f"out_{name}.npy"))
            for name in model.outputs
        }

    def _call(self, arguments: list[str]) -> None:
        worker = Path(__file__).with_name("csim_worker.py")
        # Without this folder on its path; NumPy may well be in the user's site or on PYTHONPATH.
        done = subprocess.run(  # noqa: S603 - this file's neighbour
            [sys.executable, "-P", str(worker), str(self.library), *arguments],
            cwd=self._copy,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()
            raise ExportError(
                f"the C simulation stopped with status {done.returncode}"
                f"{': ' + said[-1] if said else ''}"
            )

    def _integers(self, name: str, values: npt.NDArray[np.float64]) -> Integers:
        tensor = self._model.tensors[name]
        try:
            integers = raw_integers(values, tensor.format)
        except PrecisionError as error:
            raise ExportError(
                f"output {name!r} of the C simulation is not in {tensor.format}: {error.problem}"
            ) from None
        return integers.reshape(-1, *tensor.shape)


def _build(copy: Path, project: Path) -> Path:
    try:
        done = subprocess.run(
            ["bash", "build_lib.sh"],  # noqa: S607
            cwd=copy,
            capture_output=True,
            text=True,
            timeout=COMPILE_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ExportError(
            f"the C simulation did not compile within {COMPILE_TIMEOUT_S} s", file=project
        ) from None
    libraries = sorted((copy / "firmware").glob("*.so"))
    if done.returncode != 0 or not libraries:
        lines = [line for line in done.stderr.splitlines() if re.search(r"error|No such", line)]
        reason = lines[0] if lines else f"exit status {done.returncode}"
        raise ExportError(f"the C simulation does not compile: {reason}", file=project)
    return libraries[0]


def check_weight_files(project: str | Path) -> None:
    """Check that every weight header, which synthesis reads, holds what its text file holds.

    The C simulation reads ``weights/*.txt``; only the headers reach the chip.

    Raises
    ------
    ExportError
        Names the header and the first number that differs.
    """
    for text in sorted((Path(project) / "firmware" / "weights").glob("*.txt")):
        header = text.with_suffix(".h")
        try:
            braces = re.search(r"=\s*\{(.*?)\}", header.read_text(), re.DOTALL)
            expected = [float(one) for one in text.read_text().replace(",", " ").split()]
            found = [float(one) for one in (braces.group(1) if braces else "").split(",")]
        except (OSError, ValueError) as error:
            raise ExportError(f"cannot be read as weights: {error}", file=header) from None
        if found == expected:
            continue
        pairs = zip(expected, found, strict=False)
        index = next(
            (k for k, (a, b) in enumerate(pairs) if a != b), min(len(expected), len(found))
        )
        raise ExportError(
            f"differs from {text.name} at weight {index}",
            file=header,
            remedy="export again; synthesis would not build what was simulated",
        )
