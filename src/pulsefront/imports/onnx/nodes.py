"""What each operator of the ONNX standard becomes in a real graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pulsefront.imports.graph import Function, Join, Limit, Matrix, Reals, Sum
from pulsefront.imports.onnx.file import FileTensor, OnnxReader
from pulsefront.imports.onnx.moves import alias, flatten, shape, squeeze, transpose, unsqueeze
from pulsefront.imports.onnx.parts import attributes, by_channel, label, multiplied, refused, single
from pulsefront.imports.onnx.positions import convolution, global_pool, pool, reduced
from pulsefront.imports.onnx.quantizers import bipolar, is_half_step, quant, quantize_linear

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


def _limited(reader: OnnxReader, node: Any, low: float, high: float) -> None:
    source = reader.tensors[node.input[0]]
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


def _concat(reader: OnnxReader, node: Any) -> None:
    sources = _alike(reader, node)
    axis = attributes(node)["axis"]
    rank = len(sources[0].file_shape)
    channels = (1, -rank) if rank > 1 and sources[0].channels_first else (rank, -1)
    alike = len({(one.channels_first, one.image, one.shape[:-1]) for one in sources}) == 1
    if axis not in channels or not alike:
        raise refused(node, f"joins along axis {axis}", "join along the channels")
    order = None
    if any(one.order is not None for one in sources):
        parts, start = [], 0
        for one in sources:
            own = np.arange(one.shape[0]) if one.order is None else one.order
            parts.append(own + start)
            start += one.shape[0]
        order = np.concatenate(parts)
    shape = (*sources[0].shape[:-1], sum(one.shape[-1] for one in sources))
    made = Join(reader.new_name(node), tuple(one.name for one in sources), label(node))
    reader.keep(node, made, sources[0], shape=shape, order=order)


def _add(reader: OnnxReader, node: Any) -> None:
    """Add a constant as a bias, or tensors; half a step before a quantizer is its rounding."""
    constants = [one for one in node.input if one in reader.constants]
    sign = -1.0 if node.op_type == "Sub" else 1.0
    if constants and len(node.input) > 2:
        raise refused(node, "adds tensors and a constant", "add the constant to one of them before")
    if is_half_step(reader, node):
        (other,) = (one for one in node.input if one not in constants)
        reader.tensors[node.output[0]] = reader.tensors[other]
        return
    if constants:
        other = next(one for one in node.input if one not in reader.constants)
        if sign < 0 and node.input[0] in constants:
            raise refused(node, "takes a tensor off a constant", "multiply by -1 in the weights")
        _shifted(reader, node, other, sign * np.asarray(reader.constants[constants[0]], np.float64))
        return
    sources = _alike(reader, node)
    same = len({(one.shape, one.channels_first, one.image) for one in sources}) == 1
    orders = [one.order for one in sources]
    if sign < 0 or not same or any(one is not None for one in orders):
        raise refused(node, "adds tensors of different shape or order, or takes one off the other",
                      "add tensors of one shape before they are flattened")  # fmt: skip
    made = Sum(reader.new_name(node), tuple(one.name for one in sources), label(node))
    reader.keep(node, made, sources[0])


def _alike(reader: OnnxReader, node: Any) -> list[FileTensor]:
    """Return what a node reads, all with one scale: else each is multiplied by its own."""
    found = [reader.tensors[one] for one in node.input]
    if len({one.scale for one in found}) > 1:
        found = [multiplied(reader, node, one, one.scale) for one in found]
    return found


def _shifted(reader: OnnxReader, node: Any, name: str, constant: Reals) -> None:
    source = reader.tensors[name]
    bias = by_channel(node, source, constant) / source.scale
    last = reader.nodes[-1] if reader.nodes else None
    if (
        isinstance(last, Matrix)
        and last.name == source.name
        and last.bias is None
        and reader.readers(name) == 1
    ):
        # The matrix just made, and nothing else reads it: its bias.
        reader.nodes[-1] = Matrix(
            last.name, last.inputs, last.origin, last.weights, bias, last.stride, last.padding
        )
        reader.tensors[node.output[0]] = source
        return
    _diagonal(reader, node, source, np.ones(source.shape[-1]), bias)


def _mul(reader: OnnxReader, node: Any) -> None:
    """Multiply by a constant: a diagonal matrix."""
    constants = [one for one in node.input if one in reader.constants]
    if len(constants) != 1 or (node.op_type == "Div" and node.input[1] not in constants):
        raise refused(node, "multiplies or divides tensors", "only constants can be factors")
    source = reader.tensors[next(one for one in node.input if one not in constants)]
    factor = np.asarray(reader.constants[constants[0]], np.float64)
    factor = by_channel(node, source, 1 / factor if node.op_type == "Div" else factor)
    _diagonal(reader, node, source, factor, None)


def _diagonal(
    reader: OnnxReader, node: Any, source: FileTensor, factor: Reals, bias: Reals | None
) -> None:
    weights = np.diag(factor)
    made = Matrix(
        reader.new_name(node), (source.name,), label(node),
        weights if len(source.shape) == 1 else weights[None], bias,
    )  # fmt: skip
    reader.keep(node, made, source)


def _batch_norm(reader: OnnxReader, node: Any) -> None:
    scale, shift, mean, variance = (
        reader.constant(node, index, what)
        for index, what in enumerate(("scale", "bias", "mean", "variance"), 1)
    )
    assert scale is not None
    assert shift is not None
    assert mean is not None
    assert variance is not None
    factor = scale / np.sqrt(variance + attributes(node).get("epsilon", 1e-5))
    source = reader.tensors[node.input[0]]
    factor, bias = (
        by_channel(node, source.like(source.name, channels_first=False), one)
        for one in (factor, (shift - mean * factor) / source.scale)
    )
    _diagonal(reader, node, source, factor, bias)


HANDLERS: Mapping[str, Handler] = {
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Conv": convolution,
    "Relu": _relu,
    "Clip": _clip,
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
    "Concat": _concat,
    "Add": _add,
    "Sub": _add,
    "Sum": _add,
    "Mul": _mul,
    "Div": _mul,
    "BatchNormalization": _batch_norm,
    "Identity": alias,
    "Dropout": alias,
    "Cast": _float_cast,
    "Quant": quant,
    "IntQuant": quant,
    "BipolarQuant": bipolar,
    "QuantizeLinear": quantize_linear,
    "DequantizeLinear": alias,
}
"""By operator; a node whose inputs are all constant is computed before, by the reader."""
