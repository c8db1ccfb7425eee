"""Rates of the simulation; run with ``--benchmark-enable --benchmark-only``.

Each asserts what it makes before it is timed.
"""

from __future__ import annotations

import os
import sys
import time
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
from pulsefront.simulate.light.optics import optical_world, trace_photons
from pulsefront.simulate.run.plan import Plan
from pulsefront.simulate.run.random import new_state

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


def seconds(plan: Plan, workers: int) -> tuple[float, float]:
    """Return processor time and time on the clock of a run, medians of three."""
    spent = []
    for _ in range(3):
        wall, processor = time.perf_counter(), time.process_time()
        with ThreadPoolExecutor(workers) as pool:
            plan.run(executor=pool)
        spent.append((time.process_time() - processor, time.perf_counter() - wall))
    return float(np.median([one for one, _ in spent])), float(np.median([two for _, two in spent]))


@pytest.mark.parametrize("kind", ["charges", "waveforms"])
def test_cost_is_linear_in_events_and_in_workers(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Events cost the same however many they are; workers share them without work of their own.

    Workers are compared on the clock only where nothing else uses the cores.
    """
    if kind == "charges":
        detector, numbers = load_detector("lyso_monolithic_50x50x16"), (16_384, 65_536, 262_144)
        scan = ScanSettings(light_map=MAP)
        mapped = light_map_for(detector, MAP)
        plans = [scan_plan(detector, scan, 1, events=n, light_map=mapped) for n in numbers]
    else:
        detector, numbers = load_detector("bgo_pair_3x3x15"), (2048, 8192, 32_768)
        coarse = MAP.model_copy(update={"pitch_mm": 1.5, "transit_times": True})
        settings = CoincidenceSettings(light_map=coarse)
        plans = [coincidence_plan(detector, settings, 1, events=n, cache=tmp_path) for n in numbers]
    plans[0].run()
    each = [seconds(plan, 1)[0] / n for plan, n in zip(plans, numbers, strict=True)]
    cores = len(os.sched_getaffinity(0))
    idle = os.getloadavg()[0] < 1.5
    alone, shared = seconds(plans[1], 1), seconds(plans[1], cores)
    with capsys.disabled():
        costs = ", ".join(f"{n:,}: {1e6 * s:.1f} us" for n, s in zip(numbers, each, strict=True))
        sys.stdout.write(
            f"\n{kind}, one worker, events: processor time of each: {costs}\n{cores} workers: "
            f"{alone[1] / shared[1]:.2f} times as fast on the clock, "
            f"{shared[0] / alone[0]:.2f} times the processor time\n"
        )
    assert max(each) < 1.25 * min(each)
    assert shared[0] < 1.5 * alone[0]
    if idle:
        assert alone[1] / shared[1] > 0.75 * cores
