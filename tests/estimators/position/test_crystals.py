"""Classical choices of the crystal on light patterns whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.estimators.position.flood_map import fit_flood_map, light_centroids
from pulsefront.estimators.position.neighbours import fit_crystal_neighbours
from pulsefront.estimators.position.unmixing import fit_unmixing

COLUMNS, CRYSTALS = 4, 16
SENSORS_MM = np.array([[x, y] for y in (-5.0, -1.7, 1.7, 5.0) for x in (-5.0, -1.7, 1.7, 5.0)])
CRYSTALS_MM = np.array([[x, y] for y in (-4.5, -1.5, 1.5, 4.5) for x in (-4.5, -1.5, 1.5, 4.5)])


def pattern() -> NDArray[np.float64]:
    """Return mean charges (crystal, photosensor) of a full deposit."""
    distance = np.linalg.norm(CRYSTALS_MM[:, None] - SENSORS_MM, axis=2)
    light = 1.0 / (1.0 + (distance / 2.5) ** 4)
    return 2000.0 * light / light.sum(axis=1, keepdims=True)


def singles(events: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    crystal = rng.integers(0, CRYSTALS, events)
    return rng.poisson(pattern()[crystal]).astype(np.float64), crystal


def mixed(
    events: int, seed: int, shares: tuple[float, float] = (0.15, 0.35)
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return singles, and for 30 % pairs side by side of which the fainter was first."""
    rng = np.random.default_rng(seed)
    first = rng.integers(0, CRYSTALS, events)
    step = np.where(first % COLUMNS < COLUMNS - 1, 1, -1)
    share = np.where(rng.random(events) < 0.7, 1.0, rng.uniform(*shares, events))
    light = share[:, None] * pattern()[first] + (1 - share[:, None]) * pattern()[first + step]
    return rng.poisson(light).astype(np.float64), first


def test_every_estimator_finds_single_crystals() -> None:
    training, selection, test = singles(4000, 1), singles(1000, 2), singles(1000, 3)
    for found in (
        fit_flood_map(*training, *selection, SENSORS_MM, CRYSTALS),
        fit_crystal_neighbours(*training, *selection),
        fit_unmixing(*training, *selection, CRYSTALS, COLUMNS),
    ):
        assert (found.estimate(test[0]) == test[1]).mean() > 0.99
        assert found.table[0].wrong >= min(row.wrong for row in found.table)


def test_unmixing_learns_that_the_fainter_crystal_was_first() -> None:
    training, selection, test = mixed(6000, 1), mixed(1500, 2), mixed(1500, 3)
    unmixing = fit_unmixing(*training, *selection, CRYSTALS, COLUMNS)
    peaks = fit_flood_map(*training, *selection, SENSORS_MM, CRYSTALS, bins=(0,))
    right = (unmixing.estimate(test[0]) == test[1]).mean()
    assert right > 0.95
    assert (peaks.estimate(test[0]) == test[1]).mean() < 0.8


def test_unmixing_s_confidence_is_how_often_it_is_right() -> None:
    # Of pairs nothing tells which was first.
    training, selection, test = (
        mixed(events, seed, (0.2, 0.8)) for events, seed in ((6000, 1), (1500, 2), (6000, 3))
    )
    found = fit_unmixing(*training, *selection, CRYSTALS, COLUMNS)
    sure, right = found.confidence(test[0]), found.estimate(test[0]) == test[1]
    assert ((sure > 0) & (sure < 1)).all()
    # A third of the 6,000 events is a toss: 0.5 % is one standard error, in training as here.
    assert sure.mean() == pytest.approx(right.mean(), abs=0.02)
    assert right[sure > 0.9].mean() > 0.97
    assert right[sure < 0.7].mean() == pytest.approx(sure[sure < 0.7].mean(), abs=0.05)


def test_centroid_of_one_photosensor_is_its_place() -> None:
    light = np.eye(16, dtype=np.float32)
    np.testing.assert_allclose(light_centroids(light, SENSORS_MM), SENSORS_MM)


def test_flood_map_keeps_every_candidate() -> None:
    found = fit_flood_map(*singles(500, 1), *singles(200, 2), SENSORS_MM, CRYSTALS, bins=(0, 8, 16))
    assert [row.parameters["cells_along_a_side"] for row in found.table] == [0, 8, 16]
    assert found.parameters["cells_along_a_side"] in (0, 8, 16)


def test_answers_do_not_depend_on_the_order_of_events() -> None:
    found = fit_unmixing(*mixed(3000, 1), *mixed(500, 2), CRYSTALS, COLUMNS)
    charges, _ = mixed(1300, 4)
    order = np.random.default_rng(0).permutation(len(charges))
    np.testing.assert_array_equal(found.estimate(charges)[order], found.estimate(charges[order]))


def test_crystal_without_training_events_is_named() -> None:
    charges, crystal = singles(800, 1)
    kept = crystal != 7
    with pytest.raises(DataError, match=r"no training event.*7"):
        fit_unmixing(charges[kept], crystal[kept], *singles(100, 2), CRYSTALS, COLUMNS)


def test_labels_of_another_number_of_events_are_refused() -> None:
    charges, crystal = singles(100, 1)
    with pytest.raises(DataError, match="one crystal per event"):
        fit_crystal_neighbours(charges, crystal[:-1], charges, crystal)
