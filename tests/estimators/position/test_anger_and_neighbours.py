"""Classical position estimators on a toy block whose light is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.estimators.position.anger import AngerLogic, fit_anger
from pulsefront.estimators.position.neighbours import NearestNeighbours, fit_nearest_neighbours
from pulsefront.evaluate import median_error
from toys_estimators import light_fractions, light_scan, sensor_grid, stage_grid

TRAIN = light_scan(12_000, stage_grid(2, 22), seed=0)
SELECTION = light_scan(2_000, stage_grid(2, 20) + 1, seed=1)
TEST = light_scan(2_000, stage_grid(2, 20) + 1, seed=2)


@pytest.fixture(scope="module")
def anger() -> AngerLogic:
    return fit_anger(*TRAIN, *SELECTION, sensor_grid())


@pytest.fixture(scope="module")
def neighbours() -> NearestNeighbours:
    return fit_nearest_neighbours(*TRAIN, *SELECTION)


def test_anger_recovers_positions_it_has_not_seen(anger: AngerLogic) -> None:
    residual = anger.estimate(TEST[0]) - TEST[1]
    assert residual.shape == (2_000, 3)
    assert median_error(residual) < 1.0
    assert (np.abs(residual.mean(axis=0)) < 0.1).all()


def test_linearity_correction_and_tuning_earn_their_place(anger: AngerLogic) -> None:
    plain = fit_anger(*TRAIN, *SELECTION, sensor_grid(), powers=[1], thresholds=[0], degrees=[1])
    tuned = median_error(anger.estimate(TEST[0]) - TEST[1])
    assert tuned < 0.6 * median_error(plain.estimate(TEST[0]) - TEST[1])
    errors = [row.median_error_mm for row in anger.table]
    assert len(errors) == 4 * 5 * 4
    chosen = errors[[dict(row.parameters) for row in anger.table].index(anger.parameters)]
    assert chosen == min(errors)


def test_nearest_neighbours_recover_positions_between(neighbours: NearestNeighbours) -> None:
    residual = neighbours.estimate(TEST[0]) - TEST[1]
    assert median_error(residual) < 0.8
    assert (np.abs(residual[:, :2].mean(axis=0)) < 0.05).all()


def test_nearest_neighbours_equal_a_plain_search() -> None:
    model = fit_nearest_neighbours(
        *TRAIN, *SELECTION, neighbours=[7], transforms=["share"], components=64
    )
    references, queries = (c / c.sum(axis=1, keepdims=True) for c in (TRAIN[0], TEST[0][:50]))
    distance = ((references[None] - queries[:, None]) ** 2).sum(axis=2)
    expected = TRAIN[1][np.argsort(distance, axis=1)[:, :7]].mean(axis=1)
    same = np.isclose(model.estimate(TEST[0][:50]), expected).all(axis=1)
    # Single precision may swap the seventh and eighth neighbour of an event.
    assert same.mean() >= 0.96


def test_a_scale_of_the_light_does_not_move_the_estimate(
    anger: AngerLogic, neighbours: NearestNeighbours
) -> None:
    light = TEST[0][:100].astype(float)
    for model in (anger, neighbours):
        np.testing.assert_allclose(model.estimate(2 * light), model.estimate(light), atol=1e-4)


def test_mirrored_light_gives_the_mirrored_centroid() -> None:
    position = np.array([[5.0, -7.0, 8.0], [-5.0, -7.0, 8.0]])
    model = fit_anger(*TRAIN, *SELECTION, sensor_grid(), powers=[2], thresholds=[0], degrees=[3])
    right, left = model.estimate(light_fractions(position))
    assert right[0] == pytest.approx(-left[0], abs=0.1)
    assert right[1:] == pytest.approx(left[1:], abs=0.1)


def test_references_are_a_seeded_subset() -> None:
    arguments = {"neighbours": [5], "transforms": ["share"], "most_references": 500}
    one = fit_nearest_neighbours(*TRAIN, *SELECTION, **arguments, seed=1)
    two = fit_nearest_neighbours(*TRAIN, *SELECTION, **arguments, seed=1)
    other = fit_nearest_neighbours(*TRAIN, *SELECTION, **arguments, seed=2)
    assert one.parameters["references"] == 500
    np.testing.assert_array_equal(one.reference_position_mm, two.reference_position_mm)
    assert not np.array_equal(one.reference_position_mm, other.reference_position_mm)


def test_an_event_without_light_gets_a_finite_estimate(
    anger: AngerLogic, neighbours: NearestNeighbours
) -> None:
    dark = np.zeros((1, 64))
    for model in (anger, neighbours):
        assert np.isfinite(model.estimate(dark)).all()


def test_no_events_give_no_estimates(anger: AngerLogic, neighbours: NearestNeighbours) -> None:
    for model in (anger, neighbours):
        assert model.estimate(np.zeros((0, 64))).shape == (0, 3)


@pytest.mark.parametrize(
    ("charges", "position"),
    [
        (np.zeros((5, 64)), np.zeros((5, 2))),
        (np.zeros((5, 64)), np.zeros((4, 3))),
        (np.full((5, 64), np.nan), np.zeros((5, 3))),
        (np.zeros((5, 64)), np.full((5, 3), np.nan)),
        (np.zeros((5, 9)), np.zeros((5, 3))),
        (np.zeros((0, 64)), np.zeros((0, 3))),
        (np.zeros(5), np.zeros((5, 3))),
    ],
    ids=["other axes", "lengths", "nan charge", "nan position", "sensors", "empty", "one axis"],
)
def test_unusable_training_sets_raise(charges: np.ndarray, position: np.ndarray) -> None:
    with pytest.raises(DataError):
        fit_anger(charges, position, *SELECTION, sensor_grid())
    with pytest.raises(DataError):
        fit_nearest_neighbours(charges, position, *SELECTION)


def test_estimators_refuse_another_number_of_sensors(
    anger: AngerLogic, neighbours: NearestNeighbours
) -> None:
    for model in (anger, neighbours):
        with pytest.raises(DataError, match="photosensors"):
            model.estimate(np.ones((3, 16)))


def test_the_corner_of_the_normal_equations_is_the_fit_of_the_lower_degree() -> None:
    one = fit_anger(*TRAIN, *SELECTION, sensor_grid(), powers=[1.5], thresholds=[0], degrees=[3])
    both = fit_anger(
        *TRAIN, *SELECTION, sensor_grid(), powers=[1.5], thresholds=[0], degrees=[3, 5]
    )
    assert both.table[0].median_error_mm == pytest.approx(one.table[0].median_error_mm, rel=1e-9)


def test_the_normal_equations_solve_least_squares() -> None:
    model = fit_anger(*TRAIN, *SELECTION, sensor_grid(), powers=[2], thresholds=[0], degrees=[5])
    residual = model.estimate(TRAIN[0]) - TRAIN[1]
    # Least squares leaves nothing that a constant, x, y or their products could still explain.
    for term in (np.ones(len(residual)), model.estimate(TRAIN[0])[:, 0]):
        assert np.abs(term @ residual).max() < 1e-6 * np.abs(term).sum()
