from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given

from pulsefront.errors import DataError, PulsefrontError, UnsupportedFormat
from pulsefront.events import store
from pulsefront.events.container import EventTable, Quantity
from strategies_events import event_tables


def small(events: int = 5, *, value: int = 0) -> EventTable:
    return EventTable(
        {
            "charge_adc": np.full((events, 4), value, np.uint16),
            "time_ns": np.arange(events) * 1.5,
        },
        {
            "charge_adc": Quantity("ADC counts", "charge per photosensor"),
            "time_ns": Quantity("ns", "time since the start"),
        },
        np.arange(events, dtype=np.uint16) % 3,
        {"seed": 1, "detector": "block"},
    )


def same(left: EventTable, right: EventTable) -> None:
    assert set(left.columns) == set(right.columns)
    for name in left.columns:
        assert left[name].dtype == right[name].dtype
        np.testing.assert_array_equal(left[name], right[name])
    np.testing.assert_array_equal(left.status, right.status)
    assert dict(left.quantities) == dict(right.quantities)
    assert dict(left.provenance) == dict(right.provenance)


@given(event_tables())
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, table: EventTable
) -> None:
    path = tmp_path_factory.mktemp("store") / "events.h5"
    store.write(table, path)
    same(store.read(path), table)
    with store.open_store(path) as stored:
        same(EventTable.concatenate(list(stored.chunks(3))), table)


