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
from pulsefront.imports.onnx.file import FileTensor
from pulsefront.imports.onnx.reader import OnnxReader
from pulsefront.onnx_reference import QUANTIZER_DOMAINS, reference_evaluator

__all__ = ["constants_of", "origin_of"]

Run = Callable[[Mapping[str, Any]], Sequence[Any]]
"""From arrays by the file's names of inputs, in its order of axes, to those of its outputs."""

FIRST_OPSET = 19
"""From which on the reference knows QuantizeLinear and DequantizeLinear, whose meaning is older."""


class _Quietly:
    """The reference without the warnings of branches that it computes and does not take."""

    def __init__(self, evaluator: Any) -> None:
        self.evaluator = evaluator

    def run(self, names: Any, feeds: Mapping[str, Any]) -> Any:
        with np.errstate(over="ignore", invalid="ignore"):
            return self.evaluator.run(names, feeds)


def _evaluator(model: Any) -> Any:
    """Return what has a method ``run`` like that of ONNX Runtime's session."""
    if any(one.domain in QUANTIZER_DOMAINS for one in model.graph.node):
        return _Quietly(reference_evaluator(model))
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
        return reference_evaluator(model)  # of operators older or newer than it knows


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
    return list(reference_evaluator(alone).run(None, {one: constants[one] for one in needed}))


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
    types = {one.name: _type_of(one) for one in model.graph.input}

    def origin(arrays: Mapping[str, Reals]) -> list[Reals]:
        feeds = {
            one.origin: _typed(_file_axes(arrays[one.name], seen[one.name]), types[one.origin])
            for one in graph.inputs
        }
        return [
            _graph_axes(_real(reader, one, array), reader.tensors[one])
            for one, array in zip(wanted, compute(feeds), strict=True)
        ]

    return origin


def _type_of(one: Any) -> Any:
    """Return the type of an input's numbers in the file."""
    from onnx import helper

    return helper.tensor_dtype_to_np_dtype(one.type.tensor_type.elem_type)


def _typed(array: Reals, kind: Any) -> Any:
    return (np.rint(array) if np.dtype(kind).kind in "iu" else array).astype(kind)


def _real(reader: OnnxReader, name: str, array: Any) -> Reals:
    """Return an output as real numbers: integers of a QuantizeLinear as what they stand for."""
    code = reader.codes.get(name)
    return np.asarray(array, np.float64) if code is None else code.values(array)


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
