"""The hazard model and the small network as ONNX, in float64 as they were trained.

For those who score elsewhere. Nothing else in qc needs onnx.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from pulsefront import __version__
from pulsefront.errors import ConfigError, ToolMissing
from pulsefront.files import write_bytes
from pulsefront.qc.models.files.model_file import FailureModel
from pulsefront.qc.models.learners.estimators import Linear, Network, ProbabilityCalibration

if TYPE_CHECKING:
    from onnx import NodeProto

__all__ = ["require_onnx", "save_onnx", "to_onnx"]

_OPSET = 17
_IR_VERSION = 8

Array = npt.NDArray[np.float64] | npt.NDArray[np.int64]
Layers = Sequence[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]]


def require_onnx() -> None:
    """Raise `ToolMissing` where onnx is not installed, before any work is done."""
    try:
        import onnx  # noqa: F401
    except ImportError:
        raise ToolMissing(
            "onnx", needed_for="the ONNX export", install="pip install 'pulsefront[firmware]'"
        ) from None


def save_onnx(model: FailureModel, path: Path) -> None:
    """Write a model as ONNX.

    Raises
    ------
    ConfigError
        The model is a chart or made of trees: neither is exported.
    ToolMissing
        onnx is not installed.
    """
    if not isinstance(model.estimator, (Linear, Network)):
        raise ConfigError(
            "only the hazard model, the age model and the small network are exported as ONNX",
            field="onnx",
            value=model.name,
            remedy="leave --onnx out, or train with --model hazard",
        )
    write_bytes(path, to_onnx(model.estimator, model.calibration, len(model.schema.names)))


def to_onnx(model: Linear | Network, calibration: ProbabilityCalibration, features: int) -> bytes:
    """Return the model: features (row, feature) float64 → two outputs, (row,) float64.

    ``raw_probability`` is what was trained, before the correction for sampled rows and before
    calibration; ``probability`` is the score.

    Raises
    ------
    ToolMissing
        onnx is not installed.
    """
    require_onnx()
    from onnx import TensorProto, checker, helper, numpy_helper

    layers, offset = _layers(model)
    constants: dict[str, Array] = {
        "columns": model.columns.astype(np.int64),
        "zero": np.array(0.0),
        "one": np.array(1.0),
        "low": np.array(-8.0),
        "high": np.array(8.0),
        "median": model.scaler.median,
        "mean": model.scaler.mean,
        "deviation": model.scaler.deviation,
        "slope": np.array(calibration.slope),
        "intercept": np.array(calibration.intercept),
        "last": np.array([1], dtype=np.int64),
        "offset": np.array(offset),
    }
    for k, (weight, bias) in enumerate(layers):
        constants[f"weight{k}"], constants[f"bias{k}"] = weight, bias
    graph = helper.make_graph(
        [*_scaling_nodes(), *_layer_nodes(len(layers)), *_output_nodes(len(layers))],
        "failure_model",
        [helper.make_tensor_value_info("features", TensorProto.DOUBLE, ["row", features])],
        [
            helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["row"])
            for name in ("raw_probability", "probability")
        ],
        [numpy_helper.from_array(np.ascontiguousarray(a), n) for n, a in constants.items()],
    )
    made = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", _OPSET)],
        producer_name="pulsefront",
        producer_version=__version__,
    )
    made.ir_version = _IR_VERSION
    checker.check_model(made)
    return bytes(made.SerializeToString(deterministic=True))


def _layers(model: Linear | Network) -> tuple[Layers, float]:
    """Return weight and bias of each layer, and what is added to the last one's sum."""
    if isinstance(model, Linear):
        return [(model.weights[:, None], np.array([model.bias]))], 0.0
    return list(zip(model.weights, model.biases, strict=True)), model.offset


def _scaling_nodes() -> list[NodeProto]:
    """Return the nodes of the scaling layer; its output is ``layer0``."""
    from onnx.helper import make_node as node

    # NaN fails every comparison, so the missing values are replaced before the logarithm.
    return [
        node("Gather", ["features", "columns"], ["chosen"], axis=1),
        node("IsNaN", ["chosen"], ["missing"]),
        node("Where", ["missing", "zero", "chosen"], ["present"]),
        node("Max", ["present", "zero"], ["positive"]),
        node("Add", ["positive", "one"], ["shifted"]),
        node("Log", ["shifted"], ["logs"]),
        node("Where", ["missing", "median", "logs"], ["filled"]),
        node("Sub", ["filled", "mean"], ["centred"]),
        node("Div", ["centred", "deviation"], ["scaled"]),
        node("Max", ["scaled", "low"], ["not_low"]),
        node("Min", ["not_low", "high"], ["layer0"]),
    ]


def _layer_nodes(layers: int) -> list[NodeProto]:
    """Return the nodes of the layers; the sum of the last one is its output."""
    from onnx.helper import make_node as node

    nodes = []
    for k in range(layers):
        nodes += [
            node("MatMul", [f"layer{k}", f"weight{k}"], [f"product{k}"]),
            node("Add", [f"product{k}", f"bias{k}"], [f"sum{k}"]),
        ]
        if k < layers - 1:
            nodes.append(node("Sigmoid", [f"sum{k}"], [f"layer{k + 1}"]))
    return nodes


def _output_nodes(layers: int) -> list[NodeProto]:
    """Return the nodes from the last sum to both outputs."""
    from onnx.helper import make_node as node

    return [
        node("Squeeze", [f"sum{layers - 1}", "last"], ["raw"]),
        node("Sigmoid", ["raw"], ["raw_probability"]),
        node("Add", ["raw", "offset"], ["log_odds"]),
        node("Mul", ["log_odds", "slope"], ["stretched"]),
        node("Add", ["stretched", "intercept"], ["calibrated"]),
        node("Sigmoid", ["calibrated"], ["probability"]),
    ]
