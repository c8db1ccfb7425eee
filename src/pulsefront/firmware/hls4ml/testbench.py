"""The C++ test bench of an hls4ml project: it fails on the first integer that differs.

Where the top function takes plain arrays (Vitis and Vivado with io_parallel), the bench calls it
as the vendor's C simulation and co-simulation do. With streams, pipes or tasks in between it calls
the project's C simulation as a library, which every back-end has.
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

__all__ = ["write_testbench"]

RUN_SCRIPT = "run_testbench.sh"
RUN_LIBRARY_SCRIPT = "run_library_testbench.sh"


@dataclass(frozen=True)
class Port:
    """An argument of the top function: its type in the project and its file of vectors."""

    name: str
    size: int
    fraction: int
    ctype: str
    file: str


def write_testbench(
    model: FixedPointModel,
    project: str | Path,
    sets: tuple[VectorSet, ...],
    *,
    library: bool = False,
) -> None:
    """Put the test bench, its vectors and a script that runs both into an hls4ml *project*.

    It takes the place of hls4ml's own, which writes results down and compares nothing; Vitis HLS
    then runs it in C simulation and co-simulation. With *library* it stands beside hls4ml's own
    and calls the library that ``build_lib.sh`` builds.

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
    bench = f"{model.name}_library_test.cpp" if library else f"{model.name}_test.cpp"
    (project / bench).write_text(text)
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
