"""What an ablation may remove: inputs, nodes of a layer, bits of weights, biases, activations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pulsefront.networks.candidate import Candidate

__all__ = [
    "Importance",
    "Moments",
    "Move",
    "apply",
    "drop_inputs",
    "drop_nodes",
    "shrink",
    "starting_moves",
]

RIDGE = 1e-4
"""Share of the mean variance that steadies the least squares between correlated signals."""

MoveKind = Literal["inputs", "nodes", "weight_bits", "bias_bits", "activation_bits"]


@dataclass(frozen=True)
class Move:
    """Removal of *amount* inputs, nodes or bits; *layer* counts from 0, None for inputs."""

    kind: MoveKind
    layer: int | None
    amount: int

    def __str__(self) -> str:
        what = self.kind.replace("_", " ")
        return f"{what}{'' if self.layer is None else f' of layer {self.layer + 1}'} −{self.amount}"


@dataclass(frozen=True)
class Moments:
    """Mean (n,) and covariance (n, n) of the signals that enter a dense layer."""

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]

    @staticmethod
    def of(signals: NDArray[np.float64]) -> Moments:
        """Return the moments of *signals* (event, n)."""
        mean = signals.mean(0)
        centred = signals - mean
        return Moments(mean, centred.T @ centred / len(signals))

    def part(self, places: NDArray[np.intp]) -> Moments:
        """Return the moments of the signals at *places*."""
        return Moments(self.mean[places], self.covariance[np.ix_(places, places)])

    @property
    def _steady(self) -> float:
        return RIDGE * float(np.trace(self.covariance)) / len(self.mean) + 1e-12

    def least_needed(self, rises: NDArray[np.float64], amount: int) -> NDArray[np.intp]:
        """Return the places to keep, ascending, when *amount* of the signals go.

        They go one by one. The first is the one whose loss *rises* least without it; when it is
        gone, those that could have stood in for it, or it for them, are needed more: a rise
        grows with the variance of the signal that the others left do not tell,
        1 / (inverse covariance)_ii.
        """
        inverse = np.linalg.inv(self.covariance + self._steady * np.eye(len(self.mean)))
        own = 1.0 / np.diag(inverse)
        left = np.ones(len(self.mean), dtype=bool)
        for _ in range(amount):
            growth = np.where(left, 1.0 / np.where(left, np.diag(inverse), 1.0), 0.0) / own
            needed = np.where(rises > 0, rises * growth, rises)
            gone = int(np.argmin(np.where(left, needed, np.inf)))
            left[gone] = False
            column = inverse[:, gone : gone + 1]
            inverse = inverse - column @ column.T / inverse[gone, gone]
        return np.flatnonzero(left)

    def stand_in(
        self, keep: NDArray[np.intp], gone: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return (keep, gone) and (gone,): the least-squares estimate of what is gone.

        gone ≈ keep @ first + second, fitted over the events of these moments.
        """
        among = self.covariance[np.ix_(keep, keep)]
        across = self.covariance[np.ix_(keep, gone)]
        slope = np.asarray(
            np.linalg.solve(among + self._steady * np.eye(len(keep)), across), dtype=np.float64
        )
        return slope, self.mean[gone] - self.mean[keep] @ slope


@dataclass(frozen=True)
class Importance:
    """Rise of the training loss without one unit, before any retraining.

    The other units of its layer stand in for it (`Moments.stand_in`). ``inputs`` (n_kept,) is
    the mean over initializations, whose inputs are common, and ``input_moments`` belongs to
    these; ``nodes[k][layer]`` (nodes,) and ``moments[k][layer]`` belong to initialization k,
    whose nodes are its own.
    """

    inputs: NDArray[np.float64]
    input_moments: Moments
    nodes: tuple[tuple[NDArray[np.float64], ...], ...]
    moments: tuple[tuple[Moments, ...], ...]


def starting_moves(candidate: Candidate, fraction: float) -> list[Move]:
    """Return one move of every kind and layer; units go in steps of *fraction* of them."""
    layers = len(candidate.weights)
    moves = [Move("inputs", None, max(1, round(fraction * len(candidate.kept_inputs))))]
    if candidate.convolution is not None:
        moves = []  # its filters slide over all samples
    moves += [
        Move("nodes", layer, max(1, round(fraction * nodes)))
        for layer, nodes in enumerate(candidate.hidden)
    ]
    moves += [Move("weight_bits", layer, 1) for layer in range(layers)]
    moves += [Move("activation_bits", layer, 1) for layer in range(layers - 1)]
    moves += [Move("bias_bits", layer, 2) for layer in range(layers)]
    return moves


