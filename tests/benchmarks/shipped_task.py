"""A shipped study as others can learn it: its events, loss, split and metric, for any seed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefront.events import store
from pulsefront.files import hash_json
from pulsefront.fixed_point import FixedPointModel
from pulsefront.networks import Candidate, TrainingData
from pulsefront.networks.cost import model_cost
from pulsefront.networks.lower import lower
from pulsefront.search import SearchSettings, Task
from pulsefront.studies.folders import RunFolders, SplitEvents, write_split
from pulsefront.studies.kinds import StudyKind, kind_of
from pulsefront.studies.load import load_study

__all__ = ["Point", "ShippedTask", "shipped_task"]

SEED_STEP = 1_000
"""Between the seeds of the events of two repetitions."""

COUNTED = {
    "position": ("scan", "events_even_even"),
    "timing": ("coincidences", "events_per_offset"),
}
"""What says how many events a study of that kind trains on."""

Predict = Callable[[NDArray[np.integer]], NDArray[np.float64]]
"""Raw integers (vector, n_in) to outputs (vector, n_out) in the target's unit."""


@dataclass(frozen=True)
class Point:
    """A network: its costs, its figures, and the integers that have both."""

    weight_bytes: int
    ebops: int
    nonzero_weights: int
    selection: float
    test: float
    model: FixedPointModel


@dataclass(frozen=True)
class ShippedTask:
    """What every method gets, and the events that only the judge sees.

    ``unit`` is that of the figures.
    """

    kind: StudyKind
    task: Task
    data: TrainingData
    parts: SplitEvents
    unit: str

    @property
    def search(self) -> SearchSettings:
        """Settings of the study's search."""
        return self.kind.study.search

    def point(self, candidate: Candidate) -> Point:
        """Judge a network of this package."""
        task = self.task
        model = lower(
            candidate, self.data.scaling, task.input_format, task.output_format, name="candidate"
        )
        (output,) = model.output_formats.values()

        def predict(raw: NDArray[np.integer]) -> NDArray[np.float64]:
            integers = raw[:, candidate.kept_inputs].astype(np.int64)
            return np.asarray(output.values(model.run(integers)), np.float64)

        return self.judged(model, predict)

    def judged(self, model: FixedPointModel, predict: Predict) -> Point:
        """Judge *model*, whose outputs *predict* gives."""
        cost = model_cost(model)
        return Point(
            cost.weight_bytes,
            cost.ebops,
            cost.nonzero_weights,
            self.figure(self.task.selection, predict),
            self.test_figure(predict),
            model,
        )

    def figure(self, rows: NDArray[np.intp], predict: Predict) -> float:
        """Return the study's metric against the labels, as its search sees it."""
        found = self.task.goal.residuals(self._outputs(rows, predict), self.task.labels, rows)
        return float(self.task.metric(found)) * self._factor

    def test_figure(self, predict: Predict) -> float:
        """Return the study's metric on test events; positions against the first interaction."""
        rows = self.parts.split.test
        if self.task.loss.kind != "regression":
            return self.figure(rows, predict)
        test = self.parts.test
        found = self.kind.losses(test, self.kind.estimates_of(test, self._outputs(rows, predict)))
        return float(np.median(found))

    @property
    def _factor(self) -> float:
        return 1e3 if self.unit == "ps" else 1.0

    def _outputs(self, rows: NDArray[np.intp], predict: Predict) -> NDArray[np.float64]:
        inputs = self.task.inputs[rows]
        return predict(inputs.reshape(-1, inputs.shape[-1]))


def shipped_task(
    name: str, repetition: int, share: float, cache: Path, *, seed: int | None = None
) -> ShippedTask:
    """Return the study *name* with events of another seed for each *repetition*, or of *seed*.

    *share* is that of the training events of a scan, or of all events of a pair; they are
    simulated once and kept in *cache*.
    """
    study, file = load_study(name)
    if seed is None:
        seed = study.seed + SEED_STEP * repetition
    study = study.model_copy(update={"seed": seed})
    source, field = COUNTED[study.kind]
    settings = getattr(study, source)
    fewer = settings.model_copy(update={field: max(1, round(share * getattr(settings, field)))})
    study = study.model_copy(update={source: fewer})
    kind = kind_of(study)
    key = hash_json([study.seed, study.detector, fewer.model_dump(mode="json")])[:16]
    stored = cache / f"{name}_{key}.h5"
    if not stored.exists():
        cache.mkdir(parents=True, exist_ok=True)
        store.write(kind.generate(cache, file.parent), stored)
    found = kind.split(store.read(stored))
    with tempfile.TemporaryDirectory() as made:
        folders = RunFolders(Path(made))
        folders.of("split").mkdir()
        write_split(folders.of("split"), found.selected, found.parts.split, found.record)
        task = kind.learning_task(found.parts, folders)
    assert task.front_end is None, "a front end is no part of what others learn here"
    assert task.stream is None, "others are compared on stored events"
    unit = "mm" if study.kind == "position" else "ps"
    return ShippedTask(kind, task, task.training_data(), found.parts, unit)
