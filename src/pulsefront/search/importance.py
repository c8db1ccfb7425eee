"""How much each input and node matters: the loss without it, before any retraining."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from pulsefront.networks.candidate import Candidate, Scaling
from pulsefront.networks.stack import Stack
from pulsefront.networks.training import TrainingData, batch_loss
from pulsefront.search.moves import Importance, drop_inputs, drop_nodes
from pulsefront.search.task import Task

__all__ = ["importance", "rank_inputs"]

CANDIDATES_AT_ONCE = 24


@torch.no_grad()
def importance(candidates: Sequence[Candidate], data: TrainingData, *, events: int) -> Importance:
    """Remove every input and node in turn, in every initialization, on training events.

    ``events`` of the training set are enough: the result ranks, it decides nothing.
    """
    part = TrainingData(data.inputs[:events], data.targets[:events], data.scaling, data.loss)
    inputs = []
    nodes = []
    means = []
    for candidate in candidates:
        mean = _mean_activations(candidate, part)
        whole = _losses([candidate], part)[0]
        count = len(candidate.kept_inputs)
        without_input = [
            drop_inputs(candidate, np.delete(np.arange(count), i)) for i in range(count)
        ]
        inputs.append(_losses(without_input, part) - whole if count > 1 else np.full(1, np.inf))
        per_layer = []
        for layer, width in enumerate(candidate.hidden):
            without = [
                drop_nodes(candidate, layer, np.delete(np.arange(width), j), mean[layer])
                for j in range(width)
            ]
            per_layer.append(_losses(without, part) - whole if width > 1 else np.full(1, np.inf))
        nodes.append(tuple(per_layer))
        means.append(mean)
    return Importance(np.mean(inputs, axis=0), tuple(nodes), tuple(means))


def rank_inputs(
    task: Task, candidates: Sequence[Candidate], scaling: Scaling, *, events: int
) -> tuple[tuple[str, float], ...]:
    """Return (name, relative rise of the metric without the input), most needed first.

    The input's mean stands in for it, nothing is retrained; mean over *candidates* on the first
    *events* of the selection set.
    """
    rows = task.selection[:events]
    rises = np.zeros(task.n_in)
    for candidate in candidates:
        whole = task.metric(task.residuals(candidate, scaling, rows))
        count = len(candidate.kept_inputs)
        if count < 2:
            continue
        for place, index in enumerate(candidate.kept_inputs):
            without = drop_inputs(candidate, np.delete(np.arange(count), place))
            rise = task.metric(task.residuals(without, scaling, rows)) / whole - 1.0
            rises[index] += rise / len(candidates)
    order = np.argsort(-rises, kind="stable")
    return tuple((task.input_names[i], float(rises[i])) for i in order)


def _losses(candidates: Sequence[Candidate], data: TrainingData) -> NDArray[np.float64]:
    parts = []
    for start in range(0, len(candidates), CANDIDATES_AT_ONCE):
        stack = Stack(candidates[start : start + CANDIDATES_AT_ONCE], data.scaling)
        inputs = data.inputs[..., torch.from_numpy(stack.inputs)]
        parts.append(batch_loss(stack, inputs, data.targets, data.loss).double().numpy())
    return np.concatenate(parts)


def _mean_activations(candidate: Candidate, data: TrainingData) -> tuple[NDArray[np.float64], ...]:
    stack = Stack([candidate], data.scaling)
    inputs = data.inputs[..., torch.from_numpy(stack.inputs)]
    inputs = inputs.reshape(-1, inputs.shape[-1])
    return tuple(value[0].double().mean(0).numpy() for value in stack.activations(inputs))
