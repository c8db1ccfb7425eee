"""Reading a file takes memory for a chunk of it, however long the file is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pulsefront.events import store
from pulsefront.events.container import EventTable, Quantity
from strategies_events import (
    compass_bytes,
    drs4_bytes,
    lecroy_bytes,
    petsys_bytes,
    wavecatcher_bytes,
    wavedump_bytes,
    wavedump_text_bytes,
)

MEGABYTE = 1 << 20
FILE_BYTES = 24 * MEGABYTE
TEXT_BYTES = 10 * MEGABYTE
MOST_GROWTH = 8 * MEGABYTE

MEASURE = """
import gc, json, sys, warnings
from pathlib import Path
from pulsefront.events.readers.base import ReadOptions
from pulsefront.events.readers.open import open_events

def anonymous():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return 1024 * int(line.split()[1])

def read(path):
    mapping = path.parent / "mapping.toml"
    options = ReadOptions(mapping=mapping, record_samples=100)
    name = "wavedump-headerless" if path.suffix == ".raw" else None
    opened = open_events(path, options, format_name=name)
    most = events = 0
    # Chunks of half a megabyte: what grows beyond is what a reader keeps.
    for table in opened.chunks(max(1, (1 << 19) // opened.event_bytes)):
        events += len(table)
        most = max(most, anonymous())
    return events, most

found = {}
for small, large in zip(sys.argv[1::2], sys.argv[2::2]):
    read(Path(small))  # loads what the format needs
    gc.collect()
    before = anonymous()
    events, most = read(Path(large))
    found[Path(large).name] = [events, most - before]
print(json.dumps(found))
"""


def files(folder: Path, *, repeat: bool) -> list[Path]:
    """Write a file of every format: a few events, or as many as make it long."""
    random = np.random.default_rng(0)
    waves = random.integers(100, 4000, (40, 100)).astype(np.uint16)

    def times(content: bytes, header: int = 0, most: int = FILE_BYTES) -> bytes:
        count = most // len(content) if repeat else 1
        return content[:header] + content[header:] * max(count, 1)

    catcher = wavecatcher_bytes(random.integers(-2000, 2000, (40, 2, 100)).astype(np.int16))
    catcher_header = catcher.rindex(b"===\n") + 4
    segments = FILE_BYTES // 200 if repeat else 40
    rows = FILE_BYTES // 64 if repeat else 40
    written = {
        "wavedump.dat": times(wavedump_bytes(waves)),
        "headerless.raw": times(waves.tobytes()),
        "wavedump.txt": times(wavedump_text_bytes(waves), most=TEXT_BYTES),
        "compass.bin": times(compass_bytes(waves), 2),
        "drs4.dat": times(drs4_bytes(4), 8 + 4 + 4100),
        "wavecatcher.bin": times(catcher, catcher_header),
        "petsys-single.dat": times(petsys_bytes(100)),
        "petsys-coincidence.dat": times(petsys_bytes(100, form="petsys-coincidence")),
        "lecroy.trc": lecroy_bytes(np.resize(waves, (segments, 100)).astype(np.int16)),
        "table.csv": times(b"q0,q1,q2,q3\n" + b"1.5,2.5,3.5,4.5\n" * 50, 12, TEXT_BYTES),
    }
    paths = []
    for name, content in written.items():
        (folder / name).write_bytes(content)
        paths.append(folder / name)
    charges = random.random((rows, 8))
    np.save(folder / "table.npy", charges)
    told = {"q": Quantity("1", "q")}
    store.write_stream(
        (EventTable({"q": part}, told) for part in np.array_split(charges, max(rows // 10000, 1))),
        folder / "store.h5",
    )
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(
        pa.table({f"q{k}": charges[:, k] for k in range(8)}),
        folder / "table.parquet",
        row_group_size=10_000,
    )
    import uproot

    with uproot.recreate(folder / "table.root") as root:
        for part in np.array_split(charges, max(rows // 10_000, 1)):
            content = {f"q{k}": part[:, k] for k in range(8)}
            if "t" in root.keys(cycle=False):
                root["t"].extend(content)
            else:
                root.mktree("t", dict.fromkeys(content, np.float64))
                root["t"].extend(content)
    paths += [folder / n for n in ("table.npy", "store.h5", "table.parquet", "table.root")]
    return paths


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("needs /proc/self/status to count what is held")
    pytest.importorskip("uproot")
    pytest.importorskip("pyarrow")
    small, large = tmp_path / "small", tmp_path / "large"
    for folder in (small, large):
        folder.mkdir()
        (folder / "mapping.toml").write_text(
            '[columns.q]\nsource = "[aq]*"\nunit = "1"\ndescription = "charges"\n'
        )
    pairs = list(zip(files(small, repeat=False), files(large, repeat=True), strict=True))
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *(str(path) for both in pairs for path in both)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) == {path.name for _, path in pairs}
    for name, (events, growth) in found.items():
        size = (large / name).stat().st_size
        assert events > 1000, name
        sys.stdout.write(f"{name}: {size / 1e6:.0f} MB, {events} events, {growth / 1e6:+.1f} MB\n")
    grown = {
        name: growth
        for name, (_, growth) in found.items()
        if growth > min(MOST_GROWTH, 0.6 * (large / name).stat().st_size)
    }
    assert not grown
