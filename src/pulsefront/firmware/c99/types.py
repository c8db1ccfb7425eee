"""Integer types and constants of C for raw integers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pulsefront.fixed_point.format import FixedPointFormat, Integers

__all__ = ["constant", "input_type", "output_type", "smallest_type", "table"]

LINE = 92


def smallest_type(low: int, high: int) -> str:
    """Return the smallest signed type that holds *low* to *high*."""
    for bits in (8, 16, 32):
        if -(1 << (bits - 1)) <= low and high < 1 << (bits - 1):
            return f"int{bits}_t"
    return "int64_t"


def input_type(one: FixedPointFormat) -> str:
    """Return the type of an input's raw integers: ``int16_t`` where they fit."""
    if not one.signed and one.width in (16, 32):
        return f"uint{one.width}_t"
    found = smallest_type(one.minimum, one.maximum)
    return "int16_t" if found == "int8_t" else found


def output_type(one: FixedPointFormat) -> str:
    """Return the type of an output's raw integers: ``int32_t`` where they fit."""
    wide = smallest_type(one.minimum, one.maximum) == "int64_t"
    return "int64_t" if wide else "int32_t"


def constant(value: int) -> str:
    """Return an integer as C has it; the smallest of a type is no literal."""
    if value in (-(1 << 31), -(1 << 63)):
        return f"({constant(value + 1)} - 1)"
    return str(value) if -(1 << 31) < value < 1 << 31 else f"INT64_C({value})"


def table(name: str, values: Integers) -> list[str]:
    """Return the definition of a table of constants in its smallest type."""
    kind = smallest_type(int(values.min()), int(values.max()))
    numbers = [constant(int(value)) for value in values.reshape(-1)]
    return [f"static const {kind} {name}[{values.size}] = {{", *_lines(numbers), "};"]


def _lines(numbers: Sequence[str]) -> Iterator[str]:
    line = "   "
    for number in numbers:
        if len(line) + len(number) + 2 > LINE:
            yield line
            line = "   "
        line += f" {number},"
    yield line
