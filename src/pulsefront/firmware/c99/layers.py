"""The loops of each layer in C; every value is a raw integer in a flat array, channel fastest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

import numpy as np

from pulsefront.firmware.c99.assign import NARROW, assignment_function, fits_narrow, limited
from pulsefront.firmware.c99.types import constant, smallest_type, table
from pulsefront.fixed_point.format import Assignment, Integers, assign
from pulsefront.fixed_point.layers import (
    Add,
    AveragePool,
    ChosenDense,
    Concatenate,
    Conv1d,
    Dense,
    Flatten,
    FunctionTable,
    ImageWindows,
    InputTables,
    LargestIndex,
    Layer,
    LayerStep,
    LimitLayer,
    MatrixLayer,
    MaxPool,
    Quantize,
    Relu,
    WindowSum,
)
from pulsefront.fixed_point.layers.unsupported import not_written

__all__ = ["LayerCode", "layer_code"]


@dataclass(frozen=True)
class LayerCode:
    """A layer in C: what stands before the function, and the lines within it."""

    definitions: list[str]
    lines: list[str]


def layer_code(step: LayerStep, sources: list[str], target: str) -> LayerCode:
    """Return the code that fills the array *target* from the arrays *sources*.

    What else it defines has the layer's name at its end, so that no two names meet.

    Raises
    ------
    UnsupportedLayer
        No function is registered for the layer's class.
    """
    definitions: list[str] = []
    to = step.layer.assignment
    wide = step.magnitude >= 1 << NARROW or step.exact.magnitude >= 1 << NARROW
    if to is not None:
        fraction = step.exact.format.fraction
        wide = wide or not fits_narrow(step.exact.magnitude, fraction, to)
    kind = "int64_t" if wide else "int32_t"
    if to is not None:
        definitions += assignment_function(f"assign_{step.layer.name}", kind, fraction, to)
    before, lines = _body(step.layer, step, Names(sources, target, kind))
    return LayerCode(before + definitions, lines)


@dataclass(frozen=True)
class Names:
    """Arrays that a layer reads and fills, and the type in which it computes."""

    sources: list[str]
    target: str
    kind: str

    def stored(self, value: str, index: str, step: LayerStep) -> str:
        """Return the statement that assigns *value* to element *index*."""
        to: Assignment | None = step.layer.assignment
        if to is not None:
            channel = f", (int)({index}) % {len(to.formats)}" if to.per_channel else ""
            value = f"assign_{step.layer.name}({value}{channel})"
        return f"{self.target}[{index}] = {_cast(step, value)};"


def _cast(step: LayerStep, value: str) -> str:
    one = step.result.format
    return f"({smallest_type(one.minimum, one.maximum)})({value})"


@singledispatch
def _body(layer: Layer, step: LayerStep, names: Names) -> tuple[list[str], list[str]]:  # noqa: ARG001
    raise not_written(layer.name, layer.kind, "c99")


def _each(step: LayerStep, names: Names, value: str) -> list[str]:
    x = f"{names.kind} x = {names.sources[0]}[i];"
    return [
        f"for (i = 0; i < {step.result.size}; i++) {{",
        f"    {x}",
        f"    {names.stored(value, 'i', step)}",
        "}",
    ]


@_body.register
def _moved(_: Quantize | Flatten, step: LayerStep, names: Names) -> tuple[list[str], list[str]]:
    return [], _each(step, names, "x")


@_body.register
def _relu(_: Relu, step: LayerStep, names: Names) -> tuple[list[str], list[str]]:
    return [], _each(step, names, "x < 0 ? 0 : x")


@_body.register
def _limit(layer: LimitLayer, step: LayerStep, names: Names) -> tuple[list[str], list[str]]:
    low, high = map(constant, layer.limits(step.sources[0].format))
    return [], _each(step, names, f"x < {low} ? {low} : x > {high} ? {high} : x")


@_body.register
def _concatenate(_: Concatenate, step: LayerStep, names: Names) -> tuple[list[str], list[str]]:
    width, offset, lines = step.result.shape[-1], 0, []
    for name, source in zip(names.sources, step.sources, strict=True):
        own = source.shape[-1]
        factor = constant(1 << (step.exact.format.fraction - source.format.fraction))
        index = f"(i / {own}) * {width} + {offset} + i % {own}"
        value = _cast(step, f"({names.kind}){name}[i] * {factor}")
        lines += [
            f"for (i = 0; i < {source.size}; i++)",
            f"    {names.target}[{index}] = {value};",
        ]
        offset += own
    return [], lines


@_body.register
def _image(layer: ImageWindows, step: LayerStep, names: Names) -> tuple[list[str], list[str]]:
    channels, places = step.result.shape[-1], layer.places()
    source = (
        f"{names.sources[0]}[places_{layer.name}[i / {channels}] * {channels} + i % {channels}]"
    )
    value = f"({names.kind}){source}"
    if places.min() < 0:
        value = f"places_{layer.name}[i / {channels}] < 0 ? 0 : {value}"
    return table(f"places_{layer.name}", places), [
        f"for (i = 0; i < {step.result.size}; i++) {{",
        f"    {names.stored(value, 'i', step)}",
        "}",
    ]


@_body.register
def _table(layer: FunctionTable, step: LayerStep, names: Names) -> tuple[list[str], list[str]]:
    index = f"x - ({constant(layer.reads_format.minimum)})"
    entries = table(f"entries_{layer.name}", layer.entries)
    return entries, _each(step, names, f"({names.kind})entries_{layer.name}[{index}]")


@_body.register
def _tables_of_inputs(
    layer: InputTables, step: LayerStep, names: Names
) -> tuple[list[str], list[str]]:
    least, entries = layer.by_distance(step.sources[0])
    name, fan_in, size = layer.name, layer.fan_in, entries.shape[-1]
    definitions = [
        *table(f"chosen_{name}", layer.chosen.reshape(-1)),
        *table(f"least_{name}", least),
        *table(f"first_bit_{name}", layer.first_bit),
        *table(f"entries_{name}", entries.reshape(-1)),
    ]
    return definitions, [
        f"for (i = 0; i < {step.result.size}; i++) {{",
        f"    int64_t place = (int64_t)i * {size};",
        f"    for (k = 0; k < {fan_in}; k++) {{",
        f"        int j = chosen_{name}[i * {fan_in} + k];",
        f"        int64_t above = (int64_t){names.sources[0]}[j] - least_{name}[j];",
        f"        place += (above >> first_bit_{name}[j]) << (k * {layer.bits});",
        "    }",
        f"    {names.stored(f'({names.kind})entries_{name}[place]', 'i', step)}",
        "}",
    ]


@_body.register
def _add(_: Add, step: LayerStep, names: Names) -> tuple[list[str], list[str]]:
    whole = step.exact.format.fraction
    terms = [
        f"({names.kind}){name}[i] * {constant(1 << (whole - source.format.fraction))}"
        for name, source in zip(names.sources, step.sources, strict=True)
    ]
    return [], [
        f"for (i = 0; i < {step.result.size}; i++) {{",
        f"    {names.kind} sum = {' + '.join(terms)};",
        f"    {names.stored('sum', 'i', step)}",
        "}",
    ]


@_body.register
def _sum(
    layer: WindowSum | AveragePool, step: LayerStep, names: Names
) -> tuple[list[str], list[str]]:
    channels = step.result.shape[-1]
    index = f"(i / {channels} * {layer.stride} + k) * {channels} + i % {channels}"
    return [], [
        f"for (i = 0; i < {step.result.size}; i++) {{",
        f"    {names.kind} sum = 0;",
        f"    for (k = 0; k < {layer.size}; k++)",
        f"        sum += {names.sources[0]}[{index}];",
        f"    {names.stored('sum', 'i', step)}",
        "}",
    ]


@_body.register
def _largest(layer: MaxPool, step: LayerStep, names: Names) -> tuple[list[str], list[str]]:
    channels = step.result.shape[-1]
    start = f"i / {channels} * {layer.stride}"
    source = names.sources[0]
    return [], [
        f"for (i = 0; i < {step.result.size}; i++) {{",
        f"    {names.kind} largest = {source}[({start}) * {channels} + i % {channels}];",
        f"    for (k = 1; k < {layer.size}; k++) {{",
        f"        {names.kind} x = {source}[({start} + k) * {channels} + i % {channels}];",
        "        if (x > largest)",
        "            largest = x;",
        "    }",
        f"    {names.stored('largest', 'i', step)}",
        "}",
    ]


@_body.register
def _dense(layer: Dense, step: LayerStep, names: Names) -> tuple[list[str], list[str]]:
    definitions, kind, add = _products(layer, step, names)
    n_in, n_out = layer.weights.shape
    source = names.sources[0]
    return definitions, [
        f"for (i = 0; i < {n_out}; i++) {{",
        f"    {kind} sum = bias_{layer.name}[i];",
        f"    for (k = 0; k < {n_in}; k++) {{",
        f"        {add.format(weight=f'weights_{layer.name}[i * {n_in} + k]', x=f'{source}[k]')}",
        "    }",
        f"    {names.stored('sum', 'i', step)}",
        "}",
    ]


@_body.register
def _chosen(layer: ChosenDense, step: LayerStep, names: Names) -> tuple[list[str], list[str]]:
    weights, bias = layer.constants(step)
    sets, n_in, n_out = weights.shape
    name, (source, number), kind = layer.name, names.sources, names.kind
    definitions = [
        *table(f"weights_{name}", np.swapaxes(weights, 1, 2).reshape(-1)),
        *table(f"bias_{name}", bias.reshape(-1)),
    ]
    return definitions, [
        f"/* {sets} sets of weights */",
        f"for (i = 0; i < {n_out}; i++) {{",
        f"    int row = (int){number}[0] * {n_out} + i;",
        f"    {kind} sum = bias_{name}[row];",
        f"    for (k = 0; k < {n_in}; k++) {{",
        f"        sum += ({kind})weights_{name}[row * {n_in} + k] * ({kind}){source}[k];",
        "    }",
        f"    {names.stored('sum', 'i', step)}",
        "}",
    ]


@_body.register
def _largest_index(_: LargestIndex, step: LayerStep, names: Names) -> tuple[list[str], list[str]]:
    source = names.sources[0]
    return [], [
        f"{names.target}[0] = 0;",
        f"for (i = 1; i < {step.sources[0].size}; i++) {{",
        f"    if ({source}[i] > {source}[{names.target}[0]])",
        f"        {names.target}[0] = {_cast(step, 'i')};",
        "}",
    ]


@_body.register
def _conv1d(layer: Conv1d, step: LayerStep, names: Names) -> tuple[list[str], list[str]]:
    definitions, kind, add = _products(layer, step, names)
    kernel, channels, filters = layer.weights.shape
    length, row = step.sources[0].shape[0], kernel * channels
    source = names.sources[0]
    weight = f"weights_{layer.name}[i % {filters} * {row} + k]"
    return definitions, [
        f"for (i = 0; i < {step.result.size}; i++) {{",
        "    /* elements before and after those of the source are zeros */",
        f"    int first = (i / {filters} * {layer.stride} - {layer.padding[0]}) * {channels};",
        "    int from = first < 0 ? -first : 0;",
        f"    int to = first + {row} > {length * channels} ? {length * channels} - first : {row};",
        f"    {kind} sum = bias_{layer.name}[i % {filters}];",
        "    for (k = from; k < to; k++) {",
        f"        {add.format(weight=weight, x=f'{source}[first + k]')}",
        "    }",
        f"    {names.stored('sum', 'i', step)}",
        "}",
    ]


def _products(layer: MatrixLayer, step: LayerStep, names: Names) -> tuple[list[str], str, str]:
    """Return tables and functions, the type of the sum, and how one product is added to it."""
    accumulator = layer.accumulator
    if accumulator is None:
        weights, bias = layer.constants(step)
        add = f"sum += ({names.kind}){{weight}} * ({names.kind}){{x}};"
        return _tables(layer.name, weights, bias), names.kind, add
    source = step.sources[0]
    fraction = layer.sum_fraction(source)
    bias = assign(layer.bias_at(fraction), fraction, accumulator)
    definitions = _tables(layer.name, layer.matrix_at(layer.weight_fraction), bias)
    function = f"product_{layer.name}"
    definitions += assignment_function(
        function, "int64_t", layer.product_fraction(source), accumulator
    )
    add = (
        f"int64_t x = sum + {function}((int64_t){{weight}} * (int64_t){{x}}); "
        f"sum = {limited('x', accumulator.container, accumulator.overflow)};"
    )
    return definitions, "int64_t", add


def _tables(name: str, weights: Integers, bias: Integers) -> list[str]:
    # One row of weights for each output: they are read one after the other.
    return [*table(f"weights_{name}", weights.T), *table(f"bias_{name}", bias)]
