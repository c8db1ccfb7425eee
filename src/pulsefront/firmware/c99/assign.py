"""Assignment of an exact value to a format, as one function of C for each layer."""

from __future__ import annotations

from collections.abc import Sequence

from pulsefront.firmware.c99.types import constant
from pulsefront.fixed_point.format import Assignment, FixedPointFormat, Overflow, Rounding

__all__ = ["NARROW", "assignment_function", "fits_narrow", "limited"]

NARROW = 30
"""Values below 2^30 in magnitude are rounded in 32 bits: half a step more does not overflow."""

# Added before the shift by s; h is half a step, m all bits below one.
ROUNDING = {
    Rounding.TRN: "x",
    Rounding.RND: "x + {h}",
    Rounding.RND_MIN_INF: "x + {h} - 1",
    Rounding.RND_CONV: "x + {h} - 1 + ((x >> {s}) & 1)",
    Rounding.RND_ZERO: "x + {h} - 1 + (x < 0)",
    Rounding.RND_INF: "x + {h} - 1 + (x >= 0)",
    Rounding.TRN_ZERO: "x + (x < 0 ? {m} : 0)",
}


def fits_narrow(magnitude: int, fraction: int, to: Assignment) -> bool:
    """Whether values up to *magnitude* with *fraction* fraction bits are assigned in 32 bits."""
    whole = to.container
    for one in to.formats:
        shift = fraction - one.fraction
        if shift > NARROW or one.width > NARROW or magnitude << max(-shift, 0) >= 1 << NARROW:
            return False
        if one.width + whole.fraction - one.fraction > NARROW:
            return False
    return magnitude < 1 << NARROW


def assignment_function(name: str, kind: str, fraction: int, to: Assignment) -> list[str]:
    """Return ``static KIND NAME(KIND x)``, with one format per channel ``NAME(KIND x, int c)``.

    Parameters
    ----------
    kind
        ``int32_t`` or ``int64_t``.
    fraction
        Fraction bits of x.
    """
    if not to.per_channel:
        body = _assigned(fraction, to.container, to)
        return [f"static {kind} {name}({kind} x)", "{", *(f"    {line}" for line in body), "}"]
    whole = to.container.fraction
    lines = [f"static {kind} {name}({kind} x, int c)", "{", "    switch (c) {"]
    for channel, one in enumerate(to.formats):
        last = channel == len(to.formats) - 1
        lines.append("    default:" if last else f"    case {channel}:")
        body = _assigned(fraction, one, to, scale=whole - one.fraction)
        lines += [f"        {line}" for line in body]
    return [*lines, "    }", "}"]


def _assigned(
    fraction: int, one: FixedPointFormat, to: Assignment, scale: int = 0
) -> Sequence[str]:
    shift = min(fraction - one.fraction, 63)
    lines = []
    if shift > 0:
        half, mask = constant(1 << (shift - 1)), constant((1 << shift) - 1)
        added = ROUNDING[to.rounding].format(h=half, s=shift, m=mask)
        lines.append(f"x = ({added}) >> {shift};")
    elif shift < 0:
        # Beyond 62 bits the emulator's interval is zero alone.
        lines.append(f"x *= {constant(1 << min(-shift, 62))};")
    found = limited("x", one, to.overflow)
    if scale:
        found = f"({found}) * {constant(1 << scale)}"
    return [*lines, f"return {found};"]


def limited(x: str, one: FixedPointFormat, overflow: Overflow) -> str:
    """Return the expression of *x*, a name, within a format."""
    low, high = constant(one.minimum), constant(one.maximum)
    match overflow:
        case Overflow.SAT:
            return f"{x} < {low} ? {low} : {x} > {high} ? {high} : {x}"
        case Overflow.SAT_SYM:
            lowest = constant(one.symmetric_minimum)
            return f"{x} < {lowest} ? {lowest} : {x} > {high} ? {high} : {x}"
        case Overflow.SAT_ZERO:
            return f"{x} < {low} || {x} > {high} ? 0 : {x}"
        case Overflow.WRAP:
            return f"(({x} - {low}) & {constant((1 << one.width) - 1)}) + {low}"
