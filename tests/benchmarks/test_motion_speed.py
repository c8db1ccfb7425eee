"""List mode to traces: 10⁸ coincidences within a minute on one core."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from machine import cpu_seconds
from pulsefront.events.readers.base import ReadOptions
from pulsefront.motion import open_trace
from pulsefront.motion.readers.list_mode import ListModeSettings
from pulsefront.motion.simulate.scan import ScanPlan, simulate_scan

pytestmark = pytest.mark.slow

EVENTS, BLOCK = 2_000_000, 50_000


@pytest.fixture(scope="module")
def scan(tmp_path_factory) -> Path:
    """Return PETSIRD list mode of a ring; one block, written again and again."""
    petsird = pytest.importorskip("petsird")
    from strategies_events import petsird_bytes, petsird_scanner

    header = petsird_scanner(((32, 16),), energy_bins=1)
    kind = header.scanner.scanner_geometry.replicated_modules[0]
    for module, a in enumerate(np.arange(32) * 2 * np.pi / 32):
        c, s = np.cos(a), np.sin(a)
        matrix = [[c, -s, 0, 300 * c], [s, c, 0, 300 * s], [0, 0, 1, 0]]
        kind.transforms[module] = petsird.RigidTransformation(matrix=np.array(matrix, np.float32))
    random = np.random.default_rng(2)
    pairs = [
        petsird.CoincidenceEvent(
            detection_bins=sorted(random.choice(512, 2, replace=False).tolist(), reverse=True),
            tof_idx=int(random.integers(0, 9)),
        )
        for _ in range(BLOCK)
    ]
    blocks = [
        petsird.TimeBlock.EventTimeBlock(
            petsird.EventTimeBlock(
                time_interval=petsird.TimeInterval(start=start, stop=start + 999),
                prompt_events=[[pairs]],
            )
        )
        for start in (0, 1000, 2000, 3000)
    ]
    content, begins = petsird_bytes(blocks, header)
    last = content[begins[3] : begins[4]]
    path = tmp_path_factory.mktemp("list_mode") / "scan.petsird"
    path.write_bytes(content[: begins[4]] + last * (EVENTS // BLOCK - 4) + content[begins[4] :])
    return path


def test_ten_to_the_eight_events_within_a_minute(scan: Path) -> None:
    def read() -> float:
        trace, _ = open_trace(scan, ReadOptions(), list_mode=ListModeSettings(field_mm=500))
        return float(trace.counts.sum())

    assert read() == 3 * BLOCK  # all but the last, which may have only begun
    seconds = cpu_seconds(read, rounds=3)
    rate = EVENTS / seconds
    print(f"{rate / 1e6:.1f} million coincidences per CPU second")  # noqa: T201
    assert 1e8 / rate < 60


def test_a_million_counts_of_a_simulated_trace_take_less_than_a_second() -> None:
    plan = ScanPlan(duration_s=60, rate_per_s=1e6, patient=1)
    seconds = cpu_seconds(lambda: simulate_scan(plan, 3), rounds=3)
    print(f"{6e7 / seconds / 1e6:.0f} million counts per CPU second")  # noqa: T201
    assert 6e7 / seconds > 1e6
