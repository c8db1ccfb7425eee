"""A small network for one more output of a finished one, as small as its quantile loss allows.

It reads integers that the finished network has inside, so nothing of that network changes. Trained
from several initializations, first in floats, then through quantizers, in fewer and fewer nodes and
then with fewer and fewer weights; the smallest that is not inferior to the largest float one stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from pulsefront.config import FrozenModel
from pulsefront.errors import PulsefrontError
from pulsefront.evaluate.record import Record
from pulsefront.fixed_point.model import FixedPointModel
from pulsefront.networks.candidate import Candidate, Scaling, initial_candidate
from pulsefront.networks.lower import lower
from pulsefront.networks.settings import MlpSettings, TrainingSettings
from pulsefront.search.noninferiority import Figures, compare_figures, event_groups
from pulsefront.search.surgery import drop_weights
from pulsefront.search.task import Task

__all__ = ["HeadSettings", "HeadTrial", "TrainedHead", "quantile_loss", "train_head"]

BIAS_BITS = 16


class HeadSettings(FrozenModel):
    """How a head is trained and made small."""

    nodes: tuple[int, ...] = Field(default=(32, 16, 8, 4), min_length=1)
    """nodes of its hidden layer that are tried, the most first"""
    pruned: tuple[float, ...] = (0.25, 0.5, 0.75)
    """shares of its weights that are tried without"""
    margin: float = Field(default=0.02, gt=0)
    """a smaller head may be worse by that share of the loss of the largest in floating point, at
    one-sided 95 % confidence"""
    weight_bits: int = Field(default=8, ge=2, le=16)
    """width of its weights"""
    initializations: int = Field(default=3, ge=2)
    """random initializations that every head is trained and judged with"""
    most_events: int = Field(default=200_000, ge=100)
    """training events at most"""
    float_training: TrainingSettings = TrainingSettings(epochs=20.0, batch=1024, learning_rate=5e-3)
    """in floating point"""
    quantized_training: TrainingSettings = TrainingSettings(
        epochs=5.0, batch=1024, learning_rate=1e-3
    )
    """through its quantizers, and after weights have gone"""

    @model_validator(mode="after")
    def _descending(self) -> HeadSettings:
        if list(self.nodes) != sorted(set(self.nodes), reverse=True) or self.nodes[-1] < 1:
            raise ValueError("nodes: are different whole numbers, the largest first")
        if not all(0 < share < 1 for share in self.pruned):
            raise ValueError("pruned: shares lie between 0 and 1")
        return self


class HeadTrial(Record):
    """One head that was trained and judged."""

    nodes: int
    pruned: float
    """share of its weights that are zero"""
    loss: tuple[float, ...]
    """quantile loss on selection events, of each initialization"""
    worse: float
    """than the largest in floating point, by that share of its loss"""
    worse_at_most: float
    """the same at one-sided 95 % confidence"""
    accepted: bool = False


@dataclass(frozen=True)
class TrainedHead:
    """The smallest head that is good enough, and all that were tried."""

    model: FixedPointModel
    nodes: int
    trials: tuple[HeadTrial, ...]


def quantile_loss(quantile: float, residuals: NDArray[np.float64]) -> float:
    """Return the mean quantile loss of residuals (event, 1), output − target.

    Koenker and Bassett 1978, equation 2.1.
    """
    return float(np.maximum(-quantile * residuals, (1.0 - quantile) * residuals).mean())


def train_head(task: Task, settings: HeadSettings, *, bits: int, seed: int) -> TrainedHead:
    """Return a head for *task*, a regression with the loss of a quantile.

    Parameters
    ----------
    bits
        Width of the results of its hidden layer.

    Raises
    ------
    PulsefrontError
        The training of every head diverged.
    """
    from pulsefront.networks.training import repeatable

    with repeatable():
        return _Heads(task, settings, bits, seed).run()


class _Heads:
    def __init__(self, task: Task, settings: HeadSettings, bits: int, seed: int) -> None:
        self.task, self.settings, self.bits, self.seed = task, settings, bits, seed
        self.data = task.training_data()
        self.scaling: Scaling = self.data.scaling
        labels = None if task.groups is None else task.groups[task.selection]
        self.groups = event_groups(len(task.selection), labels, seed=seed)
        assert task.loss.quantile is not None
        self.metric = partial(quantile_loss, task.loss.quantile)

    def run(self) -> TrainedHead:
        full = self._started(max(self.settings.nodes))
        full = self._train(full, self.settings.float_training, 0)
        reference = self._figures(full)
        trials: list[HeadTrial] = []
        best: list[Candidate] | None = None
        for number, nodes in enumerate(self.settings.nodes):
            heads = (
                full
                if number == 0
                else self._train(self._started(nodes), self.settings.float_training, 3 * number)
            )
            heads = self._train(
                [self._with_bits(one) for one in heads],
                self.settings.quantized_training,
                3 * number + 1,
            )
            trial = self._trial(heads, reference, nodes, 0.0)
            good = trial.worse_at_most < self.settings.margin
            # The largest is there in any case: a head that loses by its quantizers is a head.
            if best is None or good:
                best = heads
                trial = trial.model_copy(update={"accepted": True})
            trials.append(trial)
            if not good and number > 0:
                break
        assert best is not None
        best = self._pruned(best, reference, trials)
        chosen = min(best, key=lambda one: self.metric(self._residuals(one)))
        model = lower(
            chosen,
            self.scaling,
            self.task.input_format,
            self.task.output_format,
            name=self.task.name,
        )
        return TrainedHead(model, chosen.hidden[0] if chosen.hidden else 0, tuple(trials))

    def _pruned(
        self, heads: list[Candidate], reference: Figures, trials: list[HeadTrial]
    ) -> list[Candidate]:
        nodes = heads[0].hidden[0] if heads[0].hidden else 0
        for number, share in enumerate(self.settings.pruned):
            less = self._train(
                [_without_least(one, share) for one in heads],
                self.settings.quantized_training,
                1000 + number,
            )
            trial = self._trial(less, reference, nodes, share)
            good = trial.worse_at_most < max(self.settings.margin, trials[0].worse_at_most)
            trials.append(trial.model_copy(update={"accepted": good}))
            if not good:
                break
            heads = less
        return heads

    def _started(self, nodes: int) -> list[Candidate]:
        network = MlpSettings(hidden=(nodes,) if nodes else ())
        return [
            initial_candidate(network, self.task.n_in, 1, seed=self.seed * 1000 + k)
            for k in range(self.settings.initializations)
        ]

    def _with_bits(self, candidate: Candidate) -> Candidate:
        layers = len(candidate.weights)
        return candidate.with_bits(
            weight_bits=(self.settings.weight_bits,) * layers,
            bias_bits=(BIAS_BITS,) * layers,
            activation_bits=(self.bits,) * (layers - 1),
            per_channel=True,
        )

    def _train(
        self, candidates: Sequence[Candidate], training: TrainingSettings, stage: int
    ) -> list[Candidate]:
        from pulsefront.networks.training import train
        from pulsefront.search.trainer import seed_of_stage

        seed = seed_of_stage(self.seed, stage)
        found = train(candidates, self.data, training, seed=seed)
        if not all(one.finite for one in found):
            raise PulsefrontError(
                "the training of the head diverged",
                field="uncertainty.float_training.learning_rate",
                value=training.learning_rate,
                remedy="lower the learning rate",
            )
        return found

    def _residuals(self, candidate: Candidate) -> NDArray[np.float64]:
        return self.task.residuals(candidate, self.scaling, self.task.selection)

    def _figures(self, candidates: Sequence[Candidate]) -> Figures:
        return Figures.of([self._residuals(one) for one in candidates], self.metric, self.groups)

    def _trial(
        self, candidates: Sequence[Candidate], reference: Figures, nodes: int, pruned: float
    ) -> HeadTrial:
        found = self._figures(candidates)
        change = compare_figures(found, reference)
        return HeadTrial(
            nodes=nodes,
            pruned=pruned,
            loss=tuple(map(float, found.whole)),
            worse=change.value,
            worse_at_most=change.high,
        )


def _without_least(candidate: Candidate, share: float) -> Candidate:
    """Return *candidate* without that share of the weights of each layer, the smallest ones.

    Inputs are standardized and all results of a layer have one format, so sizes are comparable.
    """
    result = candidate
    for layer, weight in enumerate(candidate.weights):
        # The last layer of a head is a column: without a weight there, a node would be for nothing.
        if layer == len(candidate.weights) - 1 and layer > 0:
            continue
        size = np.abs(weight)
        gone = size <= np.quantile(size, share)
        result = drop_weights(result, layer, gone)
    return replace(result)
