"""How fast classical positions are; each estimator is checked before it is timed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pulsefront.estimators.position.anger import fit_anger
from pulsefront.estimators.position.light_response import fit_light_response
from pulsefront.estimators.position.neighbours import fit_nearest_neighbours
from pulsefront.evaluate import median_error
from toys_estimators import light_scan, sensor_grid, stage_grid

TRAIN = light_scan(20_000, stage_grid(2, 22), seed=0)
SELECTION = light_scan(1_000, stage_grid(2, 20) + 1, seed=1)
TEST = light_scan(10_000, stage_grid(2, 20) + 1, seed=2)
FITS: dict[str, Callable[[], Any]] = {
    "anger": lambda: fit_anger(*TRAIN, *SELECTION, sensor_grid()),
    "nearest neighbours": lambda: fit_nearest_neighbours(*TRAIN, *SELECTION),
    "light response": lambda: fit_light_response(
        *TRAIN, *SELECTION, intervals=[(12, 12, 6)], penalties=[1e-4], kept_shares=[1.0]
    ),
}


@pytest.mark.parametrize("name", FITS)
def test_estimates_of_ten_thousand_events(benchmark: Any, name: str) -> None:
    model = FITS[name]()
    assert median_error(model.estimate(TEST[0]) - TEST[1]) < 1.0
    benchmark(model.estimate, TEST[0])
