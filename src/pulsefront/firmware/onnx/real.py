"""ONNX graphs for generic runtimes, which are *not* bit-exact: float32, and int8 by QDQ pairs.

Inputs and outputs are real values; where a step of an input is several counts, its lowest bits are
left out first. The float graph has the model's weights and saturation but no rounding of
activations. The int8 graph wraps weights and activations into ``QuantizeLinear`` and
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
from pulsefront.firmware.onnx.real_layers import RealGraph, layer_nodes
from pulsefront.firmware.onnx.session import onnx_session
from pulsefront.fixed_point.format import Integers
from pulsefront.fixed_point.model import FixedPointModel

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

    graph = RealGraph(int8=int8)
    inputs, outputs = [], []
    for source in model.inputs:
        shape: list[str | int | None] = ["event", *source.shape]
        inputs.append(helper.make_tensor_value_info(source.name, TensorProto.FLOAT, shape))
        entered = graph.whole_steps(source.name, source.format)
        graph.rename(source.name, graph.eight_bits(entered, source.format))
    for step in model.steps:
        last = step.layer.name in model.outputs
        graph.rename(step.layer.name, layer_nodes(graph, step, last=last))
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
