"""A function of one number as a table of integers, such as sigmoid and tanh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point.circuits import Build, Circuit
from pulsefront.fixed_point.format import Assignment, FixedPointFormat, Integers
from pulsefront.fixed_point.functions import FUNCTIONS, values_of_function
from pulsefront.fixed_point.layers.base import (
    Arithmetic,
    Array,
    Bounds,
    Layer,
    LayerStep,
    Operation,
    register_layer,
)
from pulsefront.fixed_point.layers.checks import raw_array
from pulsefront.fixed_point.real_values import real_assigned
from pulsefront.fixed_point.tensors import Tensor

__all__ = ["MOST_TABLE_BITS", "FunctionTable", "function_table"]

MOST_TABLE_BITS = 12
"""Bits of what a table is read at: 4096 entries."""

LUT_INPUTS = 6
"""Of one look-up table of the device."""


@register_layer
@dataclass(frozen=True, eq=False)
class FunctionTable(Layer):
    """Element by element the entry of a table that the input's raw integer numbers.

    Parameters
    ----------
    function
        What the entries are of, for people; the entries alone count.
    entries
        Raw integers of *format*, one for every integer of *reads_format*, the smallest first.
    reads_format
        The format of the tensor that is read, at most 12 bits.
    format
        The format of the result.
    """

    function: str
    entries: Integers
    reads_format: FixedPointFormat
    format: FixedPointFormat
    kind: ClassVar[str] = "table"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reads_format.width > MOST_TABLE_BITS:
            raise PrecisionError(
                f"layer {self.name!r}: a table of {self.function} has at most "
                f"{1 << MOST_TABLE_BITS} entries, and {self.reads_format} needs "
                f"{1 << self.reads_format.width}",
                remedy=f"assign what it reads to a format of at most {MOST_TABLE_BITS} bits",
            )
        entries = raw_array(self.name, "entries", self.entries, self.format)
        object.__setattr__(self, "entries", entries)
        if entries.shape != (1 << self.reads_format.width,):
            raise PrecisionError(
                f"layer {self.name!r}: a table for {self.reads_format} has "
                f"{1 << self.reads_format.width} entries",
                value=entries.shape,
            )

    @property
    def assignment(self) -> Assignment:
        """The format of the result, which holds every entry."""
        return Assignment(self.format)

    def bounds(self, sources: tuple[Tensor, ...]) -> Bounds:
        """Return the smallest and the largest entry that each element can reach.

        Raises
        ------
        PrecisionError
            The source is of another format.
        """
        (source,) = sources
        if source.format != self.reads_format:
            raise PrecisionError(
                f"layer {self.name!r} reads {self.reads_format}; {source.name!r} is "
                f"{source.format}",
                remedy="assign it to the table's format with a Quantize",
            )
        first = self.reads_format.minimum
        low, high = np.empty_like(source.low), np.empty_like(source.high)
        for lowest, highest in set(zip(source.low.flat, source.high.flat, strict=True)):
            reached = self.entries[lowest - first : highest - first + 1]
            same = (source.low == lowest) & (source.high == highest)
            low[same], high[same] = reached.min(), reached.max()
        reach = max(abs(int(low.min())), abs(int(high.max())))
        return Bounds(low, high, self.format.fraction, reach)

    def operation(self, step: LayerStep) -> Operation:  # noqa: ARG002
        """Return the entries that the integers number."""
        entries, first = self.entries, self.reads_format.minimum

        def look_up(source: Array) -> Array:
            return entries[source.astype(np.int64, copy=False) - first]

        return look_up

    def by_bits(self) -> Integers:
        """Return the entries in the order of the input's bits read as an unsigned number."""
        return np.roll(self.entries, self.reads_format.minimum)

    def arithmetic(self, step: LayerStep) -> Arithmetic:  # noqa: ARG002
        """Return the bits of the table, once."""
        return Arithmetic(self.entries.size * self.format.width)

    def circuit(self, step: LayerStep, build: Build) -> Circuit | None:  # noqa: ARG002
        """Return a table of every element, of look-up tables and the choice among them."""
        blocks = -(-self.entries.size >> LUT_INPUTS) or 1
        choices = -(-(blocks - 1) // 3)  # a six-input LUT selects one of four
        lut = step.exact.size * self.format.width * (blocks + choices)
        return Circuit(lut, depth=1 + max(blocks - 1, 0).bit_length() // 2)


def function_table(
    name: str,
    source: str,
    function: str,
    reads: FixedPointFormat,
    to: Assignment,
    *,
    slope: float = 0.0,
    scale: float = 1.0,
) -> FunctionTable:
    """Return the table of a function: its values at every integer of *reads*, assigned to ``to``.

    Values are computed in float64 and assigned once, here: what a table holds is in the document,
    and every executor reads the same integers.

    Parameters
    ----------
    function
        One of `functions.FUNCTIONS`, such as ``sigmoid`` or ``tanh``.
    slope
        Of ``leaky_relu`` and ``elu`` below zero, and of ``hard_sigmoid``.
    scale
        The function is of the value times this, where a scale is no power of two.

    Raises
    ------
    PrecisionError
        The function is not known, or *reads* has more than 12 bits.
    """
    if function not in FUNCTIONS:
        raise PrecisionError(
            f"layer {name!r}: no table of this function",
            value=function,
            remedy=f"use one of {', '.join(FUNCTIONS)}, or give the entries of a FunctionTable",
        )
    if to.per_channel:
        raise PrecisionError(f"layer {name!r}: a table has one format for all channels")
    if reads.width > MOST_TABLE_BITS:
        entries = np.zeros(1, np.int64)  # refused by the layer
    else:
        numbers = np.arange(reads.minimum, reads.maximum + 1)
        values = values_of_function(function, scale * reads.values(numbers), slope)
        assigned = real_assigned(values[:, None], to)[:, 0]
        entries = np.ldexp(assigned, to.container.fraction).astype(np.int64)
    return FunctionTable(name, (source,), function, entries, reads, to.container)
