"""Counts out of yosys' statistics and nextpnr's report, and a design counted by yosys itself."""

from __future__ import annotations

import pytest

from pulsefront.errors import ExportError, ToolMissing
from pulsefront.firmware import export_model
from pulsefront.firmware.rtl import tools
from pulsefront.firmware.rtl.resources.count import (
    Resources,
    count_resources,
    counts_of_cells,
    ecp5_arguments,
    family_of,
    placement_of_report,
    write_resources,
)
from pulsefront.firmware.rtl.targets import count_hdl
from toys_firmware import small_model

CELLS = {
    "ecp5": {"LUT4": 100, "CCU2C": 10, "TRELLIS_DPR16X4": 1, "TRELLIS_FF": 7, "MULT18X18D": 3,
             "DP16KD": 2},
    "ice40": {"SB_LUT4": 100, "SB_CARRY": 9, "SB_DFFESR": 4, "SB_DFF": 3, "SB_MAC16": 3,
              "SB_RAM40_4K": 9},
    "xc7": {"LUT2": 60, "LUT6": 60, "CARRY4": 5, "RAM32M": 1, "FDRE": 6, "FDSE": 1, "DSP48E1": 3,
            "RAMB36E1": 1, "MUXF7": 2},
}  # fmt: skip
REPORT = {
    "fmax": {"clk": {"achieved": 80.0, "constraint": 100.0}},
    "critical_paths": [
        {"from": "<async>", "to": "posedge clk", "path": []},
        {
            "from": "posedge clk",
            "to": "posedge clk",
            "path": [{"delay": 0.52, "type": "clk-to-q", "to": {"cell": "u_dense.left"}}],
        },
    ],
    "utilization": {
        "TRELLIS_COMB": {"available": 24288, "used": 10},
        "DP16KD": {"available": 56, "used": 0},
    },
}


@pytest.mark.parametrize(
    ("family", "expected"),
    [("ecp5", (126, 7, 3, 36)), ("ice40", (100, 7, 3, 36)), ("xc7", (124, 7, 3, 36))],
)
def test_cells_become_counts(family, expected):
    found = counts_of_cells(CELLS[family], family, "yosys 0.70")
    assert (found.lut, found.ff, found.dsp, found.block_ram_kbit) == expected
    assert found.origin == "yosys 0.70"


@pytest.mark.parametrize(
    ("part", "family"),
    [("LFE5U-85F-6BG381C", "ecp5"), ("iCE40UP5K-SG48", "ice40"), ("xc7a35tcsg324-1", "xc7"),
     ("xczu9eg-ffvb1156-2-e", "xcup")],
)  # fmt: skip
def test_families(part, family):
    assert family_of(part) == family


def test_a_part_that_no_tool_knows_is_refused():
    with pytest.raises(ExportError, match="maps to no such part"):
        family_of("10AX115S2F45I1SG")
    with pytest.raises(ExportError, match="is no part of ECP5"):
        ecp5_arguments("LFE5U-99F-6BG381C")
    assert ecp5_arguments("LFE5U-25F-7BG256C") == [
        "--25k", "--speed", "7", "--package", "CABGA256",
    ]  # fmt: skip


def test_the_report_of_a_placement_and_its_file(tmp_path):
    found = placement_of_report(REPORT, "nextpnr-ecp5 0.11.1")
    assert found.clock_mhz == 80
    assert found.wanted_mhz == 100
    assert found.used == {"TRELLIS_COMB": 10}
    assert found.slowest_path == ("0.52 ns clk-to-q: u_dense.left",)
    counts = counts_of_cells(CELLS["ecp5"], "ecp5", "yosys 0.70")
    whole = Resources(
        top="net_top",
        family="ecp5",
        part="LFE5U-25F-6BG381C",
        counts=counts,
        placement=found,
        seconds={"synthesis": 1.0},
    )
    write_resources(whole, tmp_path / "resources.json")
    written = (tmp_path / "resources.json").read_text(encoding="utf-8")
    assert Resources.model_validate_json(written) == whole
    assert str(whole) == (
        "126 LUT, 7 FF, 3 DSP, 36 kbit of block RAM (yosys 0.70); 80.0 MHz (nextpnr-ecp5 0.11.1)"
    )


def test_the_clocks_of_each_design_stand_beside_its_counts(tmp_path, monkeypatch):
    pytest.importorskip("alkaid", reason="absent: pip install 'pulsefront[rtl]'")
    counts = counts_of_cells(CELLS["ecp5"], "ecp5", "yosys 0.70")

    def counted(folder, top, part, clock_mhz, placements):
        return Resources(top=top, family="ecp5", part=part, counts=counts, seconds={})

    monkeypatch.setattr("pulsefront.firmware.rtl.targets.count_or_place", counted)
    model = small_model()
    wanted = ["rtl", "rtl_unrolled", "rtl_unrolled_vhdl"]
    exported = export_model(model, tmp_path / "out", targets=wanted)
    found = count_hdl(model, exported.directory, exported.contents.hdl)
    assert set(found) == {"rtl", "rtl_unrolled"}  # no tool here reads VHDL
    for one in exported.contents.hdl[:2]:
        path = tmp_path / "out-synthesis" / one.folder / "resources.json"
        written = Resources.model_validate_json(path.read_text(encoding="utf-8"))
        assert written.interval_cycles == one.interval_cycles
        assert written.latency_cycles == one.latency_cycles


def test_an_absent_tool_is_named_with_its_install_line(tmp_path, monkeypatch):
    monkeypatch.setattr(tools, "NAMES", {"yosys": ("no-such-yosys",)})
    with pytest.raises(ToolMissing, match=r"yosys is needed .*pulsefront\[rtl\]"):
        count_resources(tmp_path, "net_top", "xc7a35tcsg324-1")


def test_what_a_tool_says_is_the_error(tmp_path, monkeypatch):
    program = tmp_path / "failing"
    program.write_text(
        "#!/bin/sh\necho 'Warning: old'; echo 'ERROR: no room for 5 cells'; exit 1\n"
    )
    program.chmod(0o755)
    with pytest.raises(ExportError, match="stand-in 1 fails: ERROR: no room for 5 cells"):
        tools.Tool(str(program), "stand-in 1").run([], tmp_path)
