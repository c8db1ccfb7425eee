"""What the samples of a pulse hold: a larger network that is told the true arrival.

The studied network learns from known differences alone and fits into a front end. This one learns
each detector's arrival from the simulation, has far more nodes and no fixed-point numbers. Where
the studied network does as well, neither its size nor its labels hold it back.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsefront.evaluate import Split
from pulsefront.networks.candidate import initial_candidate
from pulsefront.networks.settings import LossSettings, MlpSettings, TrainingSettings
from pulsefront.search.task import Task
from pulsefront.studies.folders import SplitEvents
from pulsefront.studies.kinds.timing.data import coarse_ns, learning_task
from pulsefront.studies.kinds.timing.settings import TimingStudy

__all__ = ["HIDDEN", "truth_reference_ns"]

HIDDEN = (64, 32)
TRAINING = TrainingSettings(epochs=10.0, batch=1024, learning_rate=6e-3)


def truth_reference_ns(study: TimingStudy, parts: SplitEvents) -> NDArray[np.float64]:
    """Return t0 − t1 of the test events, (event,) in ns, as a network that knew the truth has it.

    Same windows, same training events, with ``HIDDEN`` nodes and floating-point numbers; a
    Lorentzian loss of the same kind as the study's where that has one.
    """
    from pulsefront.networks.training import repeatable, train

    pairs = learning_task(study, parts)
    coarse = coarse_ns(study, parts.events)
    single = _both_sides(parts.split)
    loss = LossSettings(kind="regression", huber=study.loss.huber, cauchy=study.loss.cauchy)
    task = Task(
        name="truth",
        inputs=pairs.inputs.reshape(-1, pairs.n_in),
        targets=(parts.events["true_arrival_ns"] - coarse).reshape(-1, 1),
        train=single.train,
        selection=single.selection,
        input_format=pairs.input_format,
        output_format=pairs.output_format,
        loss=loss,
        metric=pairs.metric,
        metric_name=pairs.metric_name,
    )
    data = task.training_data()
    start = initial_candidate(MlpSettings(hidden=HIDDEN), task.n_in, 1, seed=study.seed)
    with repeatable():
        (trained,) = train([start], data, TRAINING, seed=study.seed)
    found = task.predict(trained, data.scaling, task.inputs[single.test])
    times = found.reshape(-1, 2) + coarse[parts.split.test]
    return np.asarray(times[:, 0] - times[:, 1])


def _both_sides(split: Split) -> Split:
    """Return the rows of both detectors' windows for the events of each part."""
    train, selection, test = (
        (2 * events[:, None] + np.arange(2)).reshape(-1) for events in split.parts().values()
    )
    return Split(train, selection, test, split.excluded)
