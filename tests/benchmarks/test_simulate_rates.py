"""Rates of the simulation, beside the machine's own rate of Fourier transforms.

Each asserts what it makes before it is timed. A limit is about three times what was measured.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from machine import cpu_seconds, fft_points_per_s
from pulsefront.detector import load_detector
from pulsefront.simulate import (
    CoincidenceSettings,
    LightMapSettings,
    ScanSettings,
    coincidence_plan,
    light_map_for,
    scan_plan,
    trace_light_map,
)
from pulsefront.simulate.light.optics import optical_world, trace_photons
from pulsefront.simulate.perturb import NAMED, perturbed
from pulsefront.simulate.run.plan import Plan
from pulsefront.simulate.run.random import new_state

MAP = LightMapSettings(pitch_mm=6.0, depth_pitch_mm=4.0, photons=2000)


def in_transforms(
    call: Callable[[], object], items: int, name: str, capsys: pytest.CaptureFixture[str]
) -> float:
    """Return in how many Fourier transforms of 1,024 numbers an item is made."""
    seconds = cpu_seconds(call, rounds=5) / items
    transforms = seconds * fft_points_per_s(1024) / 1024
    with capsys.disabled():
        sys.stdout.write(
            f"\n{name}: {1e6 * seconds:.3g} us each, {transforms:.3g} transforms of 1,024 numbers\n"
        )
    return transforms


@pytest.mark.parametrize(
    ("name", "most"), [("lyso_monolithic_50x50x16", 0.35), ("bgo_pair_3x3x15", 10.0)]
)
def test_optical_photons(name: str, most: float, capsys: pytest.CaptureFixture[str]) -> None:
    detector = load_detector(name)
    world = optical_world(detector)
    at = np.tile((1.0, -1.2, detector.thickness_mm / 2), (10_000, 1))

    def trace() -> float:
        sensor, _ = trace_photons(world, at, new_state(np.random.SeedSequence(1)))
        return float((sensor >= 0).mean())

    assert 0.3 < trace() == trace() < 0.6
    assert in_transforms(trace, len(at), f"photons, {name}", capsys) < most


def test_a_light_map_of_shifted_photosensors_costs_hardly_more_than_of_the_nominal_detector(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It cost seven times as much while every octant was traced."""
    nominal = load_detector("lyso_monolithic_50x50x16")
    shifted = perturbed(nominal, NAMED["misalignment"])
    settings = MAP.model_copy(update={"direct_light": False})
    with ThreadPoolExecutor(1) as one:
        maps = [trace_light_map(d, settings, executor=one) for d in (nominal, shifted)]
        assert maps[0].probability.sum() == pytest.approx(maps[1].probability.sum(), rel=0.01)
        spent = [
            cpu_seconds(lambda d=d: trace_light_map(d, settings, executor=one), rounds=5)
            for d in (nominal, shifted)
        ]
    ratio = spent[1] / spent[0]
    with capsys.disabled():
        sys.stdout.write(f"\nlight map of shifted photosensors: {ratio:.2f} of the nominal one\n")
    assert ratio < 2.5


def test_charges_of_64_channels_from_the_light_map(capsys: pytest.CaptureFixture[str]) -> None:
    detector, events = load_detector("lyso_monolithic_50x50x16"), 4096
    scan = ScanSettings(light_map=MAP)
    plan = scan_plan(detector, scan, 1, events=events, light_map=light_map_for(detector, MAP))
    with ThreadPoolExecutor(1) as one:
        first, again = plan.run(executor=one), plan.run(executor=one)
        np.testing.assert_array_equal(first["charge_adc"], again["charge_adc"])
        ratio = in_transforms(lambda: plan.run(executor=one), events, "scan, events", capsys)
    assert ratio < 30.0


@pytest.mark.parametrize(
    ("name", "most"), [("lyso_pair_3x3x20", 500.0), ("bgo_pair_3x3x15", 110.0)]
)
def test_coincidences_with_two_waveforms(
    name: str, most: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    detector, events = load_detector(name), 512
    settings = CoincidenceSettings(
        light_map=LightMapSettings(
            pitch_mm=1.5, depth_pitch_mm=4.0, photons=1000, transit_times=True
        )
    )
    plan = coincidence_plan(detector, settings, 1, events=events, cache=tmp_path)
    with ThreadPoolExecutor(1) as one:
        first, again = plan.run(executor=one), plan.run(executor=one)
        np.testing.assert_array_equal(first["waveform_adc"], again["waveform_adc"])
        ratio = in_transforms(lambda: plan.run(executor=one), events, f"pairs, {name}", capsys)
    assert ratio < most


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
