"""Time-shared Verilog as yosys reads it: CXXRTL, every integer beside the emulator's."""

from __future__ import annotations

import shutil

import pytest

from pulsefront.errors import ExportError, ToolMissing
from pulsefront.firmware import export_model, verify_export
from pulsefront.firmware.rtl import tools
from pulsefront.firmware.rtl.bench.cxxrtl import CxxrtlSimulation
from pulsefront.firmware.rtl.tools import find_tool
from strategies_fixed_point import random_inputs
from toys_firmware import small_model
from toys_rtl import built, compare_run, every_layer_net, image_net


def installed() -> bool:
    try:
        find_tool("yosys")
    except ToolMissing:
        return False
    return shutil.which("g++") is not None


needs_cxxrtl = pytest.mark.skipif(not installed(), reason="yosys or g++ is not installed")


@needs_cxxrtl
@pytest.mark.parametrize("model_of", [small_model, every_layer_net, image_net])
def test_ten_thousand_vectors(model_of, tmp_path):
    model = model_of()
    built(model, tmp_path, 2)
    with CxxrtlSimulation(tmp_path, model) as simulation:
        compare_run(simulation, model, random_inputs(model, 10_000, 5))


@needs_cxxrtl
def test_a_row_of_the_table_that_a_wrong_weight_makes_different(tmp_path):
    export_model(small_model(), tmp_path / "out", targets=["rtl"])
    path = tmp_path / "out" / "rtl" / "hidden_weights.hex"
    words = path.read_text().splitlines()
    words[0] = f"{int(words[0], 16) ^ 1:x}"
    path.write_text("\n".join(words) + "\n")
    rows = [row for row in verify_export(tmp_path / "out").rows if row.backend == "CXXRTL"]
    assert rows
    assert all(row.mismatches > 0 for row in rows)


@needs_cxxrtl
def test_a_design_that_stops_ends_the_run(tmp_path):
    built(small_model(), tmp_path, 2)
    path = tmp_path / "tiny_axis.v"
    path.write_text(path.read_text().replace("!aresetn", "aresetn"))
    with (
        CxxrtlSimulation(tmp_path, small_model()) as simulation,
        pytest.raises(ExportError, match="gives 0 elements of 'position' instead of 20"),
    ):
        simulation.run(random_inputs(small_model(), 10, 0))


def test_without_yosys_the_other_executors_run(tmp_path, monkeypatch):
    export_model(small_model(), tmp_path / "out", targets=["rtl"])
    monkeypatch.setattr(tools, "NAMES", {"yosys": ("no-such-yosys",)})
    result = verify_export(tmp_path / "out")
    assert result.passed
    status = next(row.status for row in result.rows if row.backend == "CXXRTL")
    assert "yosys is needed" in status
