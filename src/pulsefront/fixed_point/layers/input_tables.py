"""Tables of their own for chosen inputs: the neurons of a network of look-up tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point.circuits import Build, Circuit
from pulsefront.fixed_point.format import Assignment, FixedPointFormat, Integers
from pulsefront.fixed_point.layers.base import (
    Arithmetic,
    Array,
    Bounds,
    Layer,
    LayerStep,
    Operation,
    register_layer,
)
from pulsefront.fixed_point.layers.checks import check_positive, raw_array
from pulsefront.fixed_point.layers.table import MOST_TABLE_BITS
from pulsefront.fixed_point.tensors import Tensor
from pulsefront.fixed_point.truth_tables import FREE_INPUTS, table_luts

__all__ = ["InputTables"]


@register_layer
@dataclass(frozen=True, eq=False)
class InputTables(Layer):
    """Each element of the result is the entry of a table of its own.

    A table reads a code of each of its inputs: *bits* bits of the input's raw integer in two's
    complement. The codes of all its inputs, the first in the lowest bits, number the entry. What an
    input can be must differ within these bits, so that nothing is mistaken: a
    `Quantize` that saturates goes before.

    Parameters
    ----------
    chosen
        Which element of the source each input of a table is, shape (position, channel, input).
    first_bit
        Lowest bit of the code of each element of the source, shape (element,).
    bits
        Bits of a code; inputs × *bits* is at most 12.
    entries
        Raw integers of *format*, shape (position, channel, 2^(inputs · *bits*)).
    format
        The format of the result, (position, channel).
    """

    chosen: Integers
    first_bit: Integers
    bits: int
    entries: Integers
    format: FixedPointFormat
    kind: ClassVar[str] = "tables"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self.name, "bits", self.bits)
        wide = FixedPointFormat(32, 32, signed=False)
        for field in ("chosen", "first_bit"):
            object.__setattr__(self, field, raw_array(self.name, field, getattr(self, field), wide))
        if self.chosen.ndim != 3 or self.chosen.size == 0 or self.first_bit.ndim != 1:
            raise PrecisionError(
                f"layer {self.name!r}: chosen are inputs of tables, (position, channel, input), "
                "and first_bit are bits, (element,)",
                value=(self.chosen.shape, self.first_bit.shape),
            )
        if self.address_bits > MOST_TABLE_BITS:
            raise PrecisionError(
                f"layer {self.name!r}: {self.fan_in} inputs of {self.bits} bits need tables of "
                f"2^{self.address_bits} entries, and a table has at most {1 << MOST_TABLE_BITS}",
                remedy="give tables fewer inputs, or codes fewer bits",
            )
        entries = raw_array(self.name, "entries", self.entries, self.format)
        object.__setattr__(self, "entries", entries)
        wanted = (*self.chosen.shape[:2], 1 << self.address_bits)
        if entries.shape != wanted:
            raise PrecisionError(
                f"layer {self.name!r}: tables of {self.fan_in} inputs of {self.bits} bits have "
                f"entries of shape {wanted}",
                value=entries.shape,
            )

    @property
    def fan_in(self) -> int:
        """Inputs of one table."""
        return int(self.chosen.shape[2])

    @property
    def address_bits(self) -> int:
        """Bits that number an entry."""
        return self.fan_in * self.bits

    @property
    def assignment(self) -> Assignment:
        """The format of the result, which holds every entry."""
        return Assignment(self.format)

    def bounds(self, sources: tuple[Tensor, ...]) -> Bounds:
        """Return the smallest and the largest entry that each table can reach.

        Raises
        ------
        PrecisionError
            There is no such element, or one can be more than its code tells apart.
        """
        (source,) = sources
        elements = len(self.first_bit)
        if elements != source.size or self.chosen.max() >= elements:
            raise PrecisionError(
                f"layer {self.name!r}: {source.name!r} has {source.size} elements, first_bit is of "
                f"{elements}, and tables read up to number {int(self.chosen.max())}"
            )
        low, high = self._codes(source)
        for element in np.unique(self.chosen):
            if high[element] - low[element] >= 1 << self.bits:
                raise PrecisionError(
                    f"layer {self.name!r}: element {element} of {source.name!r} can be from "
                    f"{int(source.low.flat[element])} to {int(source.high.flat[element])}, more "
                    f"than {self.bits} bits from bit {int(self.first_bit[element])} on tell apart",
                    remedy="assign it to fewer bits with a Quantize that saturates",
                )
        shape = self.chosen.shape[:2]
        ends = np.empty((2, *shape), np.int64)
        for place in np.ndindex(*shape):
            reached = self.entries[place][self._addresses(self.chosen[place], low, high)]
            ends[0][place], ends[1][place] = reached.min(), reached.max()
        reach = max(abs(int(ends.min())), abs(int(ends.max())))
        return Bounds(ends[0], ends[1], self.format.fraction, reach)

    def _codes(self, source: Tensor) -> tuple[Integers, Integers]:
        """Return the lowest and the highest code of each element, before bits are dropped above."""
        return source.low.reshape(-1) >> self.first_bit, source.high.reshape(-1) >> self.first_bit

    def _addresses(self, inputs: Integers, low: Integers, high: Integers) -> Integers:
        """Return the addresses that a table of *inputs* can reach."""
        found = np.zeros(1, np.int64)
        mask = (1 << self.bits) - 1
        for number, element in enumerate(inputs.tolist()):
            codes = np.arange(low[element], high[element] + 1) & mask
            found = (found[:, None] + (codes << (number * self.bits))).reshape(-1)
        return found

    def by_distance(self, source: Tensor) -> tuple[Integers, Integers]:
        """Return the least integers of codes (element,), and entries counted from there on.

        With them an input's code is its distance from that integer, shifted down by its first
        bit: never negative, so that no language's shift of a sign matters.
        """
        low, _ = self._codes(source)
        mask = (1 << self.bits) - 1
        every = np.arange(1 << self.address_bits)
        entries = np.empty_like(self.entries)
        for place in np.ndindex(*self.chosen.shape[:2]):
            address = np.zeros_like(every)
            for number, element in enumerate(self.chosen[place].tolist()):
                distance = (every >> (number * self.bits)) & mask
                address |= ((distance + low[element]) & mask) << (number * self.bits)
            entries[place] = self.entries[place][address]
        return low << self.first_bit, entries

    def operation(self, step: LayerStep) -> Operation:  # noqa: ARG002
        """Return the entries that the codes number."""
        shape, mask = self.chosen.shape, (1 << self.bits) - 1
        places = self.chosen.reshape(-1, self.fan_in)
        first = self.first_bit[places]
        entries = self.entries.reshape(-1)
        start = np.arange(len(places)) << self.address_bits

        def look_up(source: Array) -> Array:
            whole = source.reshape(len(source), -1).astype(np.int64, copy=False)
            address = np.broadcast_to(start, (len(source), len(start))).copy()
            for number in range(self.fan_in):
                code = (whole[:, places[:, number]] >> first[:, number]) & mask
                address += code << (number * self.bits)
            return entries[address].reshape(-1, *shape[:2])

        return look_up

    def arithmetic(self, step: LayerStep) -> Arithmetic:  # noqa: ARG002
        """Return the bits of all tables, as memories would hold them."""
        return Arithmetic(self.entries.size * self.format.width)

    def circuit(self, step: LayerStep, build: Build) -> Circuit | None:  # noqa: ARG002
        """Return look-up tables for every bit of every table."""
        tables = self.entries.reshape(-1, self.entries.shape[-1])
        deep = self.address_bits > FREE_INPUTS
        return Circuit(sum(table_luts(one) for one in tables), depth=1 + int(deep))