def test_any_hdf5_program_sees_units_and_meaning(tmp_path: Path) -> None:
    store.write(small(), tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["events/time_ns"].attrs["unit"] == b"ns"
        assert b"photosensor" in file["events/charge_adc"].attrs["description"]
        assert b"SATURATED" in file["events/status"].attrs["flags"]


def test_a_part_is_read_alone(tmp_path: Path) -> None:
    store.write(small(10), tmp_path / "a.h5")
    with store.open_store(tmp_path / "a.h5") as stored:
        assert len(stored) == 10
        np.testing.assert_array_equal(stored.column("time_ns", 2, 4), [3.0, 4.5])
        with pytest.raises(DataError, match=r"no such quantity.*time_ns"):
            stored.column("time")


def test_appending_makes_and_extends(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    for value in (1, 2):
        with store.append(path) as appender:
            appender.add(small(3, value=value))
            appender.add(small(2, value=value + 10))
    assert store.read(path)["charge_adc"][:, 0].tolist() == [1] * 3 + [11] * 2 + [2] * 3 + [12] * 2


def test_appending_other_columns_is_refused_and_harmless(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    store.write(small(3), path)
    other = small(2).with_columns({"x": np.zeros(2)}, {"x": Quantity("1", "x")})
    with pytest.raises(DataError, match="other columns"), store.append(path) as appender:
        appender.add(other)
    wide = small(2).with_columns(
        {"charge_adc": np.zeros((2, 5), np.uint16)}, {"charge_adc": Quantity("1", "x")}
    )
    with pytest.raises(DataError, match=r"charge_adc.*uint16"), store.append(path) as appender:
        appender.add(wide)
    same(store.read(path), small(3))


WRITER = """
import sys
import numpy as np
from pulsefront.events import store
from pulsefront.events.container import EventTable, Quantity
random = np.random.default_rng(0)
with store.append(sys.argv[1]) as appender:
    number = 0
    while True:
        waves = random.integers(0, 4096, (50, 300)).astype(np.uint16)
        columns = {"waveform_adc": waves, "number": np.full(50, number)}
        told = {name: Quantity("1", name) for name in columns}
        appender.add(EventTable(columns, told))
        number += 1
        print(number, flush=True)
"""


@pytest.mark.parametrize("chunks", [1, 4, 9])
def test_a_killed_writer_loses_at_most_the_chunk_in_flight(tmp_path: Path, chunks: int) -> None:
    path = tmp_path / "a.h5"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            if int(line) >= chunks:
                time.sleep(0.003 * chunks)  # into the middle of a later chunk
                os.kill(writer.pid, signal.SIGKILL)
                break
        told = [int(line) for line in writer.stdout]
    committed = max([chunks, *told])
    table = store.read(path)
    # The line is printed after the commit, so one more may be whole.
    assert len(table) in (50 * committed, 50 * committed + 50)
    np.testing.assert_array_equal(table["number"], np.arange(len(table)) // 50)
    assert (table["waveform_adc"].max(axis=1) > 0).all()

    with store.append(path) as appender:
        appender.add(table.select(slice(0, 50)))
    assert len(store.read(path)) == len(table) + 50


def test_a_store_being_written_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with store.append(path) as appender:
        appender.add(small(3))
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                f"from pulsefront.events import store; print(len(store.read({str(path)!r})))",
            ],
            capture_output=True,
            text=True,
            check=True,
        )
    assert done.stdout.strip() == "3"


FULL_DISK = """
import resource, sys
import numpy as np
from pulsefront.errors import PulsefrontError
from pulsefront.events import store
from pulsefront.events.container import EventTable, Quantity
waves = np.random.default_rng(0).integers(0, 65536, (2000, 500)).astype(np.uint16)
table = EventTable({"w": waves}, {"w": Quantity("1", "w")})
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
try:
    store.write(table, sys.argv[1])
except PulsefrontError as error:
    print(error)
    sys.exit(error.exit_code)
"""


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "a.h5")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "cannot be written" in done.stdout
    assert "file too large" in done.stdout
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


FULL_DISK_APPENDING = FULL_DISK.replace(
    "    store.write(table, sys.argv[1])",
    """    with store.append(sys.argv[1]) as appender:
        for start in range(0, 2000, 100):
            appender.add(table.select(slice(start, start + 100)))""",
)


def test_appending_to_a_full_disk_keeps_what_was_committed(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK_APPENDING, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "file too large" in done.stdout
    assert done.stderr == ""
    waves = np.random.default_rng(0).integers(0, 65536, (2000, 500)).astype(np.uint16)
    table = store.read(path)
    assert len(table) >= 200
    np.testing.assert_array_equal(table["w"], waves[: len(table)])
    with store.append(path) as appender:
        appender.add(table.select(slice(0, 100)))
    assert len(store.read(path)) == len(table) + 100


def test_an_interrupted_write_keeps_the_old_store(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    store.write(small(3), path)

    def tables():
        yield small(2)
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        store.write_stream(tables(), path)
    same(store.read(path), small(3))
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.h5"]


def test_text_columns_are_refused(tmp_path: Path) -> None:
    table = EventTable({"name": np.array(["a"])}, {"name": Quantity("1", "name")})
    with pytest.raises(DataError, match="only numbers"):
        store.write(table, tmp_path / "a.h5")
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_store_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nothing to store"):
        store.write_stream([], tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("content", "error", "text"),
    [
        (b"", DataError, "empty"),
        (b"time,energy\n1,2\n", UnsupportedFormat, "not HDF5"),
        (b"\x89HDF\r\n\x1a\n" + bytes(200), DataError, "damaged"),
    ],
)
def test_other_files_are_refused(
    tmp_path: Path, content: bytes, error: type[PulsefrontError], text: str
) -> None:
    path = tmp_path / "a.h5"
    path.write_bytes(content)
    with pytest.raises(error, match=text):
        store.read(path)
    assert not store.is_store(path)


def test_foreign_hdf5_and_other_versions_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = [1]
    with pytest.raises(UnsupportedFormat, match="not an event store"):
        store.read(tmp_path / "a.h5")
    store.write(small(), tmp_path / "b.h5")
    with h5py.File(tmp_path / "b.h5", "r+") as file:
        file.attrs["format_version"] = 99
    with pytest.raises(UnsupportedFormat, match="another version"):
        store.read(tmp_path / "b.h5")


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        store.read(tmp_path / "a.h5")


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_truncated_store_is_an_error(tmp_path: Path, share: float) -> None:
    path = tmp_path / "a.h5"
    table = small(2000).with_columns(
        {"r": np.random.default_rng(0).integers(0, 2**62, 2000)}, {"r": Quantity("1", "r")}
    )
    store.write(table, path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(DataError):
        store.read(path)


def test_opening_costs_the_same_for_every_size(tmp_path: Path) -> None:
    def opened_bytes(events: int) -> int:
        path = tmp_path / f"{events}.h5"
        store.write(small(events), path)
        before = _bytes_read()
        with store.open_store(path) as stored:
            assert len(stored) == events
        return _bytes_read() - before

    assert opened_bytes(400_000) < opened_bytes(10) + 20_000


def _bytes_read() -> int:
    if not Path("/proc/self/io").exists():
        pytest.skip("needs /proc/self/io to count what is read")
    return int(Path("/proc/self/io").read_text().split("rchar:")[1].split()[0])
