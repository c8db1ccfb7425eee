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
    assert board.source


def test_an_unknown_board_names_the_known_ones():
    with pytest.raises(ConfigError, match=r"no such board \(got 'zcu999'\); use one of .*zcu102"):
        load_board("zcu999")


def test_a_board_of_ones_own(tmp_path):
    text = (firmware_export_directory() / "boards" / "zcu102.toml").read_text()
    (tmp_path / "mine.toml").write_text(text.replace("5.0", "3.2"))
    assert load_board(tmp_path / "mine.toml").clock_period_ns == 3.2
    (tmp_path / "bad.toml").write_text(text + "parts = 3\n")
    with pytest.raises(ConfigError, match="parts: unknown key; did you mean 'part'"):
        load_board(tmp_path / "bad.toml")
