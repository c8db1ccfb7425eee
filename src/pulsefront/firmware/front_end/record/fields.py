"""Records: what a front end gives for each event, and their form as words of bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from pulsefront.fixed_point.format import Integers

__all__ = ["NUMBER_BITS", "Field", "Records"]

NUMBER_BITS = 16
"""Of the number of an event, in every record."""


@dataclass(frozen=True)
class Field:
    """A field of a record: a number of *bits*, in two's complement where *signed*."""

    name: str
    bits: int
    signed: bool = False

    @property
    def declared(self) -> str:
        """Its type in Verilog."""
        return f"{'signed ' if self.signed else ''}[{self.bits - 1}:0]"


@dataclass(frozen=True, eq=False)
class Records:
    """Records of events in order: for each field an array (event,) int64."""

    fields: tuple[Field, ...]
    columns: Mapping[str, Integers]

    def __len__(self) -> int:
        return len(self.columns[self.fields[0].name])

    def __getitem__(self, name: str) -> Integers:
        return self.columns[name]

    def select(self, chosen: Integers) -> Self:
        """Return some of the events."""
        return type(self)(self.fields, {k: a[chosen] for k, a in self.columns.items()})

    def words(self) -> list[str]:
        """Return each record as one hexadecimal word, the first field in the lowest bits."""
        digits = -(-sum(one.bits for one in self.fields) // 4)
        rows = np.stack([self.columns[one.name] for one in self.fields], axis=1).tolist()
        return [f"{_packed(row, self.fields):0{digits}x}" for row in rows]

    @classmethod
    def of_words(cls, fields: tuple[Field, ...], words: Sequence[str]) -> Self:
        """Return the records in hexadecimal words, as `words` gives them.

        Raises
        ------
        ValueError
            A word is no number: the simulation did not know a bit.
        """
        found: dict[str, list[int]] = {one.name: [] for one in fields}
        for word in words:
            left = int(word, 16)
            for one in fields:
                value = left & ((1 << one.bits) - 1)
                left >>= one.bits
                negative = one.signed and value >> (one.bits - 1)
                found[one.name].append(value - (1 << one.bits) if negative else value)
        return cls(fields, {name: np.array(a, np.int64) for name, a in found.items()})


def _packed(row: Sequence[int], fields: Sequence[Field]) -> int:
    word = start = 0
    for value, one in zip(row, fields, strict=True):
        word |= (value & ((1 << one.bits) - 1)) << start
        start += one.bits
    return word
