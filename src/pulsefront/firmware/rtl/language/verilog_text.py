"""A `Module` as Verilog-2001."""

from __future__ import annotations

from pulsefront.firmware.rtl.language.netlist import (
    Bits,
    Comment,
    Copies,
    Instance,
    Lookup,
    Module,
    One,
    Part,
    Register,
    Signal,
    Statement,
    Value,
    Zeros,
)
from pulsefront.firmware.rtl.language.verilog import instance

__all__ = ["verilog_text"]

SHORT = 4
"""A value of no more parts than this is one line."""


def verilog_text(module: Module) -> str:
    """Return the text of a module."""
    about = "".join(f"// {line}\n" for line in module.about)
    ports = ",\n    ".join(
        f"{'input ' if one.direction == 'in' else 'output'} wire {_range(one.bits)}{one.name}"
        for one in module.ports
    )
    lines = "\n".join(f"    {line}" for one in module.body for line in _lines(one))
    return f"{about}module {module.name} (\n    {ports}\n);\n{lines}\nendmodule\n"


def _range(bits: int | None) -> str:
    return "" if bits is None else f"[{bits - 1}:0] "


def _lines(one: Statement) -> list[str]:
    if isinstance(one, Comment):
        return [f"// {one.text}"]
    if isinstance(one, Instance):
        return instance(one.module, one.name, one.parameters, one.ports)
    if isinstance(one, Register):
        return [
            f"reg {_range(one.bits)}{one.name};",
            f"always @(posedge clk) {one.name} <= {_value(one.value)};",
        ]
    if isinstance(one, Lookup):
        return _lookup(one)
    return _signal(one)


def _lookup(one: Lookup) -> list[str]:
    entries = [
        f"        {one.address_bits}'d{number}: {one.name} = {one.bits}'d{word};"
        for number, word in enumerate(one.words())
    ]
    return [
        f"reg {_range(one.bits)}{one.name};",
        "always @* begin",
        f"    case ({one.address})",
        *entries[:-1],
        f"        default: {one.name} = {one.bits}'d{one.words()[-1]};",
        "    endcase",
        "end",
    ]


def _signal(one: Signal) -> list[str]:
    if not one.declared:
        return [f"assign {one.name} = {_value(one.value)};"]
    given = f" = {_value(one.value)}" if one.value else ""
    return [f"wire {_range(one.bits)}{one.name}{given};"]


def _value(value: Value) -> str:
    parts = [_part(one) for one in value]
    between = ", " if len(parts) <= SHORT else ",\n        "
    return parts[0] if len(parts) == 1 else f"{{{between.join(parts)}}}"


def _part(one: Part) -> str:
    if isinstance(one, Bits):
        return f"{one.bus}[{one.start} +: {one.count}]"
    if isinstance(one, Zeros):
        return f"{{{one.count}{{1'b0}}}}"
    if isinstance(one, Copies):
        return f"{{{one.count}{{{one.bus}[{one.index}]}}}}"
    if isinstance(one, One):
        return "1'b1"
    sign = "!" if one.inverted else ""
    return sign + (one.name if one.index is None else f"{one.name}[{one.index}]")
