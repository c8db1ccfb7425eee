"""Streams of integers, and how one is assigned to a format: the last part of every layer.

Rounding and overflow each have a register of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

from pulsefront.firmware.rtl.language.verilog import (
    address_bits,
    handed_on,
    instance,
    resized,
    signed_width,
    wires,
)
from pulsefront.fixed_point.format import (
    Assignment,
    FixedPointFormat,
    Overflow,
    Rounding,
    by_channel,
)
from pulsefront.fixed_point.layers import LayerStep

__all__ = [
    "CLOCK",
    "MODE_OF_OVERFLOW",
    "MODE_OF_ROUNDING",
    "Stream",
    "assigned",
    "register_slice",
    "rounded_width",
    "rounding_shift",
]

MODE_OF_ROUNDING = {
    Rounding.TRN: 0,
    Rounding.RND: 1,
    Rounding.RND_CONV: 2,
    Rounding.TRN_ZERO: 3,
    Rounding.RND_ZERO: 4,
    Rounding.RND_INF: 5,
    Rounding.RND_MIN_INF: 6,
}
MODE_OF_OVERFLOW = {
    Overflow.WRAP: 0,
    Overflow.SAT: 1,
    Overflow.SAT_ZERO: 2,
    Overflow.SAT_SYM: 3,
}


@dataclass(frozen=True)
class Stream:
    """Wires ``STEM_valid``, ``STEM_ready`` and ``STEM_data``, the last of *format*."""

    stem: str
    format: FixedPointFormat

    def ports(self, side: str) -> dict[str, str]:
        """Return the connections of a module's ports ``SIDE_valid``, ``_ready``, ``_data``."""
        return {f"{side}_{part}": f"{self.stem}_{part}" for part in ("valid", "ready", "data")}

    def value(self, bits: int, zeros: int = 0) -> str:
        """Return the element in so many bits, see `resized`."""
        return resized(f"{self.stem}_data", self.format, bits, zeros)


CLOCK = {"clk": "clk", "rst": "rst"}


def assigned(
    step: LayerStep,
    source: Stream,
    target: Stream,
    to: Assignment | None,
    *,
    registered: bool = False,
) -> list[str]:
    """Assign the elements of *source*: rounding, a register, overflow, a register.

    With no assignment the bits of the result are taken as they are, through a register where
    *registered* asks for one.
    """
    stem, result = target.stem, target.format
    if to is None:
        bits = source.value(result.width)
        if not registered:
            return [
                *handed_on(source.stem, stem),
                f"assign {stem}_data = {bits};",
            ]
        return register_slice(f"{stem}_slice", result.width, source, target, data=bits)
    formats = by_channel(to.format, step.exact.shape[-1])
    kinds = tuple(dict.fromkeys(formats))
    own = signed_width(source.format)
    lines = [f"wire signed [{own - 1}:0] {stem}_exact = {source.value(own)};"]
    width = max(rounded_width(source.format, one) for one in kinds)
    for number, one in enumerate(kinds):
        lines += [
            f"wire signed [{width - 1}:0] {stem}_rounded{number};",
            *instance(
                "pf_round",
                f"{stem}_round{number}",
                {
                    "IN_WIDTH": own,
                    "SHIFT": rounding_shift(source.format, one),
                    "ROUNDING": MODE_OF_ROUNDING[to.rounding],
                    "OUT_WIDTH": width,
                },
                {"given": f"{stem}_exact", "result": f"{stem}_rounded{number}"},
            ),
        ]
    more = address_bits(len(kinds)) if len(kinds) > 1 else 0
    rounded = _chosen(f"{stem}_rounded", len(kinds), f"{stem}_kind")
    if more:
        lines += _kind_of_channel(stem, source.stem, formats, kinds, more)
        rounded = f"{{{stem}_kind, {rounded}}}"
    middle = Stream(f"{stem}_middle", FixedPointFormat(width + more, width))
    lines += [
        *wires(middle.stem, width + more),
        *register_slice(f"{stem}_slice1", width + more, source, middle, data=rounded),
        f"wire signed [{width - 1}:0] {stem}_whole = {middle.stem}_data[{width - 1}:0];",
    ]
    whole = to.container
    for number, one in enumerate(kinds):
        up = whole.fraction - one.fraction
        final = resized(f"{stem}_limited{number}", one, whole.width, up)
        lines += [
            f"wire [{one.width - 1}:0] {stem}_limited{number};",
            *instance(
                "pf_overflow",
                f"{stem}_overflow{number}",
                {
                    "IN_WIDTH": width,
                    "OUT_WIDTH": one.width,
                    "SIGNED": one.signed,
                    "OVERFLOW": MODE_OF_OVERFLOW[to.overflow],
                },
                {"given": f"{stem}_whole", "result": f"{stem}_limited{number}"},
            ),
            f"wire [{whole.width - 1}:0] {stem}_final{number} = {final};",
        ]
    kind = f"{stem}_kind2"
    if more:
        lines.append(
            f"wire [{more - 1}:0] {kind} = {middle.stem}_data[{width + more - 1}:{width}];"
        )
    final = _chosen(f"{stem}_final", len(kinds), kind)
    return [*lines, *register_slice(f"{stem}_slice2", whole.width, middle, target, data=final)]


def _kind_of_channel(
    stem: str,
    source: str,
    formats: tuple[FixedPointFormat, ...],
    kinds: tuple[FixedPointFormat, ...],
    bits: int,
) -> list[str]:
    """Count channels, and look up which of the *kinds* of format the element's channel has."""
    table, size = 0, len(formats) * bits
    for channel, one in enumerate(formats):
        table |= kinds.index(one) << (channel * bits)
    count = address_bits(len(formats))
    return [
        f"wire [{count - 1}:0] {stem}_channel;",
        *instance(
            "pf_count",
            f"{stem}_channels",
            {"MODULO": len(formats), "WIDTH": count},
            {
                **CLOCK,
                "passes": f"{source}_valid && {source}_ready",
                "count": f"{stem}_channel",
            },
        ),
        f"localparam [{size - 1}:0] {stem}_KINDS = {size}'h{table:x};",
        f"wire [{bits - 1}:0] {stem}_kind = {stem}_KINDS[{stem}_channel*{bits} +: {bits}];",
    ]


def _chosen(stem: str, count: int, kind: str) -> str:
    """Return one of *count* wires, by the number in *kind*."""
    text = f"{stem}{count - 1}"
    for number in reversed(range(count - 1)):
        text = f"{kind} == {number} ? {stem}{number} : {text}"
    return f"({text})" if count > 1 else text


def register_slice(
    name: str, width: int, source: Stream, target: Stream, data: str | None = None
) -> list[str]:
    ports = {**CLOCK, **source.ports("in"), **target.ports("out")}
    if data is not None:
        ports["in_data"] = data
    return instance("pf_slice", name, {"WIDTH": width}, ports)


def rounding_shift(source: FixedPointFormat, target: FixedPointFormat) -> int:
    """Return the bits to drop; beyond the source's own bits nothing but its sign is left."""
    shift = source.fraction - target.fraction
    # A value that would need more than 64 bits was refused by the model: only zero is shifted
    # further than that.
    return max(min(shift, signed_width(source) + 1), -64)


def rounded_width(source: FixedPointFormat, target: FixedPointFormat) -> int:
    """Return the bits of a rounded number, with a carry."""
    shift = rounding_shift(source, target)
    return signed_width(source) + (-shift if shift < 0 else 1) + 1
