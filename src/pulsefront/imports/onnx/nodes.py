"""What each operator of the ONNX standard becomes in a real graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pulsefront.imports.graph import Function, Limit, Matrix, Reals, Sum
from pulsefront.imports.onnx.arithmetic import add, batch_norm, concat, mul, negative
from pulsefront.imports.onnx.codes import dequantize_linear
from pulsefront.imports.onnx.file import FileTensor
from pulsefront.imports.onnx.moves import (
    alias,
    flatten,
    picked,
    shape,
    squeeze,
    transpose,
    unsqueeze,
)
from pulsefront.imports.onnx.parts import (
    attributes,
    by_channel,
    label,
    refused,
    single,
)
from pulsefront.imports.onnx.positions import convolution, global_pool, pool, reduced
from pulsefront.imports.onnx.quantizers import bipolar, quant, quantize_linear
from pulsefront.imports.onnx.reader import OnnxReader

__all__ = ["HANDLERS"]

Handler = Callable[[OnnxReader, Any], None]


def _gemm(reader: OnnxReader, node: Any) -> None:
    given = attributes(node)
    weights = reader.constant(node, 1, "second matrix")
    assert weights is not None
    weights = (weights.T if given.get("transB") else weights) * given.get("alpha", 1.0)
    if given.get("transA"):
        raise refused(node, "a transposed input has no counterpart", "leave transA out")
    bias = reader.constant(node, 2, "bias")
    if bias is not None:
        bias = np.broadcast_to(bias.reshape(-1), (weights.shape[1],)) * given.get("beta", 1.0)
    _dense(reader, node, weights, bias)


def _matmul(reader: OnnxReader, node: Any) -> None:
    if node.input[0] in reader.constants:
        raise refused(node, "a matrix from the left has no counterpart", "write it as x · weights")
    weights = reader.constant(node, 1, "second matrix")
    assert weights is not None
    _dense(reader, node, weights, None)


def _dense(reader: OnnxReader, node: Any, weights: Reals, bias: Reals | None) -> None:
    """Add a matrix for a vector, or for every position of (position, channel)."""
    source = reader.tensors[node.input[0]]
    several = source.axes is not None or (source.channels_first and len(source.shape) == 2)
    if weights.ndim != 2 or several:
        raise refused(node, f"a product with {weights.shape} has no counterpart", "flatten before")
    shape: tuple[int, ...] = (weights.shape[1],)
    if source.order is not None:
        placed = np.empty_like(weights)
        placed[source.order] = weights
        weights = placed
    if len(source.shape) == 2:
        weights, shape = weights[None], (source.shape[0], weights.shape[1])
    name = reader.new_name(node)
    made = Matrix(name, (source.name,), label(node), weights * source.scale, bias)
    reader.keep(node, made, source, shape=shape, order=None, scale=1.0)


def _float_cast(reader: OnnxReader, node: Any) -> None:
    """Take a cast between numbers of floating point as nothing; one to integers is no rounding."""
    from onnx import TensorProto

    floats = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)
    if attributes(node)["to"] not in floats:
        raise refused(node, "a cast to integers has no counterpart", "use Quant, or leave it out")
    alias(reader, node)


def _relu(reader: OnnxReader, node: Any) -> None:
    _limited(reader, node, 0.0, np.inf)


def _clip(reader: OnnxReader, node: Any) -> None:
    given = attributes(node)
    low, high = reader.constant(node, 1, "lower end"), reader.constant(node, 2, "upper end")
    lowest = given.get("min", -np.inf) if low is None else single(low)
    highest = given.get("max", np.inf) if high is None else single(high)
    _limited(reader, node, lowest, highest)


def _min_max(reader: OnnxReader, node: Any) -> None:
    """Take the smaller or larger of a tensor and one number as a limit."""
    constants = [one for one in node.input if one in reader.constants]
    if len(node.input) != 2 or len(constants) != 1 or reader.constants[constants[0]].size != 1:
        raise refused(node, f"{node.op_type} of tensors has no counterpart", "use one number")
    (tensor,) = (one for one in node.input if one not in constants)
    end = single(np.asarray(reader.constants[constants[0]], np.float64))
    low, high = (-np.inf, end) if node.op_type == "Min" else (end, np.inf)
    _limited(reader, node, low, high, tensor)


def _limited(
    reader: OnnxReader, node: Any, low: float, high: float, tensor: str | None = None
) -> None:
    source = reader.tensors[tensor or node.input[0]]
    ends = low / source.scale, high / source.scale
    reader.keep(node, Limit(reader.new_name(node), (source.name,), label(node), *ends), source)


def _function(reader: OnnxReader, node: Any) -> None:
    """Add a function that firmware has as a table, of the file's own numbers."""
    source = reader.tensors[node.input[0]]
    what, slope_name, default = _FUNCTIONS[node.op_type]
    slope = float(attributes(node).get(slope_name, default))
    if node.op_type == "HardSigmoid" and attributes(node).get("beta", 0.5) != 0.5:
        raise refused(node, "a beta other than 0.5 has no counterpart", "use Clip")
    made = Function(
        reader.new_name(node), (source.name,), label(node), what, slope, source.scale
    )  # fmt: skip
    reader.keep(node, made, source, scale=1.0)


