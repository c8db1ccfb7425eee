"""Layers that hls4ml lacks or rounds, as C++ that goes into the project's generated code.

Each stage is one function template: fixed loops, one exact type, one explicit cast to the output
format. Vitis and Vivado HLS unroll them; g++ compiles them as they are.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np

from pulsefront.fixed_point.format import Assignment, FixedPointFormat, Integers, format_holding
from pulsefront.fixed_point.layers import (
    Add,
    AveragePool,
    ChosenDense,
    Concatenate,
    Flatten,
    FunctionTable,
    ImageWindows,
    InputTables,
    LargestIndex,
    Layer,
    LayerStep,
    LimitLayer,
    MaxPool,
    Quantize,
    Relu,
    WindowLayer,
    WindowSum,
)
from pulsefront.fixed_point.layers.unsupported import not_written

__all__ = ["STAGE", "ap_type", "register_stage", "stage_body", "stage_code"]

STAGE = "PulsefrontStage"


def ap_type(one: FixedPointFormat, modes: Assignment | None = None) -> str:
    """Return the C++ type of a format, with the modes of an assignment where given."""
    name = "ap_fixed" if one.signed else "ap_ufixed"
    if modes is None or (modes.rounding == "TRN" and modes.overflow == "WRAP"):
        return f"{name}<{one.width},{one.integer}>"
    return f"{name}<{one.width},{one.integer},AP_{modes.rounding},AP_{modes.overflow}>"


def register_stage() -> None:
    """Teach hls4ml the stage layer, once per process."""
    from hls4ml.backends import get_backend
    from hls4ml.backends.template import FunctionCallTemplate
    from hls4ml.model.layers import Layer, layer_map, register_layer
    from hls4ml.model.types import Source

    if STAGE in layer_map:
        return

    def initialize(self: Any) -> None:
        self.add_output_variable(list(self.get_attr("out_shape")))
        self.set_attr("stage_code", Source(self.get_attr("code_cpp")))

    stage = type(STAGE, (Layer,), {"initialize": initialize})

    def setup(self: Any) -> None:
        FunctionCallTemplate.__init__(self, stage, include_header=[])

    def call(_: Any, node: Any) -> str:
        sources = [node.get_input_variable(one) for one in node.inputs]
        output = node.get_output_variable()
        types = ", ".join([*(one.type.name for one in sources), output.type.name])
        names = ", ".join([*(one.name for one in sources), output.name])
        namespace = node.model.config.get_writer_config()["Namespace"]
        return f"{namespace}::{node.name}<{types}>({names});"

    template = type(f"{STAGE}Call", (FunctionCallTemplate,), {"__init__": setup, "format": call})
    register_layer(STAGE, stage)
    for backend in ("Vivado", "Vitis"):
        get_backend(backend).register_template(template)


def stage_code(step: LayerStep, name: str, *, only_assignment: bool = False) -> str:
    """Return the C++ of one layer without weights, or only of the assignment at its end."""
    count = 1 if only_assignment else len(step.sources)
    types = ", ".join([*(f"typename input{k}_t" for k in range(count)), "typename output_t"])
    arguments = [*(f"input{k}_t *input{k}" for k in range(count)), "output_t *output"]
    body = _each_assigned(step) if only_assignment else stage_body(step.layer, step)
    lines = "\n".join(f"    {line}" for line in body)
    return (
        f"\ntemplate <{types}>\nvoid {name}({', '.join(arguments)}) {{\n"
        f"    #pragma HLS INLINE\n{lines}\n}}\n"
    )


@singledispatch
def stage_body(layer: Layer, step: LayerStep) -> list[str]:  # noqa: ARG001
    """Return the lines of a stage: from ``input0_t *input0``, … to ``output_t *output``.

    Raises
    ------
    UnsupportedLayer
        No function is registered for the layer's class.
    """
    raise not_written(layer.name, layer.kind, "hls4ml")


@stage_body.register
def _moves(_: Quantize | Flatten, step: LayerStep) -> list[str]:
    return _each_assigned(step)


def _each_assigned(step: LayerStep) -> list[str]:
    return [*_loop(step), *_indented(_cast(step, "input0[i]")), "}"]


@stage_body.register
def _relu(_: Relu, step: LayerStep) -> list[str]:
    return [
        *_loop(step),
        "    input0_t x = input0[i];",
        "    if (x < 0)",
        "        x = 0;",
        *_indented(_cast(step, "x")),
        "}",
    ]


def _loop(step: LayerStep) -> list[str]:
    return [f"for (unsigned i = 0; i < {step.result.size}; i++) {{", "    #pragma HLS UNROLL"]


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _cast(step: LayerStep, value: str) -> list[str]:
    """Return statements that assign *value* of element i to the output, by its channel."""
    to = step.layer.assignment
    if to is None:
        return [f"output[i] = {value};"]
    if not to.per_channel:
        return [f"output[i] = {ap_type(to.container, to)}({value});"]
    lines = [f"switch (i % {len(to.formats)}) {{"]
    for channel, one in enumerate(to.formats):
        lines.append(f"case {channel}:")
        lines.append(f"    output[i] = {ap_type(one, to)}({value});")
        lines.append("    break;")
    return [*lines, "}"]


@stage_body.register
def _limit(layer: LimitLayer, step: LayerStep) -> list[str]:
    source = step.sources[0].format
    low, high = layer.limits(source)
    # One type that holds input and limits, so that comparing and assigning lose nothing.
    whole = format_holding(min(low, source.minimum), max(high, source.maximum), source.fraction)
    exact = ap_type(whole)
    return [
        *_loop(step),
        f"    {exact} x = input0[i];",
        f"    const {exact} low = {whole.step * low!r};",
        f"    const {exact} high = {whole.step * high!r};",
        "    if (x < low)",
        "        x = low;",
        "    if (x > high)",
        "        x = high;",
        *_indented(_cast(step, "x")),
        "}",
    ]


def _window_loop(layer: WindowLayer, step: LayerStep) -> list[str]:
    channels = step.result.shape[-1]
    start = f"(i / {channels}) * {layer.stride * channels} + i % {channels}"
    return [*_loop(step), f"    const unsigned first = {start};"]


@stage_body.register
def _sum(layer: WindowSum | AveragePool, step: LayerStep) -> list[str]:
    channels = step.result.shape[-1]
    bits = layer.mean_bits
    source = step.sources[0].format
    reach = max(abs(source.minimum), source.maximum) * layer.size
    # The fraction bits of the mean are there from the start: the shift at the end loses none.
    exact = format_holding(-(reach << bits), reach << bits, source.fraction + bits)
    return [
        *_window_loop(layer, step),
        f"    {ap_type(exact)} sum = 0;",
        f"    for (unsigned k = 0; k < {layer.size}; k++) {{",
        "        #pragma HLS UNROLL",
        f"        sum += input0[first + k * {channels}];",
        "    }",
        *([f"    sum = sum >> {bits};"] if bits else []),
        *_indented(_cast(step, "sum")),
        "}",
    ]


@stage_body.register
def _largest(layer: MaxPool, step: LayerStep) -> list[str]:
    channels = step.result.shape[-1]
    return [
        *_window_loop(layer, step),
        "    input0_t largest = input0[first];",
        f"    for (unsigned k = 1; k < {layer.size}; k++) {{",
        "        #pragma HLS UNROLL",
        f"        if (input0[first + k * {channels}] > largest)",
        f"            largest = input0[first + k * {channels}];",
        "    }",
        "    output[i] = largest;",
        "}",
    ]


@stage_body.register
def _image(layer: ImageWindows, step: LayerStep) -> list[str]:
    channels, places = step.result.shape[-1], layer.places()
    source = f"input0[place * {channels} + i % {channels}]"
    moved = [f"output[i] = {source};"]
    if places.min() < 0:
        moved = ["if (place < 0)", "    output[i] = 0;", "else", f"    output[i] = {source};"]
    return [
        f"static const int places[{places.size}] = {_listed(places)};",
        *_loop(step),
        f"    const int place = places[i / {channels}];",
        *_indented(moved),
        "}",
    ]


@stage_body.register
def _table(layer: FunctionTable, step: LayerStep) -> list[str]:
    reads, result = layer.reads_format, layer.format
    kind = f"ap_{'int' if result.signed else 'uint'}<{result.width}>"
    entries = layer.by_bits()
    return [
        f"static const {kind} entries[{entries.size}] = {_listed(entries)};",
        *_loop(step),
        f"    {ap_type(reads)} x = input0[i];",
        f"    ap_uint<{reads.width}> bits = x.range({reads.width - 1}, 0);",
        f"    {ap_type(result)} y;",
        f"    y.range({result.width - 1}, 0) = entries[bits.to_uint()];",
        "    output[i] = y;",
        "}",
    ]


@stage_body.register
def _tables_of_inputs(layer: InputTables, step: LayerStep) -> list[str]:
    source, result = step.sources[0].format, layer.format
    kind = f"ap_{'int' if result.signed else 'uint'}<{result.width}>"
    entries, mask = layer.entries.reshape(-1), (1 << layer.bits) - 1
    return [
        f"static const {kind} entries[{entries.size}] = {_listed(entries)};",
        f"static const int chosen[{layer.chosen.size}] = {_listed(layer.chosen.reshape(-1))};",
        f"static const int first_bit[{layer.first_bit.size}] = {_listed(layer.first_bit)};",
        *_loop(step),
        f"    unsigned place = i * {1 << layer.address_bits};",
        f"    for (unsigned k = 0; k < {layer.fan_in}; k++) {{",
        "        #pragma HLS UNROLL",
        f"        const int j = chosen[i * {layer.fan_in} + k];",
        f"        {ap_type(source)} x = input0[j];",
        f"        ap_uint<{source.width}> bits = x.range({source.width - 1}, 0);",
        # A code may reach above the number, where its sign is.
        *_sign_kept(source, layer.bits),
        f"        place += ((whole >> first_bit[j]) & {mask}).to_uint() << (k * {layer.bits});",
        "    }",
        f"    {ap_type(result)} y;",
        f"    y.range({result.width - 1}, 0) = entries[place];",
        "    output[i] = y;",
        "}",
    ]


@stage_body.register
def _largest_index(_: LargestIndex, step: LayerStep) -> list[str]:
    return [
        "unsigned place = 0;",
        f"for (unsigned i = 1; i < {step.sources[0].size}; i++) {{",
        "    #pragma HLS UNROLL",
        "    if (input0[i] > input0[place])",
        "        place = i;",
        "}",
        "output[0] = place;",
    ]


@stage_body.register
def _chosen(layer: ChosenDense, step: LayerStep) -> list[str]:
    weights, biases = layer.constants(step)
    _, n_in, n_out = weights.shape
    fraction = step.exact.format.fraction
    # One type that holds every sum, so that adding loses nothing.
    exact = format_holding(-step.magnitude, step.magnitude, fraction)
    one = format_holding(
        int(weights.min()), int(weights.max()), fraction - step.sources[0].format.fraction
    )
    rows, starts = np.swapaxes(weights, 1, 2).reshape(-1), biases.reshape(-1)
    return [
        f"static const ap_int<{one.width + 1}> weights[{rows.size}] = {_listed(rows)};",
        f"static const ap_int<{exact.width}> biases[{starts.size}] = {_listed(starts)};",
        "const unsigned number = input1[0].to_uint();",
        *_loop(step),
        f"    const unsigned row = number * {n_out} + i;",
        f"    {ap_type(exact)} sum;",
        f"    sum.range({exact.width - 1}, 0) = biases[row];",
        f"    for (unsigned k = 0; k < {n_in}; k++) {{",
        "        #pragma HLS UNROLL",
        f"        {ap_type(one)} weight;",
        f"        weight.range({one.width - 1}, 0) = weights[row * {n_in} + k];",
        "        sum += input0[k] * weight;",
        "    }",
        *_indented(_cast(step, "sum")),
        "}",
    ]


def _sign_kept(source: FixedPointFormat, more: int) -> list[str]:
    """Return the line that makes ``whole`` of ``bits``, with so many bits above."""
    width = source.width + more
    if not source.signed:
        return [f"        ap_uint<{width}> whole = bits;"]
    return [
        f"        ap_int<{source.width}> number = bits;",
        f"        ap_int<{width}> whole = number;",
    ]


def _listed(integers: Integers) -> str:
    suffix = "LL" if max(-int(integers.min()), int(integers.max())) >= 1 << 31 else ""
    return f"{{{', '.join(f'{one}{suffix}' for one in integers.tolist())}}}"


@stage_body.register
def _add(_: Add, step: LayerStep) -> list[str]:
    # One type that holds every sum, so that adding loses nothing.
    exact = format_holding(-step.magnitude, step.magnitude, step.exact.format.fraction)
    return [
        *_loop(step),
        f"    {ap_type(exact)} sum = input0[i];",
        *(f"    sum += input{number}[i];" for number in range(1, len(step.sources))),
        *_indented(_cast(step, "sum")),
        "}",
    ]


@stage_body.register
def _concatenate(_: Concatenate, step: LayerStep) -> list[str]:
    lines = []
    width = step.result.shape[-1]
    offset = 0
    for number, source in enumerate(step.sources):
        own = source.shape[-1]
        lines += [
            f"for (unsigned i = 0; i < {source.size}; i++) {{",
            "    #pragma HLS UNROLL",
            f"    output[(i / {own}) * {width} + {offset} + i % {own}] = input{number}[i];",
            "}",
        ]
        offset += own
    return lines
