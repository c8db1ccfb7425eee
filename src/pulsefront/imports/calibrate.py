"""Formats for a network that has none: post-training quantization on data.

Scales are powers of two. Each is chosen among the one that holds the largest value and the two
below it, which clip the largest values, for the smallest mean squared difference: of the weights
for each output channel, of activations for each tensor on the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point.format import (
    Assignment,
    FixedPointFormat,
    Overflow,
    Rounding,
    format_holding,
)
from pulsefront.fixed_point.real_values import input_assignment, real_assigned
from pulsefront.imports.evaluate import evaluate
from pulsefront.imports.graph import (
    Cast,
    Function,
    Limit,
    Matrix,
    Node,
    Pool,
    RealInput,
    RealNetwork,
    Reals,
    Sum,
)
from pulsefront.imports.grids import MOST_GRID_BITS, formats_of_values
from pulsefront.imports.names import identifier

__all__ = ["Widths", "calibrated", "is_quantized", "on_grids"]

LOWER_SCALES = 3
"""Scales tried: the one that holds the largest value, and those below it that clip it."""


@dataclass(frozen=True)
class Widths:
    """Bits of what calibration chooses formats for, and formats that are given.

    ``formats`` holds those of single tensors: of the input or the result of a layer of the model
    by its name (``relu_1``), of its weights with the ending ``.weights`` (``dense_1.weights``).
    """

    weights: int = 8
    activations: int = 8
    inputs: int = 12
    outputs: int = 16
    factors: int = 18
    formats: Mapping[str, FixedPointFormat] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, bits in vars(self).items():
            if isinstance(bits, int) and not 2 <= bits <= 24:
                raise PrecisionError(
                    "is no number of bits to calibrate for", field=name, value=bits,
                    remedy="give 2 to 24",
                )  # fmt: skip
        given = self.formats.items() if isinstance(self.formats, Mapping) else [("", self.formats)]
        for name, one in given:
            if not isinstance(one, FixedPointFormat):
                raise PrecisionError(
                    "is no format of a tensor", field=f"formats {name}".rstrip(), value=one,
                    remedy="give {'relu_1': FixedPointFormat(8, 4, signed=False)}",
                )  # fmt: skip


def is_quantized(graph: RealNetwork) -> bool:
    """Whether a graph casts its tensors and its weights lie on grids: nothing to calibrate."""
    casts = any(isinstance(one, Cast) for one in graph.nodes)
    matrices = [one for one in graph.nodes if isinstance(one, Matrix)]
    found = [formats_of_values(one.weights, f"{one.origin}: weights") for one in matrices]
    return casts and all(found)


def calibrated(
    graph: RealNetwork, data: Mapping[str, npt.NDArray[Any]], widths: Widths
) -> RealNetwork:
    """Return the graph with a format for every input, weight and activation that has none.

    Parameters
    ----------
    data
        Arrays (event, …) by the names of inputs. An input that is given as integers keeps them as
        they are, such as ADC counts.

    Raises
    ------
    PrecisionError
        Data or weights are not finite, or a given format is of nothing that needs one.
    """
    _refuse_unknown(graph, widths.formats)
    for name, array in data.items():
        if not np.all(np.isfinite(array)):
            raise PrecisionError("holds values that are not finite", field=name)
    had_casts = any(isinstance(one, Cast) for one in graph.nodes)
    graph = replace(graph, changes=(*graph.changes, *_cut_off(graph, data, widths.formats)))
    inputs = tuple(_with_format(graph, one, data[one.name], widths) for one in graph.inputs)
    graph = on_grids(replace(graph, inputs=inputs), widths.weights, widths.formats)
    reals = {
        one.name: np.asarray(data[one.name], np.float64)
        if one.format is None
        else real_assigned(data[one.name], input_assignment(one.format))
        for one in inputs
    }
    if had_casts:
        return graph
    return _with_casts(graph, evaluate(graph, reals), widths)


WEIGHTS = ".weights"
"""Ending of the name of a layer's weights."""


def on_grids(
    graph: RealNetwork, bits: int, given: Mapping[str, FixedPointFormat] | None = None
) -> RealNetwork:
    """Return the graph with weights that lie on no grid on one of *bits*, or on that *given*.

    Biases are left in floats.
    """
    known = given or {}
    return replace(
        graph,
        nodes=tuple(_with_grid(one, bits, known.get(one.name + WEIGHTS)) for one in graph.nodes),
    )


def _refuse_unknown(graph: RealNetwork, given: Mapping[str, FixedPointFormat]) -> None:
    """Refuse formats of what is not there, or keeps that of the layer behind it."""
    weights = [one.name + WEIGHTS for one in graph.nodes if isinstance(one, Matrix)]
    # Of a graph that casts its tensors itself, the casts stay.
    casts = any(isinstance(one, Cast) for one in graph.nodes)
    results = [one.name for one in graph.nodes if not casts and _widens(graph, one)]
    known = [*(one.name for one in graph.inputs), *weights, *results]
    for name in given:
        if name not in known:
            raise PrecisionError(
                "is no input, weights or result of a layer that takes a format",
                field="formats",
                value=name,
                remedy=f"name one of {', '.join(known)}",
            )