def _prelu(reader: OnnxReader, node: Any) -> None:
    """Add a leaky ReLU; of slopes by channel max(x, 0) − slope · max(−x, 0)."""
    slope = reader.constant(node, 1, "slope")
    assert slope is not None
    source = reader.tensors[node.input[0]]
    if len(set(slope.reshape(-1).tolist())) != 1:
        _sloped_by_channel(reader, node, source, by_channel(node, source, slope))
        return
    made = Function(
        reader.new_name(node), (source.name,), label(node), "leaky_relu", single(slope),
        source.scale,
    )  # fmt: skip
    reader.keep(node, made, source, scale=1.0)


def _sloped_by_channel(reader: OnnxReader, node: Any, source: FileTensor, slopes: Reals) -> None:
    def times(factors: Reals, tensor: str, suffix: str) -> str:
        weights = np.diag(factors) if len(source.shape) == 1 else np.diag(factors)[None]
        name = reader.new_name(node, suffix)
        reader.nodes.append(Matrix(name, (tensor,), label(node), weights))
        return name

    def above_zero(tensor: str, suffix: str) -> str:
        name = reader.new_name(node, suffix)
        reader.nodes.append(Limit(name, (tensor,), label(node), 0.0, np.inf))
        return name

    above = above_zero(source.name, "_above")
    turned = times(np.full(len(slopes), -1.0), source.name, "_turned")
    below = times(-slopes, above_zero(turned, "_below"), "_sloped")
    made = Sum(reader.new_name(node), (above, below), label(node))
    reader.keep(node, made, source)


_FUNCTIONS: Mapping[str, tuple[str, str, float]] = {
    "Sigmoid": ("sigmoid", "", 0.0),
    "Tanh": ("tanh", "", 0.0),
    "LeakyRelu": ("leaky_relu", "alpha", 0.01),
    "Elu": ("elu", "alpha", 1.0),
    "Softplus": ("softplus", "", 0.0),
    "Softsign": ("softsign", "", 0.0),
    "HardSigmoid": ("hard_sigmoid", "alpha", 0.2),
}
"""By operator: the function, and the attribute that is its slope with its default."""


HANDLERS: Mapping[str, Handler] = {
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Conv": convolution,
    "Relu": _relu,
    "Clip": _clip,
    "Min": _min_max,
    "Max": _min_max,
    "Neg": negative,
    "MaxPool": pool,
    "AveragePool": pool,
    "GlobalMaxPool": global_pool,
    "GlobalAveragePool": global_pool,
    "ReduceMax": reduced,
    "ReduceMean": reduced,
    "ReduceSum": reduced,
    **dict.fromkeys(_FUNCTIONS, _function),
    "PRelu": _prelu,
    "Flatten": flatten,
    "Reshape": flatten,
    "Shape": shape,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Transpose": transpose,
    "Concat": concat,
    "Slice": picked,
    "Gather": picked,
    "Add": add,
    "Sub": add,
    "Sum": add,
    "Mul": mul,
    "Div": mul,
    "BatchNormalization": batch_norm,
    "Identity": alias,
    "Dropout": alias,
    "Cast": _float_cast,
    "Quant": quant,
    "IntQuant": quant,
    "BipolarQuant": bipolar,
    "QuantizeLinear": quantize_linear,
    "DequantizeLinear": dequantize_linear,
}
"""By operator; a node whose inputs are all constant is computed before, by the reader."""
