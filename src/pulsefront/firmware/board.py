"""Boards: part, clock and what the part holds, from ``firmware_export/boards/*.toml``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from pulsefront.config import FrozenModel
from pulsefront.errors import ConfigError
from pulsefront.files import firmware_export_directory
from pulsefront.fixed_point.hls import Family
from pulsefront.plugins import plugins

__all__ = ["Board", "board_for", "load_board"]

DEFAULT_BOARD = "zcu102"
DEFAULT_OF_VENDOR = {"amd": "zcu102", "intel": "arria10_gx"}


class Board(FrozenModel):
    """A board or bare part that firmware is written for.

    The resource counts are the data sheet's, for judging a report against; 0 where not known, or
    where a source says that there is none.
    """

    name: str
    """of the board"""
    vendor: Literal["amd", "intel", "lattice", "microchip"]
    """whose tools build for it"""
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
    source: str = ""
    """where the numbers come from that `sources` does not name"""
    sources: dict[str, str] = Field(default_factory=dict)
    """where each number comes from, by its key: data sheet and table"""

    @model_validator(mode="after")
    def _every_number_has_a_source(self) -> Self:
        numbers = tuple(
            name
            for name, field in type(self).model_fields.items()
            if field.annotation in (int, float)
        )
        unknown = [name for name in self.sources if name not in type(self).model_fields]
        if unknown:
            raise ValueError(f"sources: {unknown[0]!r} is no key of a board")
        if self.source:
            return self
        missing = [name for name in numbers if not self.sources.get(name) and getattr(self, name)]
        if missing:
            raise ValueError(
                f"{missing[0]} has no source: name data sheet and table in [sources], "
                "or one for all numbers as source"
            )
        return self

    def knows(self, key: str) -> bool:
        """Whether the count of *key* is known: 0 is known where it has a source of its own."""
        return getattr(self, key) > 0 or bool(self.sources.get(key))

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
    shipped.update({name: Path(path()) for name, path in plugins("boards").items()})
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
