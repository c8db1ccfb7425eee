"""Shapes that suit inputs on a grid, as dense layers with weights that stay zero.

A first layer whose nodes read single rows and columns, or local windows, and a straight way from
the inputs to the outputs beside the hidden layers: all are dense networks of which some weights are
exactly zero. Training leaves these there, nothing multiplies them, and every writer and check takes
such a network as any other.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError
from pulsefront.networks.candidate import Candidate, initial_candidate
from pulsefront.networks.settings import MlpSettings, ShapeName

__all__ = ["Grid", "shaped_candidate"]

Grid = tuple[int, int]
"""Rows and columns of the inputs, row by row; samples of a pulse are one row."""

WINDOW = 4
"""Inputs along a side of a local window."""
ZERO_AT = 4.0
"""Where the straight way has its zero, in standard deviations of the target: above the ReLU."""
START = 0.3
"""Of the weights of the straight way: its nodes then stay above the ReLU at the start."""


def shaped_candidate(
    settings: MlpSettings, shape: ShapeName, grid: Grid, n_out: int, seed: int
) -> Candidate:
    """Return an untrained network of *shape* with about as many weights as the dense one, not more.

    The first hidden layer has as many nodes as that allows; all others keep theirs.

    ``row_column``
        Every node of the first layer reads one row or one column, each in turn.
    ``windows``
        Every node of the first layer reads a window of 4 × 4 inputs, or of 4 samples where there is
        one row, at all places in turn. Weights are not shared: no build gains by that.
    ``linear_residual``
        In each hidden layer one node for each output hands on a weighted sum of all inputs, as
        Anger logic is (Anger 1958): the others learn what that lacks.

    Raises
    ------
    ConfigError
        The shape asks for a grid that there is not, for a hidden layer, or for no convolution.
    """
    n_in = grid[0] * grid[1]
    if shape == "dense":
        return initial_candidate(settings, n_in, n_out, seed)
    if settings.convolution is not None or not settings.hidden:
        raise ConfigError(
            "such a network needs a hidden layer and no convolution", field="shapes", value=shape
        )
    if shape == "linear_residual":
        return _beside_a_straight_way(settings, n_in, n_out, seed)
    reads = _rows_and_columns(grid) if shape == "row_column" else _windows(grid)
    return _reading(settings, reads, n_out, seed)


def _rows_and_columns(grid: Grid) -> NDArray[np.bool_]:
    """Return (place, input) what a node reads at each place: rows and columns by turns."""
    if min(grid) < 2:
        raise ConfigError(
            f"{max(grid)} inputs in a line have no rows and columns",
            field="shapes",
            value="row_column",
            remedy='leave it out, or use "windows"',
        )
    row, column = np.indices(grid).reshape(2, -1)
    lines = [(n, row == n) for n in range(grid[0])] + [(n, column == n) for n in range(grid[1])]
    return np.array([reads for _, reads in sorted(lines, key=lambda line: line[0])])


def _windows(grid: Grid) -> NDArray[np.bool_]:
    """Return (place, input) what a node reads at each place."""
    high, wide = (min(WINDOW, size) for size in grid)
    row, column = np.indices(grid).reshape(2, -1)
    return np.array(
        [
            (row >= r) & (row < r + high) & (column >= c) & (column < c + wide)
            for r in range(grid[0] - high + 1)
            for c in range(grid[1] - wide + 1)
        ]
    )


def _reading(settings: MlpSettings, reads: NDArray[np.bool_], n_out: int, seed: int) -> Candidate:
    """Return a network whose first layer reads the places *reads* (place, input)."""
    places, n_in = reads.shape
    after = (*settings.hidden[1:], n_out)[0]
    nodes = int(settings.hidden[0] * (n_in + after) / (float(reads.sum(1).mean()) + after))
    # fewer nodes than places are spread over all of them
    chosen = np.arange(nodes) * places // nodes if nodes < places else np.arange(nodes) % places
    wider = settings.model_copy(update={"hidden": (nodes, *settings.hidden[1:])})
    start = initial_candidate(wider, n_in, n_out, seed)
    mask = reads[chosen].T
    gain = np.sqrt(n_in / mask.sum(0))  # He 2015, Eq. 10, for what a node reads
    first = np.where(mask, start.weights[0] * gain, 0.0).astype(np.float32)
    return replace(start, weights=(first, *start.weights[1:]))


def _beside_a_straight_way(settings: MlpSettings, n_in: int, n_out: int, seed: int) -> Candidate:
    """Return a network whose first nodes of each hidden layer hand on sums of the inputs."""
    first, *others = settings.hidden
    most = _weights((n_in, first, *others, n_out))
    while first > 1 and _weights_beside((n_in, first, *others, n_out)) > most:
        first -= 1
    hidden = tuple(nodes + n_out for nodes in (first, *others))
    start = initial_candidate(settings.model_copy(update={"hidden": hidden}), n_in, n_out, seed)
    weights, biases = [w.copy() for w in start.weights], [b.copy() for b in start.biases]
    weights[0][:, :n_out] *= START
    biases[0][:n_out] = ZERO_AT
    for layer in range(1, len(weights)):
        last = layer == len(weights) - 1
        # the nodes hand on nothing else; an output reads its own and all other nodes
        weights[layer][: n_out if last else None, :n_out] = 0.0
        weights[layer][range(n_out), range(n_out)] = 1.0
        biases[layer][:n_out] = -ZERO_AT if last else 0.0
    return replace(start, weights=tuple(weights), biases=tuple(biases))


def _weights(nodes: tuple[int, ...]) -> int:
    return sum(a * b for a, b in pairwise(nodes))


def _weights_beside(nodes: tuple[int, ...]) -> int:
    """Return the weights that are not zero of *nodes* beside a straight way."""
    n_in, n_out, hidden = nodes[0], nodes[-1], nodes[1:-1]
    handed = n_in * n_out + n_out * len(hidden)
    return _weights(nodes) + handed + n_out * sum(hidden[1:])
