"""Networks trained and scored for what a study learns about itself, one after the other.

Every score is kept as soon as it is there: a run that is killed goes on with the next.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import PulsefrontError
from pulsefront.files import write_json
from pulsefront.networks.candidate import Candidate, Scaling, initial_candidate
from pulsefront.progress import Report, silent
from pulsefront.search.budget import Budget
from pulsefront.search.settings import SearchSettings
from pulsefront.search.task import Task

__all__ = [
    "KeptScores",
    "TrainedNetworks",
    "residuals_of_search",
    "residuals_of_training",
    "train_and_score",
    "train_full",
]


@dataclass
class KeptScores:
    """KeptScores by name, kept in a file as they come.

    ``folder`` None keeps nothing. ``trainings`` is how many there will be, for progress.
    """

    folder: Path | None
    trainings: int
    report: Report = silent
    kept: dict[str, list[float]] = field(default_factory=dict)
    done: int = 0

    def __post_init__(self) -> None:
        if self._file is not None and self._file.is_file():
            self.kept = json.loads(self._file.read_bytes())

    @property
    def _file(self) -> Path | None:
        return None if self.folder is None else self.folder / "scores.json"

    def of(self, name: str, compute: Callable[[], Sequence[float]]) -> tuple[float, ...]:
        """Return the scores called *name*, computed unless an earlier run has done it."""
        if name not in self.kept:
            self.kept[name] = [float(value) for value in compute()]
            if self._file is not None:
                write_json(self._file, self.kept)
        self.done += 1
        self.report(self.done, self.trainings)
        return tuple(self.kept[name])


def train_and_score(task: Task, search: SearchSettings, seeds: Sequence[int]) -> tuple[float, ...]:
    """Return the metric on selection events of the full float network from each of *seeds*.

    Raises
    ------
    PulsefrontError
        A network diverged.
    """
    return tuple(
        float(task.metric(found))
        for found in residuals_of_training(task, search, seeds, task.selection)
    )


def residuals_of_training(
    task: Task, search: SearchSettings, seeds: Sequence[int], rows: NDArray[np.intp]
) -> list[NDArray[np.float64]]:
    """Return the residuals on *rows* of the full float network trained from each of *seeds*.

    Selection events have no part in the training.

    Raises
    ------
    PulsefrontError
        A network diverged.
    """
    found = train_full(task, search, seeds)
    return [task.residuals(candidate, found.scaling, rows) for candidate in found.networks]


@dataclass(frozen=True)
class TrainedNetworks:
    """Networks from several seeds, and how their inputs are scaled."""

    networks: list[Candidate]
    scaling: Scaling


def train_full(task: Task, search: SearchSettings, seeds: Sequence[int]) -> TrainedNetworks:
    """Return the full float network trained from each of *seeds*, as the search begins.

    Raises
    ------
    PulsefrontError
        A network diverged.
    """
    from pulsefront.networks.training import repeatable, train

    data = task.training_data(common_scale=search.network.convolution is not None)
    start = [initial_candidate(search.network, task.n_in, task.n_out, seed=seed) for seed in seeds]
    with repeatable():
        trained = train(start, data, search.float_training, seed=search.seed)
    if not all(candidate.finite for candidate in trained):
        raise PulsefrontError(
            "a network that is trained beside the search diverged",
            field="search.float_training.learning_rate",
            value=search.float_training.learning_rate,
            remedy="lower the learning rate",
        )
    return TrainedNetworks(trained, data.scaling)


def residuals_of_search(
    task: Task,
    search: SearchSettings,
    budget: Budget,
    rows: NDArray[np.intp],
    checkpoint: Path | None,
) -> NDArray[np.float64]:
    """Return the residuals on *rows* of the integer network that the whole search ends with.

    Training, ablation and every choice use the task's training and selection events.
    """
    from pulsefront.search import run_ablation

    found = run_ablation(task, search, budget, checkpoint)
    inputs = task.inputs[rows]
    flat = inputs.reshape(-1, inputs.shape[-1])[:, found.kept_inputs].astype(np.int64)
    model = found.final_model
    (output,) = model.output_formats.values()
    outputs = np.asarray(output.values(model.run(flat)), np.float64)
    return task.goal.residuals(outputs, task.labels, rows)
