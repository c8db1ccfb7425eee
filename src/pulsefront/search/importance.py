"""How much each input, node and weight matters: the loss without it, before any retraining."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from pulsefront.evaluate.spread import spread_over
from pulsefront.networks.candidate import Candidate, Scaling
from pulsefront.networks.stack import Stack
from pulsefront.networks.training import TrainingData, batch_loss
from pulsefront.search.moments import Moments
from pulsefront.search.sums import SumFamily, replace_by_sums
from pulsefront.search.surgery import Bridge, drop_inputs, drop_nodes
from pulsefront.search.task import Task

__all__ = ["RemovalCost", "calibrated", "rank_inputs"]

ACTIVATIONS_AT_ONCE = 4_000_000
"""Numbers that a layer of the candidates tried together may hold: they fit the memory at hand."""

Found = TypeVar("Found")
Array = NDArray[np.float64]


class RemovalCost:
    """Rise of the training loss without one unit of a network, before any retraining.

    The other units of its layer stand in for it (`Moments.stand_in`). Every figure is found when
    it is first asked for, since most rounds need few of them. Nodes, moments and weights are per
    initialization, whose nodes are its own; inputs are common, and their rises are means over
    the initializations.

    Parameters
    ----------
    candidates
        One architecture in all its initializations.
    data
        Training events, *events* of which are enough: the result ranks, it decides nothing.
    families
        Sums that may replace inputs.
    """

    def __init__(
        self,
        candidates: Sequence[Candidate],
        data: TrainingData,
        *,
        events: int,
        families: Sequence[SumFamily] = (),
    ) -> None:
        self.families = tuple(families)
        self._candidates = list(candidates)
        rows = torch.from_numpy(spread_over(len(data), events))
        self._data = TrainingData(data.inputs[rows], data.targets[rows], data.scaling, data.loss)
        self._known: dict[tuple[str, int], object] = {}

    # --- inputs -------------------------------------------------------------------------------

    @cached_property
    def inputs(self) -> Array:
        """Rise without each kept input (n_kept,); empty for a convolution, which needs all."""
        if self._candidates[0].convolution is not None:
            return np.zeros(0)
        indices = _all_but_one(len(self._candidates[0].kept_inputs))
        rises = self._rises(
            [
                [drop_inputs(c, keep, self.input_moments) for keep in indices]
                for c in self._candidates
            ]
        )
        return np.asarray(np.mean(rises, axis=0))

    @cached_property
    def input_moments(self) -> Moments:
        """Moments of the kept inputs."""
        return Moments.of(self._signals[0][0])

    @cached_property
    def all_moments(self) -> Moments:
        """Moments of all inputs that a network can choose from, sums included."""
        inputs = self._data.inputs
        return Moments.of(inputs.reshape(-1, inputs.shape[-1]).double().numpy())

    def sums(self, family: int) -> Array:
        """Return the rise with each sum (sum,) in the place of the inputs that it holds.

        Infinite where it holds fewer than two.
        """

        def find() -> Array:
            chosen = self.families[family]
            useful = chosen.useful(self._candidates[0].kept_inputs)
            rises = np.full(len(chosen.columns), np.inf)
            if len(useful):
                merged = [
                    [replace_by_sums(c, chosen, np.array([n]), self.all_moments) for n in useful]
                    for c in self._candidates
                ]
                rises[useful] = np.mean(self._rises(merged), axis=0)
            return rises

        return self._once("sums", family, find)

    # --- hidden layers --------------------------------------------------------------------------

    def nodes(self, layer: int) -> tuple[Array, ...]:
        """Return per initialization the rise without each node (nodes,) of hidden *layer*."""

        def find() -> tuple[Array, ...]:
            indices = _all_but_one(self._candidates[0].hidden[layer])
            return tuple(
                self._rises(
                    [
                        [drop_nodes(c, layer, keep, own) for keep in indices]
                        for c, own in zip(self._candidates, self.moments(layer), strict=True)
                    ]
                )
            )

        return self._once("nodes", layer, find)

    def moments(self, layer: int) -> tuple[Moments, ...]:
        """Return per initialization the moments of the activations of hidden *layer*."""

        def find() -> tuple[Moments, ...]:
            return tuple(Moments.of(one) for one in self._signals[layer + 1])

        return self._once("moments", layer, find)

    def bridges(self, layer: int) -> tuple[Bridge, ...]:
        """Return per initialization what estimates hidden *layer* from what enters it."""

        def find() -> tuple[Bridge, ...]:
            before, after = self._signals[layer], self._signals[layer + 1]
            return tuple(Bridge.of(*pair) for pair in zip(before, after, strict=True))

        return self._once("bridges", layer, find)

    def weights(self, layer: int) -> tuple[Array, ...]:
        """Return per initialization what each weight (n_in, n_out) adds to its sum's variance.

        Zero where the integer that is stored for it is zero.
        """

        def find() -> tuple[Array, ...]:
            shares = []
            for k, signals in enumerate(self._signals[layer]):
                used = self._stack.used_weights(k)[layer].astype(np.float64)
                variance = signals.var(0)
                if layer == 0 and self._candidates[0].convolution is not None:
                    # every sample passes every tap
                    variance = np.full(len(used), variance.mean())
                shares.append(used**2 * (variance[:, None] + 1e-12))
            return tuple(shares)

        return self._once("weights", layer, find)

    # --- shared ---------------------------------------------------------------------------------

    def _once(self, kind: str, number: int, find: Callable[[], Found]) -> Found:
        if (kind, number) not in self._known:
            self._known[kind, number] = find()
        return self._known[kind, number]  # type: ignore[return-value]  # what find gave

    @cached_property
    def _stack(self) -> Stack:
        return Stack(self._candidates, self._data.scaling)

    @cached_property
    def _signals(self) -> list[list[Array]]:
        """What enters every layer, per initialization (event, n)."""
        stack = self._stack
        inputs = self._data.inputs[..., torch.from_numpy(stack.inputs)]
        inputs = inputs.reshape(-1, inputs.shape[-1])
        first = [inputs.double().numpy()] * len(self._candidates)
        hidden = [
            [one.double().numpy() for one in activations]
            for activations in stack.activations(inputs)
        ]
        return [first, *hidden]

    @cached_property
    def _whole(self) -> Array:
        return _losses(self._candidates, self._data)

    def _rises(self, without: Sequence[Sequence[Candidate]]) -> Array:
        """Return the rises (initialization, variant) of variants of every initialization."""
        count = len(without[0])
        if count == 0:  # the only unit of its kind cannot go
            return np.full((len(without), 1), np.inf)
        losses = _losses([one for variants in without for one in variants], self._data)
        return losses.reshape(-1, count) - self._whole[:, None]


def _all_but_one(count: int) -> list[NDArray[np.intp]]:
    """Return the indices left when each one is left out in turn; none where there is only one."""
    return [np.delete(np.arange(count), index) for index in range(count)] if count > 1 else []


def _losses(candidates: Sequence[Candidate], data: TrainingData) -> Array:
    first = candidates[0]
    widest = max(*first.hidden, 1) * first.positions if first.hidden else 1
    at_once = max(1, ACTIVATIONS_AT_ONCE // (len(data) * widest))
    parts = []
    for start in range(0, len(candidates), at_once):
        stack = Stack(candidates[start : start + at_once], data.scaling)
        inputs = data.inputs[..., torch.from_numpy(stack.inputs)]
        parts.append(batch_loss(stack, inputs, data.targets, data.loss).double().numpy())
    return np.concatenate(parts)


def calibrated(
    candidates: Sequence[Candidate], data: TrainingData, *, events: int
) -> list[Candidate]:
    """Return *candidates* with binary points chosen on so many training *events*."""
    stack = Stack(candidates, data.scaling)
    rows = torch.from_numpy(spread_over(len(data), events))
    inputs = data.inputs[rows][..., torch.from_numpy(stack.inputs)]
    stack.calibrate(inputs.reshape(-1, inputs.shape[-1]))
    return stack.unstack()


def rank_inputs(
    task: Task, candidates: Sequence[Candidate], scaling: Scaling, *, events: int
) -> tuple[tuple[str, float], ...]:
    """Return (name, relative rise of the metric without the input), most needed first.

    The input's mean stands in for it, nothing is retrained; mean over *candidates* on so many
    *events* of the selection set. Empty for a convolution, whose filters slide over all inputs.
    """
    if candidates[0].convolution is not None:
        return ()
    rows = task.selection[spread_over(len(task.selection), events)]
    rises = np.zeros(task.n_in)
    for candidate in candidates:
        whole = task.metric(task.residuals(candidate, scaling, rows))
        count = len(candidate.kept_inputs)
        if count < 2:
            continue
        for row, index in enumerate(candidate.kept_inputs):
            without = drop_inputs(candidate, np.delete(np.arange(count), row))
            rise = task.metric(task.residuals(without, scaling, rows)) / whole - 1.0
            rises[index] += rise / len(candidates)
    read = candidates[0].kept_inputs
    order = read[np.argsort(-rises[read], kind="stable")]
    return tuple((task.input_names[i], float(rises[i])) for i in order)
