"""How a search starts: the full network in floating point, then through its quantizers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from pulsefront.errors import PulsefrontError
from pulsefront.networks.candidate import Candidate
from pulsefront.networks.settings import ShapeName
from pulsefront.networks.shapes import shaped_candidate
from pulsefront.search.noninferiority import Figures, MetricChange, compare_figures, event_groups
from pulsefront.search.result import ShapeTrial
from pulsefront.search.task import Task
from pulsefront.search.trainer import Trainer

__all__ = ["shape_trials", "train_full", "with_starting_bits"]


def train_full(task: Task, trainer: Trainer) -> tuple[list[Candidate], tuple[ShapeTrial, ...]]:
    """Return the full float network, trained from every initialization, and what it was chosen of.

    Of several shapes the first stays, unless others are shown to be better on the selection set, at
    one-sided 95 % confidence: then the best of these is taken. There are no trials of a single one.

    Raises
    ------
    PulsefrontError
        The first shape diverged from one of the initializations.
    ConfigError
        The inputs do not suit a shape.
    """
    settings = trainer.settings
    grid = task.grid or (1, task.n_start)
    starts = {
        shape: [
            shaped_candidate(
                settings.network, shape, grid, task.n_out, seed=settings.seed * 1000 + k
            )
            for k in range(settings.initializations)
        ]
        for shape in settings.shapes
    }
    # Each shape by itself: what is trained together is as wide as the widest.
    found = trainer.train(
        [one for start in starts.values() for one in start],
        settings.float_training,
        stage=0,
        per_job=settings.initializations,
    )
    count = settings.initializations
    trained = {shape: found[n * count : (n + 1) * count] for n, shape in enumerate(settings.shapes)}
    _require_finite(trained[settings.shapes[0]], settings.float_training.learning_rate)
    if len(trained) == 1:
        return found, ()
    trials = _judged(task, trainer, trained)
    chosen = next(trial.shape for trial in trials if trial.accepted)
    return trained[chosen], trials


def _require_finite(full: Sequence[Candidate], learning_rate: float) -> None:
    diverged = sum(not candidate.finite for candidate in full)
    if diverged:
        raise PulsefrontError(
            f"the full network diverged in {diverged} of {len(full)} initializations",
            field="float_training.learning_rate",
            value=learning_rate,
            remedy="lower the learning rate",
        )


def _judged(
    task: Task, trainer: Trainer, trained: dict[ShapeName, list[Candidate]]
) -> tuple[ShapeTrial, ...]:
    labels = None if task.groups is None else task.groups[task.selection]
    groups = event_groups(len(task.selection), labels, seed=trainer.settings.seed)
    scaling = trainer.data.scaling
    reference: Figures | None = None
    judged: list[tuple[ShapeName, tuple[float, ...], MetricChange]] = []
    for shape, candidates in trained.items():
        if not all(one.finite for one in candidates):
            metric = (np.inf,) * len(candidates)
            judged.append((shape, metric, MetricChange(np.inf, np.inf, np.inf, metric)))
            continue
        residuals = [task.residuals(one, scaling, task.selection) for one in candidates]
        figures = Figures.of(residuals, task.metric, groups)
        reference = reference or figures
        metric = tuple(map(float, figures.whole))
        judged.append((shape, metric, compare_figures(figures, reference)))
    better = [(change.value, shape) for shape, _, change in judged[1:] if change.high < 0.0]
    chosen = min(better)[1] if better else judged[0][0]
    return tuple(
        ShapeTrial(
            shape,
            trained[shape][0].hidden,
            sum(int(np.count_nonzero(weight)) for weight in trained[shape][0].weights),
            metric,
            change,
            shape == chosen,
        )
        for shape, metric, change in judged
    )


def shape_trials(record: dict[str, Any]) -> tuple[ShapeTrial, ...]:
    """Return the trials that a stage's *record* holds."""
    return TypeAdapter(tuple[ShapeTrial, ...]).validate_python(record.get("shapes", ()))


def with_starting_bits(full: Sequence[Candidate], trainer: Trainer) -> list[Candidate]:
    """Return the full network with the widths that the search starts from, untrained."""
    network = trainer.settings.network
    layers = network.layers
    return [
        candidate.with_bits(
            weight_bits=network.bits_of_layers,
            bias_bits=(network.bias_bits,) * layers,
            activation_bits=(network.activation_bits,) * (layers - 1),
            per_channel=network.per_channel,
        )
        for candidate in full
    ]
