"""Pieces of Verilog text: instances, constants, declarations."""

from __future__ import annotations

from collections.abc import Mapping

from pulsefront.firmware.rtl.language.netlist import Number
from pulsefront.fixed_point.format import FixedPointFormat

__all__ = [
    "address_bits",
    "constant",
    "handed_on",
    "instance",
    "resized",
    "signed_width",
    "wires",
]


NOTHING = "1'b0"


def instance(
    module: str, name: str, parameters: Mapping[str, object], ports: Mapping[str, str]
) -> list[str]:
    """Return the lines of an instance of *module*."""
    given = ", ".join(f".{key}({_value(value)})" for key, value in parameters.items())
    connected = ", ".join(f".{key}({value})" for key, value in ports.items())
    head = f"{module} #({given}) {name}" if parameters else f"{module} {name}"
    return [f"{head} (", f"    {connected}", ");"]


def _value(value: object) -> str:
    if isinstance(value, Number):
        return constant(value.value)
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int):
        return str(value) if abs(value) < 1 << 31 else constant(value)
    return f'"{value}"' if isinstance(value, str) else str(value)


def constant(value: int) -> str:
    """Return an integer as a signed constant of 64 bits."""
    return f"-64'sd{-value}" if value < 0 else f"64'sd{value}"


def wires(stem: str, width: int) -> list[str]:
    """Return the declarations of a stream *stem*."""
    return [f"wire {stem}_valid, {stem}_ready;", f"wire [{width - 1}:0] {stem}_data;"]


def handed_on(source: str, stem: str) -> list[str]:
    """Return the lines that make each event of stream *source* one of stream *stem*."""
    return [f"assign {stem}_valid = {source}_valid;", f"assign {source}_ready = {stem}_ready;"]


def signed_width(one: FixedPointFormat) -> int:
    """Return the bits that a number of a format needs with a sign."""
    return one.width + int(not one.signed)


def resized(name: str, one: FixedPointFormat, bits: int, zeros: int = 0) -> str:
    """Return the number on the wire *name* in exactly *bits* bits, the lowest *zeros* of them 0.

    Above it there is its sign; a number that is too wide for the rest loses bits above, all of them
    where zeros fill the bus (of such a number the interval is zero alone).
    """
    kept = bits - zeros
    if kept <= 0:
        return f"{{{bits}{{{NOTHING}}}}}"
    more = kept - one.width
    parts = [f"{name}[{kept - 1}:0]" if more < 0 else name]
    if more > 0:
        parts.insert(0, f"{{{more}{{{f'{name}[{one.width - 1}]' if one.signed else NOTHING}}}}}")
    if zeros:
        parts.append(f"{{{zeros}{{{NOTHING}}}}}")
    return parts[0] if len(parts) == 1 else f"{{{', '.join(parts)}}}"


def address_bits(count: int) -> int:
    """Return the bits that number *count* places, at least one."""
    return max((count - 1).bit_length(), 1)
