"""The test bench that lies in a project, built and run as a firmware engineer does."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from pulsefront.errors import ExportError
from pulsefront.firmware.hls4ml.complete import complete_project
from pulsefront.firmware.hls4ml.testbench import LIBRARY_BENCH, RUN_SCRIPT
from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["check_bench"]

BENCH_TIMEOUT_S = 1800


def check_bench(project: str | Path, model: FixedPointModel) -> None:
    """Compile the test bench of an hls4ml *project*, and run it on the vectors beside it.

    A bench that calls the C simulation as a library is compiled only: the library is built and
    run on the same vectors elsewhere (csim.py). Nothing in the project is changed.

    Raises
    ------
    ExportError
        It does not compile, or does not end with PASS; the message has its first complaint.
    """
    project = Path(project)
    libraries = sorted(project.glob(f"*{LIBRARY_BENCH}"))
    if libraries:
        _run(
            ["g++", "-fsyntax-only", "-std=c++11", "-w", *(one.name for one in libraries)], project
        )
        return
    with tempfile.TemporaryDirectory(prefix="pulsefront-bench-") as folder:
        copy = Path(folder) / "project"
        shutil.copytree(project, copy)
        complete_project(copy, model)
        _run(["bash", RUN_SCRIPT], copy, file=project / RUN_SCRIPT)


def _run(command: list[str], folder: Path, file: Path | None = None) -> None:
    done = subprocess.run(  # noqa: S603 - the export's own script, or g++ on its own file
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=BENCH_TIMEOUT_S,
        check=False,
    )
    if done.returncode == 0:
        return
    said = [
        line
        for line in (done.stdout + done.stderr).splitlines()
        if line.startswith("FAIL") or "error" in line
    ]
    what = said[0] if said else f"ended with status {done.returncode}"
    raise ExportError(f"the test bench does not pass: {what}", file=file or folder)
