"""What yosys makes of the Verilog: counted, placed, and its netlist run on the golden vectors."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulsefront.errors import ToolMissing
from pulsefront.firmware import export_model, verify_export
from pulsefront.firmware.board import load_board
from pulsefront.firmware.rtl.bench.cxxrtl import CxxrtlSimulation
from pulsefront.firmware.rtl.gates import write_gates
from pulsefront.firmware.rtl.projects.unrolled import write_unrolled
from pulsefront.firmware.rtl.resources.count import Resources, count_resources, family_of
from pulsefront.firmware.rtl.resources.estimate import estimate_time_shared, estimate_unrolled
from pulsefront.firmware.rtl.resources.parts import kind_of
from pulsefront.firmware.rtl.targets import count_hdl
from pulsefront.firmware.rtl.time_shared.plan import plan
from pulsefront.firmware.rtl.tools import find_tool
from strategies_fixed_point import random_inputs
from toys_firmware import small_model
from toys_rtl import (
    built,
    compare_run,
    compare_simulation,
    needs_simulator,
    needs_verilator,
    timing_like,
    vectors_of,
)

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
def test_ten_thousand_vectors_through_the_netlist(tmp_path: Path) -> None:
    model = small_model()
    write_gates(model, tmp_path, vectors_of(model, 20), plan(model, 2))
    with CxxrtlSimulation(tmp_path, model) as simulation:
        compare_run(simulation, model, random_inputs(model, 10_000, 6))


@needs("yosys")
@needs_verilator
def test_ten_thousand_vectors_through_the_netlist_by_verilator(tmp_path: Path) -> None:
    model = small_model()
    write_gates(model, tmp_path, vectors_of(model, 20), plan(model, 2))
    compare_simulation(model, tmp_path, 10_000, "verilator", seed=7)


# Estimated over counted: look-up tables and flip-flops with four multipliers of the timing network.
MEASURED = {"ecp5_25": (1.07, 1.14), "ice40_up5k": (1.01, 1.28), "arty_a7_35": (1.11, 1.18)}


@needs("yosys")
@pytest.mark.parametrize("board", MEASURED)
def test_the_estimate_beside_yosys(board: str, tmp_path: Path) -> None:
    model, part = timing_like(), load_board(board).part
    design = plan(model, 4)
    top = built(model, tmp_path, design).top
    found = count_resources(tmp_path, top, part)
    estimate = estimate_time_shared(model, design, kind_of(family_of(part)))
    assert found.counts.origin.startswith("yosys")
    ratios = estimate.lut / found.counts.lut, estimate.ff / found.counts.ff
    assert ratios == pytest.approx(MEASURED[board], abs=0.1), (estimate, found.counts)
    assert estimate.dsp == found.counts.dsp
    assert estimate.block_ram_kbit == found.counts.block_ram_kbit


@needs("yosys")
@pytest.mark.parametrize(("board", "lut_ratio"), [("ecp5_25", 0.98), ("arty_a7_35", 0.98)])
def test_the_estimate_of_the_unrolled_design_beside_yosys(
    board: str, lut_ratio: float, tmp_path: Path
) -> None:
    pytest.importorskip("alkaid", reason="absent: pip install 'pulsefront[rtl]'")
    model, part = timing_like(), load_board(board).part
    project = write_unrolled(model, tmp_path, vectors_of(model, 20))
    found = count_resources(tmp_path, project.top, part).counts
    estimate = estimate_unrolled(model, kind_of(family_of(part)))
    assert estimate.lut / found.lut == pytest.approx(lut_ratio, abs=0.1)
    assert estimate.ff / found.ff == pytest.approx(1.1, abs=0.1)
    assert abs(estimate.latency_cycles - project.latency_cycles) <= 3


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
        assert Resources.model_validate_json(path.read_text(encoding="utf-8")) == found
        assert found.placement is not None
        assert found.placement.clock_mhz > 80
