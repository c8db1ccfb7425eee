"""hls4ml's own files for a project that was committed without them, as the reference export is."""

from __future__ import annotations

import importlib.util
import re
import shutil
import tempfile
from pathlib import Path

from pulsefront.errors import ExportError, ToolMissing
from pulsefront.firmware.board import load_board
from pulsefront.firmware.hls4ml.project import write_hls4ml
from pulsefront.firmware.hls4ml.settings import HlsSettings
from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["OF_HLS4ML", "complete_project"]

OF_HLS4ML = (
    "build_lib.sh",
    "build_prj.tcl",
    "vivado_synth.tcl",
    "firmware/ap_types",
    "firmware/nnet_utils",
)
"""What hls4ml copies into every project: the same for every model but for its name.

``firmware/nnet_utils/nnet_code_gen.h`` is the exception: it holds what is the model's own.
"""


def complete_project(project: Path, model: FixedPointModel) -> None:
    """Put the files of the installed hls4ml into a *project* without them; else leave it alone.

    Raises
    ------
    ToolMissing
        hls4ml is not installed.
    ExportError
        The project is not one that hls4ml writes for Vitis or Vivado.
    """
    settings = project / "project.tcl"
    complete = (project / "firmware" / "ap_types" / "ap_fixed.h").exists()
    if complete or not settings.exists():
        return
    if importlib.util.find_spec("hls4ml") is None:
        raise ToolMissing(
            "hls4ml",
            needed_for="the files that it copies into every project",
            install="install it with: pip install 'pulsefront[firmware]'",
        )
    found = re.search(r'set backend "(vitis|vivado)"', settings.read_text(encoding="utf-8"))
    if found is None:
        raise ExportError("names no back-end whose files can be put in", file=settings)
    with tempfile.TemporaryDirectory(prefix="pulsefront-hls4ml-") as folder:
        fresh = Path(folder) / "project"
        write_hls4ml(model, fresh, board=load_board(), settings=HlsSettings(found[1].title()))
        for name in OF_HLS4ML:
            for source in [fresh / name, *(fresh / name).rglob("*")]:
                target = project / source.relative_to(fresh)
                if source.is_file() and not target.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(source, target)
