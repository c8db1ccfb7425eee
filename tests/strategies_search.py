"""Small tasks and short settings for tests of the search."""

from __future__ import annotations

import numpy as np

from pulsefront.fixed_point import FixedPointFormat
from pulsefront.networks import LossSettings, MlpSettings, TrainingSettings
from pulsefront.search import SearchSettings, Task, central_width, mean_distance
from strategies_networks import coincidences

ADC = FixedPointFormat(12, 12, signed=False)
OUT = FixedPointFormat(16, 6)


def timing_task(events: int = 3000) -> Task:
    data = coincidences(events)
    fit = int(0.6 * events)
    return Task(
        name="pickoff",
        inputs=data.windows,
        targets=data.known_ns,
        train=np.arange(fit),
        selection=np.arange(fit, events),
        input_format=ADC,
        output_format=OUT,
        loss=LossSettings(kind="coincidence", huber=1.0),
        metric=central_width,
        metric_name="central width [ns]",
        coarse=data.coarse_ns,
    )


def position_task(counts: np.ndarray, position: np.ndarray, *, fit: int) -> Task:
    return Task(
        name="position",
        inputs=counts,
        targets=position,
        train=np.arange(fit),
        selection=np.arange(fit, len(counts)),
        input_format=ADC,
        output_format=OUT,
        loss=LossSettings(),
        metric=mean_distance,
        metric_name="mean 3-D error [mm]",
        output_names=("x", "y", "depth"),
    )


def short(**changes: object) -> SearchSettings:
    training = TrainingSettings(epochs=12, batch=128, learning_rate=1e-2)
    tuning = TrainingSettings(epochs=2, batch=128, learning_rate=2e-3)
    settings = {
        "network": MlpSettings(hidden=(8, 4)),
        "float_training": training,
        "quantized_training": tuning,
        "fine_tuning": tuning,
        "final_training": tuning,
        "margin": 0.15,
        "max_rounds": 3,
        "threads": 1,
    }
    return SearchSettings(**{**settings, **changes})  # type: ignore[arg-type]