def shrink(move: Move) -> Move | None:
    """Return the same move by half as much, or None where it is as small as it gets."""
    return replace(move, amount=move.amount // 2) if move.amount > 1 else None


def apply(
    move: Move,
    candidates: Sequence[Candidate],
    importance: Importance,
    *,
    floor_bits: int,
) -> list[Candidate] | None:
    """Return the candidates (one per initialization) after *move*; None where it is impossible.

    At least one input and one node per layer stay, and at least *floor_bits* bits.
    """
    first = candidates[0]
    if move.kind == "inputs":
        if move.amount >= len(first.kept_inputs):
            return None
        keep = importance.input_moments.least_needed(importance.inputs, move.amount)
        return [drop_inputs(c, keep, importance.input_moments) for c in candidates]
    assert move.layer is not None  # only inputs have no layer
    if move.kind == "nodes":
        if move.amount >= first.hidden[move.layer]:
            return None
        result = []
        for k, candidate in enumerate(candidates):
            moments = importance.moments[k][move.layer]
            keep = _nodes_to_keep(
                candidate, move.layer, importance.nodes[k][move.layer], moments, move.amount
            )
            result.append(drop_nodes(candidate, move.layer, keep, moments))
        return result
    assert first.precision is not None  # bits are removed from quantized networks
    bits = list(getattr(first.precision, move.kind))
    bits[move.layer] -= move.amount
    if bits[move.layer] < floor_bits:
        return None
    changed: dict[str, Any] = {move.kind: tuple(bits)}
    return [
        replace(c, precision=replace(c.precision, **changed))
        for c in candidates
        if c.precision is not None
    ]


def _nodes_to_keep(
    candidate: Candidate,
    layer: int,
    rises: NDArray[np.float64],
    moments: Moments,
    amount: int,
) -> NDArray[np.intp]:
    if layer == 0 and candidate.convolution is not None:
        # A channel is many signals, one per position: rank the channels by their own rise.
        return np.sort(np.argsort(-rises, kind="stable")[: len(rises) - amount])
    return moments.least_needed(rises, amount)


def drop_inputs(
    candidate: Candidate, keep: NDArray[np.intp], moments: Moments | None = None
) -> Candidate:
    """Return *candidate* with the inputs at *keep* (places among its kept ones) alone.

    With the *moments* of its inputs, the kept inputs take over what they can tell of the dropped
    ones. Without, a dropped input is replaced by its mean, which is zero once standardized.
    """
    first = candidate.weights[0]
    weight = first[keep]
    bias = candidate.biases[0]
    if moments is not None:
        gone = np.setdiff1d(np.arange(len(first)), keep)
        slope, offset = moments.stand_in(keep, gone)
        weight = (weight + slope @ first[gone]).astype(np.float32)
        bias = (bias + offset @ first[gone]).astype(np.float32)
    return replace(
        candidate,
        kept_inputs=candidate.kept_inputs[keep],
        weights=(weight, *candidate.weights[1:]),
        biases=(bias, *candidate.biases[1:]),
    )


def drop_nodes(
    candidate: Candidate, layer: int, keep: NDArray[np.intp], moments: Moments
) -> Candidate:
    """Return *candidate* with the nodes *keep* of hidden *layer* alone.

    *moments* are those of the layer's activations: the kept nodes and the next layer's biases
    take over what they can tell of the dropped ones.
    """
    weights = list(candidate.weights)
    biases = list(candidate.biases)
    after = weights[layer + 1]
    gone = np.setdiff1d(np.arange(weights[layer].shape[1]), keep)
    places = candidate.positions if layer == 0 else 1
    rows = np.arange(len(after)).reshape(places, -1)
    left, lost = rows[:, keep].reshape(-1), rows[:, gone].reshape(-1)
    slope, offset = moments.stand_in(left, lost)
    weights[layer + 1] = (after[left] + slope @ after[lost]).astype(np.float32)
    biases[layer + 1] = (biases[layer + 1] + offset @ after[lost]).astype(np.float32)
    weights[layer] = weights[layer][:, keep]
    biases[layer] = biases[layer][keep]
    precision = candidate.precision
    if precision is not None and precision.per_channel:
        fractions = list(precision.weight_fraction)
        fractions[layer] = tuple(fractions[layer][place] for place in keep)
        precision = replace(precision, weight_fraction=tuple(fractions))
    return replace(candidate, weights=tuple(weights), biases=tuple(biases), precision=precision)
