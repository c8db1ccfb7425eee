"""Rates of the simulation; run with ``--benchmark-enable --benchmark-only``.

Each asserts what it makes before it is timed.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pulsefront.detector import load_detector
from pulsefront.simulate import (
    CoincidenceSettings,
    LightMapSettings,
    ScanSettings,
    coincidence_plan,
    light_map_for,
    scan_plan,
)
from pulsefront.simulate.optics import optical_world, trace_photons
from pulsefront.simulate.random import new_state

MAP = LightMapSettings(pitch_mm=6.0, depth_pitch_mm=4.0, photons=2000)


def test_optical_photons_of_the_monolithic_block(benchmark: Any) -> None:
    world = optical_world(load_detector("lyso_monolithic_50x50x16"))
    at = np.tile((3.0, -4.0, 8.0), (100_000, 1))

    def trace() -> float:
        sensor, _ = trace_photons(world, at, new_state(np.random.SeedSequence(1)))
        return float((sensor >= 0).mean())

    assert trace() == trace()
    share = benchmark(trace)
    benchmark.extra_info["photons"] = len(at)
    assert 0.4 < share < 0.55


@pytest.mark.parametrize("events", [10_000, 40_000])
def test_charges_of_64_channels_from_the_light_map(benchmark: Any, events: int) -> None:
    detector = load_detector("lyso_monolithic_50x50x16")
    scan = ScanSettings(light_map=MAP)
    plan = scan_plan(detector, scan, 1, events=events, light_map=light_map_for(detector, MAP))
    with ThreadPoolExecutor(1) as one:
        first = plan.run(executor=one)
        table = benchmark(lambda: plan.run(executor=one))
    benchmark.extra_info["events"] = events
    np.testing.assert_array_equal(first["charge_adc"], table["charge_adc"])


def test_coincidences_with_two_waveforms(benchmark: Any, tmp_path: Path) -> None:
    detector = load_detector("lyso_pair_3x3x20")
    settings = CoincidenceSettings(
        light_map=LightMapSettings(
            pitch_mm=1.5, depth_pitch_mm=4.0, photons=1000, transit_times=True
        )
    )
    plan = coincidence_plan(detector, settings, 1, events=1024, cache=tmp_path)
    with ThreadPoolExecutor(1) as one:
        first = plan.run(executor=one)
        table = benchmark(lambda: plan.run(executor=one))
    benchmark.extra_info["events"] = 1024
    np.testing.assert_array_equal(first["waveform_adc"], table["waveform_adc"])
