"""How fast files are read from the page cache; what is read is compared with NumPy first."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pulsefront.events.readers.base import ReadOptions
from pulsefront.events.readers.open import open_events
from strategies_events import (
    compass_bytes,
    drs4_bytes,
    lecroy_bytes,
    petsys_bytes,
    pulses,
    wavecatcher_bytes,
    wavedump_bytes,
    wavedump_text_bytes,
)
from strategies_traces import isf_bytes, wfm_bytes

pytestmark = pytest.mark.slow

REPEATS = 5
TIMES_PLAIN = 40.0
"""How much longer than NumPy's copy of the bytes a binary format may take."""

SLOWER = {"drs4": 150.0, "petsys-group": 100.0, "petsys-coincidence": 100.0}
"""Formats with a float64 time per sample, or records of 18 and 36 bytes that are each checked."""

LEAST_OF_PANDAS = 0.15
"""Share of the bytes per second at which pandas reads a table of numbers: 0.3 to 0.7 is usual."""


def median_s(read: Callable[[], object]) -> float:
    """Return the median of some readings, in seconds by the clock on the wall."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        read()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def test_wavedump(tmp_path: Path) -> None:
    waves = np.rint(pulses(400, 1024)).astype(np.uint16)
    content = wavedump_bytes(waves)
    path = tmp_path / "w.dat"
    path.write_bytes(content * 240)
    plain = np.fromfile(path, np.dtype([("header", "<u4", 6), ("samples", "<u2", 1024)]))
    got = np.concatenate([table["waveform_adc"] for table in open_events(path).chunks()])
    np.testing.assert_array_equal(got, plain["samples"])


def binary_files() -> dict[str, tuple[bytes, int]]:
    """Return files of every binary format: content, and how many waveforms or hits are in it."""
    waves = np.rint(pulses(400, 1024)).astype(np.uint16)
    signed = waves.astype(np.int16)
    head, catcher = 2, wavecatcher_bytes(signed.reshape(100, 4, 1024))
    lines = catcher.index(b"MEAS") + 20
    drs = drs4_bytes(100, boards=(4,), waveforms=waves.reshape(100, 4, 1024))
    begun = 8 + 4 + 4 * 4100
    hits = compass_bytes(waves)
    return {
        "wavedump": (wavedump_bytes(waves) * 40, 16_000),
        "compass": (hits[:head] + hits[head:] * 40, 16_000),
        "drs4": (drs[:begun] + drs[begun:] * 40, 4000),
        "wavecatcher": (catcher[:lines] + catcher[lines:] * 40, 4000),
        "lecroy": (lecroy_bytes(np.tile(signed, (40, 1))), 16_000),
        "tektronix-wfm": (wfm_bytes(np.tile(signed, (40, 1))), 16_000),
        "tektronix-isf": (b"".join(isf_bytes(np.tile(w, 40)) for w in signed), 400),
        "petsys-single": (petsys_bytes(20_000) * 50, 1_000_000),
        "petsys-group": (petsys_bytes(20_000, form="petsys-group") * 50, 1_000_000),
        "petsys-coincidence": (petsys_bytes(20_000, form="petsys-coincidence") * 50, 1_000_000),
    }


def test_binary_formats_beside_numpy(tmp_path: Path) -> None:
    """Each file is read beside a copy of its bytes by NumPy, in turn and on the same machine."""
    slow = {}
    for name, (content, count) in binary_files().items():
        path = tmp_path / name
        path.write_bytes(content)

        def read(path: Path = path, name: str = name) -> int:
            return sum(len(table) for table in open_events(path, format_name=name).chunks())

        assert read() == count, name
        ours, plain = median_s(read), median_s(lambda path=path: np.fromfile(path, np.uint8))  # type: ignore[misc]
        rate = len(content) / ours / 1e6
        print(f"{name}: {rate:.0f} MB/s, {ours / plain:.1f} times np.fromfile")  # noqa: T201
        if ours / plain > SLOWER.get(name, TIMES_PLAIN):
            slow[name] = ours / plain
    assert not slow


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
    (tmp_path / "peer.csv").write_bytes(files["csv"][0])
    peer = len(files["csv"][0]) / median_s(lambda: pd.read_csv(tmp_path / "peer.csv"))
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

        def read(path: Path = path, options: ReadOptions | None = options) -> int:
            return sum(len(table) for table in open_events(path, options).chunks())

        rate = len(content) / median_s(read)
        told = f"{name}: {rate / 1e6:.0f} MB/s, {rate / peer:.1f} times pandas' rate on the CSV"
        print(told)  # noqa: T201
        if rate < LEAST_OF_PANDAS * peer:
            slow[name] = rate / peer
    assert not slow
