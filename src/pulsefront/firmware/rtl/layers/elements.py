"""One element of an unrolled tensor: limited, rounded and assigned to a format."""

from __future__ import annotations

from dataclasses import dataclass

from pulsefront.firmware.rtl.language.netlist import (
    Instance,
    Number,
    Register,
    Signal,
    Statement,
    Value,
    bits_of,
    whole,
)
from pulsefront.firmware.rtl.language.verilog import signed_width
from pulsefront.firmware.rtl.layers.assign import (
    MODE_OF_OVERFLOW,
    MODE_OF_ROUNDING,
    rounded_width,
    rounding_shift,
)
from pulsefront.fixed_point.format import Assignment, FixedPointFormat, Overflow, Rounding
from pulsefront.fixed_point.layers import Layer, LimitLayer, Relu

__all__ = ["Element", "element_of", "moved"]


@dataclass(frozen=True)
class Element:
    """How the elements of a layer come from the exact value *own* to their formats.

    *limits* are raw integers at the fraction of *own*. Without *carries* nothing is added: bits
    are cut, and one register is enough.
    """

    own: FixedPointFormat
    rounding: Rounding
    overflow: Overflow
    limits: tuple[int, int] | None
    carries: bool

    @property
    def clocks(self) -> int:
        """Registers on the way."""
        return 2 if self.carries else 1

    def lines(self, stem: str, source: str, element: int, to: FixedPointFormat) -> list[Statement]:
        """Return the lines that bring an element of the bus *source* to STEM__kept."""
        own = self.own
        low, high = self.limits or (0, 0)
        needed = max(max(low, ~low).bit_length(), max(high, ~high).bit_length()) + 1
        width = signed_width(own) if self.limits is None else max(signed_width(own), needed)
        wide = FixedPointFormat(width, width - own.fraction)
        taken = f"{stem}__x"
        lines: list[Statement] = [
            Signal(taken, width, bits_of(source, element * own.width, own, 0, width))
        ]
        if self.limits is not None:
            taken = f"{stem}__y"
            lines += [
                Signal(taken, width),
                Instance(
                    "pf_clip",
                    f"{stem}__clip",
                    {"given": f"{stem}__x", "result": taken},
                    {"WIDTH": width, "LOW": Number(low, width), "HIGH": Number(high, width)},
                ),
            ]
        bits = rounded_width(wide, to)
        rounded = f"{stem}__rounds"
        lines += [
            Signal(rounded, bits),
            Instance(
                "pf_round",
                f"{stem}__round",
                {"given": taken, "result": rounded},
                {
                    "IN_WIDTH": width,
                    "SHIFT": rounding_shift(wide, to),
                    "ROUNDING": MODE_OF_ROUNDING[self.rounding],
                    "OUT_WIDTH": bits,
                },
            ),
        ]
        if self.carries:
            rounded = f"{stem}__rounded"
            lines.append(Register(rounded, bits, whole(f"{stem}__rounds", bits)))
        return [
            *lines,
            Signal(f"{stem}__fits", to.width),
            Instance(
                "pf_overflow",
                f"{stem}__overflow",
                {"given": rounded, "result": f"{stem}__fits"},
                {
                    "IN_WIDTH": bits,
                    "OUT_WIDTH": to.width,
                    "SIGNED": int(to.signed),
                    "OVERFLOW": MODE_OF_OVERFLOW[self.overflow],
                },
            ),
            Register(f"{stem}__kept", to.width, whole(f"{stem}__fits", to.width)),
        ]


def element_of(
    layer: Layer,
    own: FixedPointFormat,
    formats: tuple[FixedPointFormat, ...],
    modes: Assignment,
    *,
    halved: bool,
) -> Element:
    """Return how a *layer* assigns elements of *own* to *formats*.

    Where half a step is in the sums already (*halved*), rounding half up is a cut of bits.
    """
    rounding = Rounding.TRN if halved else modes.rounding
    limits = None
    if isinstance(layer, Relu):
        # What is below zero is outside an unsigned format: its saturation is the ReLU.
        if modes.overflow is Overflow.WRAP or any(one.signed for one in formats):
            limits = 0, (1 << (signed_width(own) - 1)) - 1
    elif isinstance(layer, LimitLayer):
        limits = layer.limits(own)
    rounds = rounding is not Rounding.TRN and any(rounding_shift(own, one) > 0 for one in formats)
    return Element(own, rounding, modes.overflow, limits, rounds or isinstance(layer, LimitLayer))


def moved(bus: str, element: int, own: FixedPointFormat, to: FixedPointFormat) -> Value:
    """Return an element of a bus in a format that holds it."""
    up = to.fraction - own.fraction
    return bits_of(bus, element * own.width, own, -up, to.width)
