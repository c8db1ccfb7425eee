"""Batch normalizations and other diagonal matrices folded into the weights beside them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pulsefront.imports.graph import Flattening, Limit, Matrix, Node, Pool, RealNetwork

__all__ = ["folded", "with_sums_for_means"]


def folded(graph: RealNetwork) -> RealNetwork:
    """Return the graph with every diagonal matrix folded into the one before it, or after it.

    Only where nothing reads what lies between; the result is the same but for rounding.
    """
    graph = _factors_first(graph)
    while True:
        found = next(filter(None, (_merged(graph, one) for one in graph.nodes)), None)
        if found is None:
            return graph
        first, second, new = found
        names = {second.name: new.name}
        # The one of the two that keeps its name keeps its row; the other goes.
        kept = [new if one.name == new.name else one for one in graph.nodes]
        kept = [one for one in kept if one is new or one not in (first, second)]
        graph = replace(
            graph,
            nodes=tuple(_renamed(one, names) for one in kept),
            outputs=tuple(names.get(one, one) for one in graph.outputs),
        )


def _factors_first(graph: RealNetwork) -> RealNetwork:
    """Return the graph with positive factors before a ReLU in place of behind it.

    max(x, 0) · f = max(x · f, 0): there they fold into the weights before it.
    """
    nodes = list(graph.nodes)
    for index, node in enumerate(nodes):
        readers = graph.readers(node.name)
        if not isinstance(node, Limit) or (node.low, node.high) != (0.0, np.inf):
            continue
        if len(readers) != 1 or node.name in graph.outputs or not isinstance(readers[0], Matrix):
            continue
        factor = _diagonal(readers[0])
        if factor is None or readers[0].bias is not None or not np.all(factor > 0):
            continue
        # Both keep their names and change places.
        place = nodes.index(readers[0])
        nodes[index] = replace(readers[0], name=node.name, inputs=node.inputs)
        nodes[place] = replace(node, name=readers[0].name, inputs=(node.name,))
        return _factors_first(replace(graph, nodes=tuple(nodes)))
    return graph


def _renamed(node: Node, names: dict[str, str]) -> Node:
    if not set(node.inputs) & set(names):
        return node
    return replace(node, inputs=tuple(names.get(one, one) for one in node.inputs))


def _merged(graph: RealNetwork, first: Node) -> tuple[Node, Node, Matrix] | None:
    """Return *first*, the matrix that alone reads it, and both as one; None if they do not fold."""
    readers = graph.readers(first.name)
    if not isinstance(first, Matrix) or len(readers) != 1 or first.name in graph.outputs:
        return None
    second = readers[0]
    if not isinstance(second, Matrix):
        return None
    bias = np.zeros(first.n_out) if first.bias is None else first.bias
    more = np.zeros(second.n_out) if second.bias is None else second.bias
    factor = _diagonal(second)
    if factor is not None:
        new = replace(first, weights=first.weights * factor, bias=bias * factor + more)
        return first, second, new
    factor = _diagonal(first)
    # Zeros that pad a convolution do not carry the first one's bias.
    if factor is not None and not (any(second.padding) and np.any(bias)):
        flat = second.weights.reshape(-1, *second.weights.shape[-2:]).sum(axis=0)
        new = replace(
            second, inputs=first.inputs, weights=second.weights * factor[:, None],
            bias=bias @ flat + more,
        )  # fmt: skip
        return first, second, new
    return None


def _diagonal(node: Matrix) -> np.ndarray[tuple[int], np.dtype[np.float64]] | None:
    """Return the factor of each channel of a matrix that mixes none; None if it does."""
    matrix = node.weights
    if matrix.ndim == 3:
        if matrix.shape[0] != 1 or node.stride != 1 or any(node.padding):
            return None
        matrix = matrix[0]
    if matrix.shape[0] != matrix.shape[1] or np.any(matrix - np.diag(np.diag(matrix))):
        return None
    return np.diag(matrix).copy()


def with_sums_for_means(graph: RealNetwork) -> RealNetwork:
    """Return the graph with sums for means that are no binary fractions.

    The factor goes into the weights behind, where nothing but a flattening lies between: elsewhere
    the mean stays, and has no counterpart.
    """
    for node in graph.nodes:
        if not isinstance(node, Pool) or node.what != "mean" or node.size & (node.size - 1) == 0:
            continue
        matrix = _weights_behind(graph, node)
        if matrix is None:
            continue
        changed: dict[str, Node] = {
            node.name: replace(node, what="sum"),
            matrix.name: replace(matrix, weights=matrix.weights / node.size),
        }
        said = (
            f"{node.origin}: the mean over {node.size} positions is a sum; 1/{node.size} is in the "
            f"weights of {matrix.origin}"
        )
        graph = replace(
            graph,
            nodes=tuple(changed.get(one.name, one) for one in graph.nodes),
            changes=(*graph.changes, said),
        )
    return graph


def _weights_behind(graph: RealNetwork, node: Node) -> Matrix | None:
    """Return the matrix that alone reads *node*, maybe flattened; None if there is none."""
    readers = graph.readers(node.name)
    if len(readers) != 1 or node.name in graph.outputs:
        return None
    if isinstance(readers[0], Flattening):
        return _weights_behind(graph, readers[0])
    return readers[0] if isinstance(readers[0], Matrix) else None
