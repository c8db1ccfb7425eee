"""Boards are read from TOML and every shipped one is complete."""

from __future__ import annotations

import pytest

from pulsefront.errors import ConfigError
from pulsefront.files import firmware_export_directory
from pulsefront.firmware import load_board

SHIPPED = sorted(one.stem for one in (firmware_export_directory() / "boards").glob("*.toml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_board_is_complete(name):
    board = load_board(name)
    assert min(board.lut, board.flip_flop, board.dsp, board.block_ram_kbit) > 0
    numbers = ("clock_period_ns", "clock_uncertainty", "lut", "flip_flop", "dsp", "block_ram_kbit")
    assert set(board.sources) == set(numbers)
    assert all(len(board.sources[name]) > 10 for name in numbers)


def test_an_unknown_board_names_the_known_ones():
    with pytest.raises(ConfigError, match=r"no such board \(got 'zcu999'\); use one of .*zcu102"):
        load_board("zcu999")


def test_a_board_of_ones_own(tmp_path):
    text = (firmware_export_directory() / "boards" / "zcu102.toml").read_text()
    (tmp_path / "mine.toml").write_text(text.replace("5.0", "3.2"))
    assert load_board(tmp_path / "mine.toml").clock_period_ns == 3.2
    (tmp_path / "bad.toml").write_text("parts = 3\n" + text)
    with pytest.raises(ConfigError, match="parts: unknown key; did you mean 'part'"):
        load_board(tmp_path / "bad.toml")


def test_a_number_without_a_source_is_refused(tmp_path):
    text = (firmware_export_directory() / "boards" / "ecp5_25.toml").read_text()
    (tmp_path / "mine.toml").write_text("\n".join(text.splitlines()[:-1]))
    with pytest.raises(ConfigError, match="block_ram_kbit: has no source"):
        load_board(tmp_path / "mine.toml")
    (tmp_path / "mine.toml").write_text(text + 'luts = "a data sheet"\n')
    with pytest.raises(ConfigError, match="'luts' is no key of a board"):
        load_board(tmp_path / "mine.toml")
    head = text.partition("[sources]")[0]
    (tmp_path / "mine.toml").write_text(head + 'source = "one data sheet for all"\n')
    assert load_board(tmp_path / "mine.toml").lut == 24288


def test_none_of_a_resource_is_known_where_a_source_says_so():
    board = load_board("ecp5_25")
    none = board.model_copy(update={"dsp": 0})
    assert none.knows("dsp")
    assert not none.model_copy(update={"sources": {}}).knows("dsp")
