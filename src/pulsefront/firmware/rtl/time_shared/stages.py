"""Each layer of a model as instances of the modules in ``firmware_export/rtl``.

A stage reads streams and gives one. Its last part, for every layer alike, assigns the exact value
to the layer's format.
"""

from __future__ import annotations

from functools import singledispatch

from pulsefront.firmware.rtl.language.netlist import Number
from pulsefront.firmware.rtl.language.verilog import (
    address_bits,
    handed_on,
    instance,
    signed_width,
    wires,
)
from pulsefront.firmware.rtl.layers.assign import (
    CLOCK,
    MODE_OF_OVERFLOW,
    MODE_OF_ROUNDING,
    Stream,
    assigned,
)
from pulsefront.firmware.rtl.time_shared.memories import MatrixNumbers, matrix_numbers
from pulsefront.firmware.rtl.time_shared.plan import MatrixLanes, SharedPlan
from pulsefront.fixed_point.format import Assignment, FixedPointFormat
from pulsefront.fixed_point.layers import (
    Conv1d,
    Flatten,
    FunctionTable,
    ImageWindows,
    LargestIndex,
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

__all__ = ["kept_format", "matrix_parameters", "stage"]


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
    return assigned(step, sources[0], target, layer.assignment)


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
        *handed_on(source.stem, stem),
        f"wire signed [{width - 1}:0] {stem}_whole = {source.value(width)};",
        *instance(
            "pf_clip",
            f"{stem}_clip",
            {"WIDTH": width, "LOW": Number(low, width), "HIGH": Number(high, width)},
            {"given": f"{stem}_whole", "result": f"{stem}_data"},
        ),
        *assigned(step, clipped, target, to, registered=True),
    ]


@stage.register
def _table(
    layer: FunctionTable,
    step: LayerStep,
    sources: tuple[Stream, ...],
    target: Stream,
    plan: SharedPlan,
) -> list[str]:
    (source,) = sources
    stem = f"{target.stem}_entry"
    found = Stream(stem, layer.format)
    return [
        *wires(stem, layer.format.width),
        *handed_on(source.stem, stem),
        *instance(
            f"{plan.model}__{layer.name}",
            f"u__{layer.name}",
            {},
            {"given": f"{source.stem}_data", "result": f"{stem}_data"},
        ),
        *assigned(step, found, target, None, registered=True),
    ]


@stage.register
def _image(
    layer: ImageWindows,
    step: LayerStep,
    sources: tuple[Stream, ...],
    target: Stream,
    plan: SharedPlan,  # noqa: ARG001
) -> list[str]:
    (source,) = step.sources
    stem, places = f"{target.stem}_moved", layer.places().size
    moved = Stream(stem, source.format)
    parameters: dict[str, object] = {
        "WIDTH": source.format.width,
        "ELEMENTS": source.size,
        "CHANNELS": source.shape[-1],
        "PLACES": places,
        "ADDRESS": address_bits(source.size),
        "PLACE_ADDRESS": address_bits(places),
        "FILE": f"{layer.name}_places.hex",
    }
    return [
        *wires(stem, source.format.width),
        *instance(
            "pf_gather",
            f"u__{layer.name}",
            parameters,
            {**CLOCK, **sources[0].ports("in"), **moved.ports("out")},
        ),
        *assigned(step, moved, target, None, registered=True),
    ]


@stage.register
def _largest(
    layer: LargestIndex,
    step: LayerStep,
    sources: tuple[Stream, ...],
    target: Stream,
    plan: SharedPlan,  # noqa: ARG001
) -> list[str]:
    (source,) = step.sources
    stem, width = f"{target.stem}_number", step.exact.format.width
    found = Stream(stem, step.exact.format)
    return [
        *wires(stem, width),
        *instance(
            "pf_largest",
            f"u__{layer.name}",
            {
                "WIDTH": source.format.width,
                "SIGNED": source.format.signed,
                "ELEMENTS": source.size,
                "NUMBER_WIDTH": width,
            },
            {**CLOCK, **sources[0].ports("in"), **found.ports("out")},
        ),
        *assigned(step, found, target, None),
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
    kept = kept_format(step, numbers)
    return [
        *wires(stem, numbers.sum_width),
        *instance(
            "pf_matrix",
            f"u__{layer.name}",
            matrix_parameters(step, numbers, matrix),
            {**CLOCK, **sources[0].ports("in"), **Stream(stem, kept).ports("out")},
        ),
        *assigned(step, Stream(stem, kept), target, layer.assignment),
    ]


def matrix_parameters(
    step: LayerStep, numbers: MatrixNumbers, matrix: MatrixLanes
) -> dict[str, object]:
    """Return the parameters of ``pf_matrix`` and ``pf_sets`` for a layer with weights."""
    layer, source = step.layer, step.sources[0]
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
        "BEHIND": matrix.registers_behind,
        "WEIGHT_WIDTH": numbers.weight_width,
        "WEIGHT_ADDRESS": address_bits(matrix.sets * matrix.groups * matrix.length),
        "GROUP_ADDRESS": address_bits(matrix.sets * matrix.groups),
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
    return parameters


def kept_format(step: LayerStep, numbers: MatrixNumbers) -> FixedPointFormat:
    """Return the format in which the sums of a layer with weights leave its multipliers."""
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
        *assigned(step, result, target, layer.assignment),
    ]
