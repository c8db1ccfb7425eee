"""Tasks: what they refuse, and a search of every kind of task."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import ConfigError, DataError
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks import (
    Convolution,
    LossSettings,
    MlpSettings,
    TrainingSettings,
    row_column_sums,
)
from pulsefront.search import (
    Budget,
    SearchSettings,
    Task,
    central_width,
    mean_distance,
    mean_misplacement,
    misclassified,
    run_ablation,
    scaled_distance,
)
from strategies_networks import coincidences, light_response

ADC = FixedPointFormat(12, 12, signed=False)
OUT = FixedPointFormat(16, 6)
BRIEF = SearchSettings(
    network=MlpSettings(hidden=(10,), weight_bits=8, activation_bits=10),
    float_training=TrainingSettings(epochs=8, batch=128),
    quantized_training=TrainingSettings(epochs=2, batch=128, learning_rate=2e-3),
    fine_tuning=TrainingSettings(epochs=1, batch=128, learning_rate=2e-3),
    final_training=TrainingSettings(epochs=2, batch=128, learning_rate=2e-3),
    max_rounds=1,
    margin=0.3,
)


def task(**changes: object) -> Task:
    counts, position = light_response(3000)
    given = {
        "name": "position",
        "inputs": counts,
        "targets": position,
        "train": np.arange(2200),
        "selection": np.arange(2200, 3000),
        "input_format": ADC,
        "output_format": OUT,
        "loss": LossSettings(),
        "metric": mean_distance,
        "metric_name": "mean 3-D error [mm]",
    }
    return Task(**{**given, **changes})  # type: ignore[arg-type]


def test_training_and_selection_must_not_overlap() -> None:
    with pytest.raises(DataError, match="overlap"):
        task(selection=np.arange(2000, 3000))


def test_inputs_outside_their_format_are_refused() -> None:
    with pytest.raises(DataError, match=r"inputs reach .* outside ufixed<4,4>"):
        task(input_format=FixedPointFormat(4, 4, signed=False))


def test_a_front_end_for_another_array_is_refused() -> None:
    with pytest.raises(DataError, match="sums 12 inputs"):
        task(front_end=row_column_sums(3, 4))


def test_a_search_behind_row_and_column_sums_gives_a_model_of_raw_counts() -> None:
    rows = task(front_end=row_column_sums(8, 8))
    result = run_ablation(rows, BRIEF, Budget(weight_bytes=600))
    assert rows.input_names[0] == "row_0"
    integers = result.final_model.run(rows.inputs[:, result.kept_inputs])
    expected = result.predict_final(rows, rows.inputs)[result.best]
    assert np.array_equal(OUT.values(integers), expected)
    assert result.final_model.cost().weight_bytes == result.final_cost.weight_bytes


def test_a_search_over_a_convolution_removes_channels_nodes_or_the_layer_behind_it() -> None:
    events = coincidences(3000)
    pulses = task(
        inputs=events.windows,
        targets=events.known_ns,
        coarse=events.coarse_ns,
        loss=LossSettings(kind="coincidence"),
        metric=central_width,
        metric_name="central width [ns]",
    )
    shape = MlpSettings(
        hidden=(8,),
        weight_bits=8,
        convolution=Convolution(kernel=4, channels=4, stride=2),
    )
    settings = BRIEF.model_copy(update={"network": shape, "max_rounds": 3})
    result = run_ablation(pulses, settings, Budget(weight_bytes=200))
    flat = pulses.inputs[pulses.selection].reshape(-1, 12)
    integers = result.final_model.run(flat[..., None])
    assert np.array_equal(OUT.values(integers), result.predict_final(pulses, flat)[result.best])
    assert result.final_cost.weight_bytes <= 200
    final = result.final_candidates[0]
    assert final.convolution is not None
    assert len(final.hidden) == 1 or final.hidden[0] * final.hidden[1] < 4 * 8


def test_a_head_of_crystals_picks_the_right_one_in_most_events() -> None:
    """A 4×4 array with light spread over its photosensors: the crystal of the flash is learned."""
    counts, position = light_response(3000, channels=4)
    crystal = (np.digitize(position[:, 0], [-12.5, 0, 12.5]) * 4) + np.digitize(
        position[:, 1], [-12.5, 0, 12.5]
    )
    classes = task(
        inputs=counts,
        targets=crystal,
        loss=LossSettings(kind="classification"),
        metric=misclassified,
        metric_name="share of wrong crystals",
        output_format=FixedPointFormat(12, 7),
    )
    result = run_ablation(classes, BRIEF, Budget(weight_bytes=500))
    chosen = result.final_model.run(counts[2200:][:, result.kept_inputs]).argmax(1)
    assert (chosen == crystal[2200:]).mean() == 1.0 - result.final_metric[result.best]
    assert (chosen == crystal[2200:]).mean() > 0.8


def test_classes_that_are_no_whole_numbers_are_refused() -> None:
    with pytest.raises(DataError, match="one class 0, 1, … per event"):
        task(targets=np.full(3000, 0.5), loss=LossSettings(kind="classification"))


def test_a_wrong_crystal_counts_by_how_far_off_it_is() -> None:
    """Two crystals in a row of four: the network's choice is judged in crystal pitches."""
    counts, position = light_response(3000, channels=4)
    column = np.digitize(position[:, 0], [-12.5, 0, 12.5])
    centres = np.array([[-18.75], [-6.25], [6.25], [18.75]])
    placed = task(
        inputs=counts,
        targets=column,
        loss=LossSettings(kind="classification"),
        metric=mean_misplacement,
        metric_name="mean misplacement [mm]",
        output_format=FixedPointFormat(12, 7),
        class_positions=centres,
    )
    result = run_ablation(placed, BRIEF, Budget(weight_bytes=300))
    chosen = result.final_model.run(counts[2200:][:, result.kept_inputs]).argmax(1)
    off = np.abs(centres[chosen] - centres[column[2200:]]).mean()
    assert off == pytest.approx(result.final_metric[result.best], rel=1e-12)
    assert off < 0.1 * 12.5


