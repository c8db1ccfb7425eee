"""What each operator of the ONNX standard becomes in a real graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pulsefront.imports.graph import Join, Limit, Matrix, Pool, Reals, Sum
from pulsefront.imports.onnx.file import FileTensor, OnnxReader
from pulsefront.imports.onnx.moves import alias, flatten, shape, squeeze, transpose, unsqueeze
from pulsefront.imports.onnx.parts import attributes, by_channel, label, multiplied, refused, single
from pulsefront.imports.onnx.quantizers import bipolar, quant, quantize_linear

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


def _conv(reader: OnnxReader, node: Any) -> None:
    given = attributes(node)
    source = reader.tensors[node.input[0]]
    weights = reader.constant(node, 1, "kernel")
    assert weights is not None
    if weights.ndim != 3 or len(source.shape) != 2:
        raise refused(
            node, f"a convolution of {weights.ndim - 2} dimensions has no counterpart",
            "use one dimension, or dense layers",
        )  # fmt: skip
    kernel = source.scale * _whole_kernel(
        weights, given.get("group", 1), given.get("dilations", [1])[0]
    )
    stride = int(given.get("strides", [1])[0])
    pads = given.get("pads", [0, 0])
    auto = given.get("auto_pad", b"NOTSET")
    if auto in (b"SAME_UPPER", b"SAME_LOWER"):
        total = max((-(-source.shape[0] // stride) - 1) * stride + len(kernel) - source.shape[0], 0)
        small, large = total // 2, total - total // 2
        pads = [small, large] if auto == b"SAME_UPPER" else [large, small]
    made = Matrix(
        reader.new_name(node), (source.name,), label(node), kernel,
        reader.constant(node, 2, "bias"), stride, (int(pads[0]), int(pads[1])),
    )  # fmt: skip
    length = (source.shape[0] + sum(made.padding) - len(kernel)) // stride + 1
    reader.keep(node, made, source, shape=(length, made.n_out), scale=1.0)


def _whole_kernel(weights: Reals, group: int, dilation: int) -> Reals:
    """Return a kernel (kernel, channel_in, channel_out) with zeros for what is left out."""
    n_out, n_in, size = weights.shape
    found = np.zeros(((size - 1) * dilation + 1, n_in * group, n_out))
    for one in range(group):
        outs = slice(one * n_out // group, (one + 1) * n_out // group)
        found[::dilation, one * n_in : (one + 1) * n_in, outs] = weights[outs].transpose(2, 1, 0)
    return found


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


def _pool(reader: OnnxReader, node: Any) -> None:
    given = attributes(node)
    source = reader.tensors[node.input[0]]
    kernel = given.get("kernel_shape", [0, 0])
    plain = (
        len(kernel) == 1
        and not any(given.get("pads", ()))
        and not given.get("ceil_mode")
        and set(given.get("dilations", [1])) == {1}
        and given.get("auto_pad", b"NOTSET") in (b"NOTSET", b"VALID")
    )
    if not plain or len(source.shape) != 2:
        raise refused(
            node, "only pools over positions, without padding or dilation, have a counterpart",
            "pool over one dimension without padding",
        )  # fmt: skip
    stride = int(given.get("strides", [1])[0])
    _pooled(reader, node, int(kernel[0]), stride)


def _global_pool(reader: OnnxReader, node: Any) -> None:
    source = reader.tensors[node.input[0]]
    if len(source.shape) != 2:
        raise refused(node, "pools a tensor without positions", "leave it out")
    length = source.shape[0]
    _pooled(reader, node, length, length)


def _pooled(reader: OnnxReader, node: Any, size: int, stride: int) -> None:
    source = reader.tensors[node.input[0]]
    made = Pool(
        reader.new_name(node), (source.name,), label(node),
        "max" if "Max" in node.op_type else "mean", size, stride,
    )  # fmt: skip
    length = (source.shape[0] - size) // stride + 1
    reader.keep(node, made, source, shape=(length, source.shape[1]))


def _concat(reader: OnnxReader, node: Any) -> None:
    sources = _alike(reader, node)
    axis = attributes(node)["axis"]
    rank = len(sources[0].shape)
    channels = (1, -2) if rank == 2 and sources[0].channels_first else (rank, -1)
    if axis not in channels or len({one.channels_first for one in sources}) != 1:
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
    """Add a constant as a bias, or two tensors."""
    constants = [one for one in node.input if one in reader.constants]
    sign = -1.0 if node.op_type == "Sub" else 1.0
    if constants:
        other = next(one for one in node.input if one not in reader.constants)
        if sign < 0 and node.input[0] in constants:
            raise refused(node, "takes a tensor off a constant", "multiply by -1 in the weights")
        _shifted(reader, node, other, sign * np.asarray(reader.constants[constants[0]], np.float64))
        return
    sources = _alike(reader, node)
    same = len({(one.shape, one.channels_first) for one in sources}) == 1
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
    "Conv": _conv,
    "Relu": _relu,
    "Clip": _clip,
    "MaxPool": _pool,
    "AveragePool": _pool,
    "GlobalMaxPool": _global_pool,
    "GlobalAveragePool": _global_pool,
    "Flatten": flatten,
    "Reshape": flatten,
    "Shape": shape,
    "Squeeze": squeeze,
    "Unsqueeze": unsqueeze,
    "Transpose": transpose,
    "Concat": _concat,
    "Add": _add,
    "Sub": _add,
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
