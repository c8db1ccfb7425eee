"""The same shards on a Dask cluster give the same events."""

from __future__ import annotations

import os
import signal
import warnings

import numpy as np
import pytest

from pulsefront.detector import load_detector
from pulsefront.simulate import LightMapSettings, ScanSettings, light_map_for, scan_plan

distributed = pytest.importorskip(
    "distributed", reason="distributed is not installed: pip install 'pulsefront[cluster]'"
)


@pytest.mark.filterwarnings("ignore")
def test_a_dask_cluster_gives_the_same_events() -> None:
    settings = LightMapSettings(pitch_mm=25.0, depth_pitch_mm=16.0, photons=500)
    detector = load_detector("lyso_monolithic_50x50x16")
    scan = ScanSettings(pitch_mm=4.0, half_extent_mm=12.0, light_map=settings)
    plan = scan_plan(detector, scan, 3, events=9000, light_map=light_map_for(detector, settings))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with (
            distributed.LocalCluster(
                n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0"
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            there = plan.run(executor=client.get_executor())
    here = plan.run()
    for name in here.columns:
        np.testing.assert_array_equal(here[name], there[name])


@pytest.mark.filterwarnings("ignore")
def test_a_worker_that_is_lost_costs_no_event() -> None:
    settings = LightMapSettings(pitch_mm=25.0, depth_pitch_mm=16.0, photons=500)
    detector = load_detector("lyso_monolithic_50x50x16")
    scan = ScanSettings(pitch_mm=4.0, half_extent_mm=12.0, light_map=settings)
    plan = scan_plan(detector, scan, 3, events=60_000, light_map=light_map_for(detector, settings))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with (
            distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            victim = next(iter(client.run(os.getpid).values()))
            killed: list[int] = []

            def kill_once(done: int, total: int) -> None:
                if not killed:
                    os.kill(victim, signal.SIGKILL)
                    killed.append(done)

            there = plan.run(executor=client.get_executor(retries=3), report=kill_once)
    assert killed
    assert killed[0] < 60_000
    here = plan.run()
    for name in here.columns:
        np.testing.assert_array_equal(here[name], there[name])
