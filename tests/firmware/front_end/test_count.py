"""What a front end takes of the part that it was written for, and the network within it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulsefront.errors import ToolMissing
from pulsefront.firmware.export import export_model
from pulsefront.firmware.front_end.count import count_front_end
from pulsefront.firmware.front_end.statement import read_statement
from pulsefront.firmware.rtl.tools import find_tool
from toys_front_end import small_chain, window_net


def test_chain_and_network_are_counted_for_the_part_of_the_board(tmp_path: Path) -> None:
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
    found = count_front_end(model, tmp_path / "export", statement)
    whole, network = found["front_end"], found["front_end_network"]
    assert whole.family == "ecp5"
    assert whole.counts.lut > network.counts.lut > 0
    assert whole.counts.ff > network.counts.ff > 0
    assert (tmp_path / "export-synthesis" / "front_end" / "resources.json").exists()


def test_an_export_without_a_front_end_has_nothing_to_count(tmp_path: Path) -> None:
    assert count_front_end(window_net(7), tmp_path, None) == {}
