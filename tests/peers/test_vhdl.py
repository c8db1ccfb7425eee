"""Ten thousand vectors and all extremes through VHDL under ghdl, for small networks."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulsefront.files import firmware_export_directory
from pulsefront.firmware.rtl.bench.ghdl import GhdlSimulation
from pulsefront.firmware.rtl.language.languages import VHDL
from pulsefront.firmware.rtl.projects.unrolled import write_unrolled
from pulsefront.firmware.vectors import golden_vectors
from pulsefront.fixed_point import FixedPointModel
from strategies_fixed_point import random_inputs
from toys_firmware import small_model
from toys_rtl import compare_run, every_layer_net, needs_ghdl, timing_like

pytest.importorskip("alkaid", reason="absent: pip install 'pulsefront[rtl]'")
pytestmark = [pytest.mark.peer, needs_ghdl]


def reference() -> FixedPointModel:
    return FixedPointModel.load(firmware_export_directory() / "reference" / "model.json")


@pytest.mark.parametrize("model_of", [small_model, reference, every_layer_net, timing_like])
def test_ten_thousand_vectors(model_of, tmp_path: Path) -> None:
    model = model_of()
    write_unrolled(model, tmp_path, golden_vectors(model), language=VHDL)
    with GhdlSimulation(tmp_path, model) as simulation:
        simulation.check()
        compare_run(simulation, model, random_inputs(model, 10_000, 3))
