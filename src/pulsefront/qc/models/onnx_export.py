"""The hazard model and the small network as ONNX, in float64 as they were trained."""

from __future__ import annotations

import numpy as np

from pulsefront import __version__
from pulsefront.qc.models.estimators import Calibration, Linear, Network

__all__ = ["to_onnx"]

_OPSET = 17
_IR_VERSION = 8


def to_onnx(model: Linear | Network, calibration: Calibration, features: int) -> bytes:
    """Return the model: features (row, feature) float64 → two outputs, (row,) float64.

    ``raw_probability`` is what was trained, before the correction for sampled rows and before
    calibration; ``probability`` is the score.
    """
    from onnx import TensorProto, checker, helper, numpy_helper

    constants: dict[str, np.ndarray] = {
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
    }
    node = helper.make_node
    # NaN fails every comparison, so the missing values are replaced before the logarithm.
    nodes = [
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
    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    if isinstance(model, Linear):
        weights, biases, offset = (model.weights[:, None],), (np.array([model.bias]),), 0.0
    else:
        weights, biases, offset = model.weights, model.biases, model.offset
    constants["offset"] = np.array(offset)
    for k, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        constants[f"weight{k}"], constants[f"bias{k}"] = weight, bias
        out = f"sum{k}"
        nodes += [
            node("MatMul", [f"layer{k}", f"weight{k}"], [f"product{k}"]),
            node("Add", [f"product{k}", f"bias{k}"], [out]),
        ]
        if k < len(weights) - 1:
            nodes.append(node("Sigmoid", [out], [f"layer{k + 1}"]))
    nodes += [
        node("Squeeze", [out, "last"], ["raw"]),
        node("Sigmoid", ["raw"], ["raw_probability"]),
        node("Add", ["raw", "offset"], ["log_odds"]),
        node("Mul", ["log_odds", "slope"], ["stretched"]),
        node("Add", ["stretched", "intercept"], ["calibrated"]),
        node("Sigmoid", ["calibrated"], ["probability"]),
    ]
    graph = helper.make_graph(
        nodes,
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
