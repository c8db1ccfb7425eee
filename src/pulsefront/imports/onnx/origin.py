"""ONNX graphs computed by others: what an imported model is compared with.

By ONNX Runtime, without its optimizations, which may compute in another order; where there are
QONNX's quantizers, which it does not know, by the standard's own reference with these added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from pulsefront.imports.graph import RealNetwork, Reals
from pulsefront.imports.imported import Origin
from pulsefront.imports.onnx.file import FileTensor, OnnxReader

__all__ = ["constants_of", "origin_of"]

Run = Callable[[Mapping[str, Any]], Sequence[Any]]
"""From arrays by the file's names of inputs, in its order of axes, to those of its outputs."""

DOMAINS = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general", "qonnx")
"""Under which the quantizers appear."""


FIRST_OPSET = 19
"""From which on the reference knows QuantizeLinear and DequantizeLinear, whose meaning is older."""


def _reference(model: Any) -> Any:
    """Return the reference evaluator of a model, QONNX's operators included."""
    from onnx import helper
    from onnx.reference import ReferenceEvaluator

    known = {one.domain for one in model.opset_import}
    used = {one.domain for one in model.graph.node}
    # Files of older packages use domains without saying so.
    model.opset_import.extend(helper.make_opsetid(one, 1) for one in sorted(used - known))
    return ReferenceEvaluator(model, new_ops=_quantizers())


def _evaluator(model: Any) -> Any:
    """Return what has a method ``run`` like that of ONNX Runtime's session."""
    if any(one.domain in DOMAINS for one in model.graph.node):
        return _reference(model)
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as states

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except (states.NotImplemented, states.Fail, states.InvalidGraph):
        return _reference(model)  # of operators older or newer than it knows


def constants_of(model: Any, node: Any, constants: Mapping[str, Any]) -> list[Any]:
    """Return what a *node* of the model gives whose inputs are all constant."""
    from onnx import helper

    needed = [one for one in node.input if one]
    graph = helper.make_graph(
        [node],
        "constants",
        [helper.make_empty_tensor_value_info(one) for one in needed],
        [helper.make_empty_tensor_value_info(one) for one in node.output],
    )
    opsets = [
        helper.make_opsetid(one.domain, max(one.version, FIRST_OPSET))
        if not one.domain and node.op_type == "DequantizeLinear"
        else one
        for one in model.opset_import
    ]
    alone = helper.make_model(graph, opset_imports=opsets)
    return list(_reference(alone).run(None, {one: constants[one] for one in needed}))


def _quantizers() -> list[Any]:
    """Return QONNX's operators under every domain that they appear in."""
    from onnx.reference.op_run import OpRun

    class Quant(OpRun):
        def _run(
            self, x: Any, scale: Any, zero: Any, bits: Any, signed: Any = None, narrow: Any = None,
            rounding_mode: Any = None,
        ) -> tuple[Any]:  # fmt: skip
            signed = 1 if signed is None else signed
            return (_quantized(x, scale, zero, bits, signed, narrow or 0, rounding_mode),)

    class BipolarQuant(OpRun):
        def _run(self, x: Any, scale: Any) -> tuple[Any]:
            return (np.where(x >= 0, scale, -scale).astype(x.dtype),)

    class BatchNormalization(OpRun):
        # Below opset 14 the reference takes the mean of the events at hand.
        def _run(
            self, x: Any, scale: Any, bias: Any, mean: Any, variance: Any, epsilon: Any = None,
            **_: Any,
        ) -> tuple[Any]:  # fmt: skip
            shape = (1, -1, *[1] * (x.ndim - 2))
            factor = scale / np.sqrt(variance + (1e-5 if epsilon is None else epsilon))
            shifted = (x - mean.reshape(shape)) * factor.reshape(shape)
            return ((shifted + bias.reshape(shape)).astype(x.dtype),)

    named = {"Quant": Quant, "IntQuant": Quant, "BipolarQuant": BipolarQuant}
    return [
        type("BatchNormalization", (BatchNormalization,), {"op_domain": ""}),
        *(
            type(name, (one,), {"op_domain": domain})
            for domain in DOMAINS
            for name, one in named.items()
        ),
    ]


