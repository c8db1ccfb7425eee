"""The C++ test bench of an hls4ml project: it fails on the first integer that differs.

Where the top function takes arrays or streams (Vitis and Vivado), the bench calls it as the
vendor's C simulation and co-simulation do. With pipes or tasks in between it calls the project's C
simulation as a library, which every back-end has.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from pulsefront.errors import ExportError
from pulsefront.files import firmware_export_directory
from pulsefront.firmware.vector_files import write_text_vectors
from pulsefront.firmware.vectors import VectorSet
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["LIBRARY_BENCH", "RUN_SCRIPT", "write_testbench"]

RUN_SCRIPT = "run_testbench.sh"
LIBRARY_BENCH = "_library_test.cpp"
"""How the file of a bench ends that calls the C simulation as a library."""
RUN_LIBRARY_SCRIPT = "run_library_testbench.sh"


@dataclass(frozen=True)
class Port:
    """An argument of the top function: its type in the project and its file of vectors."""

    name: str
    size: int
    fraction: int
    ctype: str
    file: str

    @property
    def streamed(self) -> bool:
        """Whether it is a stream of packs, each of all channels at one position."""
        return self.ctype.startswith("hls::stream")

    @property
    def pack(self) -> str:
        """Type of what a stream carries."""
        return self.ctype.removeprefix("hls::stream<").removesuffix(">")


def write_testbench(
    model: FixedPointModel,
    project: str | Path,
    sets: tuple[VectorSet, ...],
    *,
    library: bool = False,
) -> None:
    """Put the test bench, its vectors and a script that runs both into an hls4ml *project*.

    It takes the place of hls4ml's own, which writes results down and compares nothing; Vitis HLS
    then runs it in C simulation and co-simulation, and compares the logs of both. With *library*
    it stands beside hls4ml's own and calls the library that ``build_lib.sh`` builds.

    Raises
    ------
    ExportError
        The project is not what hls4ml writes.
    """
    import jinja2

    project = Path(project)
    shipped = firmware_export_directory() / "testbench"
    ports = len(model.inputs) + len(model.outputs)
    header = project / "firmware" / f"{model.name}.h"
    types = ["double"] * ports if library else _argument_types(header)
    if len(types) != ports:
        raise ExportError("the top function has other ports than the model", file=project)
    inputs = [
        _port(one.name, model, one.format, types[k], f"inputs_{one.name}.txt")
        for k, one in enumerate(model.inputs)
    ]
    outputs = [
        _port(name, model, one, types[len(inputs) + k], f"expected_{name}.txt")
        for k, (name, one) in enumerate(model.output_formats.items())
    ]
    template = jinja2.Template(
        (shipped / "hls4ml_test.cpp.j2").read_text(), keep_trailing_newline=True
    )
    text = template.render(
        name=model.name, inputs=inputs, outputs=outputs, ports=inputs + outputs, library=library
    )
    ending = LIBRARY_BENCH if library else "_test.cpp"
    (project / f"{model.name}{ending}").write_text(text)
    write_text_vectors(sets, project / "tb_data")
    shutil.copy(shipped / (RUN_LIBRARY_SCRIPT if library else RUN_SCRIPT), project / RUN_SCRIPT)
    (project / RUN_SCRIPT).chmod(0o755)


def _port(name: str, model: FixedPointModel, one: FixedPointFormat, ctype: str, file: str) -> Port:
    return Port(name, model.tensors[name].size, one.fraction, ctype, file)


def _argument_types(header: Path) -> list[str]:
    """Return the element types of the top function's arguments, in order."""
    found = re.search(r"void \w+\((.*?)\);", header.read_text(), re.DOTALL)
    if found is None:
        raise ExportError("declares no top function", file=header)
    return [argument.split()[0] for argument in found.group(1).split(",")]
