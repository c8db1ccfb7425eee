"""A design as signals, registers and instances, before it is text of a language.

What is written in Verilog and in VHDL is one `Module`; `verilog_text` and `vhdl_text` say it. A
value is a tuple of parts, the most significant first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from pulsefront.fixed_point.format import FixedPointFormat

__all__ = [
    "Bit",
    "Bits",
    "Comment",
    "Copies",
    "Instance",
    "Lookup",
    "Module",
    "ModulePort",
    "Number",
    "One",
    "Part",
    "Register",
    "Signal",
    "Statement",
    "Value",
    "Zeros",
    "bits_of",
    "whole",
]


@dataclass(frozen=True)
class Bits:
    """The bits *start* … *start* + *count* − 1 of a bus."""

    bus: str
    start: int
    count: int


@dataclass(frozen=True)
class Bit:
    """A signal of one bit, or one of a bus, by its *index*; *inverted* where asked for."""

    name: str
    index: int | None = None
    inverted: bool = False


@dataclass(frozen=True)
class Copies:
    """One bit of a bus, *count* times."""

    bus: str
    index: int
    count: int


@dataclass(frozen=True)
class Zeros:
    """*count* zeros."""

    count: int


@dataclass(frozen=True)
class One:
    """A single one."""


Part = Bits | Bit | Copies | Zeros | One
Value = tuple[Part, ...]


@dataclass(frozen=True)
class Number:
    """A signed number for a parameter of *bits* bits."""

    value: int
    bits: int


@dataclass(frozen=True)
class Comment:
    """A line for the reader."""

    text: str


@dataclass(frozen=True)
class Signal:
    """A bus of *bits* bits, or one bit (None); with a *value* where no instance drives it.

    *declared* is False where the name is that of a port.
    """

    name: str
    bits: int | None
    value: Value = ()
    declared: bool = True


@dataclass(frozen=True)
class Register:
    """A bus that takes its *value* at each clock."""

    name: str
    bits: int
    value: Value


@dataclass(frozen=True)
class Instance:
    """A module or entity inside another; every port is connected to a signal by name."""

    module: str
    name: str
    ports: Mapping[str, str]
    parameters: Mapping[str, int | Number] = field(default_factory=dict)


@dataclass(frozen=True)
class Lookup:
    """A bus of *bits* bits: the entry that the bus *address* numbers, one for each number."""

    name: str
    bits: int
    address: str
    address_bits: int
    entries: tuple[int, ...]

    def words(self) -> tuple[int, ...]:
        """Return the entries as unsigned numbers of the same bits."""
        return tuple(entry & ((1 << self.bits) - 1) for entry in self.entries)


@dataclass(frozen=True)
class ModulePort:
    """A port of *bits* bits, or of one bit (None)."""

    name: str
    direction: Literal["in", "out"]
    bits: int | None = None


Statement = Comment | Signal | Register | Instance | Lookup


@dataclass(frozen=True)
class Module:
    """A whole module; *about* are the lines above it."""

    name: str
    about: tuple[str, ...]
    ports: tuple[ModulePort, ...]
    body: tuple[Statement, ...]


def whole(bus: str, bits: int) -> Value:
    """Return all bits of a bus."""
    return (Bits(bus, 0, bits),)


def bits_of(bus: str, start: int, one: FixedPointFormat, low: int, count: int) -> Value:
    """Return bits of a number that lies in a bus from *start* on, in the format *one*.

    Bit *low* is the first of *count*: below the number there are zeros, above it its sign.
    """
    parts: list[Part] = []
    end = low + count
    first, last = max(low, 0), min(end, one.width)
    above = end - max(low, one.width)
    if above > 0:
        sign = Copies(bus, start + one.width - 1, above)
        parts.append(sign if one.signed else Zeros(above))
    if last > first:
        parts.append(Bits(bus, start + first, last - first))
    below = min(end, 0) - low
    if below > 0:
        parts.append(Zeros(below))
    return tuple(parts)
