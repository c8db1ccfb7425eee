"""The bit-exact ONNX graph of a fixed-point model, for any ONNX runtime.

Inputs and outputs are the model's raw integers. In between, every tensor holds raw integers too,
in the number type that the proof allows: float32 while everything stays below 2^24, float64 below
2^53, else 64-bit integers. Rounding is Floor, Ceil or Round of a power-of-two multiple, which is
exact; ``QuantizeLinear`` is not used, since it knows one rounding only.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.errors import ExportError
from pulsefront.files import canonical_json, hash_json, write_bytes
from pulsefront.firmware.onnx.assign import assign_nodes
from pulsefront.firmware.onnx.exact_layers import exact_nodes
from pulsefront.firmware.onnx.graph import GraphBuilder
from pulsefront.firmware.onnx.session import onnx_session
from pulsefront.fixed_point.format import FixedPointFormat, Integers
from pulsefront.fixed_point.intervals import number_type
from pulsefront.fixed_point.layers import LayerStep
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.fixed_point.ranges import working_magnitude

__all__ = ["build_onnx", "run_onnx", "write_onnx"]


def build_onnx(model: FixedPointModel, metadata: Mapping[str, str] | None = None) -> Any:
    """Return the ONNX ``ModelProto`` of *model*, checked by ``onnx.checker`` in full.

    *metadata* goes into ``metadata_props`` beside the specification itself.

    Raises
    ------
    ExportError, UnsupportedLayer
        The graph cannot be built; the message names the layer.
    """
    import onnx
    from onnx import helper

    kind = number_type(max(working_magnitude(step) for step in model.steps))
    graph = GraphBuilder(kind)
    inputs = []
    for source in model.inputs:
        integer = _integer_type(source.format)
        inputs.append(helper.make_tensor_value_info(source.name, integer, ["event", *source.shape]))
        graph.rename(source.name, graph.cast(source.name, kind))
    for step in model.steps:
        graph.rename(step.layer.name, _layer(graph, step))
    outputs = []
    for name in model.outputs:
        tensor = model.tensors[name]
        integer = _integer_type(tensor.format)
        node_type = np.int32 if integer == onnx.TensorProto.INT32 else np.int64
        graph.node("Identity", [graph.cast(graph.value(name), node_type)], output=name)
        outputs.append(helper.make_tensor_value_info(name, integer, ["event", *tensor.shape]))
    return graph.model(
        model.name,
        inputs,
        outputs,
        "Bit-exact integer semantics: inputs and outputs are raw integers.",
        {**_description(model, kind), **(metadata or {})},
    )


def _integer_type(tensor_format: FixedPointFormat) -> int:
    from onnx import TensorProto

    fits = FixedPointFormat(32, 32).holds(tensor_format.minimum, tensor_format.maximum)
    return int(TensorProto.INT32 if fits else TensorProto.INT64)


def _description(model: FixedPointModel, kind: type) -> dict[str, str]:
    document = model.to_json()
    formats = {one.name: str(one.format) for one in model.inputs}
    formats |= {name: str(one) for name, one in model.output_formats.items()}
    return {
        "pulsefront.semantics": "raw integers; value = integer * 2^-(W-I) of the format <W,I>",
        "pulsefront.number_type": np.dtype(kind).name,
        "pulsefront.formats": canonical_json(formats),
        "pulsefront.model_sha256": hash_json(document),
        "pulsefront.specification": canonical_json(document),
    }


def write_onnx(
    model: FixedPointModel, path: str | Path, metadata: Mapping[str, str] | None = None
) -> None:
    """Write the bit-exact ONNX graph of *model* to *path*, atomically; errors as `build_onnx`."""
    write_bytes(path, build_onnx(model, metadata).SerializeToString(deterministic=True))


def run_onnx(
    path: str | Path, arrays: Mapping[str, npt.NDArray[Any]], *, batch: int = 4096
) -> dict[str, Integers]:
    """Run an ONNX file on raw integers with ONNX Runtime, one thread.

    Raises
    ------
    ExportError
        ONNX Runtime cannot load or run the file.
    """
    events = len(next(iter(arrays.values())))
    parts = []
    with onnx_session(path) as session:
        dtypes = {
            one.name: np.int32 if one.type == "tensor(int32)" else np.int64
            for one in session.get_inputs()
        }
        names = [one.name for one in session.get_outputs()]
        for start in range(0, max(events, 1), batch):
            feed = {
                name: arrays[name][start : start + batch].astype(dtypes[name]) for name in dtypes
            }
            parts.append(session.run(None, feed))
    return {
        name: np.concatenate([part[index] for part in parts]).astype(np.int64)
        for index, name in enumerate(names)
    }


def _layer(graph: GraphBuilder, step: LayerStep) -> str:
    layer = step.layer
    value = exact_nodes(layer, step, graph)
    to = layer.assignment
    if to is None:
        return value
    try:
        return assign_nodes(graph, value, step.exact.format.fraction, to)
    except ExportError as error:
        raise ExportError(f"layer {layer.name!r}: {error.problem}", remedy=error.remedy) from None
