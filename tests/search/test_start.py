"""Shapes at the start of a search: which is taken, and what is said of the others."""

from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from pulsefront.errors import DataError, PulsefrontError
from pulsefront.networks import Convolution, MlpSettings, TrainingSettings
from pulsefront.search import Budget, run_ablation
from strategies_search import position_task, short

ROWS, COLUMNS = 4, 6


def light(events: int = 3000):
    """Return counts (event, 24) of which a position (event, 1) bends in every row and column."""
    random = np.random.default_rng(20261155)
    counts = random.integers(0, 400, (events, ROWS, COLUMNS))
    rows = np.abs(counts.sum(2) - 200.0 * COLUMNS).sum(1)
    columns = np.abs(counts.sum(1) - 200.0 * ROWS).sum(1)
    return counts.reshape(events, -1), (rows + columns)[:, None] / 500.0


@pytest.fixture(scope="module")
def task():
    counts, position = light()
    made = position_task(counts, position, fit=2000)
    return replace(made, grid=(ROWS, COLUMNS), output_names=("x",))


SETTINGS = short(
    network=MlpSettings(hidden=(6,)),
    float_training=TrainingSettings(epochs=20, batch=128, learning_rate=1e-2),
    max_rounds=0,
)
BUDGET = Budget(weight_bytes=4096)


@pytest.fixture(scope="module")
def found(task):
    shapes = SETTINGS.model_copy(update={"shapes": ("dense", "windows", "row_column")})
    return run_ablation(task, shapes, BUDGET)


def test_the_shape_that_suits_the_task_is_taken_and_kept_to_the_end(found):
    taken = {trial.shape: trial.accepted for trial in found.shapes}
    assert taken == {"dense": False, "windows": False, "row_column": True}
    trial = found.shapes[2]
    assert trial.comparison.high < 0
    assert found.full == trial.metric
    assert all(one.hidden[0] > 6 for one in found.full_candidates)
    for final in found.final_candidates:  # a node reads 4 or 6 inputs, as nodes of rows or columns
        assert ((final.weights[0] != 0).sum(0) <= COLUMNS).all()
    assert found.summary().shapes == found.shapes
    assert found.candidates_tried == len(found.candidates) + 2


def test_a_shape_that_is_not_shown_to_be_better_leaves_the_first(task):
    settings = SETTINGS.model_copy(update={"shapes": ("row_column", "dense")})
    found = run_ablation(task, settings, BUDGET)
    assert [trial.accepted for trial in found.shapes] == [True, False]
    assert found.shapes[1].comparison.value > 0


def test_other_shapes_beside_it_leave_the_dense_network_as_it_is(task, found):
    alone = run_ablation(task, SETTINGS, BUDGET)
    assert alone.shapes == ()
    assert alone.full == found.shapes[0].metric


def test_a_search_that_goes_on_from_its_checkpoint_knows_its_shapes(task, found, tmp_path):
    settings = SETTINGS.model_copy(update={"shapes": ("dense", "windows", "row_column")})
    first = run_ablation(task, settings, BUDGET, tmp_path / "search")
    again = run_ablation(task, settings, BUDGET, tmp_path / "search")
    assert again.shapes == first.shapes == found.shapes


def test_a_first_shape_that_diverges_names_the_rate(task):
    training = TrainingSettings(epochs=2, batch=128, learning_rate=1e30)
    with pytest.raises(PulsefrontError, match="diverged") as caught:
        run_ablation(task, SETTINGS.model_copy(update={"float_training": training}), BUDGET)
    assert caught.value.field == "float_training.learning_rate"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shapes": ("dense", "dense")}, "names a shape twice"),
        ({"shapes": ()}, "at least 1 item"),
        ({"shapes": ("windows",), "network": MlpSettings(hidden=())}, "need a hidden layer"),
        (
            {"shapes": ("windows",), "network": MlpSettings(convolution=Convolution())},
            "need a hidden layer",
        ),
    ],
)
def test_shapes_that_make_no_sense_are_refused(changes, message):
    with pytest.raises(ValidationError, match=message):
        short(**changes)


def test_a_grid_of_another_number_of_inputs_is_refused(task):
    with pytest.raises(DataError, match="24 inputs are no grid") as caught:
        replace(task, grid=(5, 5))
    assert caught.value.field == "grid"
