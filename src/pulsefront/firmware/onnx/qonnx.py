"""QONNX of a fixed-point model: real values, and quantizers that say every format.

Inputs and outputs are the real values of the model's integers, n · 2^−F. In between every tensor
lies on its own grid of a power of two, so that computing with real values is exact where the
numbers of a sum fit the runtime's: float32, in which most tools run these files, has 24 bits. What
the proof says is in the metadata, ``pulsefront.exact_in``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.errors import ExportError
from pulsefront.files import canonical_json, hash_json, write_bytes
from pulsefront.firmware.onnx.placed import Placed, PlacedGraph
from pulsefront.firmware.onnx.qonnx_layers import qonnx_nodes
from pulsefront.firmware.onnx.quant import quant_nodes
from pulsefront.fixed_point.format import Integers
from pulsefront.fixed_point.intervals import number_type
from pulsefront.fixed_point.layers import FunctionTable
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.fixed_point.ranges import working_magnitude
from pulsefront.fixed_point.real_values import input_assignment
from pulsefront.onnx_reference import reference_evaluator

__all__ = ["build_qonnx", "exact_in", "run_qonnx", "write_qonnx"]


def exact_in(model: FixedPointModel) -> type[np.float32 | np.float64 | np.int64]:
    """Return the smallest number type in which a QONNX graph of *model* is proved to be exact."""
    # Half a step more than the model's own: that of a rounding which QONNX does not have.
    most = 2 * max(working_magnitude(step) for step in model.steps) + 2
    return number_type(most)


def build_qonnx(model: FixedPointModel, metadata: Mapping[str, str] | None = None) -> Any:
    """Return the QONNX ``ModelProto`` of *model*, checked by ``onnx.checker`` in full.

    *metadata* goes into ``metadata_props``.

    Raises
    ------
    UnsupportedLayer
        A layer or an assignment has no counterpart; it is named, with what to use.
    ExportError
        Real numbers of 64 bits do not suffice, or the graph is not valid.
    """
    from onnx import TensorProto, helper

    kind = exact_in(model)
    if kind is np.int64:
        raise ExportError(
            "a sum needs more than the 53 bits that real numbers have",
            field="qonnx",
            remedy="use formats with fewer bits, or leave this target out",
        )
    graph = PlacedGraph()
    inputs, outputs = [], []
    for source in model.inputs:
        shape: list[str | int] = ["event", *source.shape]
        inputs.append(helper.make_tensor_value_info(source.name, TensorProto.FLOAT, shape))
        to = input_assignment(source.format)
        placed = quant_nodes(
            graph, Placed(source.name), to, f"{source.name}_quant", overflows=False
        )
        graph.place(source.name, placed)
    overflows = {row.layer: row.can_overflow for row in model.audit().rows}
    for step in model.steps:
        layer, to_format = step.layer, step.layer.assignment
        placed = qonnx_nodes(layer, step, graph)
        if to_format is not None and not isinstance(layer, FunctionTable):
            name = layer.name if layer.kind == "quantize" else f"{layer.name}_quant"
            placed = quant_nodes(graph, placed, to_format, name, overflows=overflows[layer.name])
        graph.place(layer.name, placed)
    for name in model.outputs:
        shape = ["event", *model.tensors[name].shape]
        graph.node("Identity", [graph.last(model.tensors[name])], output=name)
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    formats = {one.name: str(one.format) for one in model.inputs}
    formats |= {name: str(one) for name, one in model.output_formats.items()}
    return graph.model(
        model.name,
        inputs,
        outputs,
        "Real values; every Quant holds a format of the model.",
        {
            "pulsefront.semantics": "real values; a raw integer is value * 2^(W-I) of <W,I>",
            "pulsefront.exact_in": np.dtype(kind).name,
            "pulsefront.formats": canonical_json(formats),
            "pulsefront.model_sha256": hash_json(model.to_json()),
            **(metadata or {}),
        },
    )


def write_qonnx(
    model: FixedPointModel, path: str | Path, metadata: Mapping[str, str] | None = None
) -> None:
    """Write the QONNX graph of *model* to *path*, atomically; errors as `build_qonnx`."""
    write_bytes(path, build_qonnx(model, metadata).SerializeToString(deterministic=True))


def run_qonnx(
    path: str | Path, model: FixedPointModel, arrays: Mapping[str, npt.NDArray[Any]]
) -> dict[str, Integers]:
    """Run a QONNX file on raw integers with NumPy in float64, and return those of its outputs.

    *model* says the formats of inputs and outputs alone.

    Raises
    ------
    ExportError
        The file cannot be read or run, or an output lies between two steps of its format.
    """
    import onnx

    try:
        proto = onnx.load(str(path))
        _in_float64(proto)
        feeds = {one.name: one.format.values(arrays[one.name]) for one in model.inputs}
        # Of a sigmoid, the reference computes the branch that it does not take, too.
        with np.errstate(over="ignore", invalid="ignore"):
            found = reference_evaluator(proto).run(list(model.outputs), feeds)
    except OSError as error:
        raise ExportError(f"cannot be read: {error.strerror}", file=path) from None
    except Exception as error:  # noqa: BLE001 - parser and reference raise types of their own
        raise ExportError(f"cannot be run: {str(error).splitlines()[0]}", file=path) from None
    integers = {}
    for name, values in zip(model.outputs, found, strict=True):
        steps = np.ldexp(values, model.tensors[name].format.fraction)
        if np.any(steps != np.rint(steps)):
            raise ExportError(
                f"output {name!r} lies between two steps of {model.tensors[name].format}",
                file=path,
            )
        integers[name] = steps.astype(np.int64)
    return integers


def _in_float64(proto: Any) -> None:
    """Widen every float32 of a graph, which its numbers allow and its proof may ask for."""
    from onnx import TensorProto, numpy_helper

    for one in proto.graph.initializer:
        if one.data_type == TensorProto.FLOAT:
            array = numpy_helper.to_array(one).astype(np.float64)
            one.CopyFrom(numpy_helper.from_array(array, one.name))
    for one in (*proto.graph.input, *proto.graph.output):
        one.type.tensor_type.elem_type = TensorProto.DOUBLE
