"""Each layer of a model as instances of the modules in ``firmware_export/rtl``.

A stage reads streams and gives one. Its last part, for every layer alike, assigns the exact value
to the layer's format: rounding and overflow each have a register of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

from pulsefront.firmware.rtl.memories import MatrixNumbers, matrix_numbers
from pulsefront.firmware.rtl.plan import SharedPlan
from pulsefront.firmware.rtl.verilog import address_bits, extended, instance, signed_width, wires
from pulsefront.fixed_point.format import (
    Assignment,
    FixedPointFormat,
    Overflow,
    Rounding,
    by_channel,
)
from pulsefront.fixed_point.layers import (
    Concatenate,
    Conv1d,
    Flatten,
    Layer,
    LayerStep,
    LimitLayer,
    MaxPool,
    Quantize,
    Relu,
    WindowLayer,
)
from pulsefront.fixed_point.layers.matrix import MatrixLayer
from pulsefront.fixed_point.layers.unsupported import not_written

__all__ = [
    "CLOCK",
    "MODE_OF_OVERFLOW",
    "MODE_OF_ROUNDING",
    "Stream",
    "rounded_width",
    "rounding_shift",
    "stage",
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

    @property
    def value(self) -> str:
        """The element with a sign, as an expression."""
        return extended(f"{self.stem}_data", self.format.width, self.format.signed)


CLOCK = {"clk": "clk", "rst": "rst"}


@singledispatch
def stage(
    layer: Layer,
    step: LayerStep,  # noqa: ARG001
    sources: tuple[Stream, ...],  # noqa: ARG001
    target: Stream,  # noqa: ARG001
    plan: SharedPlan,  # noqa: ARG001
) -> list[str]:
    """Return the lines of a layer, from *sources* to *target*, whose wires are declared.

    Raises
    ------
    UnsupportedLayer
        No function is registered for the layer's class.
    """
    raise not_written(layer.name, layer.kind, "rtl")


@stage.register
def _quantize(
    layer: Quantize | Flatten,
    step: LayerStep,
    sources: tuple[Stream, ...],
    target: Stream,
    plan: SharedPlan,  # noqa: ARG001
) -> list[str]:
    return _assigned(step, sources[0], target, layer.assignment)


@stage.register
def _relu(
    layer: Relu,
    step: LayerStep,
    sources: tuple[Stream, ...],
    target: Stream,
    plan: SharedPlan,  # noqa: ARG001
) -> list[str]:
    (source,) = sources
    limits = 0, (1 << (signed_width(source.format) - 1)) - 1
    return _limited(step, source, target, layer.assignment, limits)


@stage.register
def _limit(
    layer: LimitLayer,
    step: LayerStep,
    sources: tuple[Stream, ...],
    target: Stream,
    plan: SharedPlan,  # noqa: ARG001
) -> list[str]:
    limits = layer.limits(step.sources[0].format)
    return _limited(step, sources[0], target, layer.assignment, limits)


def _limited(
    step: LayerStep,
    source: Stream,
    target: Stream,
    to: Assignment | None,
    limits: tuple[int, int],
) -> list[str]:
    """Limit an element, then assign it."""
    low, high = limits
    bits = max(max(end, ~end).bit_length() for end in limits)
    width = max(signed_width(source.format), bits + 1)
    stem = f"{target.stem}_clipped"
    clipped = Stream(stem, FixedPointFormat(width, width - source.format.fraction))
    return [
        *wires(stem, width),
        f"assign {stem}_valid = {source.stem}_valid;",
        f"assign {source.stem}_ready = {stem}_ready;",
        f"wire signed [{width - 1}:0] {stem}_whole = $signed({source.value});",
        *instance(
            "pf_clip",
            f"{stem}_clip",
            {"WIDTH": width, "LOW": low, "HIGH": high},
            {"in": f"{stem}_whole", "out": f"{stem}_data"},
        ),
        *_assigned(step, clipped, target, to, registered=True),
    ]


@stage.register
def _matrix(
    layer: MatrixLayer,
    step: LayerStep,
    sources: tuple[Stream, ...],
    target: Stream,
    plan: SharedPlan,
) -> list[str]:
    numbers, matrix = matrix_numbers(step), plan.matrices[layer.name]
    stem = f"{target.stem}_sum"
    kept = _kept(step, numbers)
    (source,) = step.sources
    channels = source.shape[-1] if isinstance(layer, Conv1d) else 0
    stride = layer.stride * channels if isinstance(layer, Conv1d) else 0
    window = max(matrix.length, stride)
    depth = address_bits(4 * window if isinstance(layer, Conv1d) else 2 * source.size)
    before = layer.padding[0] * channels if isinstance(layer, Conv1d) else 0
    after = layer.padding[1] * channels if isinstance(layer, Conv1d) else 0
    reach = (1 << depth) + 2 * (source.size + before + after + window)
    accumulator = numbers.accumulator
    parameters: dict[str, object] = {
        "X_WIDTH": source.format.width,
        "X_SIGNED": source.format.signed,
        "ELEMENTS": source.size,
        "LENGTH": matrix.length,
        "ROWS": matrix.rows,
        "STEP": stride,
        "BEFORE": before,
        "DEPTH_LOG2": depth,
        "COUNT_WIDTH": reach.bit_length() + 1,
        "OUTPUTS": matrix.outputs,
        "LANES": matrix.lanes,
        "GROUPS": matrix.groups,
        "DSP_LANES": matrix.dsp_lanes,
        "WEIGHT_WIDTH": numbers.weight_width,
        "WEIGHT_ADDRESS": address_bits(matrix.groups * matrix.length),
        "GROUP_ADDRESS": address_bits(matrix.groups),
        "WEIGHTS": f"{layer.name}_weights.hex",
        "BIASES": f"{layer.name}_biases.hex",
        "SUM_WIDTH": numbers.sum_width,
        "SHIFT": numbers.shift,
    }
    if accumulator is not None:
        parameters |= {
            "NARROW": 1,
            "SIGNED": numbers.sum_signed,
            "ROUNDING": MODE_OF_ROUNDING[accumulator.rounding],
            "OVERFLOW": MODE_OF_OVERFLOW[accumulator.overflow],
        }
    return [
        *wires(stem, numbers.sum_width),
        *instance(
            "pf_matrix",
            f"u__{layer.name}",
            parameters,
            {**CLOCK, **sources[0].ports("in"), **Stream(stem, kept).ports("out")},
        ),
        *_assigned(step, Stream(stem, kept), target, layer.assignment),
    ]


def _kept(step: LayerStep, numbers: MatrixNumbers) -> FixedPointFormat:
    fraction = step.exact.format.fraction
    return FixedPointFormat(numbers.sum_width, numbers.sum_width - fraction, numbers.sum_signed)


@stage.register
def _window(
    layer: WindowLayer,
    step: LayerStep,
    sources: tuple[Stream, ...],
    target: Stream,
    plan: SharedPlan,  # noqa: ARG001
) -> list[str]:
    (source,) = step.sources
    positions, channels = source.shape
    stem, exact = f"{target.stem}_sum", step.exact.format
    window = max(layer.size, layer.stride) * channels
    depth = address_bits(4 * window)
    reach = (1 << depth) + 2 * (source.size + window)
    parameters: dict[str, object] = {
        "X_WIDTH": source.format.width,
        "X_SIGNED": source.format.signed,
        "POSITIONS": positions,
        "CHANNELS": channels,
        "SIZE": layer.size,
        "STRIDE": layer.stride,
        "WINDOWS": step.exact.shape[0],
        "MAXIMUM": isinstance(layer, MaxPool),
        "DEPTH_LOG2": depth,
        "COUNT_WIDTH": reach.bit_length() + 1,
        "OUT_WIDTH": exact.width,
    }
    result = Stream(stem, exact)
    return [
        *wires(stem, exact.width),
        *instance(
            "pf_window",
            f"u__{layer.name}",
            parameters,
            {**CLOCK, **sources[0].ports("in"), **result.ports("out")},
        ),
        *_assigned(step, result, target, layer.assignment),
    ]


@stage.register
def _concatenate(
    layer: Concatenate,
    step: LayerStep,
    sources: tuple[Stream, ...],
    target: Stream,
    plan: SharedPlan,  # noqa: ARG001
) -> list[str]:
    """Return queues that hold a whole event of every source, and their elements in turn."""
    result = step.exact.format
    lines, heads = [], []
    for number, (tensor, source) in enumerate(zip(step.sources, sources, strict=True)):
        stem = f"{target.stem}_from{number}"
        shift = result.fraction - tensor.format.fraction
        value = f"{{{source.value}, {{{shift}{{1'b0}}}}}}" if shift else source.value
        width = signed_width(source.format) + shift
        lines += [
            *wires(stem, result.width),
            f"wire signed [{width - 1}:0] {stem}_value = $signed({value});",
            f"wire signed [{result.width + width - 1}:0] {stem}_wide = {stem}_value;",
            *instance(
                "pf_fifo",
                f"{stem}_queue",
                {"WIDTH": result.width, "DEPTH_LOG2": address_bits(max(tensor.size, 2))},
                {
                    **CLOCK,
                    "in_valid": f"{source.stem}_valid",
                    "in_ready": f"{source.stem}_ready",
                    "in_data": f"{stem}_wide[{result.width - 1}:0]",
                    **Stream(stem, result).ports("out"),
                },
            ),
        ]
        heads.append((Stream(stem, result), tensor.shape[-1]))
    first, length = heads[0]
    for number, (second, more) in enumerate(heads[1:], 1):
        stem = f"{target.stem}_joined{number}"
        joined = Stream(stem, result)
        lines += [
            *wires(stem, result.width),
            *instance(
                "pf_concatenate",
                f"u__{layer.name}_{number}",
                {"WIDTH": result.width, "FIRST": length, "SECOND": more},
                {**CLOCK, **first.ports("a"), **second.ports("b"), **joined.ports("out")},
            ),
        ]
        first, length = joined, length + more
    return [*lines, *_slice(f"{target.stem}_slice", result.width, first, target)]


def _assigned(
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
        width = signed_width(source.format)
        taken = [
            f"wire signed [{result.width + width - 1}:0] {stem}_wide = $signed({source.value});"
        ]
        bits = f"{stem}_wide[{result.width - 1}:0]"
        if not registered:
            return [
                *taken,
                f"assign {stem}_valid = {source.stem}_valid;",
                f"assign {source.stem}_ready = {stem}_ready;",
                f"assign {stem}_data = {bits};",
            ]
        return [*taken, *_slice(f"{stem}_slice", result.width, source, target, data=bits)]
    formats = by_channel(to.format, step.exact.shape[-1])
    kinds = tuple(dict.fromkeys(formats))
    lines = [
        f"wire signed [{signed_width(source.format) - 1}:0] {stem}_exact = $signed({source.value});"
    ]
    width = max(rounded_width(source.format, one) for one in kinds)
    for number, one in enumerate(kinds):
        lines += [
            f"wire signed [{width - 1}:0] {stem}_rounded{number};",
            *instance(
                "pf_round",
                f"{stem}_round{number}",
                {
                    "IN_WIDTH": signed_width(source.format),
                    "SHIFT": rounding_shift(source.format, one),
                    "ROUNDING": MODE_OF_ROUNDING[to.rounding],
                    "OUT_WIDTH": width,
                },
                {"in": f"{stem}_exact", "out": f"{stem}_rounded{number}"},
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
        *_slice(f"{stem}_slice1", width + more, source, middle, data=rounded),
        f"wire signed [{width - 1}:0] {stem}_whole = {middle.stem}_data[{width - 1}:0];",
    ]
    whole = to.container
    for number, one in enumerate(kinds):
        up = whole.fraction - one.fraction
        value = extended(f"{stem}_limited{number}", one.width, one.signed)
        shifted = f"{{{value}, {{{up}{{1'b0}}}}}}" if up else value
        wide = one.width + 1 + up
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
                {"in": f"{stem}_whole", "out": f"{stem}_limited{number}"},
            ),
            f"wire signed [{wide - 1}:0] {stem}_assigned{number} = $signed({shifted});",
            f"wire [{whole.width - 1}:0] {stem}_final{number};",
            f"assign {stem}_final{number} = {stem}_assigned{number};",
        ]
    kind = f"{stem}_kind2"
    if more:
        lines.append(
            f"wire [{more - 1}:0] {kind} = {middle.stem}_data[{width + more - 1}:{width}];"
        )
    final = _chosen(f"{stem}_final", len(kinds), kind)
    return [*lines, *_slice(f"{stem}_slice2", whole.width, middle, target, data=final)]


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


def _slice(
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
