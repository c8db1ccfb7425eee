"""Trees on Anger logic, and the likelihood that finds its depths in the light."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.estimators.position.anger import fit_anger
from pulsefront.estimators.position.boosted_trees import fit_boosted_positions
from pulsefront.estimators.position.depth_free import (
    DepthFreeResponse,
    _Attenuation,
    fit_depth_free_response,
)
from pulsefront.estimators.position.light_response import fit_light_response
from pulsefront.estimators.registry import POSITION, ChargeEvents, iterating
from pulsefront.evaluate import median_error
from toys_estimators import THICKNESS_MM, light_scan, sensor_grid, stage_grid

EXTENT = ((-24.0, 24.0), (-24.0, 24.0), (0.0, THICKNESS_MM))
TRAIN = light_scan(6_000, stage_grid(6.0, 18.0), seed=1)
SELECTION = light_scan(1_500, stage_grid(6.0, 15.0), seed=2)
TEST = light_scan(1_500, stage_grid(6.0, 12.0) + 1.0, seed=3)


@pytest.fixture(scope="module")
def depth_free() -> DepthFreeResponse:
    return fit_depth_free_response(
        TRAIN[0],
        TRAIN[1][:, :2],
        SELECTION[0],
        SELECTION[1][:, :2],
        extent_mm=EXTENT,
        # The depths of the toy are uniform.
        attenuation_per_mm=1e-4,
    )


def test_trees_leave_anger_logic_alone_where_it_is_right() -> None:
    anger = fit_anger(*TRAIN, *SELECTION, sensor_grid(), degrees=(3,))
    model = fit_boosted_positions(*TRAIN, *SELECTION, anger, trees=30)
    before = median_error(anger.estimate(TEST[0]) - TEST[1])
    assert median_error(model.estimate(TEST[0]) - TEST[1]) < 1.02 * before
    assert len(model.table) == 18


def test_trees_mend_what_a_dead_channel_breaks() -> None:
    def dead(events: tuple[NDArray[np.uint16], NDArray[np.float64]]) -> tuple[Any, Any]:
        charges = events[0].copy()
        charges[:, 27] = 0
        return charges, events[1]

    train, selection, test = map(dead, (TRAIN, SELECTION, TEST))
    anger = fit_anger(*train, *selection, sensor_grid(), degrees=(3,))
    model = fit_boosted_positions(*train, *selection, anger)
    before = median_error(anger.estimate(test[0]) - test[1])
    assert median_error(model.estimate(test[0]) - test[1]) < 0.95 * before
    assert max(model.shares) > 0


def test_trees_of_the_same_events_are_equal() -> None:
    anger = fit_anger(*TRAIN, *SELECTION, sensor_grid(), degrees=(3,))
    few = (TRAIN[0][:2000], TRAIN[1][:2000])
    one, other = (
        fit_boosted_positions(*few, *SELECTION, anger, trees=20).estimate(TEST[0]) for _ in range(2)
    )
    np.testing.assert_array_equal(one, other)


def test_trees_know_two_axes_where_the_labels_do() -> None:
    flat = (TRAIN[0], TRAIN[1][:, :2], SELECTION[0], SELECTION[1][:, :2])
    anger = fit_anger(*flat, sensor_grid(), degrees=(3,))
    model = fit_boosted_positions(*flat, anger, trees=20)
    assert model.estimate(TEST[0]).shape == (len(TEST[0]), 2)
    with pytest.raises(DataError, match="same axes"):
        fit_boosted_positions(*TRAIN, SELECTION[0], SELECTION[1][:, :2], anger)


@pytest.mark.slow
def test_depths_from_the_light_cost_little_in_x_and_y(depth_free: DepthFreeResponse) -> None:
    told = fit_light_response(*TRAIN, *SELECTION, extent_mm=EXTENT).estimate(TEST[0])[:, :2]
    truth = TEST[1][:, :2]
    with_labels = median_error(told - truth)
    without = median_error(depth_free.estimate(TEST[0]) - truth)
    anger = fit_anger(TRAIN[0], TRAIN[1][:, :2], SELECTION[0], SELECTION[1][:, :2], sensor_grid())
    assert without < 1.25 * with_labels
    assert without < median_error(anger.estimate(TEST[0]) - truth)


def test_the_depths_that_were_found_are_those_of_the_events(
    depth_free: DepthFreeResponse,
) -> None:
    found = depth_free.response.estimate(TEST[0])[:, 2]
    assert np.corrcoef(found, TEST[1][:, 2])[0, 1] > 0.9
    assert depth_free.estimate(TEST[0]).shape == (len(TEST[0]), 2)
    assert depth_free.parameters["depths"] == "from the light"


def test_ranks_become_depths_by_the_law_of_attenuation() -> None:
    law = _Attenuation(0.0, 16.0, 0.087)
    depth = law.ranked(np.linspace(0.0, 1.0, 1001))
    assert depth[0] == 0.0
    assert depth[-1] == pytest.approx(16.0)
    assert (np.diff(depth) > 0).all()
    share = (1 - np.exp(-0.087 * 8.0)) / (1 - np.exp(-0.087 * 16.0))
    assert (depth < 8.0).mean() == pytest.approx(share, abs=0.002)


@pytest.mark.parametrize("axes", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_every_estimator_of_the_registry_fits_what_is_known(axes: int) -> None:
    events = ChargeEvents(
        TRAIN[0][:3000],
        TRAIN[1][:3000, :axes],
        SELECTION[0],
        SELECTION[1][:, :axes],
        sensor_grid(),
        EXTENT,
        0.01,
        3000,
        500,
        1,
    )
    errors: dict[str, float] = {}
    for entry in POSITION:
        model: Any = entry.fit(events)
        found = model.estimate(TEST[0])
        assert found.shape == (len(TEST[0]), axes)
        errors[entry.name] = median_error(found[:, :2] - TEST[1][:, :2])
        assert len(model.table) > 1
    assert max(errors.values()) < 2.0
    assert iterating("position") == ("light-response likelihood",)
