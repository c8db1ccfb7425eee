"""What an ablation may remove: inputs, alone or into sums, nodes, layers, single weights, bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pulsefront.networks.candidate import Candidate
from pulsefront.search.importance import RemovalCost
from pulsefront.search.moments import Moments
from pulsefront.search.sums import SumFamily, replace_by_sums
from pulsefront.search.surgery import (
    drop_inputs,
    drop_layer,
    drop_nodes,
    drop_weights,
    narrow_outputs,
    narrow_weights,
)

__all__ = [
    "Moments",
    "Move",
    "after_layer_removal",
    "apply",
    "drop_inputs",
    "drop_nodes",
    "is_waiting",
    "shrink",
    "starting_moves",
]

MoveKind = Literal[
    "inputs",
    "sums",
    "nodes",
    "weights",
    "layer",
    "weight_bits",
    "channel_bits",
    "bias_bits",
    "activation_bits",
]

NODE_MOVES = ("nodes", "layer", "channel_bits", "activation_bits")
"""Kinds that concern the nodes of a hidden layer."""


@dataclass(frozen=True)
class Move:
    """Removal of *amount* inputs, nodes, weights or bits; *layer* counts from 0, None for inputs.

    A move of kind ``layer`` removes a whole hidden layer once it has at most *amount* nodes; one
    of kind ``sums`` puts *amount* sums of a *family* in the place of the inputs that they hold;
    one of kind ``channel_bits`` takes one bit from the weights of *amount* nodes.
    """

    kind: MoveKind
    layer: int | None
    amount: int
    family: int | None = None

    def __str__(self) -> str:
        if self.kind == "sums":
            return f"inputs into {self.amount} sum{'s' if self.amount > 1 else ''}"
        what = self.kind.replace("_", " ")
        if self.layer is None:
            return f"{what} −{self.amount}"
        if self.kind == "layer":
            return f"layer {self.layer + 1}"
        if self.kind == "channel_bits":
            nodes = f"{self.amount} node{'s' if self.amount > 1 else ''}"
            return f"one weight bit of {nodes} of layer {self.layer + 1}"
        return f"{what} of layer {self.layer + 1} −{self.amount}"


def starting_moves(
    candidate: Candidate, fraction: float, families: Sequence[SumFamily] = ()
) -> list[Move]:
    """Return one move of every kind and layer; units go in steps of *fraction* of them."""
    layers = len(candidate.weights)
    moves = [Move("inputs", None, max(1, round(fraction * len(candidate.kept_inputs))))]
    for number, family in enumerate(families):
        count = len(family.columns)
        amount = count if family.at_once else max(1, round(fraction * count))
        moves.append(Move("sums", None, amount, number))
    if candidate.convolution is not None:
        moves = []  # its filters slide over all samples
    moves += [
        Move("nodes", layer, max(1, round(fraction * nodes)))
        for layer, nodes in enumerate(candidate.hidden)
    ]
    moves += [
        Move("layer", layer, nodes)
        for layer, nodes in enumerate(candidate.hidden)
        if layer > 0 or candidate.convolution is None
    ]
    moves += [
        Move("weights", layer, max(1, round(fraction * int(np.count_nonzero(weight)))))
        for layer, weight in enumerate(candidate.weights)
    ]
    moves += [Move("weight_bits", layer, 1) for layer in range(layers)]
    if candidate.precision is not None and candidate.precision.per_channel:
        moves += [
            Move("channel_bits", layer, max(1, round(fraction * nodes)))
            for layer, nodes in enumerate(candidate.hidden)
        ]
    moves += [Move("activation_bits", layer, 1) for layer in range(layers - 1)]
    moves += [Move("bias_bits", layer, 2) for layer in range(layers)]
    return moves


def shrink(move: Move) -> Move | None:
    """Return the same move by half as much, or None where it is as small as it gets."""
    return replace(move, amount=move.amount // 2) if move.amount > 1 else None


def is_waiting(move: Move, candidate: Candidate) -> bool:
    """Whether *move* is the removal of a layer that has too many nodes for it so far."""
    if move.kind != "layer" or move.layer is None:
        return False
    return candidate.hidden[move.layer] > move.amount


def after_layer_removal(moves: Sequence[Move], layer: int) -> list[Move]:
    """Return *moves* with layers counted as they are once hidden *layer* is gone.

    What concerned its nodes is gone with them; what concerned its weights now concerns those
    that took their place.
    """
    result: list[Move] = []
    for move in moves:
        kept = move
        if move.layer is not None and move.layer >= layer:
            if move.layer == layer and move.kind in NODE_MOVES:
                continue
            kept = replace(move, layer=max(move.layer - 1, layer))
        if not any(replace(kept, amount=one.amount) == one for one in result):
            result.append(kept)
    return result


def apply(
    move: Move,
    candidates: Sequence[Candidate],
    importance: RemovalCost,
    *,
    floor_bits: int,
) -> list[Candidate] | None:
    """Return the candidates (one per initialization) after *move*; None where it is impossible.

    At least one input, one node per layer and one weight per output stay, and at least
    *floor_bits* bits.
    """
    first = candidates[0]
    if move.kind == "inputs":
        if move.amount >= len(first.kept_inputs):
            return None
        keep = importance.input_moments.least_needed(importance.inputs, move.amount)
        return [drop_inputs(c, keep, importance.input_moments) for c in candidates]
    if move.kind == "sums":
        return _with_sums(move, candidates, importance)
    assert move.layer is not None  # only inputs have no layer
    if move.kind == "nodes":
        return _without_nodes(move.layer, move.amount, candidates, importance)
    if move.kind == "weights":
        return _without_weights(move.layer, move.amount, candidates, importance)
    if move.kind == "layer":
        if is_waiting(move, first):
            return None
        return [
            drop_layer(c, move.layer, bridge)
            for c, bridge in zip(candidates, importance.bridges(move.layer), strict=True)
        ]
    if move.kind == "channel_bits":
        return _with_narrow_outputs(move.layer, move.amount, candidates, importance, floor_bits)
    return _with_fewer_bits(move, candidates, floor_bits)


def _with_fewer_bits(
    move: Move, candidates: Sequence[Candidate], floor_bits: int
) -> list[Candidate] | None:
    assert move.layer is not None  # bits belong to a layer
    result = []
    for candidate in candidates:
        precision = candidate.precision
        assert precision is not None  # bits are removed from quantized networks
        bits = list(getattr(precision, move.kind))
        bits[move.layer] -= move.amount
        if bits[move.layer] < floor_bits:
            return None
        if move.kind == "weight_bits":
            precision = narrow_weights(precision, move.layer, bits[move.layer])
        else:
            changed: dict[str, Any] = {move.kind: tuple(bits)}
            precision = replace(precision, **changed)
        result.append(replace(candidate, precision=precision))
    return result


def _with_narrow_outputs(
    layer: int,
    amount: int,
    candidates: Sequence[Candidate],
    importance: RemovalCost,
    floor_bits: int,
) -> list[Candidate] | None:
    """Take a bit from the weights of the *amount* nodes that are needed least and have one."""
    result = []
    for candidate, rises in zip(candidates, importance.nodes(layer), strict=True):
        precision = candidate.precision
        assert precision is not None  # bits are removed from quantized networks
        bits = np.array(precision.bits_of_weights(layer))
        order = np.argsort(rises, kind="stable")
        order = order[bits[order] > floor_bits][:amount]
        if len(order) < amount:
            return None
        result.append(replace(candidate, precision=narrow_outputs(precision, layer, order)))
    return result


def _with_sums(
    move: Move, candidates: Sequence[Candidate], importance: RemovalCost
) -> list[Candidate] | None:
    assert move.family is not None  # such a move names it
    family = importance.families[move.family]
    kept = candidates[0].kept_inputs
    if family.at_once:
        numbers = np.arange(len(family.columns))
        if move.amount < len(numbers) or not family.covered(numbers)[kept].all():
            return None
    else:
        rises = importance.sums(move.family)
        numbers = np.sort(np.argsort(rises, kind="stable")[: move.amount])
        if len(numbers) < move.amount or not np.isfinite(rises[numbers]).all():
            return None
    return [replace_by_sums(c, family, numbers, importance.all_moments) for c in candidates]


def _without_nodes(
    layer: int, amount: int, candidates: Sequence[Candidate], importance: RemovalCost
) -> list[Candidate] | None:
    if amount >= candidates[0].hidden[layer]:
        return None
    result = []
    found = zip(candidates, importance.nodes(layer), importance.moments(layer), strict=True)
    for candidate, rises, moments in found:
        keep = _nodes_to_keep(candidate, layer, rises, moments, amount)
        result.append(drop_nodes(candidate, layer, keep, moments))
    return result


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


def _without_weights(
    layer: int, amount: int, candidates: Sequence[Candidate], importance: RemovalCost
) -> list[Candidate] | None:
    """Zero the *amount* weights that add least, and those whose stored integer is zero anyway.

    Every output keeps its strongest weight.
    """
    result = []
    for candidate, size in zip(candidates, importance.weights(layer), strict=True):
        strongest = size.argmax(0)
        ranked = np.where(size > 0, size, np.inf)
        ranked[strongest, np.arange(size.shape[1])] = np.inf
        order = np.argsort(ranked, axis=None, kind="stable")[:amount]
        if len(order) < amount or not np.isfinite(ranked.reshape(-1)[order]).all():
            return None
        gone = size <= 0
        gone.reshape(-1)[order] = True
        gone[strongest, np.arange(size.shape[1])] = False
        result.append(drop_weights(candidate, layer, gone))
    return result
