"""Boards: part, clock and what the part holds, from ``firmware_export/boards/*.toml``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from pulsefront.config import FrozenModel
from pulsefront.errors import ConfigError
from pulsefront.files import firmware_export_directory
from pulsefront.fixed_point.hls import Family

__all__ = ["Board", "board_for", "load_board"]

DEFAULT_BOARD = "zcu102"
DEFAULT_OF_VENDOR = {"amd": "zcu102", "intel": "arria10_gx"}


class Board(FrozenModel):
    """A board or bare part that firmware is written for.

    The resource counts are the data sheet's, for judging a report against; 0 where not known.
    """

    name: str
    """of the board"""
    vendor: Literal["amd", "intel", "lattice"]
    """amd, intel or lattice: whose tools build for it"""
    part: str
    """as the tools name it"""
    clock_period_ns: float = Field(gt=0)
    """period of the clock"""
    clock_uncertainty: str = Field(pattern=r"^\d+(\.\d+)?%$")
    """margin that synthesis keeps, in percent of the period"""
    lut: int = Field(ge=0)
    """look-up tables of the part; 0 where not known"""
    flip_flop: int = Field(ge=0)
    """flip-flops of the part"""
    dsp: int = Field(ge=0)
    """DSP slices of the part"""
    block_ram_kbit: int = Field(ge=0)
    """block RAM of the part"""
    source: str
    """where these numbers come from"""

    @property
    def family(self) -> Family:
        """Of the families that estimates for hls4ml are fitted to, the part's or the nearest."""
        return "7series" if self.part.lower().startswith("xc7") else "ultrascale+"


def load_board(board: str | Path | None = None) -> Board:
    """Return a board by the name of a shipped one or by the path of a TOML file.

    Raises
    ------
    ConfigError
        There is no such board, or its file does not fit.
    """
    board = board or DEFAULT_BOARD
    path = Path(board)
    if path.suffix == ".toml":
        return Board.from_toml(path)
    folder = firmware_export_directory() / "boards"
    shipped = {one.stem: one for one in sorted(folder.glob("*.toml"))}
    if str(board) not in shipped:
        raise ConfigError(
            "no such board",
            field="board",
            value=str(board),
            remedy=f"use one of {', '.join(shipped)}, or the path of a TOML file",
        )
    return Board.from_toml(shipped[str(board)])


def board_for(vendor: str, board: Board) -> Board:
    """Return *board* if it is of *vendor*, else the vendor's default board."""
    return board if board.vendor == vendor else load_board(DEFAULT_OF_VENDOR[vendor])
