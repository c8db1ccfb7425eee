"""One network for x, y, depth and energy at once, from charges to integers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsefront.fixed_point import FixedPointFormat
from pulsefront.networks.settings import LossSettings, MlpSettings, TrainingSettings
from pulsefront.search.ablation import run_ablation
from pulsefront.search.budget import Budget
from pulsefront.search.settings import SearchSettings
from pulsefront.search.task import Task, scaled_distance

EVENTS, TRAINING = 6000, 4000
SCALES = (1.0, 1.0, 1.0, 10.0)
"""A millimetre weighs as much as 10 keV."""


def events(seed: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return charges (event, 16) and x, y, depth in mm and energy in keV, (event, 4)."""
    rng = np.random.default_rng(seed)
    axis = np.array([-9.0, -3.0, 3.0, 9.0])
    sensors = np.array([[x, y] for y in axis for x in axis])
    place = rng.uniform([-8, -8, 1], [8, 8, 11], (EVENTS, 3))
    energy = rng.uniform(300.0, 600.0, EVENTS)
    height = 13.0 - place[:, 2:]
    distance = np.square(place[:, None, :2] - sensors).sum(axis=2)
    # The share of light within the solid angle of a small photosensor.
    share = 3.0 * height / (height**2 + distance) ** 1.5
    charge = rng.poisson(40.0 * energy[:, None] * share / 16)
    return charge.astype(np.int64), np.column_stack([place, energy])


def test_position_depth_and_energy_come_from_one_searched_network() -> None:
    charges, targets = events(1)
    task = Task(
        name="block",
        inputs=charges,
        targets=targets,
        train=np.arange(TRAINING),
        selection=np.arange(TRAINING, EVENTS),
        input_format=FixedPointFormat(12, 12, signed=False),
        output_format=FixedPointFormat(18, 11),
        # Half of the loss is that of the energy, the hardest of the four here.
        loss=LossSettings(output_weights=(1.0, 1.0, 1.0, 3.0)),
        metric=scaled_distance(SCALES),
        metric_name="scaled_distance",
        output_names=("x_mm", "y_mm", "depth_mm", "energy_kev"),
    )
    short = TrainingSettings(epochs=2.0, batch=256, learning_rate=2e-3)
    settings = SearchSettings(
        network=MlpSettings(hidden=(24, 16), weight_bits=8),
        float_training=TrainingSettings(epochs=25.0, batch=256, learning_rate=1e-2),
        quantized_training=short,
        fine_tuning=short,
        final_training=short,
        max_rounds=1,
        proposals=2,
        margin=0.1,
    )
    result = run_ablation(task, settings, Budget(weight_bytes=2048))
    model = result.final_model
    (output,) = model.output_formats.values()
    fresh, truth = events(2)
    found = output.values(model.run(fresh[:, result.kept_inputs]))
    assert found.shape == (EVENTS, 4)
    residual = np.abs(found - truth)
    blind = np.abs(truth - np.median(truth, axis=0))
    # All four carry information: each median error is well below that of a constant answer.
    assert (np.median(residual, axis=0) < 0.5 * np.median(blind, axis=0)).all()
    assert np.median(residual[:, 3] / truth[:, 3]) < 0.08
    assert model.cost().weight_bytes <= 2048
