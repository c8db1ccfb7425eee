"""A real graph run in float64: what calibration looks at."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pulsefront.fixed_point.functions import values_of_function
from pulsefront.fixed_point.real_values import real_assigned
from pulsefront.imports.graph import (
    Cast,
    Flattening,
    Function,
    Join,
    Limit,
    Matrix,
    Node,
    Pool,
    RealNetwork,
    Reals,
    Sum,
    Windows,
)

__all__ = ["evaluate"]


def evaluate(graph: RealNetwork, inputs: Mapping[str, Reals]) -> dict[str, Reals]:
    """Return every tensor of a graph by name, for real *inputs* (event, …) by name."""
    tensors = {name: np.asarray(array, np.float64) for name, array in inputs.items()}
    for node in graph.nodes:
        tensors[node.name] = _value(node, [tensors[one] for one in node.inputs])
    return tensors


def _value(node: Node, sources: list[Reals]) -> Reals:
    (source, *others) = sources
    match node:
        case Matrix():
            return _matrix(node, source)
        case Limit():
            return np.asarray(np.clip(source, node.low, node.high))
        case Pool():
            windows = _windows(source, node.size, node.stride)
            if node.what == "max":
                return np.asarray(windows.max(-1))
            return np.asarray(windows.mean(-1) if node.what == "mean" else windows.sum(-1))
        case Windows():
            places = node.layer(node.inputs).places()
            return np.where((places < 0)[:, None], 0.0, source[:, places])
        case Function():
            return values_of_function(node.what, node.scale * source, node.slope)
        case Flattening():
            return source.reshape(len(source), -1)
        case Join():
            return np.concatenate(sources, axis=-1)
        case Sum():
            return np.asarray(sum(others, start=source))
        case Cast():
            return real_assigned(source, node.to)
    raise TypeError(type(node).__name__)


def _matrix(node: Matrix, source: Reals) -> Reals:
    bias = 0.0 if node.bias is None else node.bias
    if node.weights.ndim == 2:
        return np.asarray(source @ node.weights + bias)
    padded = np.pad(source, ((0, 0), node.padding, (0, 0)))
    windows = _windows(padded, node.weights.shape[0], node.stride)
    return np.asarray(np.einsum("npck,kco->npo", windows, node.weights, optimize=True) + bias)


def _windows(source: Reals, size: int, stride: int) -> Reals:
    """Return the windows of (event, position, channel), shape (event, window, channel, size)."""
    found = np.lib.stride_tricks.sliding_window_view(source, size, axis=1)
    return np.asarray(found[:, ::stride])
