"""The emulator: a fixed-point model as a list of stages over chunks of events.

The proof of every sum's range chooses the number type of every stage: a float32 matrix product
is exact below 2^24 and runs at the speed of the machine's best library, a float64 one below 2^53,
and 64-bit integers carry the rest. Results are integers in every case, and the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point.format import (
    Assignment,
    FixedPointFormat,
    Integers,
    Overflow,
    Rounding,
    assign,
    container,
)
from pulsefront.fixed_point.layers import (
    AveragePool,
    Clip,
    Concatenate,
    Conv1d,
    Dense,
    Flatten,
    HardTanh,
    MaxPool,
    Quantize,
    Relu,
    WindowSum,
    assignment_of,
)
from pulsefront.fixed_point.ranges import Step, Tensor, bias_at, weights_at, windows

if TYPE_CHECKING:
    from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["Emulator", "number_type"]

CHUNK = 1024
"""Events per pass: activations of small networks then stay in the second-level cache."""

Array = npt.NDArray[Any]
Values = dict[str, Array]
Stage = Callable[[Values], None]


def number_type(magnitude: int) -> type[np.float32 | np.float64 | np.int64]:
    """Return the fastest number type in which integers up to *magnitude* are exact."""
    if magnitude <= 1 << 24:
        return np.float32
    return np.float64 if magnitude <= 1 << 53 else np.int64


class Emulator:
    """Runs a `FixedPointModel`; made once per model by ``model.emulator``."""

    def __init__(self, model: FixedPointModel) -> None:
        self._inputs = model.inputs
        self._outputs = {name: model.tensors[name].shape for name in model.outputs}
        self._single = len(model.inputs) == len(model.outputs) == 1
        self._stages = _stages(model)
        self._model = model

    def run(self, arrays: Mapping[str, Array]) -> dict[str, Integers]:
        """Run checked inputs (see ``model.input_arrays``), shape (event, …) each."""
        events = len(next(iter(arrays.values())))
        results = {
            name: np.empty((events, *shape), dtype=np.int64)
            for name, shape in self._outputs.items()
        }
        for start in range(0, events, CHUNK):
            chunk = slice(start, min(start + CHUNK, events))
            values: Values = {name: array[chunk] for name, array in arrays.items()}
            for stage in self._stages:
                stage(values)
            for name, result in results.items():
                result[chunk] = values[name]
        return results

    def exact_ranges(self, arrays: Mapping[str, Array]) -> dict[str, tuple[Integers, Integers]]:
        """Return per layer the smallest and largest integer of each channel before assignment."""
        steps = self._model.steps
        found: dict[str, tuple[Integers, Integers]] = {}
        events = len(next(iter(arrays.values())))
        for start in range(0, events, CHUNK):
            values: Values = {name: array[start : start + CHUNK] for name, array in arrays.items()}
            for step in steps:
                name = step.layer.name
                exact_stage(step)(values)
                rows = values[name].reshape(-1, step.exact.shape[-1])
                low, high = rows.min(axis=0), rows.max(axis=0)
                if name in found:
                    low, high = np.minimum(low, found[name][0]), np.maximum(high, found[name][1])
                found[name] = low.astype(np.int64), high.astype(np.int64)
                to = assignment_of(step.layer)
                if to is not None:
                    finish = _assignment(step.exact.format.fraction, step.exact.shape[-1], to)
                    values[name] = finish(values[name])
        return found

    def run_one(self, integers: Array) -> Integers:
        """Run one event of a model with one input and one output."""
        if not self._single:
            raise PrecisionError(
                "run_one takes a model with one input and one output", remedy="use run"
            )
        source = self._inputs[0]
        array = np.asarray(integers)
        if array.shape != source.shape or array.dtype.kind not in "iu":
            raise PrecisionError(
                f"input {source.name!r} takes integers of shape {source.shape}",
                value=(array.shape, str(array.dtype)),
            )
        if not source.format.holds(int(array.min()), int(array.max())):
            raise PrecisionError(
                f"input {source.name!r} lies outside {source.format}",
                value=(int(array.min()), int(array.max())),
            )
        result: Integers = next(iter(self.run({source.name: array[None]}).values()))[0]
        return result


def _stages(model: FixedPointModel) -> list[Stage]:
    """Return one stage per layer; a dense layer and the ReLU behind it become one."""
    steps = list(model.steps)
    readers: dict[str, int] = dict.fromkeys(model.outputs, 1)
    for step in steps:
        for name in step.layer.inputs:
            readers[name] = readers.get(name, 0) + 1
    stages: list[Stage] = []
    while steps:
        step = steps.pop(0)
        after = steps[0] if steps else None
        if (
            after is not None
            and isinstance(step.layer, (Dense, Conv1d))
            and isinstance(after.layer, (Relu, Quantize))
            and after.layer.inputs == (step.layer.name,)
            and readers[step.layer.name] == 1
            and step.layer.to is None
            and (fused := _fused(step, after)) is not None
        ):
            stages.append(fused)
            steps.pop(0)
        else:
            stages.append(_stage(step))
    return stages


def _fused(step: Step, after: Step) -> Stage | None:
    """Return matrix product, bias, ReLU and quantization as one float stage, where exact."""
    to = assignment_of(after.layer)
    if to is None or step.layer.accumulator is not None:  # type: ignore[attr-defined]
        return None
    return _float_matrix(step, after.result, to, relu=isinstance(after.layer, Relu))


def _float_matrix(step: Step, result: Tensor, to: Assignment, *, relu: bool) -> Stage | None:
    """Return a stage that ends in floor and clip, or None where that is not exact."""
    from pulsefront.fixed_point import kernels

    saturates = to.overflow in (Overflow.SAT, Overflow.SAT_SYM)
    if to.rounding not in (Rounding.TRN, Rounding.RND) or not isinstance(
        to.format, FixedPointFormat
    ):
        return None
    if not saturates and not _fits(step, to, relu=relu):
        return None
    layer = step.layer
    assert isinstance(layer, (Dense, Conv1d))
    fraction = step.exact.format.fraction
    shift = fraction - to.format.fraction
    half = (1 << (shift - 1)) if shift > 0 and to.rounding is Rounding.RND else 0
    # A left shift scales the sum: what must be exact is then the scaled one.
    magnitude = (step.magnitude + half) << max(-shift, 0)
    kind = number_type(max(magnitude, abs(to.format.minimum), to.format.maximum))
    if kind is np.int64 or shift > 60:
        return None
    weights, bias = _matrix(step)
    matrix = weights.astype(kind)
    scale = np.full(bias.size, 2.0**-shift, dtype=kind)
    offset = ((bias + half).astype(np.float64) * 2.0**-shift).astype(kind)
    low = -to.format.maximum if to.overflow is Overflow.SAT_SYM else to.format.minimum
    if relu or not to.format.signed:
        low = max(low, 0)
    lows = np.full(bias.size, low, dtype=kind)
    highs = np.full(bias.size, to.format.maximum, dtype=kind)
    rows = _rows(step)
    shape = result.shape

    def stage(values: Values) -> None:
        source = rows(values[layer.inputs[0]])
        product = np.matmul(source.astype(kind, copy=False), matrix)
        kernels.assign_floats(product, scale, offset, lows, highs)
        values[result.name] = product.reshape(-1, *shape)

    return stage


def _fits(step: Step, to: Assignment, *, relu: bool) -> bool:
    """Whether the exact result, rounded, is within the format: then overflow never happens."""
    wide = Assignment(to.format, to.rounding, Overflow.SAT)
    low, high = step.exact.low, step.exact.high
    if relu:
        low, high = np.maximum(low, 0), np.maximum(high, 0)
    target = to.container
    grown = FixedPointFormat(min(target.width + 2, 62), target.integer + 2, signed=True)
    if grown.fraction != target.fraction:
        return False
    rounded = Assignment(grown, wide.rounding, Overflow.SAT)
    fraction = step.exact.format.fraction
    ends = assign(low, fraction, rounded), assign(high, fraction, rounded)
    return target.holds(int(ends[0].min()), int(ends[1].max()))


def _matrix(step: Step) -> tuple[Integers, Integers]:
    """Return weights (n_in, n_out) and bias at the fractions that give the exact result."""
    layer = step.layer
    assert isinstance(layer, (Dense, Conv1d))
    fraction = step.exact.format.fraction
    weights, own = weights_at(layer)
    weights = weights.reshape(-1, weights.shape[-1])
    return weights << (fraction - own - step.sources[0].format.fraction), bias_at(layer, fraction)


def _rows(step: Step) -> Callable[[Array], Array]:
    """Return the function from the source tensor to the rows of the matrix product."""
    layer = step.layer
    if not isinstance(layer, Conv1d):
        return lambda source: source
    before, after = layer.padding
    kernel, channels, _ = layer.weights.shape
    length = step.sources[0].shape[0]
    index = windows(length + before + after, kernel, layer.stride)

    def rows(source: Array) -> Array:
        padded = np.pad(source, ((0, 0), (before, after), (0, 0))) if before or after else source
        return padded[:, index].reshape(-1, kernel * channels)

    return rows


def _stage(step: Step) -> Stage:
    """Return the stage of one layer in its general form."""
    layer = step.layer
    to = assignment_of(layer)
    if isinstance(layer, (Dense, Conv1d)) and to is not None and layer.accumulator is None:
        fast = _float_matrix(step, step.result, to, relu=False)
        if fast is not None:
            return fast
    exact = exact_stage(step)
    if to is None:
        return exact
    finish = _assignment(step.exact.format.fraction, step.result.shape[-1], to)
    name = layer.name

    def stage(values: Values) -> None:
        exact(values)
        values[name] = finish(values[name])

    return stage


def exact_stage(step: Step) -> Stage:
    """Return the stage of one layer up to its exact result, without the assignment."""
    layer = step.layer
    if not isinstance(layer, (Dense, Conv1d)):
        return _elementwise(step)
    return _accumulated(step) if layer.accumulator is not None else _exact_matrix(step)


def _exact_matrix(step: Step) -> Stage:
    from pulsefront.fixed_point import kernels

    layer = step.layer
    assert isinstance(layer, (Dense, Conv1d))
    weights, bias = _matrix(step)
    rows = _rows(step)
    shape = step.exact.shape
    kind = number_type(step.magnitude)
    name = layer.name
    if kind is np.int64:

        def stage(values: Values) -> None:
            source = rows(values[layer.inputs[0]])
            target = np.empty((len(source), len(bias)), dtype=np.int64)
            kernels.dense_integers(np.ascontiguousarray(source), weights, bias, target)
            values[name] = target.reshape(-1, *shape)

        return stage

    matrix, offset = weights.astype(kind), bias.astype(kind)

    def float_stage(values: Values) -> None:
        product = np.matmul(rows(values[layer.inputs[0]]).astype(kind, copy=False), matrix)
        product += offset
        values[name] = product.reshape(-1, *shape)

    return float_stage


def _accumulated(step: Step) -> Stage:
    from pulsefront.fixed_point import kernels

    layer = step.layer
    assert isinstance(layer, (Dense, Conv1d))
    accumulator = layer.accumulator
    assert accumulator is not None
    weights, own = weights_at(layer)
    weights = np.ascontiguousarray(weights.reshape(-1, weights.shape[-1]))
    target_format = accumulator.container
    bias_fraction = own + step.sources[0].format.fraction
    shift = bias_fraction - target_format.fraction
    if layer.bias is not None:
        assert layer.bias_format is not None
        bias_fraction = max(bias_fraction, container(layer.bias_format).fraction)
    bias = assign(bias_at(layer, bias_fraction), bias_fraction, accumulator)
    limits = (
        target_format.minimum,
        target_format.maximum,
        -target_format.maximum if target_format.signed else 0,
        kernels.ROUNDING_CODE[accumulator.rounding],
        kernels.OVERFLOW_CODE[accumulator.overflow],
    )
    rows = _rows(step)
    shape = step.exact.shape
    name = layer.name

    def stage(values: Values) -> None:
        source = np.ascontiguousarray(rows(values[layer.inputs[0]]))
        target = np.empty((len(source), len(bias)), dtype=np.int64)
        kernels.dense_accumulated(source, weights, bias, target, min(shift, 63), *limits)
        values[name] = target.reshape(-1, *shape)

    return stage


def _assignment(fraction: int, channels: int, to: Assignment) -> Callable[[Array], Array]:
    """Return the function that assigns a tensor (event, …, channel) to its format."""
    from pulsefront.fixed_point import kernels

    formats = (to.format,) * channels if isinstance(to.format, FixedPointFormat) else to.format
    whole = to.container.fraction
    shift = np.array([min(fraction - one.fraction, 63) for one in formats])
    low = np.array([one.minimum for one in formats])
    high = np.array([one.maximum for one in formats])
    symmetric_low = np.array([-one.maximum if one.signed else 0 for one in formats])
    up = np.array([whole - one.fraction for one in formats])
    rounding = kernels.ROUNDING_CODE[to.rounding]
    overflow = kernels.OVERFLOW_CODE[to.overflow]

    def finish(source: Array) -> Array:
        rows = np.ascontiguousarray(source.reshape(-1, channels))
        target = np.empty(rows.shape, dtype=np.int64)
        kernels.assign_integers(
            rows, target, shift, low, high, symmetric_low, up, rounding, overflow
        )
        return target.reshape(source.shape)

    return finish


def _elementwise(step: Step) -> Stage:
    """Return the stage of a layer without weights: its exact result, before the assignment."""
    layer = step.layer
    name, source = layer.name, layer.inputs[0]
    operation = _operation(step)

    def stage(values: Values) -> None:
        values[name] = operation(values[source])

    if not isinstance(layer, Concatenate):
        return stage
    whole = step.exact.format.fraction
    shifts = [whole - one.format.fraction for one in step.sources]

    def concatenate(values: Values) -> None:
        parts = [
            values[one].astype(np.int64, copy=False) << shift
            for one, shift in zip(layer.inputs, shifts, strict=True)
        ]
        values[name] = np.concatenate(parts, axis=-1)

    return concatenate


def _operation(step: Step) -> Callable[[Array], Array]:
    layer = step.layer
    if isinstance(layer, (WindowSum, AveragePool, MaxPool)):
        index = windows(step.sources[0].shape[0], layer.size, layer.stride)
        if isinstance(layer, MaxPool):
            return lambda source: source[:, index].max(axis=2)
        return lambda source: source[:, index].astype(np.int64, copy=False).sum(axis=2)
    if isinstance(layer, (Clip, HardTanh)):
        if isinstance(layer, Clip):
            low, high = int(layer.low), int(layer.high)
        else:
            high = 1 << step.sources[0].format.fraction
            low = -high
        return lambda source: np.clip(source.astype(np.int64, copy=False), low, high)
    if isinstance(layer, Relu):
        return lambda source: np.maximum(source, 0)
    if isinstance(layer, Flatten):
        return lambda source: source.reshape(len(source), -1)
    return lambda source: source
