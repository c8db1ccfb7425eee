"""What yosys makes of the Verilog: counted, placed, and its netlist run on the golden vectors."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulsefront.errors import ToolMissing
from pulsefront.firmware import export_model, verify_export
from pulsefront.firmware.board import load_board
from pulsefront.firmware.rtl.estimate import estimate_time_shared, kind_of
from pulsefront.firmware.rtl.plan import plan
from pulsefront.firmware.rtl.resources import count_resources, family_of, read_resources
from pulsefront.firmware.rtl.targets import count_hdl
from pulsefront.firmware.rtl.tools import find_tool
from toys_firmware import small_model
from toys_rtl import built, needs_simulator, timing_like

pytestmark = pytest.mark.peer


def needs(tool: str) -> pytest.MarkDecorator:
    try:
        find_tool(tool)
    except ToolMissing as error:
        return pytest.mark.skip(reason=str(error))
    return pytest.mark.skipif(False, reason="")


@needs("yosys")
@needs_simulator
def test_the_netlist_gives_the_same_integers(tmp_path: Path) -> None:
    export_model(small_model(), tmp_path / "out", targets=["rtl_gates"], multipliers=2)
    result = verify_export(tmp_path / "out")
    assert result.passed
    rows = {row.backend: row for row in result.exact_rows}
    assert rows["Verilog gates"].vectors > 0
    assert rows["Verilog gates"].mismatches == 0


@needs("yosys")
@pytest.mark.parametrize("board", ["ecp5_25", "ice40_up5k", "arty_a7_35"])
def test_the_estimate_beside_yosys(board: str, tmp_path: Path) -> None:
    model, part = timing_like(), load_board(board).part
    design = plan(model, 4)
    top = built(model, tmp_path, design).top
    found = count_resources(tmp_path, top, part)
    estimate = estimate_time_shared(model, design, kind_of(family_of(part)))
    assert found.counts.origin.startswith("yosys")
    for name in ("lut", "ff"):
        ratio = getattr(estimate, name) / getattr(found.counts, name)
        assert 0.5 < ratio < 2, (name, estimate, found.counts)
    assert estimate.dsp == found.counts.dsp


@needs("yosys")
@needs("nextpnr-ecp5")
def test_the_time_shared_timing_network_is_placed_above_80_mhz(tmp_path: Path) -> None:
    top = built(timing_like(), tmp_path, 13).top
    found = count_resources(tmp_path, top, load_board("ecp5_25").part, clock_mhz=100)
    assert found.placement is not None
    assert found.placement.clock_mhz > 80
    assert found.placement.used["TRELLIS_COMB"] < 5_000


@needs("yosys")
@needs("nextpnr-ecp5")
def test_synthesize_writes_resources_beside_the_export(tmp_path: Path) -> None:
    model = small_model()
    exported = export_model(
        model, tmp_path / "out", targets=["rtl", "rtl_unrolled"], board="ecp5_25"
    )
    counted = count_hdl(model, exported.directory, exported.contents.hdl)
    for target, found in counted.items():
        path = tmp_path / "out-synthesis" / target / "resources.json"
        assert read_resources(path) == found
        assert found.placement is not None
        assert found.placement.clock_mhz > 80
