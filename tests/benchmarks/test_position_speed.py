"""How fast classical positions are; each estimator is checked before it is timed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from machine import cpu_seconds, macs_per_s
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
MOST = {"anger": 3_000, "nearest neighbours": 330_000, "light response": 180_000}
"""References with which a GEMM at the machine's rate could multiply an event in the time of its
estimate, 2.5 times what was measured; 20,000 are the least that nearest neighbours need."""


@pytest.mark.parametrize("name", FITS)
def test_estimates_of_ten_thousand_events(name: str) -> None:
    model = FITS[name]()
    assert median_error(model.estimate(TEST[0]) - TEST[1]) < 1.0
    seconds = cpu_seconds(lambda: model.estimate(TEST[0]), rounds=5) / EVENTS
    products = seconds * macs_per_s() / COMPONENTS
    sys.stdout.write(
        f"\n{name}: {1 / seconds:,.0f} events/s per core, each the time of {products:,.0f} "
        f"products of {COMPONENTS} components\n"
    )
    assert products < MOST[name]