def _cut_off(
    graph: RealNetwork,
    data: Mapping[str, npt.NDArray[Any]],
    given: Mapping[str, FixedPointFormat],
) -> list[str]:
    """Return in words which inputs and weights do not fit the formats that are given for them."""
    values = {**data, **{n.name + WEIGHTS: n.weights for n in graph.nodes if isinstance(n, Matrix)}}
    told = []
    for name, form in given.items():
        if name not in values:
            continue
        array = np.asarray(values[name], np.float64)
        # Half a step beyond is rounded to the last one.
        low, high = (form.minimum - 0.5) * form.step, (form.maximum + 0.5) * form.step
        share = float(((array < low) | (array >= high)).mean())
        if share:
            moved = f"{100 * share:.2g} % of the values lie outside {form}"
            told.append(f"{name}: {moved}, and are moved to its ends")
    return told


def _to(form: FixedPointFormat) -> Assignment:
    return Assignment(form, Rounding.RND, Overflow.SAT)


def _with_format(
    graph: RealNetwork, one: RealInput, data: npt.NDArray[Any], widths: Widths
) -> RealInput:
    readers = graph.readers(one.name)
    if one.name in widths.formats:
        return replace(one, format=widths.formats[one.name])
    if one.format is not None or (len(readers) == 1 and isinstance(readers[0], Cast)):
        return one
    if data.dtype.kind in "iu":
        return replace(one, format=format_holding(int(data.min()), int(data.max()), 0))
    return replace(one, format=best_format(data, widths.inputs))


def best_format(values: npt.NDArray[Any], bits: int) -> FixedPointFormat:
    """Return the format of *bits* with the smallest mean squared difference to real *values*."""
    array = np.asarray(values, np.float64)
    signed = bool(array.min(initial=0.0) < 0)
    largest = float(np.abs(array).max(initial=0.0)) or 1.0
    integer = int(np.floor(np.log2(largest))) + 1 + signed
    tried = [FixedPointFormat(bits, integer - less, signed) for less in range(LOWER_SCALES)]
    errors = [float(np.mean((real_assigned(array, _to(one)) - array) ** 2)) for one in tried]
    return tried[int(np.argmin(errors))]


def _with_grid(node: Node, bits: int, given: FixedPointFormat | None) -> Node:
    """Return a matrix with its weights on a grid for each channel, if they lie on none."""
    if not isinstance(node, Matrix):
        return node
    if given is not None:
        return replace(node, weights=real_assigned(node.weights, _to(given)))
    if formats_of_values(node.weights, f"{node.origin}: weights") is not None:
        return node
    columns = node.weights.reshape(-1, node.n_out)
    # Of a sign a format needs one bit, which is no part of a grid's.
    formats = tuple(
        best_format(column, bits if column.min() < 0 else min(bits, MOST_GRID_BITS - 1))
        for column in columns.T
    )
    signed = tuple(
        one if one.signed else FixedPointFormat(one.width, one.integer, signed=False)
        for one in formats
    )
    to = Assignment(signed, Rounding.RND, Overflow.SAT)
    return replace(node, weights=real_assigned(node.weights, to))


def _with_casts(graph: RealNetwork, tensors: Mapping[str, Reals], widths: Widths) -> RealNetwork:
    """Return the graph with a cast behind everything that makes values wider."""
    taken = {one.name for one in graph.inputs} | {one.name for one in graph.nodes}
    nodes: list[Node] = []
    casts: dict[str, str] = {}
    for node in graph.nodes:
        nodes.append(replace(node, inputs=tuple(casts.get(one, one) for one in node.inputs)))
        if not _widens(graph, node):
            continue
        bits = widths.outputs if node.name in graph.outputs else widths.activations
        name = identifier(f"{node.name}_cast", taken, "cast")
        to = _to(widths.formats.get(node.name) or best_format(tensors[node.name], bits))
        nodes.append(Cast(name, (node.name,), node.origin, to))
        casts[node.name] = name
    outputs = tuple(casts.get(one, one) for one in graph.outputs)
    return replace(graph, nodes=tuple(nodes), outputs=outputs)


def _widens(graph: RealNetwork, node: Node) -> bool:
    """Whether a cast belongs behind *node*: not before a limit that alone reads it."""
    if isinstance(node, Limit):
        before = graph.node(node.inputs[0])
        return isinstance(before, (Matrix, Sum, Pool))
    if isinstance(node, Function):
        return True
    if not isinstance(node, (Matrix, Sum)) and not (isinstance(node, Pool) and node.what != "max"):
        return False
    readers = graph.readers(node.name)
    alone = len(readers) == 1 and isinstance(readers[0], Limit)
    return not (alone and node.name not in graph.outputs)
