"""How fast classical positions are; each estimator is checked before it is timed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from yardsticks import beside

from pulsefront.estimators.position.anger import fit_anger
from pulsefront.estimators.position.light_response import fit_light_response
from pulsefront.estimators.position.neighbours import fit_nearest_neighbours
from pulsefront.evaluate import median_error
from toys_estimators import light_scan, sensor_grid, stage_grid

EVENTS, REFERENCES, COMPONENTS = 10_000, 20_000, 24
TRAIN = light_scan(REFERENCES, stage_grid(2, 22), seed=0)
SELECTION = light_scan(1_000, stage_grid(2, 20) + 1, seed=1)
TEST = light_scan(EVENTS, stage_grid(2, 20) + 1, seed=2)
FITS: dict[str, Callable[[], Any]] = {
    "anger": lambda: fit_anger(*TRAIN, *SELECTION, sensor_grid()),
    "nearest neighbours": lambda: fit_nearest_neighbours(*TRAIN, *SELECTION),
    "light response": lambda: fit_light_response(
        *TRAIN, *SELECTION, intervals=[(12, 12, 6)], penalties=[1e-4], kept_shares=[1.0]
    ),
}
MOST = {"anger": 0.08, "nearest neighbours": 8.0, "light response": 5.0}
"""Times the product of all events with all references, which nearest neighbours need at least."""


def products() -> None:
    events = np.ones((EVENTS, COMPONENTS), np.float32)
    references = np.ones((COMPONENTS, REFERENCES), np.float32)
    for start in range(0, EVENTS, 500):
        events[start : start + 500] @ references


@pytest.mark.parametrize("name", FITS)
def test_estimates_of_ten_thousand_events(name: str) -> None:
    model = FITS[name]()
    assert median_error(model.estimate(TEST[0]) - TEST[1]) < 1.0
    seconds, share = beside(lambda: model.estimate(TEST[0]), products, rounds=5)
    sys.stdout.write(
        f"\n{name}: {EVENTS / seconds:,.0f} events/s per core, {share:.3f} of the matrix products\n"
    )
    assert share < MOST[name]
