"""The front ends under the names of AXI4-Stream: lanes of a record, and a bench that sees them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulsefront.errors import ExportError
from pulsefront.firmware.export import export_model
from pulsefront.firmware.front_end.axis import record_lanes
from pulsefront.firmware.front_end.record.fields import Field
from pulsefront.firmware.front_end.simulate import FrontEndRun
from toys_front_end import block_chain, block_net, small_chain, window_net
from toys_rtl import needs_simulator

EXPORTS = {
    "timing": lambda: (window_net(7), small_chain()),
    "position": lambda: (block_net(8), block_chain()),
}


def written(kind: str, folder: Path, board: str = "zcu102") -> tuple[Path, str]:
    model, chain = EXPORTS[kind]()
    export_model(model, folder, targets=["front_end"], front_end=chain, board=board)
    return folder / "front_end", model.name


def test_each_field_has_a_lane_of_its_own() -> None:
    fields = (Field("number", 16), Field("energy", 17, signed=True), Field("time", 62))
    lanes = record_lanes(fields)
    assert lanes == {"number": (0, 16), "energy": (16, 32), "time": (48, 64)}


@pytest.mark.parametrize(("kind", "port"), [("timing", "sample"), ("position", "charge")])
def test_the_names_are_those_of_axi4_stream(kind: str, port: str, tmp_path: Path) -> None:
    folder, name = written(kind, tmp_path / "out")
    text = (folder / f"{name}_front_end_axis.v").read_text()
    streams = [f"s_axis_{port}_{one}" for one in ("tvalid", "tready", "tdata")]
    streams += [f"m_axis_record_{one}" for one in ("tvalid", "tready", "tdata", "tlast")]
    for one in ("aclk", "aresetn", *streams):
        assert f" {one}," in text or f" {one}\n" in text
    assert "m_axis_record_tdata" in (folder / "README.md").read_text()


@needs_simulator
@pytest.mark.parametrize("kind", EXPORTS)
@pytest.mark.parametrize("board", ["ecp5_25", "arty_a7_35"])
def test_the_bench_passes_with_and_without_a_register_behind(
    kind: str, board: str, tmp_path: Path
) -> None:
    folder, name = written(kind, tmp_path / "out", board)
    with FrontEndRun(folder, f"{name}_front_end_tb") as run:
        run.check()


@needs_simulator
@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("{3{1'b0}}", "{3{1'b1}}", "beyond a field"),
        ("record__energy[0 +: 16]", "record__energy[0 +: 15], 1'b0", "event 0, energy"),
        ("s_axis_sample_tready = 1'b1", "s_axis_sample_tready = 1'b0", "tready"),
        ("s_axis_sample_tdata[0 +: 10]", "s_axis_sample_tdata[1 +: 10]", "FAIL"),
    ],
)
def test_a_wrong_lane_fails(right: str, wrong: str, message: str, tmp_path: Path) -> None:
    folder, name = written("timing", tmp_path / "out")
    path = folder / f"{name}_front_end_axis.v"
    assert right in path.read_text()
    path.write_text(path.read_text().replace(right, wrong))
    bench = FrontEndRun(folder, f"{name}_front_end_tb")
    with bench as run, pytest.raises(ExportError, match=message):
        run.check()
