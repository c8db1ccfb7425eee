"""ONNX graphs for generic runtimes, which are *not* bit-exact: float32, and int8 by QDQ pairs.

Inputs and outputs are real values. The float graph has the model's weights and saturation but no
rounding of activations. The int8 graph wraps weights and activations into ``QuantizeLinear`` and
``DequantizeLinear`` with power-of-two scales: it rounds half to even, whatever the model asks
for, and keeps the top eight bits of every wider format. How far both are from the model's
integers is measured and stated by `measure_difference`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.files import write_bytes
from pulsefront.firmware.onnx.graph import GraphBuilder
from pulsefront.firmware.onnx.layers import flat, limited, reduced_windows, rows
from pulsefront.firmware.onnx.session import onnx_session
from pulsefront.fixed_point.bounds import bias_at, weights_at
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
    Relu,
    WindowSum,
    assignment_of,
)
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.fixed_point.tensors import Step

__all__ = ["Difference", "measure_difference", "write_real_onnx"]


@dataclass(frozen=True)
class Difference:
    """How far a graph's real outputs are from the model's integers, in output steps."""

    output: str
    vectors: int
    equal_fraction: float
    largest_steps: float
    rms_steps: float

    def __str__(self) -> str:
        return (
            f"{self.output}: {100 * self.equal_fraction:.1f} % equal after rounding, largest "
            f"difference {self.largest_steps:.3g} steps, RMS {self.rms_steps:.3g} steps"
        )


def write_real_onnx(
    model: FixedPointModel,
    path: str | Path,
    *,
    int8: bool,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write the float graph of *model*, or with *int8* the QDQ graph, to *path*, atomically.

    *metadata* goes into ``metadata_props``.

    Raises
    ------
    ExportError
        The graph is not valid.
    """
    from onnx import TensorProto, helper

    graph = _RealGraph(int8=int8)
    inputs, outputs = [], []
    for source in model.inputs:
        shape: list[str | int | None] = ["event", *source.shape]
        inputs.append(helper.make_tensor_value_info(source.name, TensorProto.FLOAT, shape))
        graph.rename(source.name, graph.eight_bits(source.name, source.format))
    for step in model.steps:
        graph.rename(step.layer.name, graph.layer(step, last=step.layer.name in model.outputs))
    for name in model.outputs:
        shape = ["event", *model.tensors[name].shape]
        graph.node("Identity", [graph.value(name)], output=name)
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    proto = graph.model(
        model.name,
        inputs,
        outputs,
        "Not bit-exact: real inputs and outputs, for generic runtimes.",
        {"pulsefront.semantics": "real values; not bit-exact", **(metadata or {})},
    )
    write_bytes(path, proto.SerializeToString(deterministic=True))


class _RealGraph(GraphBuilder):
    """Nodes on real values; with *int8*, pairs of quantization around weights and activations."""

    def __init__(self, *, int8: bool) -> None:
        super().__init__(np.float32)
        self.int8 = int8

    def layer(self, step: Step, *, last: bool) -> str:
        """Append one layer and return its value."""
        layer = step.layer
        value = self._matrix(step) if isinstance(layer, (Dense, Conv1d)) else self._other(step)
        to = assignment_of(layer)
        if to is None:
            return value
        whole = to.container
        if to.overflow in (Overflow.SAT, Overflow.SAT_SYM):
            symmetric = to.overflow is Overflow.SAT_SYM
            low = whole.symmetric_minimum if symmetric else whole.minimum
            value = self._limit(value, low * whole.step, whole.maximum * whole.step)
        # An output is wanted as fine as the sums give it.
        return value if last else self.eight_bits(value, whole)

    def _limit(self, value: str, low: float, high: float) -> str:
        return limited(self, value, self.real(low), self.real(high))

    def eight_bits(self, value: str, one: FixedPointFormat) -> str:
        """Return *value* quantized to the top eight bits of a format, and back; int8 only."""
        if not self.int8:
            return value
        scale, zero = self._scale(one)
        quantized = self.node("QuantizeLinear", [value, scale, zero])
        return self.node("DequantizeLinear", [quantized, scale, zero])

    def _scale(self, one: FixedPointFormat) -> tuple[str, str]:
        kind = np.int8 if one.signed else np.uint8
        return self.real(2.0 ** (one.integer - 8)), self.constant(np.zeros((), dtype=kind))

    def _constant(self, integers: Integers, one: FixedPointFormat) -> str:
        """Return constants of a format: as they are, or as eight bits with their scale."""
        if not self.int8:
            return self.real(one.values(integers))
        top = FixedPointFormat(8, one.integer, one.signed)
        eight = assign(integers, one.fraction, Assignment(top, Rounding.RND, Overflow.SAT))
        scale, zero = self._scale(one)
        kind = np.int8 if one.signed else np.uint8
        return self.node("DequantizeLinear", [self.constant(eight.astype(kind)), scale, zero])

    def _matrix(self, step: Step) -> str:
        layer = step.layer
        assert isinstance(layer, (Dense, Conv1d))
        weights, _ = weights_at(layer)
        constant = self._constant(
            weights.reshape(-1, weights.shape[-1]), container(layer.weight_format)
        )
        value = self.node("MatMul", [rows(self, step), constant])
        if layer.bias is None or layer.bias_format is None:
            return value
        whole = container(layer.bias_format)
        bias = self.real(whole.values(bias_at(layer, whole.fraction)))
        return self.node("Add", [value, bias])

    def _other(self, step: Step) -> str:
        layer = step.layer
        value = self.value(layer.inputs[0])
        source = step.sources[0]
        if isinstance(layer, Relu):
            return self.node("Relu", [value])
        if isinstance(layer, HardTanh):
            return self._limit(value, -1.0, 1.0)
        if isinstance(layer, Clip):
            return self._limit(
                value, layer.low * source.format.step, layer.high * source.format.step
            )
        if isinstance(layer, Flatten):
            return flat(self, step)
        if isinstance(layer, Concatenate):
            return self.node("Concat", [self.value(one.name) for one in step.sources], axis=-1)
        if isinstance(layer, (WindowSum, AveragePool, MaxPool)):
            reduce = {"window_sum": "ReduceSum", "average_pool": "ReduceMean"}
            return reduced_windows(self, step, reduce.get(layer.kind, "ReduceMax"))
        return value


def measure_difference(
    path: str | Path,
    model: FixedPointModel,
    inputs: Mapping[str, npt.NDArray[Any]],
    outputs: Mapping[str, Integers],
) -> tuple[Difference, ...]:
    """Run a real-valued graph with ONNX Runtime and compare it with the model's integers."""
    feed = {
        one.name: one.format.values(inputs[one.name]).astype(np.float32) for one in model.inputs
    }
    with onnx_session(path) as session:
        values = dict(zip(outputs, session.run(list(outputs), feed), strict=True))
    found = []
    for name, expected in outputs.items():
        steps = np.ldexp(values[name].astype(np.float64), model.tensors[name].format.fraction)
        difference = steps - expected
        found.append(
            Difference(
                name,
                len(expected),
                float(np.mean(np.rint(steps) == expected)),
                float(np.abs(difference).max(initial=0.0)),
                float(np.sqrt(np.mean(difference**2))) if difference.size else 0.0,
            )
        )
    return tuple(found)
