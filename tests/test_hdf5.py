"""A disk that fills at any moment of a write: one line, nothing left behind, HDF5 still usable."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from pulsefront import hdf5
from pulsefront.hdf5 import atomic_hdf5

# HDF5 crashes at a later, unrelated call if it is left with a file that it could not write: the
# process goes on after each failure, and its end is what is tested.
FILLING = """
import resource, sys
from collections.abc import Iterator
from pathlib import Path
import numpy as np
from pulsefront.detector import load_detector
from pulsefront.errors import PulsefrontError
from pulsefront.events import store
from pulsefront.events.container import EventTable, Quantity
from pulsefront.simulate import LightMap, LightMapSettings, trace_light_map

folder = Path(sys.argv[1])
noise = np.random.default_rng(0).integers(0, 65536, (400, 50)).astype(np.uint16)
table = EventTable({"w": noise, "x": noise[:, 0]}, {n: Quantity("1", n) for n in "wx"})
light_map = trace_light_map(load_detector("lyso_pair_3x3x20"), LightMapSettings(photons=200))
writers = {"store": lambda path: store.write(table, path), "map": light_map.save}
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
failures = 0
for name, write in writers.items():
    write(folder / name)
    whole = (folder / name).stat().st_size
    for size in range(0, whole, max(1, whole // 200)):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            write(folder / "cut")
        except PulsefrontError as error:
            assert "cut: cannot be written: file too large" in str(error), error
            failures += 1
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        assert sorted(p.name for p in folder.iterdir()) == sorted(
            list(writers)[: 1 + list(writers).index(name)]
        )
    write(folder / name)
assert len(store.read(folder / "store")) == 400
LightMap.load(folder / "map")
print(failures)
"""


def test_a_disk_that_fills_anywhere_is_one_line_and_leaves_the_library_whole(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FILLING, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert int(done.stdout) >= 380


def test_a_file_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.h5"
    with atomic_hdf5(path) as file:
        file["x"] = np.arange(3)
        assert not path.exists()
    with h5py.File(path, "r") as file:
        assert file["x"][...].tolist() == [0, 1, 2]
    assert [entry.name for entry in path.parent.iterdir()] == ["a.h5"]


@pytest.fixture
def heeding_ctrl_c() -> Iterator[None]:
    """Take Ctrl-C as Python does: what a shell starts in the background begins by ignoring it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeding_ctrl_c")
def test_ctrl_c_inside_hdf5_is_put_off_until_it_has_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken off there, the file could not be closed: "Can't decrement id ref count"."""
    path = tmp_path / "a.h5"
    calls = []

    def interrupting(data: object) -> memoryview:
        calls.append(len(calls))
        if len(calls) == 1:
            signal.raise_signal(signal.SIGINT)
        return memoryview(data)  # type: ignore[arg-type]

    monkeypatch.setattr(hdf5, "memoryview", interrupting, raising=False)

    def write() -> None:
        with atomic_hdf5(path) as file:
            file["a"] = np.zeros(100_000)
            file.flush()

    with pytest.raises(KeyboardInterrupt) as stopped:
        write()
    assert len(calls) > 1
    assert stopped.value.__context__ is None
    assert list(tmp_path.iterdir()) == []
    # Outside of HDF5 it comes at once, and the way it is taken is as before.
    with pytest.raises(KeyboardInterrupt), atomic_hdf5(path):
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert list(tmp_path.iterdir()) == []
