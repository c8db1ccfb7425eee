"""The C simulations of an export's hls4ml projects, as executors of `verify`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pulsefront.errors import ToolMissing
from pulsefront.firmware.executor import Executor, ExportFolder, Inputs, Outputs
from pulsefront.firmware.hls4ml.csim import CSimulation, check_weight_files, require_compiler
from pulsefront.firmware.hls4ml.settings import BACKENDS, HlsSettings
from pulsefront.firmware.hls4ml.synthesis import TOOLS

__all__ = ["hls4ml_executors"]

OPTIMIZED_FROM = 10_000
"""With more vectors than this, the compiler's optimization takes less time than it saves."""


def hls4ml_executors() -> dict[str, Executor]:
    """Return the executor of each back-end, by the name that it has in the table."""
    return {f"hls4ml {backend}": _executor(backend) for backend in BACKENDS}


def _executor(backend: str) -> Executor:
    folder_name = HlsSettings(backend).folder

    def run(folder: ExportFolder, sets: Sequence[Inputs]) -> Iterator[Outputs]:
        """Build and run the project's C simulation."""
        project = folder.directory / folder_name
        if not (project / "build_lib.sh").exists():
            tool, product = TOOLS[backend]
            raise ToolMissing(
                tool, needed_for="a project without build_lib.sh", install=f"install {product}"
            )
        check_weight_files(project)
        vectors = sum(len(next(iter(arrays.values()))) for arrays in sets)
        optimize = vectors > OPTIMIZED_FROM
        with CSimulation(project, folder.model, optimize=optimize) as simulation:
            for arrays in sets:
                yield simulation.run(arrays)

    return Executor(folder_name, run, needs=require_compiler)
