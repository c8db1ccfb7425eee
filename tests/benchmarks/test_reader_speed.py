"""How fast files are read from the page cache; what is read is compared with NumPy first."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from pulsefront.events.readers.base import ReadOptions
from pulsefront.events.readers.open import open_events
from strategies_events import pulses, wavedump_bytes, wavedump_text_bytes

pytestmark = pytest.mark.slow

BINARY_MB_PER_S, TEXT_MB_PER_S = 500, 100
REPEATS = 5


def speed(path: Path, options: ReadOptions | None = None) -> float:
    """Return the best of some readings, in MB per second of one core."""
    best = np.inf
    for _ in range(REPEATS):
        start = time.process_time()
        for table in open_events(path, options).chunks():
            assert len(table)
        best = min(best, time.process_time() - start)
    return path.stat().st_size / best / 1e6


def test_wavedump(tmp_path: Path) -> None:
    waves = np.rint(pulses(400, 1024)).astype(np.uint16)
    content = wavedump_bytes(waves)
    path = tmp_path / "w.dat"
    path.write_bytes(content * 240)
    plain = np.fromfile(path, np.dtype([("header", "<u4", 6), ("samples", "<u2", 1024)]))
    got = np.concatenate([table["waveform_adc"] for table in open_events(path).chunks()])
    np.testing.assert_array_equal(got, plain["samples"])
    found = speed(path)
    print(f"wavedump: {found:.0f} MB/s")  # noqa: T201 - what a benchmark is for
    assert found > BINARY_MB_PER_S


def test_text(tmp_path: Path) -> None:
    waves = np.rint(pulses(400, 1024)).astype(np.uint16)
    volts = np.round(pulses(1, 1_000_000)[0] / 1e3, 5)
    rows = [f"{i * 4e-10:.6e},{v!r}\n" for i, v in enumerate(volts.tolist())]
    compass = [
        ";".join(map(str, [0, i % 2, 10**6 * i, 500, 200, "0x4000", 1, *wave]))
        for i, wave in enumerate(waves.tolist())
    ]
    names = "BOARD;CHANNEL;TIMETAG;ENERGY;ENERGYSHORT;FLAGS;PROBE_CODE;SAMPLES\n"
    table = "\n".join(f"{v!r},{v * 2!r},{i}" for i, v in enumerate(volts.tolist()))
    mapping = tmp_path / "m.toml"
    mapping.write_text('[columns.q]\nsource = ["a", "b"]\nunit = "1"\ndescription = "q"\n')
    files = {
        "wavedump-text": (wavedump_text_bytes(waves) * 10, None),
        "compass-text": ((names + "\n".join(compass * 10) + "\n").encode(), None),
        "oscilloscope-text": (("Time(s),CH1(V)\n" + "".join(rows)).encode(), None),
        "csv": (f"a,b,n\n{table}\n".encode(), ReadOptions(mapping=mapping)),
    }
    slow = {}
    for name, (content, options) in files.items():
        path = tmp_path / name
        path.write_bytes(content)
        opened = open_events(path, options)
        assert opened.format == name
        first = next(iter(opened.chunks()))
        if name == "oscilloscope-text":
            np.testing.assert_array_equal(first["waveform_adc"][0], volts)
        elif name == "csv":
            np.testing.assert_array_equal(first["q"][:, 0], volts[: len(first)])
        else:
            shown = min(len(first), 400)
            np.testing.assert_array_equal(first["waveform_adc"][:shown], waves[:shown])
        found = speed(path, options)
        print(f"{name}: {found:.0f} MB/s")  # noqa: T201
        if found < TEXT_MB_PER_S:
            slow[name] = found
    assert not slow