def _quantized(
    x: Any, scale: Any, zero: Any, bits: Any, signed: int, narrow: int, mode: str | None
) -> Any:
    width = float(np.reshape(bits, -1)[0])
    if width == 1 and signed:
        return np.where(x >= 0, scale, -scale).astype(x.dtype)
    low = -(2 ** (width - 1)) + narrow if signed else 0
    high = 2 ** (width - 1) - 1 if signed else 2**width - 1 - narrow
    rounded = _ROUND[(mode or "ROUND").upper()](np.clip(x / scale + zero, low, high))
    return ((rounded - zero) * scale).astype(x.dtype)


_ROUND: Mapping[str, Callable[[Any], Any]] = {
    "ROUND": np.round,
    "HALF_EVEN": np.round,
    "CEIL": np.ceil,
    "FLOOR": np.floor,
    "UP": lambda x: np.sign(x) * np.ceil(np.abs(x)),
    "DOWN": np.trunc,
    "ROUND_TO_ZERO": np.trunc,
    "HALF_UP": lambda x: np.sign(x) * np.floor(np.abs(x) + 0.5),
    "HALF_DOWN": lambda x: np.sign(x) * np.ceil(np.abs(x) - 0.5),
}


def origin_of(
    model: Any,
    graph: RealNetwork,
    reader: OnnxReader,
    outputs: Sequence[str],
    run: Run | None = None,
) -> Origin:
    """Return the network up to *outputs* of the file as a function of arrays, channels last.

    *run* computes it in place of ONNX Runtime or the reference.
    """
    wanted = list(outputs) or [one.name for one in model.graph.output]
    compute = run or _runner(model, reader, wanted)
    seen = {reader.tensors[one.origin].name: reader.tensors[one.origin] for one in graph.inputs}

    def origin(arrays: Mapping[str, Reals]) -> list[Reals]:
        feeds = {
            one.origin: _file_axes(arrays[one.name], seen[one.name]).astype(np.float32)
            for one in graph.inputs
        }
        return [
            _graph_axes(array, reader.tensors[one])
            for one, array in zip(wanted, compute(feeds), strict=True)
        ]

    return origin


def _runner(model: Any, reader: OnnxReader, wanted: Sequence[str]) -> Run:
    from onnx import helper

    whole = type(model)()
    whole.CopyFrom(model)
    del whole.graph.output[:]
    whole.graph.output.extend(helper.make_empty_tensor_value_info(one) for one in wanted)
    del whole.graph.value_info[:]
    for one in whole.graph.input:
        if one.name in reader.tensors:
            one.type.tensor_type.shape.dim[0].dim_param = "events"
    evaluator = _evaluator(whole)

    def run(feeds: Mapping[str, Any]) -> list[Any]:
        count = len(next(iter(feeds.values())))
        # A file may hold its number of events in shapes that it reshapes to.
        step = 1 if reader.one_by_one else count
        parts = [
            evaluator.run(None, {name: one[start : start + step] for name, one in feeds.items()})
            for start in range(0, count, max(step, 1))
        ]
        return [np.concatenate(one) for one in zip(*parts, strict=True)]

    return run


def _file_axes(array: Reals, seen: FileTensor) -> Reals:
    array = array * seen.scale
    if seen.axes is not None:
        return array.reshape(len(array), *seen.axes)
    if seen.image is not None:
        array = array.reshape(len(array), *seen.image, -1)
    return np.moveaxis(array, -1, 1) if seen.channels_first and array.ndim >= 3 else array


def _graph_axes(array: Reals, seen: FileTensor) -> Reals:
    if seen.channels_first and array.ndim >= 3:
        array = np.moveaxis(array, 1, -1)
    if seen.image is not None:
        array = array.reshape(len(array), -1, array.shape[-1])
    if seen.order is not None:
        placed = np.empty_like(array)
        placed[:, seen.order] = array
        array = placed
    return np.asarray(array, np.float64) / seen.scale
