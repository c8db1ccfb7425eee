"""Tables of functions in a QONNX graph: the function itself between two quantizers.

QONNX has no tables. Where every entry is the function's value, rounded, and so far from a threshold
of the rounding that float32 decides as float64 does, the function and a quantizer say the same.
"""

from __future__ import annotations

import numpy as np

from pulsefront.errors import UnsupportedLayer
from pulsefront.firmware.onnx.placed import Placed, PlacedGraph
from pulsefront.firmware.onnx.quant import quant_nodes
from pulsefront.fixed_point.format import Assignment, Overflow, Rounding
from pulsefront.fixed_point.functions import values_of_function
from pulsefront.fixed_point.layers import FunctionTable
from pulsefront.fixed_point.real_values import real_assigned

__all__ = ["table_nodes"]

OPERATORS = {"sigmoid": "Sigmoid", "tanh": "Tanh", "softplus": "Softplus", "softsign": "Softsign"}
"""Functions without a slope, which a table does not keep."""

MARGIN = 2.0**-18
"""Relative distance from a threshold below which a runtime's float32 may decide otherwise: 64 of
its steps; those of ONNX Runtime lie within a few."""


def table_nodes(layer: FunctionTable, graph: PlacedGraph) -> Placed:
    """Append the function and its quantizer.

    Raises
    ------
    UnsupportedLayer
        The function has no operator, or the entries are not its rounded values.
    """
    to = _assignment(layer)
    source = graph.at(layer.inputs[0])
    value = graph.node(OPERATORS[layer.function], [source.value], name=layer.name)
    placed = Placed(value, source.first, source.image)
    return quant_nodes(graph, placed, to, f"{layer.name}_quant", overflows=False)


def _assignment(layer: FunctionTable) -> Assignment:
    """Return the assignment by which the function gives the table's entries."""
    if layer.function not in OPERATORS:
        raise UnsupportedLayer(
            layer.name,
            problem=f"QONNX has no tables, and a table of {layer.function} is no operator there",
            remedy=f"use a table of {', '.join(OPERATORS)}, or leave this target out",
        )
    reads = layer.reads_format
    numbers = reads.values(np.arange(reads.minimum, reads.maximum + 1))
    values = values_of_function(layer.function, numbers)[:, None]
    around = [values * (1 + sign * MARGIN) for sign in (-1, 0, 1)]
    entries = layer.format.values(layer.entries)[:, None]
    for rounding in (Rounding.RND, Rounding.RND_CONV, Rounding.TRN):
        to = Assignment(layer.format, rounding, Overflow.SAT)
        if all(np.array_equal(real_assigned(one, to), entries) for one in around):
            return to
    raise UnsupportedLayer(
        layer.name,
        problem=f"its entries are not the values of {layer.function} rounded, or some lie on the "
        "edge of rounding, where runtimes differ",
        remedy="make the table with function_table and RND or RND_CONV, or leave this target out",
    )
