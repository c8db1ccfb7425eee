"""Weights that are chosen by a number, in ONNX: the sums of all sets, and those of one taken.

Taking the weights first would copy a matrix for every event of a batch.
"""

from __future__ import annotations

from pulsefront.firmware.onnx.graph import GraphBuilder
from pulsefront.fixed_point.format import Integers
from pulsefront.fixed_point.layers import ChosenDense

__all__ = ["largest_index", "of_one_set", "side_by_side"]


def side_by_side(weights: Integers) -> Integers:
    """Return weights (set, n_in, n_out) as one matrix (n_in, set · n_out)."""
    sets, n_in, n_out = weights.shape
    found: Integers = weights.transpose(1, 0, 2).reshape(n_in, sets * n_out)
    return found


def of_one_set(graph: GraphBuilder, sums: str, number: str, layer: ChosenDense) -> str:
    """Return those sums (event, n_out) of all (event, set · n_out) that *number* (event, 1) says.

    *number* is of 64-bit integers.
    """
    split = graph.node("Reshape", [sums, graph.shape([-1, layer.sets, layer.n_out])])
    return graph.node("GatherND", [split, number], batch_dims=1)


def largest_index(graph: GraphBuilder, scores: str) -> str:
    """Return the number (event, 1), of 64-bit integers, of the largest score: the first of them."""
    return graph.node("ArgMax", [scores], axis=1, keepdims=1, select_last_index=0)
