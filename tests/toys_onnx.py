"""Small ONNX networks with random weights, as other packages write them."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper


class Builder:
    """Nodes and constants of an ONNX graph, in the order in which they are added."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list = []
        self.constants: list = []
        self.count = 0

    def constant(self, value) -> str:
        self.count += 1
        name = f"c{self.count}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, kind: str, *inputs: str, domain: str = "", **attributes) -> str:
        self.count += 1
        name = f"t{self.count}"
        made = helper.make_node(kind, list(inputs), [name], f"n{self.count}", domain=domain)
        made.attribute.extend(helper.make_attribute(k, v) for k, v in attributes.items())
        self.nodes.append(made)
        return name

    def quant(self, tensor: str, scale, bits: int, *, signed=1, narrow=0, zero=0.0, mode="ROUND"):
        parts = [self.constant(np.float32(one)) for one in (scale, zero, bits)]
        return self.node(
            "Quant", tensor, *parts, domain="qonnx.custom_op.general",
            signed=signed, narrow=narrow, rounding_mode=mode,
        )  # fmt: skip

    def weights(self, *shape: int) -> str:
        return self.constant(self.rng.normal(0, 0.5, shape).astype(np.float32))

    def model(self, shape, output: str, out_shape, name: str = "toy"):
        graph = helper.make_graph(
            self.nodes, name,
            [helper.make_tensor_value_info("in", TensorProto.FLOAT, ["n", *shape])],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", *out_shape])],
            self.constants,
        )  # fmt: skip
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("qonnx.custom_op.general", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def quantized_mlp(seed: int = 0, *, mode: str = "ROUND", biased: bool = True):
    """Two dense layers, per-tensor and per-channel scales, ReLU, biases in floats."""
    b = Builder(seed)
    x = b.quant("in", 2.0**-4, 7, mode=mode)
    w = b.quant(b.weights(10, 6), 2.0**-4, 5, narrow=1)
    bias = [b.constant(b.rng.normal(0, 1, 6).astype(np.float32))] if biased else []
    x = b.node("Gemm", x, b.node("Transpose", w, perm=[1, 0]), *bias, transB=1)
    x = b.quant(b.node("Relu", x), 2.0**-3, 6, signed=0, mode=mode)
    scales = 2.0 ** -np.arange(3, 6).reshape(3, 1)
    w = b.quant(b.weights(3, 6), scales, 4, narrow=1)
    x = b.node("MatMul", x, b.node("Transpose", w, perm=[1, 0]))
    x = b.node("Add", x, b.constant(b.rng.normal(0, 1, 3).astype(np.float32)))
    x = b.quant(x, 2.0**-2, 8, narrow=1, mode=mode)
    return b.model([10], x, [3])


def quantized_convolution(seed: int = 0):
    """Convolutions with groups, dilation and padding, pools, a sum, a flatten in file order."""
    b = Builder(seed)
    x = b.quant("in", 0.25, 6)
    w = b.quant(b.weights(4, 3, 3), 2.0**-3, 4)
    x = b.node("Conv", x, w, pads=[1, 1], kernel_shape=[3])
    x = b.quant(b.node("Relu", x), 0.25, 5, signed=0)
    y = b.node(
        "Conv", x, b.quant(b.weights(4, 1, 3), 2.0**-3, 4), group=4, dilations=[2], pads=[2, 2]
    )
    y = b.quant(y, 0.25, 5)
    x = b.quant(b.node("Add", x, y), 0.25, 6)
    x = b.node("MaxPool", x, kernel_shape=[2], strides=[2])
    x = b.node("AveragePool", x, kernel_shape=[2], strides=[2])
    x = b.node("Flatten", x, axis=1)
    x = b.node("Gemm", x, b.quant(b.weights(16, 2), 2.0**-4, 5))
    x = b.quant(
        b.node("Clip", x, b.constant(np.float32(-2)), b.constant(np.float32(2))), 2.0**-3, 7
    )
    return b.model([3, 16], x, [2])


def quantized_image(seed: int = 0):
    """A small image: convolutions, pools, a residual sum, a flatten in file order, a sigmoid."""
    b = Builder(seed)
    x = b.quant("in", 0.25, 6)
    w = b.quant(b.weights(4, 2, 3, 3), 2.0**-3, 4)
    strides = [1 + seed % 2, 1]
    x = b.node("Conv", x, w, b.weights(4), pads=[1, 1, 1, 1], strides=strides)
    x = b.quant(b.node("Relu", x), 0.25, 5, signed=0)
    y = b.node(
        "Conv", x, b.quant(b.weights(4, 1, 3, 3), 2.0**-3, 4), group=4, auto_pad="SAME_UPPER"
    )
    x = b.quant(b.node("Add", x, b.quant(y, 0.25, 5)), 0.25, 6)
    x = b.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = b.node("AveragePool", x, kernel_shape=[1, 2], strides=[1, 2])
    x = b.quant(b.node("Mul", x, b.constant(np.full((4, 1, 1), 0.5, np.float32))), 0.125, 7)
    rows = (8 if strides[0] == 1 else 4) // 2
    x = b.node("Flatten", x, axis=1)
    x = b.node("Gemm", x, b.quant(b.weights(4 * rows * 2, 2), 2.0**-4, 5))
    x = b.quant(b.node("Sigmoid", b.quant(x, 0.125, 7)), 2.0**-8, 8, signed=0)
    return b.model([2, 8, 8], x, [2])


def quantize_linear(seed: int = 0, *, scale: float = 2.0**-5, zero: int = 0):
    """The form of ONNX Runtime's quantizer: 8 bits, a bias of 32."""
    b = Builder(seed)
    at = [b.constant(np.float32(scale)), b.constant(np.int8(zero))]
    x = b.node("DequantizeLinear", b.node("QuantizeLinear", "in", *at), *at)
    weights = b.constant(b.rng.integers(-127, 128, (8, 5)).astype(np.int8))
    w = b.node("DequantizeLinear", weights, b.constant(np.float32(scale)), b.constant(np.int8(0)))
    whole = b.constant(b.rng.integers(-3000, 3000, 5).astype(np.int32))
    bias = b.node("DequantizeLinear", whole, b.constant(np.float32(scale * scale)))
    x = b.node("Relu", b.node("Gemm", x, w, bias))
    at = [b.constant(np.float32(16 * scale)), b.constant(np.uint8(0))]
    x = b.node("DequantizeLinear", b.node("QuantizeLinear", x, *at), *at)
    return b.model([8], x, [5])


def in_floats(seed: int = 0):
    """A network that nobody quantized: scaling, convolution, batch normalization, softmax."""
    b = Builder(seed)
    x = b.node("Div", "in", b.constant(np.float32(1000)))
    x = b.node("Conv", x, b.weights(4, 2, 3), kernel_shape=[3])
    ones = [
        b.constant(b.rng.uniform(0.5, 1.5, 4).astype(np.float32)),
        *(b.constant(b.rng.normal(0, 0.2, 4).astype(np.float32)) for _ in range(2)),
        b.constant(b.rng.uniform(0.5, 1.5, 4).astype(np.float32)),
    ]
    x = b.node("Relu", b.node("BatchNormalization", x, *ones))
    x = b.node("GlobalAveragePool", x)
    x = b.node("Flatten", x)
    x = b.node("Gemm", x, b.weights(3, 4), b.weights(3), transB=1)
    b.logits = x
    x = b.node("Softmax", x, axis=1)
    return b.model([2, 10], x, [3]), b.logits


def any_scales(seed: int = 0):
    """Scales that are no powers of two, a batch normalization, a join and a sum of them."""
    b = Builder(seed)

    def scale() -> float:
        return float(b.rng.uniform(0.02, 0.2))

    x = b.quant("in", scale(), 6)
    x = b.node("Gemm", x, b.quant(b.weights(8, 6), scale(), 4, narrow=1), b.weights(6))
    ones = [b.constant(b.rng.uniform(0.5, 1.5, 6).astype(np.float32)) for _ in range(4)]
    x = b.quant(b.node("Relu", b.node("BatchNormalization", x, *ones)), scale(), 6, signed=0)
    y = b.node("MatMul", x, b.quant(b.weights(6, 6), scale(), 4))
    y = b.quant(y, scale(), 7)
    x = b.quant(b.node("Add", x, y), scale(), 7)
    x = b.node("Concat", x, y, axis=1)
    x = b.node("MatMul", x, b.quant(b.weights(12, 3), scale(), 5))
    x = b.quant(x, scale(), 8)
    return b.model([8], x, [3])
