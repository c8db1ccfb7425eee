"""The netlist after synthesis, as Verilog of a part's own cells, with the same test bench.

yosys maps to iCE40, the family of which it ships simulation models for every cell, block RAM and
multipliers among them: what runs against the golden vectors is what the tool has made, not what
was written.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from pulsefront.files import write_text
from pulsefront.firmware.rtl.projects.time_shared import bench_script, write_rtl
from pulsefront.firmware.rtl.resources.count import FAMILIES
from pulsefront.firmware.rtl.streams import axis_name
from pulsefront.firmware.rtl.time_shared.plan import SharedPlan
from pulsefront.firmware.rtl.tools import find_tool
from pulsefront.firmware.vectors import VectorSet
from pulsefront.fixed_point.specification import Specification

__all__ = ["write_gates"]

FAMILY = "ice40"
FLAGS = "-g2012 -DNO_ICE40_DEFAULT_ASSIGNMENTS"

README = """# {name}: gates

`{top}.v` is the netlist that {version} makes of the time-shared Verilog for iCE40,
`cells_sim.v` the tool's own models of the cells. `sh run_testbench.sh` runs the golden vectors
through it, as `pulsefront verify` does.
"""


def write_gates(
    model: Specification, folder: str | Path, sets: tuple[VectorSet, ...], design: SharedPlan
) -> None:
    """Write the netlist of the time-shared *design* into *folder*, with bench and vectors.

    Raises
    ------
    ToolMissing
        yosys is not installed.
    ExportError
        It fails.
    """
    yosys = find_tool("yosys")
    cells = yosys.shared(f"{FAMILY}/cells_sim.v")
    folder = Path(folder)
    with tempfile.TemporaryDirectory(prefix="pulsefront-gates-") as temporary:
        work = Path(temporary) / "rtl"
        top = write_rtl(model, work, sets, multipliers=design).top
        sources = [path.name for path in sorted(work.glob("*.v")) if path.stem != f"{top}_tb"]
        script = f"read_verilog -defer {' '.join(sources)}; {FAMILIES[FAMILY]} -top {top}; "
        yosys.run(["-q", "-p", f"{script} write_verilog -noattr netlist.v"], work)
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(work / "netlist.v", folder / f"{top}.v")
        for name in (f"{top}_tb.v", f"{axis_name(model)}.v"):
            shutil.copy(work / name, folder)
        shutil.copytree(work / "tb_data", folder / "tb_data", dirs_exist_ok=True)
    shutil.copy(cells, folder)
    write_text(folder / "run_testbench.sh", bench_script(top, FLAGS))
    text = README.format(name=model.name, top=top, version=yosys.version)
    write_text(folder / "README.md", text)
