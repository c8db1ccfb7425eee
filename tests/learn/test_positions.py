"""Classical estimators of position as scikit-learn knows them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GroupKFold, cross_val_score

from pulsefront.detector import load_detector
from pulsefront.errors import ConfigError
from pulsefront.estimators.position.anger import fit_anger
from pulsefront.estimators.position.mirrors import block_mirrors
from pulsefront.fixed_point.fold import Mirrors
from pulsefront.learn import AngerPosition, LightResponsePosition, NearestNeighbourPosition
from pulsefront.learn.arrays import selection_events
from toys_learn import CENTRES, scan


@pytest.mark.parametrize(
    "estimator",
    [AngerPosition(CENTRES), NearestNeighbourPosition(), LightResponsePosition()],
    ids=lambda one: type(one).__name__,
)
def test_a_position_is_found_and_a_clone_is_as_good(estimator) -> None:
    charges, position, group = scan(700)
    test_charges, test_position, _ = scan(500, seed=2)
    found = estimator.fit(charges, position, groups=group)
    assert found is estimator
    error = -estimator.score(test_charges, test_position)
    assert error < 0.5 * np.median(np.linalg.norm(test_position - position.mean(0), axis=1))
    again = clone(estimator)
    with pytest.raises(NotFittedError):
        again.predict(test_charges)
    again.fit(charges, position, groups=group)
    np.testing.assert_array_equal(again.predict(test_charges), estimator.predict(test_charges))


def test_anger_logic_is_that_of_the_estimators_room() -> None:
    charges, position, group = scan()
    train, selection = selection_events(len(charges), group, 0.3, 0)
    direct = fit_anger(
        charges[train], position[train], charges[selection], position[selection], CENTRES
    )
    found = AngerPosition(CENTRES).fit(charges, position, groups=group)
    assert found.parameters_ == direct.parameters
    np.testing.assert_array_equal(found.predict(charges), direct.estimate(charges))


def test_it_goes_through_cross_validation() -> None:
    charges, position, group = scan(1500)
    scores = cross_val_score(
        NearestNeighbourPosition(), charges, position, groups=group, cv=GroupKFold(3)
    )
    assert scores.shape == (3,)
    assert (scores < 0).all()


def test_anger_logic_without_sensors_says_what_it_needs() -> None:
    charges, position, _ = scan(100)
    with pytest.raises(ConfigError, match="sensor_position_mm"):
        AngerPosition().fit(charges, position)


@pytest.mark.parametrize(
    "make",
    [
        lambda fold: AngerPosition(CENTRES, fold=fold),
        lambda fold: NearestNeighbourPosition(fold=fold),
    ],
)
def test_folded_events_are_taken_where_they_err_less(make) -> None:
    charges, position, group = scan(700)
    test_charges, test_position, _ = scan(500, seed=2)
    mirrors = Mirrors(4, 4)
    plain = make(None).fit(charges, position, group)
    both = clone(make(mirrors)).fit(charges, position, group)
    assert both.parameters_["events"] in ("folded", "as measured")
    if both.parameters_["events"] == "as measured":
        np.testing.assert_array_equal(both.predict(test_charges), plain.predict(test_charges))
    # Of few events neighbours gain: there are eight times as many of each kind.
    if isinstance(both, NearestNeighbourPosition):
        assert both.parameters_["events"] == "folded"
        assert both.score(test_charges, test_position) > plain.score(test_charges, test_position)


def test_a_scan_knows_the_mirrors_of_its_detector() -> None:
    square = load_detector("lyso_monolithic_50x50x16")
    assert block_mirrors(square) == Mirrors(*square.sensors.grid)
    x, _, z = square.crystal.size_mm
    longer = square.crystal.model_copy(update={"size_mm": (x, 0.9 * x, z)})
    rectangle = block_mirrors(square.model_copy(update={"crystal": longer}))
    assert rectangle == Mirrors(*square.sensors.grid, diagonal=False)
