"""Layers that firmware cannot have, or that a writer does not know, and what to use instead."""

from __future__ import annotations

from pulsefront.errors import UnsupportedLayer

__all__ = ["INSTEAD", "not_written", "refuse"]

SUPPORTED = (
    "dense, conv1d, convolution_2d, add, window sum, average pool, max pool, ReLU, clip, hard-tanh "
    "and function_table"
)

TABLE = "use function_table behind a format of at most 12 bits"

QDQ = "quantize statically, with QuantizeLinear and DequantizeLinear (QuantFormat.QDQ)"

INSTEAD = {
    "sigmoid": f"{TABLE}, or leave the output linear and apply sigmoid after the firmware",
    "tanh": f"{TABLE}, or HardTanh",
    "softmax": "compare the linear outputs: the largest of them is the largest probability",
    "gelu": "use Relu",
    "silu": f"{TABLE}, or Relu",
    "elu": f"{TABLE}, or Relu",
    "leakyrelu": f"{TABLE}, or Relu",
    "batchnorm1d": "fold it into the weights of the layer before it",
    "hardswish": "use SiLU, which is a table, or Relu",
    "pad": "give the convolution behind it its padding",
    "trunc": "average in floats and quantize behind that, or pool by a power of two",
    "zeropadding1d": "give the convolution behind it its padding",
    "zeropadding2d": "give the convolution behind it its padding",
    "separableconv1d": "use DepthwiseConv1D, and Conv1D of one position behind it",
    "separableconv2d": "use DepthwiseConv2D, and Conv2D of one position behind it",
    "permute": "give the input channels last",
    "prelu": "use LeakyReLU with one slope",
    "convtranspose": "use a convolution, or repeat what goes in where the events are made",
    "layernormalization": "leave it out, or scale the inputs by a constant",
    "matmulinteger": QDQ,
    "convinteger": QDQ,
    "qlinearmatmul": QDQ,
    "qlinearconv": QDQ,
    "qgemm": QDQ,
    "dynamicquantizelinear": f"scales are fixed here: calibrate them; {QDQ}",
    "layernorm": "leave it out, or scale the inputs by a constant",
}


def refuse(layer: str, kind: str) -> UnsupportedLayer:
    """Return the error for a layer *kind* that has no bit-exact counterpart in firmware."""
    remedy = INSTEAD.get(kind.lower().replace("_", ""), f"use one of {SUPPORTED}")
    return UnsupportedLayer(layer, problem=f"{kind} is not bit-exact in firmware", remedy=remedy)


WRITERS = dict.fromkeys(
    ("chosen_dense", "largest_index"),
    "take a target that has weights by number: onnx, c99, rtl, hls4ml or hls4ml_vivado",
)
"""Where a kind of layer can be written, for those that few targets have."""


def not_written(layer: str, kind: str, target: str) -> UnsupportedLayer:
    """Return the error for a layer *kind* that a writer of *target* has no function for."""
    remedy = "leave this target out, or register a function for the layer's class"
    return UnsupportedLayer(
        layer,
        problem=f"{kind} is not written to {target}",
        remedy=WRITERS.get(kind, remedy),
    )
