"""The emulator: a fixed-point model as a list of stages over chunks of events.

The proof of every sum's range chooses the number type of every stage: a float32 matrix product
is exact below 2^24 and runs at the speed of the machine's best library, a float64 one below 2^53,
and 64-bit integers carry the rest. Results are integers in every case, and the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numba
import numpy as np
import numpy.typing as npt

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point import kernels
from pulsefront.fixed_point.chain import (
    Chain,
    Link,
    build_chain,
    links_of,
    matrix_of,
)
from pulsefront.fixed_point.format import (
    Assignment,
    FixedPointFormat,
    Integers,
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
    Relu,
    WindowSum,
    assignment_of,
)
from pulsefront.fixed_point.ranges import Step, Tensor, bias_at, number_type, weights_at, windows

if TYPE_CHECKING:
    from pulsefront.fixed_point.model import FixedPointModel

__all__ = ["Emulator"]

FAST_TYPES = frozenset(np.dtype(one) for one in (np.int16, np.uint16, np.int32, np.int64))
"""Input types that the compiled chain takes as they are."""
WIDER = {
    np.dtype(np.int8): np.int16,
    np.dtype(np.uint8): np.uint16,
    np.dtype(np.uint32): np.int64,
}

CHUNK = 1024
"""Events per pass: activations of small networks then stay in the second-level cache."""

EVENTS_PER_THREAD = 16384
"""Fewer events are not worth a thread of their own."""

Array = npt.NDArray[Any]
Values = dict[str, Array]
Stage = Callable[[Values], None]


class Emulator:
    """Runs a `FixedPointModel`; made once per model by ``model.emulator``."""

    def __init__(self, model: FixedPointModel) -> None:
        self._inputs = model.inputs
        self._outputs = {name: model.tensors[name].shape for name in model.outputs}
        self._single = len(model.inputs) == len(model.outputs) == 1
        self._stages = _stages(model)
        self._chain = _chain(model)
        self._model = model

    def run(self, arrays: Mapping[str, Array]) -> dict[str, Integers]:
        """Run checked inputs (see ``model.input_arrays``), shape (event, …) each."""
        events = len(next(iter(arrays.values())))
        results = {
            name: np.empty((events, *shape), dtype=np.int64)
            for name, shape in self._outputs.items()
        }

        def part(first: int, last: int) -> bool:
            for start in range(first, last, CHUNK):
                chunk = slice(start, min(start + CHUNK, last))
                values: Values = {name: array[chunk] for name, array in arrays.items()}
                for stage in self._stages:
                    stage(values)
                for name, result in results.items():
                    result[chunk] = values[name]
            return True

        _in_threads(part, events)
        return results

    def run_fast(self, array: Array) -> Integers | None:
        """Run integers (event, n_in) in one compiled call; None where that is not possible.

        That is where the model is no chain of dense layers, or *array* is of another shape or
        type, or holds a value outside the input's format.
        """
        chain = self._chain
        if chain is None or array.ndim != 2 or array.shape[1] != self._inputs[0].shape[0]:
            return None
        if array.dtype not in FAST_TYPES:
            wider = WIDER.get(array.dtype)
            if wider is None:
                return None
            array = array.astype(wider)
        if not (array.flags.c_contiguous and array.flags.writeable):
            # Numba would compile once more for each of these.
            array = array.copy(order="C")
        result = np.empty((array.shape[0], chain.outputs), dtype=np.int64)
        if array.shape[0] < 2 * EVENTS_PER_THREAD:
            return result if chain.run(array, result) else None

        def part(first: int, last: int) -> bool:
            return chain.run(array[first:last], result[first:last])

        return result if _in_threads(part, array.shape[0]) else None

    def exact_ranges(self, arrays: Mapping[str, Array]) -> dict[str, tuple[Integers, Integers]]:
        """Return per layer the smallest and largest integer of each channel before assignment."""
        stages = [
            (
                step,
                exact_stage(step),
                None
                if (to := assignment_of(step.layer)) is None
                else _assignment(step.exact.format.fraction, step.exact.shape[-1], to),
            )
            for step in self._model.steps
        ]
        found: dict[str, tuple[Integers, Integers]] = {}
        events = len(next(iter(arrays.values())))
        for start in range(0, events, CHUNK):
            values: Values = {name: array[start : start + CHUNK] for name, array in arrays.items()}
            for step, stage, finish in stages:
                name = step.layer.name
                stage(values)
                rows = values[name].reshape(-1, step.exact.shape[-1])
                low, high = rows.min(axis=0), rows.max(axis=0)
                if name in found:
                    low, high = np.minimum(low, found[name][0]), np.maximum(high, found[name][1])
                found[name] = low.astype(np.int64), high.astype(np.int64)
                if finish is not None:
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
        if array.ndim == 1 and (fast := self.run_fast(array.reshape(1, -1))) is not None:
            first: Integers = fast[0]
            return first
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


def _most_threads() -> int:
    return int(getattr(numba.config, "NUMBA_NUM_THREADS", 1))


def _in_threads(part: Callable[[int, int], bool], events: int) -> bool:
    """Call *part* on ranges of events, in threads where there are enough events for it.

    The number of threads is numba's: the processors at hand, or ``NUMBA_NUM_THREADS``.
    """
    threads = min(_most_threads(), events // EVENTS_PER_THREAD)
    if threads < 2:
        return part(0, events)
    edges = [events * k // threads for k in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        return all(list(pool.map(part, edges[:-1], edges[1:])))


def _stages(model: FixedPointModel) -> list[Stage]:
    """Return one stage per layer; a matrix and what is fused to it become one."""
    steps = {step.layer.name: step for step in model.steps}
    stages: list[Stage] = []
    for one in links_of(model.steps, model.outputs):
        if isinstance(one, Step):
            stages.append(_stage(one))
        else:
            result = steps[one.result]
            matrix = result if isinstance(result.layer, (Dense, Conv1d)) else None
            matrix = matrix or steps[result.layer.inputs[0]]
            stages.append(_link_stage(one, matrix, result.result))
    return stages


def _chain(model: FixedPointModel) -> Chain | None:
    """Return the model as one compiled chain, where it is one."""
    if len(model.inputs) != 1 or len(model.inputs[0].shape) != 1 or len(model.outputs) != 1:
        return None
    links = links_of(model.steps, model.outputs)
    previous = model.inputs[0].name
    steps = {step.layer.name: step for step in model.steps}
    for one in links:
        if isinstance(one, Step):
            return None
        result = steps[one.result].layer
        first = result if isinstance(result, Dense) else steps[result.inputs[0]].layer
        if not isinstance(first, Dense) or first.inputs != (previous,):
            return None
        previous = one.result
    if previous != model.outputs[0]:
        return None
    chain = [one for one in links if isinstance(one, Link)]
    # No link is made of sums beyond 2^53, so that there are only two types to choose from.
    kind = np.float32 if max(one.magnitude for one in chain) <= 1 << 24 else np.float64
    return build_chain(chain, model.inputs[0].format, kind)


def _link_stage(link: Link, step: Step, result: Tensor) -> Stage:
    """Return a matrix product, bias, rounding and limits as one float stage."""
    kind = number_type(link.magnitude)
    matrix = link.weights.astype(kind)
    columns = matrix.shape[1]
    scale, low, high = (
        np.full(columns, value, dtype=kind) for value in (link.scale, link.low, link.high)
    )
    offset = link.offset.astype(kind)
    rows = _rows(step)
    source, shape = step.layer.inputs[0], result.shape

    def stage(values: Values) -> None:
        product = np.matmul(rows(values[source]).astype(kind, copy=False), matrix)
        kernels.assign_floats(product, scale, offset, low, high)
        values[result.name] = product.reshape(-1, *shape)

    return stage


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
    layer = step.layer
    assert isinstance(layer, (Dense, Conv1d))
    weights, bias = matrix_of(step)
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
        target_format.symmetric_minimum,
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
    formats = (to.format,) * channels if isinstance(to.format, FixedPointFormat) else to.format
    whole = to.container.fraction
    shift = np.array([min(fraction - one.fraction, 63) for one in formats])
    low = np.array([one.minimum for one in formats])
    high = np.array([one.maximum for one in formats])
    symmetric_low = np.array([one.symmetric_minimum for one in formats])
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
