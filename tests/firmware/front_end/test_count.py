"""What a front end takes of the part that it was written for, and the network within it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulsefront.errors import ToolMissing
from pulsefront.firmware.export import export_model
from pulsefront.firmware.front_end import count
from pulsefront.firmware.front_end.count import count_front_end
from pulsefront.firmware.front_end.statement import read_statement
from pulsefront.firmware.rtl.resources.count import CellCounts, Resources
from pulsefront.firmware.rtl.tools import find_tool
from toys_front_end import small_chain, window_net

NOTHING = CellCounts(origin="none", lut=0, ff=0, dsp=0, block_ram_kbit=0, cells={})


def test_chain_and_network_are_counted_for_the_part_of_the_board(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        find_tool("yosys")
    except ToolMissing as error:
        pytest.skip(str(error))
    model = window_net(7)
    export_model(
        model, tmp_path / "export", targets=("front_end",), board="ecp5_25",
        front_end=small_chain(window_samples=tuple(range(-3, 4))),
    )  # fmt: skip
    statement = read_statement(tmp_path / "export" / "front_end")
    asked = []

    def placed(folder: Path, top: str, part: str, clock_mhz: float, placements: int) -> Resources:
        # The real one takes most of a minute: make peers runs it.
        asked.append((top, part, clock_mhz, placements))
        assert (folder / f"{top}.v").exists()
        clocks = {1: 99.5, 2: 101.0}
        return Resources(
            top=top, family="ecp5", part=part, counts=NOTHING, clocks_mhz=clocks, seconds={}
        )

    monkeypatch.setattr(count, "count_or_place", placed)
    found = count_front_end(model, tmp_path / "export", statement, placements=2)
    whole, network = found["front_end"], found["front_end_network"]
    assert whole.family == "ecp5"
    assert whole.counts.lut > network.counts.lut > 0
    assert whole.counts.ff > network.counts.ff > 0
    top = f"{model.name}_front_end"
    assert asked == [(f"{top}_pins", "LFE5U-25F-6BG381C", 100.0, 2)]
    assert whole.top == top
    assert whole.clocks_mhz == {1: 99.5, 2: 101.0}
    assert whole.latency_cycles == statement.latency_clocks
    assert (tmp_path / "export-synthesis" / "front_end" / "resources.json").exists()
    assert not list((tmp_path / "export" / "front_end").glob("*_pins.v"))


def test_an_export_without_a_front_end_has_nothing_to_count(tmp_path: Path) -> None:
    assert count_front_end(window_net(7), tmp_path, None) == {}
