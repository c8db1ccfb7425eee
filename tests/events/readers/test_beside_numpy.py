"""Every format beside a few lines of NumPy that know nothing of its reader: equal to the bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from pulsefront.events import store
from pulsefront.events.container import EventTable, Quantity
from pulsefront.events.readers.base import ReadOptions
from pulsefront.events.readers.open import FORMATS, open_events
from strategies_events import (
    compass_bytes,
    drs4_bytes,
    lecroy_bytes,
    petsys_bytes,
    wavecatcher_bytes,
    wavedump_bytes,
    wavedump_text_bytes,
)
from strategies_siemens import write as write_siemens
from strategies_traces import isf_bytes, lh5_file, wfm_bytes

RANDOM = np.random.default_rng(12)
WAVES = RANDOM.integers(0, 4000, (6, 50)).astype(np.uint16)
TABLE = np.round(RANDOM.normal(0, 1, (7, 2)), 6)
MAPPING = '[columns.q]\nsource = ["a", "b"]\nunit = "1"\ndescription = "q"\n'
ELSEWHERE = {"petsird", "petsird-singles"}
"""Read by the package `petsird`, and compared with it in their own test."""

Columns = dict[str, np.ndarray]


def wavedump(path: Path) -> Columns:
    path.write_bytes(wavedump_bytes(WAVES))
    plain = np.fromfile(path, np.dtype([("header", "<u4", 6), ("wave", "<u2", 50)]))
    return {"waveform_adc": plain["wave"], "event_counter": plain["header"][:, 4]}


def wavedump_headerless(path: Path) -> Columns:
    path.write_bytes(WAVES.astype("<u2").tobytes())
    return {"waveform_adc": np.fromfile(path, "<u2").reshape(-1, 50)}


def wavedump_text(path: Path) -> Columns:
    path.write_bytes(wavedump_text_bytes(WAVES))
    lines = [line for line in path.read_text().splitlines() if line.isdigit()]
    return {"waveform_adc": np.array(lines, int).reshape(-1, 50)}


def compass(path: Path) -> Columns:
    path.write_bytes(compass_bytes(WAVES, content=0b1101))
    record = [("board", "<u2"), ("channel", "<u2"), ("time", "<u8"), ("energy", "<u2"),
              ("short", "<u2"), ("flags", "<u4"), ("code", "u1"), ("n", "<u4"),
              ("wave", "<u2", 50)]  # fmt: skip
    plain = np.frombuffer(path.read_bytes(), record, offset=2)
    names = {"time_ps": "time", "energy_adc": "energy", "channel": "channel", "flags": "flags"}
    return {
        "waveform_adc": plain["wave"],
        **{name: plain[field] for name, field in names.items()},
    }


def compass_text(path: Path) -> Columns:
    rows = [[0, i % 2, 10**15 + i, 500 + i, 200, 16384, 1, *w] for i, w in enumerate(WAVES)]
    names = "BOARD;CHANNEL;TIMETAG;ENERGY;ENERGYSHORT;FLAGS;PROBE_CODE;SAMPLES\n"
    lines = [";".join(map(str, [*r[:5], hex(r[5]), *r[6:]])) + "\n" for r in rows]
    path.write_text(names + "".join(lines))
    plain = np.array(
        [[int(word, 0) for word in line.split(";")] for line in path.read_text().split()[1:]]
    )
    return {"time_ps": plain[:, 2], "flags": plain[:, 5], "waveform_adc": plain[:, 7:]}


def drs4(path: Path) -> Columns:
    path.write_bytes(drs4_bytes(4, boards=(2,)))
    channel = [("name", "S4"), ("scaler", "<u4"), ("wave", "<u2", 1024)]
    event = [("mark", "S4"), ("serial", "<u4"), ("date", "<u2", 7), ("range", "<i2"),
             ("board", "S4"), ("trigger", "S2"), ("cell", "<u2"),
             ("channels", channel, 2)]  # fmt: skip
    plain = np.frombuffer(path.read_bytes(), event, offset=8 + 4 + 2 * 4100)
    return {"waveform_adc": plain["channels"]["wave"]}


def wavecatcher(path: Path) -> Columns:
    waves = RANDOM.integers(-2000, 2000, (5, 3, 32)).astype(np.int16)
    path.write_bytes(wavecatcher_bytes(waves))
    event = [("number", "<i4"), ("time", "<f8"), ("date", "<u4", 7), ("tdc", "<u8"),
             ("n", "<i4"), ("channels", [("head", "<i4", 3), ("wave", "<i2", 32)], 3)]  # fmt: skip
    raw = path.read_bytes()
    plain = np.frombuffer(raw, event, offset=len(b"\n".join(raw.split(b"\n")[:4])) + 1)
    return {"waveform_adc": plain["channels"]["wave"]}


def lecroy(path: Path) -> Columns:
    path.write_bytes(lecroy_bytes(WAVES.astype(np.int16)))
    raw = path.read_bytes()
    start = raw.index(b"WAVEDESC") + 346
    times = np.frombuffer(raw, "<f8", 12, start).reshape(6, 2)
    plain = np.frombuffer(raw, "<i2", 300, start + 96).reshape(6, 50)
    return {
        "waveform_adc": plain,
        "trigger_time_s": times[:, 0],
        "first_sample_ns": times[:, 1] * 1e9,
    }


def tektronix_wfm(path: Path) -> Columns:
    path.write_bytes(wfm_bytes(WAVES.astype(np.int16)))
    raw = np.frombuffer(path.read_bytes(), "<i2", 6 * 82, offset=838 + 5 * 54)
    return {"waveform_adc": raw.reshape(6, 82)[:, 16:66]}


def tektronix_isf(path: Path) -> Columns:
    path.write_bytes(b"".join(isf_bytes(wave.astype(np.int16)) for wave in WAVES))
    blocks = path.read_bytes().split(b":CURVE #3100")[1:]
    return {"waveform_adc": np.array([np.frombuffer(block, ">i2", 50) for block in blocks])}


def oscilloscope_text(path: Path) -> Columns:
    rows = [f"{i * 4e-10:.6e},{v!r}\n" for i, v in enumerate(TABLE.ravel().tolist())]
    path.write_text("Time(s),CH1(V)\n" + "".join(rows))
    plain = np.loadtxt(path, delimiter=",", skiprows=1)
    return {"waveform_adc": plain[None, :, 1], "first_sample_ns": plain[:1, 0] * 1e9}


def petsys(form: str, fields: list[tuple[str, str]]) -> Callable[[Path], Columns]:
    def write(path: Path) -> Columns:
        path.write_bytes(petsys_bytes(20, form=form))
        plain = np.fromfile(path, np.dtype(fields))
        if form == "petsys-coincidence":
            return {"time_ps": np.stack([plain["time_1"], plain["time_2"]], axis=1)}
        return {"time_ps": plain["time"], "channel": plain["channel"]}

    return write


SINGLE = [("time", "<i8"), ("energy", "<f4"), ("channel", "<i4")]
GROUP = [("count", "u1"), ("number", "u1")]
PAIR = [(f"{name}_{side}", kind) for side in (1, 2) for name, kind in [*GROUP, *SINGLE]]


def csv(path: Path) -> Columns:
    path.write_text("a,b\n" + "".join(f"{a!r},{b!r}\n" for a, b in TABLE.tolist()))
    return {"q": np.loadtxt(path, delimiter=",", skiprows=1)}


def npy(path: Path) -> Columns:
    records = np.array([tuple(row) for row in TABLE], [("a", "f8"), ("b", "f8")])
    with open(path, "wb") as file:
        np.save(file, records)
    plain = np.load(path)
    return {"q": np.stack([plain["a"], plain["b"]], axis=1)}


def npz(path: Path) -> Columns:
    with open(path, "wb") as file:
        np.savez(file, a=TABLE[:, 0], b=TABLE[:, 1])
    with np.load(path) as plain:
        return {"q": np.stack([plain["a"], plain["b"]], axis=1)}


def hdf5(path: Path) -> Columns:
    with h5py.File(path, "w") as file:
        file["a"], file["b"] = TABLE.T
    with h5py.File(path) as plain:
        return {"q": np.stack([plain["a"][:], plain["b"][:]], axis=1)}


def parquet(path: Path) -> Columns:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"a": TABLE[:, 0], "b": TABLE[:, 1]}), path)
    plain = pq.read_table(path)
    return {"q": np.stack([plain[name].to_numpy() for name in "ab"], axis=1)}


def root(path: Path) -> Columns:
    uproot = pytest.importorskip("uproot")
    with uproot.recreate(path) as file:
        file["t"] = {"a": TABLE[:, 0], "b": TABLE[:, 1]}
    with uproot.open(path) as plain:
        return {"q": np.stack([plain["t"][name].array(library="np") for name in "ab"], axis=1)}


def stored(path: Path) -> Columns:
    quantities = {"q": Quantity("1", "q")}
    store.write(EventTable({"q": TABLE}, quantities), path)
    with h5py.File(path) as plain:
        return {"q": plain["events/q"][:]}


def siemens(path: Path) -> Columns:
    words = RANDOM.integers(0, 1 << 12, 50).astype(np.uint32)
    words[::7] |= np.uint32(1 << 30)
    words[::10] = (1 << 31) | np.arange(5, dtype=np.uint32)
    write_siemens(path.parent, words.tolist(), path.name)
    plain = np.fromfile(path, "<u4")
    event = plain < 1 << 31
    time = np.maximum.accumulate(np.where(event, 0, plain & ((1 << 29) - 1)))
    return {"time_ms": time[event].astype(float), "delayed": (plain[event] >> 30) == 0}


PLAIN: dict[str, Callable[[Path], Columns]] = {
    "store": stored, "drs4": drs4, "wavecatcher": wavecatcher, "lecroy": lecroy,
    "tektronix-wfm": tektronix_wfm, "tektronix-isf": tektronix_isf,
    "wavedump-text": wavedump_text, "compass-text": compass_text,
    "oscilloscope-text": oscilloscope_text, "parquet": parquet, "npy": npy, "npz": npz,
    "hdf5": hdf5, "root": root, "csv": csv, "compass": compass, "wavedump": wavedump,
    "siemens-list-mode": siemens,
    "petsys-coincidence": petsys("petsys-coincidence", PAIR),
    "petsys-group": petsys("petsys-group", GROUP + SINGLE),
    "petsys-single": petsys("petsys-single", SINGLE),
    "wavedump-headerless": wavedump_headerless,
}  # fmt: skip


def test_every_format_has_such_a_reading() -> None:
    assert set(PLAIN) | ELSEWHERE == set(FORMATS)


@pytest.mark.parametrize("name", PLAIN)
def test_numpy_reads_the_same(tmp_path: Path, name: str) -> None:
    path = tmp_path / "file.bin"
    plain = PLAIN[name](path)
    mapping = tmp_path / "m.toml"
    mapping.write_text(MAPPING)
    mapped = name in ("parquet", "npy", "npz", "hdf5", "root", "csv")
    options = ReadOptions(
        strict=True,
        mapping=mapping if mapped else None,
        record_samples=50 if name == "wavedump-headerless" else None,
    )
    table = open_events(path, options, format_name=name).read()
    for column, values in plain.items():
        assert len(values) > 0
        np.testing.assert_array_equal(table[column], values, err_msg=column)


def test_h5py_reads_the_same_vectors_of_lh5(tmp_path: Path) -> None:
    path = tmp_path / "a.lh5"
    lh5_file(path, list(WAVES))
    mapping = tmp_path / "m.toml"
    mapping.write_text(
        '[columns.w]\nsource = "ch1/raw/waveform/values"\nunit = "1"\ndescription = "w"\n'
    )
    with h5py.File(path) as plain:
        group = plain["ch1/raw/waveform/values"]
        rows = np.split(group["flattened_data"][:], group["cumulative_length"][:-1])
    table = open_events(path, ReadOptions(strict=True, mapping=mapping)).read()
    np.testing.assert_array_equal(table["w"], rows)
