"""A `Module` as VHDL-2008."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pulsefront.firmware.rtl.language.netlist import (
    Bit,
    Bits,
    Comment,
    Copies,
    Instance,
    Lookup,
    Module,
    Number,
    One,
    Part,
    Register,
    Signal,
    Statement,
    Value,
    Zeros,
)

__all__ = ["LIBRARIES", "vhdl_name", "vhdl_text"]

SHORT = 4
"""A value of no more parts than this is one line."""

LIBRARIES = "library ieee;\nuse ieee.std_logic_1164.all;\n"


def vhdl_name(name: str) -> str:
    """Return a name as VHDL takes it: between backslashes where a plain one is not allowed.

    A plain name has no underscore at either end and no two together. Nor does it tell capital
    letters from small ones, so that a name with capitals is written between backslashes too. None
    of the names given to it is a word of the language.
    """
    return name if re.fullmatch(r"[a-z](_?[a-z0-9])*", name) else f"\\{name}\\"


def vhdl_text(module: Module) -> str:
    """Return the entity and the architecture of a module."""
    about = "".join(f"-- {line}\n" for line in module.about)
    name = vhdl_name(module.name)
    ports = ";\n        ".join(
        f"{vhdl_name(one.name)} : {one.direction} {_type(one.bits)}" for one in module.ports
    )
    declared = "\n".join(f"    {line}" for one in module.body for line in _declared(one))
    lines = "\n".join(f"    {line}" for one in module.body for line in _lines(one))
    return (
        f"{about}{LIBRARIES}\nentity {name} is\n    port (\n        {ports}\n    );\n"
        f"end entity;\n\narchitecture rtl of {name} is\n{declared}\nbegin\n{lines}\n"
        "end architecture;\n"
    )


def _type(bits: int | None) -> str:
    return "std_logic" if bits is None else f"std_logic_vector({bits - 1} downto 0)"


def _declared(one: Statement) -> list[str]:
    if isinstance(one, Register | Lookup) or (isinstance(one, Signal) and one.declared):
        return [f"signal {vhdl_name(one.name)} : {_type(one.bits)};"]
    return []


def _lines(one: Statement) -> list[str]:
    if isinstance(one, Comment):
        return [f"-- {one.text}"]
    if isinstance(one, Instance):
        return _instance(one)
    name = vhdl_name(one.name)
    if isinstance(one, Register):
        return [f"{name} <= {_value(one.value)} when rising_edge(clk);"]
    if isinstance(one, Lookup):
        return _lookup(one)
    if not one.value:
        return []
    return [f"{name} <= {_value(one.value, scalar=one.bits is None)};"]


def _lookup(one: Lookup) -> list[str]:
    words = [f'"{word:0{one.bits}b}"' for word in one.words()]
    choices = [
        f'    {word} when "{number:0{one.address_bits}b}",'
        for number, word in enumerate(words[:-1])
    ]
    return [
        f"with {vhdl_name(one.address)} select {vhdl_name(one.name)} <=",
        *choices,
        f"    {words[-1]} when others;",
    ]


def _instance(one: Instance) -> list[str]:
    generics = _mapped((name, _parameter(value)) for name, value in one.parameters.items())
    ports = _mapped((vhdl_name(name), vhdl_name(value)) for name, value in one.ports.items())
    lines = [f"{vhdl_name(one.name)} : entity work.{vhdl_name(one.module)}"]
    if one.parameters:
        lines.append(f"    generic map ({generics})")
    return [*lines, f"    port map ({ports});"]


def _mapped(pairs: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{name} => {value}" for name, value in pairs)


def _parameter(value: int | Number) -> str:
    if isinstance(value, Number):
        return f'"{value.value & ((1 << value.bits) - 1):0{value.bits}b}"'
    return str(int(value))


def _value(value: Value, *, scalar: bool = False) -> str:
    if len(value) == 1 and isinstance(value[0], Bit) and not scalar:
        return f"(0 => {_part(value[0])})"
    between = " & " if len(value) <= SHORT else "\n        & "
    return between.join(map(_part, value))


def _part(one: Part) -> str:
    if isinstance(one, Bits):
        return f"{vhdl_name(one.bus)}({one.start + one.count - 1} downto {one.start})"
    if isinstance(one, Zeros):
        return f'"{"0" * one.count}"'
    if isinstance(one, Copies):
        bit = f"{vhdl_name(one.bus)}({one.index} downto {one.index})"
        return " & ".join([bit] * one.count)
    if isinstance(one, One):
        return "'1'"
    sign = "not " if one.inverted else ""
    return sign + vhdl_name(one.name) + ("" if one.index is None else f"({one.index})")