def test_a_class_without_training_events_or_a_place_is_refused() -> None:
    crystal = np.repeat([0, 1, 2], 1000)
    kind = LossSettings(kind="classification")
    with pytest.raises(DataError, match=r"there are 2 classes in training events \(got 2\)"):
        task(targets=crystal, loss=kind, train=np.arange(2000), selection=np.arange(2000, 3000))
    with pytest.raises(DataError, match=r"there are 2 classes \(got 2\)"):
        task(targets=crystal, loss=kind, class_positions=np.zeros((2, 2)))


def test_events_without_a_label_are_refused_before_training() -> None:
    _, position = light_response(3000)
    position[[5, 2500], 2] = np.nan
    with pytest.raises(DataError, match=r"targets: events have no label \(got 2\)"):
        task(targets=position)
    with pytest.raises(DataError, match="coarse: a coincidence task needs the coarse times"):
        task(targets=position[:, 0] * 0, loss=LossSettings(kind="coincidence"))
    with pytest.raises(DataError, match="targets: there are 3000 events"):
        task(targets=np.zeros((10, 3)))
    with pytest.raises(DataError, match="train, selection: there are 3000 events"):
        task(selection=np.arange(2990, 3001))


def test_outputs_of_different_units_are_judged_together() -> None:
    """Position in mm and energy in keV: one scale each."""
    counts, position = light_response(3000)
    energy = 511.0 * counts.sum(1, dtype=np.float64) / counts.sum(1).mean()
    both = task(
        targets=np.column_stack([position, energy]),
        metric=scaled_distance((1.0, 1.0, 1.0, 20.0)),
        metric_name="scaled distance",
        output_format=FixedPointFormat(20, 11),
        output_names=("x_mm", "y_mm", "depth_mm", "energy_kev"),
    )
    result = run_ablation(both, BRIEF, Budget(weight_bytes=900))
    outputs = result.predict_final(both, counts[2200:])[result.best]
    residual = outputs - both.targets[2200:]
    assert np.median(np.abs(residual[:, 3])) < 0.5 * np.median(np.abs(energy - energy.mean()))
    assert both.metric(residual) == result.final_metric[result.best]


def test_selection_events_come_with_the_training_data_where_a_training_stops_early() -> None:
    given = task()
    assert given.training_data().selection is None
    data = given.training_data(with_selection=True)
    assert data.selection is not None
    assert len(data.selection) == 800
    assert data.selection.scaling is data.scaling
    patient = BRIEF.fine_tuning.model_copy(update={"patience": 1, "check_epochs": 0.2})
    settings = BRIEF.model_copy(update={"fine_tuning": patient})
    assert settings.stops_early
    assert not BRIEF.stops_early
    result = run_ablation(given, settings, Budget(weight_bytes=600))
    assert result.final_cost.weight_bytes <= 600


def test_a_device_that_is_not_there_is_said_before_anything_is_trained() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    settings = BRIEF.model_copy(update={"device": "cuda"})
    with pytest.raises(ConfigError, match=r"device: no CUDA device .*--device cpu"):
        run_ablation(task(), settings, Budget(weight_bytes=600))
