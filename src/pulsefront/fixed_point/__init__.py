"""Number formats, integer layers, and the model that runs itself bit for bit."""

from pulsefront.fixed_point.format import (
    Assignment,
    FixedPointFormat,
    Overflow,
    Rounding,
    assign,
    format_holding,
)
from pulsefront.fixed_point.layers import (
    AveragePool,
    Clip,
    Concatenate,
    Conv1d,
    Dense,
    Flatten,
    HardTanh,
    Layer,
    LayerStep,
    MaxPool,
    Quantize,
    Relu,
    WindowSum,
    register_layer,
)
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.fixed_point.real_values import format_of_scale, raw_integers
from pulsefront.fixed_point.resources import (
    ResourceEstimate,
    ResourceModel,
    estimate_resources,
)
from pulsefront.fixed_point.tensors import Input

__all__ = [
    "Assignment",
    "AveragePool",
    "Clip",
    "Concatenate",
    "Conv1d",
    "Dense",
    "FixedPointFormat",
    "FixedPointModel",
    "Flatten",
    "HardTanh",
    "Input",
    "Layer",
    "LayerStep",
    "MaxPool",
    "Overflow",
    "Quantize",
    "Relu",
    "ResourceEstimate",
    "ResourceModel",
    "Rounding",
    "WindowSum",
    "assign",
    "estimate_resources",
    "format_holding",
    "format_of_scale",
    "raw_integers",
    "register_layer",
]
