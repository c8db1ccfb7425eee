"""How much each input and node matters: the loss without it, before any retraining."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from pulsefront.networks.candidate import Candidate, Scaling
from pulsefront.networks.stack import Stack
from pulsefront.networks.training import TrainingData, batch_loss
from pulsefront.search.moments import Moments
from pulsefront.search.moves import Importance
from pulsefront.search.sums import SumFamily, replace_by_sums
from pulsefront.search.surgery import Bridge, drop_inputs, drop_nodes
from pulsefront.search.task import Task

__all__ = ["calibrated", "importance", "rank_inputs"]

CANDIDATES_AT_ONCE = 24


@torch.no_grad()
def importance(
    candidates: Sequence[Candidate],
    data: TrainingData,
    *,
    events: int,
    families: Sequence[SumFamily] = (),
) -> Importance:
    """Remove every input and node in turn, in every initialization, on training events.

    With *families* every sum is put in the place of the inputs that it holds, too.

    ``events`` of the training set are enough: the result ranks, it decides nothing.
    """
    part = TrainingData(data.inputs[:events], data.targets[:events], data.scaling, data.loss)
    kept = candidates[0].kept_inputs
    signals = part.inputs[..., torch.from_numpy(kept)].reshape(-1, len(kept)).double()
    input_moments = Moments.of(signals.numpy())
    everything = _all_moments(part) if families else None
    useful = [family.useful(kept) for family in families]
    sums = []
    # No input of a convolution can go: its filters slide over all of them.
    places = [] if candidates[0].convolution else _all_but_one(len(kept))
    inputs = []
    nodes = []
    moments = []
    bridges = []
    weights = []
    for candidate in candidates:
        stack = Stack([candidate], data.scaling)
        layers = _signals(stack, part)
        own = tuple(map(Moments.of, layers[1:]))
        weights.append(_shares(candidate, stack, layers))
        bridges.append(tuple(map(Bridge.of, layers[:-1], layers[1:])))
        whole = _losses([candidate], part)[0]
        inputs.append(
            _rises(
                [drop_inputs(candidate, keep, input_moments) for keep in places],
                part,
                whole,
            )
        )
        sums.append(
            [
                _sum_rises(candidate, family, numbers, everything, part, whole)
                for family, numbers in zip(families, useful, strict=True)
            ]
        )
        nodes.append(
            tuple(
                _rises(
                    [drop_nodes(candidate, layer, k, own[layer]) for k in _all_but_one(width)],
                    part,
                    whole,
                )
                for layer, width in enumerate(candidate.hidden)
            )
        )
        moments.append(own)
    return Importance(
        np.mean(inputs, axis=0),
        input_moments,
        tuple(nodes),
        tuple(moments),
        tuple(bridges),
        tuple(weights),
        tuple(families),
        tuple(np.mean(rises, axis=0) for rises in zip(*sums, strict=True)),
        everything,
    )


def _all_moments(data: TrainingData) -> Moments:
    """Return the moments of all inputs that a network can choose from."""
    return Moments.of(data.inputs.reshape(-1, data.inputs.shape[-1]).double().numpy())


def _sum_rises(
    candidate: Candidate,
    family: SumFamily,
    useful: NDArray[np.intp],
    moments: Moments | None,
    data: TrainingData,
    whole: float,
) -> NDArray[np.float64]:
    """Return the rise with each sum in the place of its inputs, infinite for useless ones."""
    rises = np.full(len(family.columns), np.inf)
    if moments is not None and len(useful) and not family.at_once:
        merged = [
            replace_by_sums(candidate, family, np.array([number]), moments) for number in useful
        ]
        rises[useful] = _losses(merged, data) - whole
    return rises


def _all_but_one(count: int) -> list[NDArray[np.intp]]:
    """Return the places left when each one is left out in turn; none where there is only one."""
    return [np.delete(np.arange(count), place) for place in range(count)] if count > 1 else []


def _rises(
    candidates: Sequence[Candidate], data: TrainingData, whole: float
) -> NDArray[np.float64]:
    # The only unit of its kind cannot go.
    return _losses(candidates, data) - whole if candidates else np.full(1, np.inf)


def rank_inputs(
    task: Task, candidates: Sequence[Candidate], scaling: Scaling, *, events: int
) -> tuple[tuple[str, float], ...]:
    """Return (name, relative rise of the metric without the input), most needed first.

    The input's mean stands in for it, nothing is retrained; mean over *candidates* on the first
    *events* of the selection set. Empty for a convolution, whose filters slide over all inputs.
    """
    if candidates[0].convolution is not None:
        return ()
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
    read = candidates[0].kept_inputs
    order = read[np.argsort(-rises[read], kind="stable")]
    return tuple((task.input_names[i], float(rises[i])) for i in order)


def _losses(candidates: Sequence[Candidate], data: TrainingData) -> NDArray[np.float64]:
    parts = []
    for start in range(0, len(candidates), CANDIDATES_AT_ONCE):
        stack = Stack(candidates[start : start + CANDIDATES_AT_ONCE], data.scaling)
        inputs = data.inputs[..., torch.from_numpy(stack.inputs)]
        parts.append(batch_loss(stack, inputs, data.targets, data.loss).double().numpy())
    return np.concatenate(parts)


def calibrated(
    candidates: Sequence[Candidate], data: TrainingData, *, events: int
) -> list[Candidate]:
    """Return *candidates* with binary points chosen on the first training *events*."""
    result = []
    for candidate in candidates:
        stack = Stack([candidate], data.scaling)
        inputs = data.inputs[:events, ..., torch.from_numpy(stack.inputs)]
        stack.calibrate(inputs.reshape(-1, inputs.shape[-1]))
        result += stack.unstack()
    return result


def _signals(stack: Stack, data: TrainingData) -> list[NDArray[np.float64]]:
    """Return what enters every layer of the stack's only candidate, each (event, n)."""
    inputs = data.inputs[..., torch.from_numpy(stack.inputs)]
    inputs = inputs.reshape(-1, inputs.shape[-1])
    hidden = [value[0].double().numpy() for value in stack.activations(inputs)]
    return [inputs.double().numpy(), *hidden]


def _shares(
    candidate: Candidate, stack: Stack, signals: Sequence[NDArray[np.float64]]
) -> tuple[NDArray[np.float64], ...]:
    """Return what each weight, as it is stored, adds to the variance of its sum, per layer."""
    shares = []
    for layer, used in enumerate(stack.used_weights(0)):
        variance = signals[layer].var(0)
        if layer == 0 and candidate.convolution is not None:
            variance = np.full(len(used), variance.mean())  # every sample passes every tap
        shares.append(used.astype(np.float64) ** 2 * (variance[:, None] + 1e-12))
    return tuple(shares)
