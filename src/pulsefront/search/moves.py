"""What an ablation may remove: inputs, nodes of a layer, bits of weights, biases, activations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pulsefront.networks.candidate import Candidate

__all__ = ["Importance", "Move", "apply", "drop_inputs", "drop_nodes", "shrink", "starting_moves"]

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
class Importance:
    """Rise of the training loss when one unit is replaced by its mean, without retraining.

    ``inputs`` (n_kept,) is the mean over initializations, whose inputs are common;
    ``nodes[k][layer]`` (nodes,) belongs to initialization k, whose nodes are its own, and
    ``means[k][layer]`` (nodes,) are the mean activations that stand in for them.
    """

    inputs: NDArray[np.float64]
    nodes: tuple[tuple[NDArray[np.float64], ...], ...]
    means: tuple[tuple[NDArray[np.float64], ...], ...]


def starting_moves(candidate: Candidate, fraction: float) -> list[Move]:
    """Return one move of every kind and layer; units go in steps of *fraction* of them."""
    layers = len(candidate.weights)
    moves = [Move("inputs", None, max(1, round(fraction * len(candidate.kept_inputs))))]
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
        left = len(first.kept_inputs) - move.amount
        if left < 1:
            return None
        keep = np.sort(np.argsort(-importance.inputs, kind="stable")[:left])
        return [drop_inputs(candidate, keep) for candidate in candidates]
    assert move.layer is not None  # only inputs have no layer
    if move.kind == "nodes":
        left = first.hidden[move.layer] - move.amount
        if left < 1:
            return None
        result = []
        for k, candidate in enumerate(candidates):
            rank = np.argsort(-importance.nodes[k][move.layer], kind="stable")
            keep = np.sort(rank[:left])
            mean = importance.means[k][move.layer]
            result.append(drop_nodes(candidate, move.layer, keep, mean))
        return result
    assert first.precision is not None  # bits are removed from quantized networks
    bits = list(getattr(first.precision, move.kind))
    bits[move.layer] -= move.amount
    if bits[move.layer] < floor_bits:
        return None
    return [
        replace(c, precision=replace(c.precision, **{move.kind: tuple(bits)}))
        for c in candidates
        if c.precision is not None
    ]


def drop_inputs(candidate: Candidate, keep: NDArray[np.intp]) -> Candidate:
    """Return *candidate* with the inputs at *keep* (places among its kept ones) alone.

    Standardized inputs have mean zero: a dropped one is thereby replaced by its mean.
    """
    return replace(
        candidate,
        kept_inputs=candidate.kept_inputs[keep],
        weights=(candidate.weights[0][keep], *candidate.weights[1:]),
    )


def drop_nodes(
    candidate: Candidate, layer: int, keep: NDArray[np.intp], mean: NDArray[np.float64]
) -> Candidate:
    """Return *candidate* with the nodes *keep* of hidden *layer* alone.

    The mean activation of the others moves into the next layer's biases.
    """
    weights = list(candidate.weights)
    biases = list(candidate.biases)
    gone = np.setdiff1d(np.arange(weights[layer].shape[1]), keep)
    shift = mean[gone] @ weights[layer + 1][gone].astype(np.float64)
    biases[layer + 1] = (biases[layer + 1] + shift).astype(np.float32)
    weights[layer] = weights[layer][:, keep]
    biases[layer] = biases[layer][keep]
    weights[layer + 1] = weights[layer + 1][keep]
    return replace(candidate, weights=tuple(weights), biases=tuple(biases))
