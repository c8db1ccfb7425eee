"""Ten thousand vectors and all extremes through Verilog, for networks as front ends have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pulsefront.files import firmware_export_directory
from pulsefront.firmware.rtl.bench.simulate import Simulation
from pulsefront.firmware.rtl.projects.time_shared import write_rtl
from pulsefront.firmware.rtl.time_shared.plan import plan_for_interval
from pulsefront.firmware.vectors import golden_vectors
from pulsefront.fixed_point import FixedPointModel
from strategies_fixed_point import random_inputs
from toys_rtl import INSTALLED, position_like, timing_like

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif("verilator" not in INSTALLED, reason="verilator is not installed"),
]


def reference() -> FixedPointModel:
    return FixedPointModel.load(firmware_export_directory() / "reference" / "model.json")


@pytest.mark.parametrize(
    ("model_of", "interval"), [(reference, 16), (timing_like, 14), (position_like, 100)]
)
def test_ten_thousand_vectors(model_of, interval: int, tmp_path: Path) -> None:
    model = model_of()
    sets = golden_vectors(model)
    write_rtl(model, tmp_path, sets, multipliers=plan_for_interval(model, interval))
    with Simulation(tmp_path, model, "verilator") as simulation:
        simulation.check()
        inputs = random_inputs(model, 10_000, 3)
        found = simulation.run(inputs)
    differing = sum(
        int(np.count_nonzero(found[name] != integers))
        for name, integers in model.emulator.run(inputs).items()
    )
    assert differing == 0
