"""What the unrolled design of a model takes on a part, counted by yosys."""

from __future__ import annotations

import tempfile

import numpy as np

from pulsefront.firmware.rtl.projects.unrolled import write_unrolled
from pulsefront.firmware.rtl.resources.count import CellCounts, count_resources
from pulsefront.firmware.vectors import VectorSet
from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["counted_unrolled"]


def counted_unrolled(model: FixedPointModel, part: str) -> CellCounts:
    """Return yosys' count of the unrolled Verilog of *model*, with its streams.

    Raises
    ------
    ToolMissing
        alkaid or yosys is not installed.
    ExportError
        yosys maps to no such part.
    """
    inputs = {one.name: np.zeros((1, *one.shape), np.int64) for one in model.inputs}
    sets = (VectorSet("zero", inputs, model.emulator.run(inputs)),)
    with tempfile.TemporaryDirectory(prefix="pulsefront-count-") as folder:
        project = write_unrolled(model, folder, sets)
        return count_resources(folder, project.top, part).counts
