"""Nodes that say the same for every training event: they cost gates and bytes, and tell nothing.

A ReLU that never opens, or that is always saturated, is a constant. Quantization and removals
leave such nodes behind, and no price on bits or nodes sees them, since all of their weights may be
in use. Their value goes into the biases of the next layer, so that nothing changes on the training
events but the rounding of biases, whose binary point follows the largest that is left.

They go at the end of a search. Between its rounds they are among the first that the removal of
nodes takes, and each such step trains those that stay: folded for nothing, they would take that
training with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from pulsefront.networks.batches import chosen_inputs, one_by_one
from pulsefront.networks.candidate import Candidate, keep_nodes
from pulsefront.networks.data import TrainingData
from pulsefront.networks.stack import Stack
from pulsefront.networks.training import EVENTS_AT_ONCE
from pulsefront.search.judge import Judge
from pulsefront.search.records import State
from pulsefront.search.result import SILENT

__all__ = ["fold_silent", "without_silent"]

Constants = list[list[NDArray[np.float64]]]
"""[candidate][hidden layer] (node,) the value that a node always has, NaN where it has several."""


def fold_silent(
    base: Sequence[Candidate],
    state: State,
    judge: Judge,
    data: TrainingData,
    *,
    stage: str,
) -> list[Candidate]:
    """Return *base* without its silent nodes, judged like every step, and say so in *state*.

    Selection events may open a node that no training event opens: where that costs the
    non-inferiority that was there, the nodes stay, and the trial stands in the record as refused.
    """
    smaller = without_silent(base, data)
    if all(new is old for new, old in zip(smaller, base, strict=True)):
        return list(base)
    trial = judge.trial(stage, SILENT, smaller, base)
    accepted = trial.non_inferior or not state.path[-1].non_inferior
    trial = replace(trial, accepted=accepted)
    state.trials.append(trial)
    if not accepted:
        return list(base)
    state.path.append(judge.step(len(state.path), trial, base, smaller))
    return smaller


def without_silent(candidates: Sequence[Candidate], data: TrainingData) -> list[Candidate]:
    """Return *candidates* without nodes that have one value on all training events.

    Nodes that no stored weight reads go with them. The candidates, which have formats, are one
    architecture in all its initializations; each loses its own nodes.
    """
    constants = _constants(candidates, data)
    stack = Stack(candidates, data.scaling)
    result = list(candidates)
    # A convolution's filters speak at many positions; they stay.
    first = 1 if candidates[0].convolution is not None else 0
    for n, own in enumerate(constants):
        readers = stack.used_weights(n)
        for layer in range(first, len(own)):
            unread = (readers[layer + 1] == 0).all(1)
            own[layer][unread] = 0.0
            gone = np.flatnonzero(~np.isnan(own[layer]))[: candidates[n].hidden[layer] - 1]
            if len(gone):  # one node stays
                adds = own[layer][gone] @ readers[layer + 1][gone].astype(np.float64)
                result[n] = _without(result[n], layer, gone, adds)
    # Without some nodes, those before them may have nobody left who reads them.
    changed = any(new is not old for new, old in zip(result, candidates, strict=True))
    return without_silent(result, data) if changed else result


def _without(
    candidate: Candidate, layer: int, gone: NDArray[np.intp], adds: NDArray[np.float64]
) -> Candidate:
    biases = list(candidate.biases)
    biases[layer + 1] = (biases[layer + 1] + adds).astype(np.float32)
    keep = np.setdiff1d(np.arange(candidate.hidden[layer]), gone)
    return keep_nodes(replace(candidate, biases=tuple(biases)), layer, keep)


def _constants(candidates: Sequence[Candidate], data: TrainingData) -> Constants:
    stack = Stack(candidates, data.scaling)
    lows: list[torch.Tensor] = []
    highs: list[torch.Tensor] = []
    for start in range(0, len(data), EVENTS_AT_ONCE):
        part = data.inputs[start : start + EVENTS_AT_ONCE]
        layers = stack.activations(one_by_one(chosen_inputs(stack, part)))
        low, high = [one.amin(1) for one in layers], [one.amax(1) for one in layers]
        lows = low if not lows else list(map(torch.minimum, lows, low))
        highs = high if not highs else list(map(torch.maximum, highs, high))
    return [
        [
            np.where(low[n] == high[n], low[n], np.nan)[: weight.shape[1]].astype(np.float64)
            for low, high, weight in zip(lows, highs, candidate.weights, strict=False)
        ]
        for n, candidate in enumerate(candidates)
    ]
