"""The layers of a fixed-point model; base.py says what a layer is and how one is added."""

from pulsefront.fixed_point.layers.add import Add
from pulsefront.fixed_point.layers.base import Layer, LayerStep, register_layer
from pulsefront.fixed_point.layers.chosen import ChosenDense, LargestIndex
from pulsefront.fixed_point.layers.conv1d import Conv1d
from pulsefront.fixed_point.layers.dense import Dense
from pulsefront.fixed_point.layers.image import ImageWindows, convolution_2d, pool_2d
from pulsefront.fixed_point.layers.input_tables import InputTables
from pulsefront.fixed_point.layers.limits import Clip, HardTanh, LimitLayer, Relu
from pulsefront.fixed_point.layers.matrix import MatrixLayer
from pulsefront.fixed_point.layers.moves import Concatenate, Flatten, Quantize
from pulsefront.fixed_point.layers.pooling import AveragePool, MaxPool, WindowLayer, WindowSum
from pulsefront.fixed_point.layers.table import FunctionTable, function_table
from pulsefront.fixed_point.layers.unsupported import refuse
from pulsefront.fixed_point.tensors import Input

__all__ = [
    "Add",
    "AveragePool",
    "ChosenDense",
    "Clip",
    "Concatenate",
    "Conv1d",
    "Dense",
    "Flatten",
    "FunctionTable",
    "HardTanh",
    "ImageWindows",
    "Input",
    "InputTables",
    "LargestIndex",
    "Layer",
    "LayerStep",
    "LimitLayer",
    "MatrixLayer",
    "MaxPool",
    "Quantize",
    "Relu",
    "WindowLayer",
    "WindowSum",
    "convolution_2d",
    "function_table",
    "pool_2d",
    "refuse",
    "register_layer",
]
