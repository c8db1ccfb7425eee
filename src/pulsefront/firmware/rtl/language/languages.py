"""The languages of a design, each with its file names and its writer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from pulsefront.firmware.rtl.language.netlist import Module
from pulsefront.firmware.rtl.language.verilog_text import verilog_text
from pulsefront.firmware.rtl.language.vhdl_text import vhdl_name, vhdl_text

__all__ = ["VERILOG", "VHDL", "Language"]


def _same(name: str) -> str:
    return name


@dataclass(frozen=True)
class Language:
    """A language: what alkaid calls it, how its files end, how names and modules are written."""

    title: str
    flavor: Literal["verilog", "vhdl"]
    suffix: str
    name: Callable[[str], str]
    text: Callable[[Module], str]


VERILOG = Language("Verilog", "verilog", ".v", _same, verilog_text)
VHDL = Language("VHDL", "vhdl", ".vhd", vhdl_name, vhdl_text)
