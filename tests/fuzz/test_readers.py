"""Byte-level fuzzing of the project's own readers.

A reader may give whole events with a warning, or one clear error. It must not crash, hang, allocate
far beyond the file's size, or give an event that is wrong and not marked. A few seconds by
default; PULSEFRONT_FUZZ_SECONDS sets how long.
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
import tracemalloc
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pulsefront.errors import PulsefrontError
from pulsefront.events import store
from pulsefront.events.container import EventTable, Quantity, Status
from pulsefront.events.readers.base import DataWarning, ReadOptions
from pulsefront.events.readers.numbers import parse_lines
from pulsefront.events.readers.open import open_events
from pulsefront.measured.groups import write_group_charges
from strategies_events import (
    compass_bytes,
    drs4_bytes,
    lecroy_bytes,
    petsird_bytes,
    petsird_pairs,
    petsys_bytes,
    wavecatcher_bytes,
    wavedump_bytes,
    wavedump_text_bytes,
)
from strategies_traces import isf_bytes, isf_file, wfm_bytes

SECONDS = float(os.environ.get("PULSEFRONT_FUZZ_SECONDS", "3"))
# Far longer than a slow machine takes, far shorter than for ever.
HANGS_S = 60.0
RANDOM = np.random.default_rng(99)
WAVES = RANDOM.integers(100, 4000, (12, 40)).astype(np.uint16)


@dataclass(frozen=True)
class Seed:
    """A valid file: its format, content, where each record starts, and what marks an event.

    Of tables, the mapping too; of records that begin with text, how long that is.
    """

    name: str
    content: bytes
    starts: tuple[int, ...]
    column: str
    mapping: str = ""
    text_bytes: int = 0


TEXTS = ("wavedump-text", "compass-text", "oscilloscope-text", "csv")
STATES_ITS_END = ("lecroy", "tektronix-wfm")
OPEN_END = ("oscilloscope-text", "csv")
"""Their last line may lack its end, so that a number that is cut looks like a number."""


def evenly(name: str, content: bytes, header: int, count: int, column: str) -> Seed:
    record = (len(content) - header) // count
    assert header + record * count == len(content)
    starts = tuple(header + record * i for i in range(count + 1))
    return Seed(name, content, starts, column)


def by_line(name: str, header: str, events: list[str], column: str, mapping: str = "") -> Seed:
    ends = np.cumsum([len(header), *map(len, events)])
    content = (header + "".join(events)).encode()
    return Seed(name, content, tuple(ends.tolist()), column, mapping)


def text_seeds() -> list[Seed]:
    volts = np.round(RANDOM.normal(0.1, 0.02, (12, 40)), 6).tolist()
    segments = [
        "".join(f"{i * 4e-10 - 1e-8:.6e},{v!r}\n" for i, v in enumerate(wave)) for wave in volts
    ]
    hits = [
        ";".join(map(str, [0, i % 2, 10**6 * i, 500, 200, "0x4000", 1, *wave])) + "\n"
        for i, wave in enumerate(WAVES.tolist())
    ]
    rows = [f"{a!r},{b!r},{i}\n" for i, (a, b, *_) in enumerate(volts)]
    settings = "LECROYWR620Zi,12345,Waveform\nSegments,12,SegmentSize,40\nTime,Ampl\n"
    names = "BOARD;CHANNEL;TIMETAG;ENERGY;ENERGYSHORT;FLAGS;PROBE_CODE;SAMPLES\n"
    mapping = '[columns.q]\nsource = ["a", "b"]\nunit = "1"\ndescription = "q"\n'
    return [
        by_line("oscilloscope-text", settings, segments, "waveform_adc"),
        by_line("compass-text", names, hits, "waveform_adc"),
        by_line("csv", "a,b,n\n", rows, "q", mapping),
    ]


def seeds() -> list[Seed]:
    catcher = RANDOM.integers(-2000, 2000, (9, 2, 32)).astype(np.int16)
    catcher_file = wavecatcher_bytes(catcher)
    text = wavedump_text_bytes(WAVES)
    text_starts = [i for i in range(len(text)) if text.startswith(b"Record Length", i)]
    drs = drs4_bytes(5, boards=(1,))
    isf, isf_starts = isf_file([isf_bytes(wave.astype(np.int16)) for wave in WAVES])
    wfm = wfm_bytes(WAVES.astype(np.int16))
    wfm_starts = tuple(len(wfm) - 8 - 2 * 72 * (12 - i) for i in range(13))
    groups = petsys_bytes(40, form="petsys-group", hits_per_group=4)
    return [
        evenly("wavedump", wavedump_bytes(WAVES), 0, 12, "waveform_adc"),
        evenly("compass", compass_bytes(WAVES), 2, 12, "waveform_adc"),
        evenly("compass", compass_bytes(WAVES, content=0b0111), 2, 12, "time_ps"),
        evenly("drs4", drs, 8 + 4 + 4100, 5, "waveform_adc"),
        evenly("wavecatcher", catcher_file, catcher_file.index(b"MEAS") + 20, 9, "waveform_adc"),
        Seed("wavedump-text", text, (*text_starts, len(text)), "waveform_adc"),
        evenly("petsys-single", petsys_bytes(30), 0, 30, "time_ps"),
        evenly("petsys-group", petsys_bytes(30, form="petsys-group"), 0, 30, "time_ps"),
        evenly("lecroy", lecroy_bytes(WAVES.astype(np.int16)), 11 + 346 + 192, 12, "waveform_adc"),
        evenly("petsys-coincidence", petsys_bytes(30, form="petsys-coincidence"), 0, 30, "time_ps"),
        Seed("tektronix-isf", isf, isf_starts, "waveform_adc", text_bytes=isf_starts[1] - 80),
        Seed("tektronix-wfm", wfm, wfm_starts, "waveform_adc"),
        *text_seeds(),
        evenly("petsys-group", groups, 0, 40, "energy"),
        Seed("petsird", *petsird_bytes(petsird_pairs(12)), "detection_bin"),
    ]


SEEDS = seeds()
parse_lines(b"1,2\n")  # compiled before memory is measured
IDS = [f"{number}-{seed.name}" for number, seed in enumerate(SEEDS)]


def options(path: Path, seed: Seed) -> ReadOptions:
    """Return how to read the seed's file at *path*: a table with its mapping beside it."""
    if not seed.mapping:
        return ReadOptions()
    mapping = path.parent / "mapping.toml"
    mapping.write_text(seed.mapping)
    return ReadOptions(mapping=mapping)


def read(path: Path, name: str | None, seed: Seed) -> tuple[EventTable | None, bool]:
    """Return the events, or None after a clear error, and whether there was a warning."""
    failure = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            table = open_events(path, options(path, seed), format_name=name).read()
        except PulsefrontError as error:
            failure = str(error)
    if failure is not None:
        assert "\n" not in failure
        assert path.name in failure
        return None, True
    assert all(issubclass(w.category, DataWarning) for w in caught), [str(w) for w in caught]
    return table, bool(caught)


def guarded(path: Path, name: str | None, seed: Seed) -> tuple[EventTable | None, bool]:
    """Read, and check that neither time nor memory runs away."""
    size = path.stat().st_size
    tracemalloc.start()
    start = time.perf_counter()
    result = read(path, name, seed)
    seconds = time.perf_counter() - start
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds < HANGS_S
    assert peak < 4_000_000 + 20 * size, f"{peak} bytes for a file of {size}"
    return result


def original(seed: Seed, folder: Path) -> np.ndarray:
    path = folder / "original"
    path.write_bytes(seed.content)
    table, warned = read(path, seed.name, seed)
    assert table is not None
    assert not warned
    return table[seed.column]


def rounds(seconds: float) -> Iterator[np.random.Generator]:
    end = time.monotonic() + seconds
    number = 0
    while number < 10 or time.monotonic() < end:
        yield np.random.default_rng(number)
        number += 1


@pytest.mark.parametrize("seed", SEEDS, ids=IDS)
def test_truncation_at_every_byte(seed: Seed, tmp_path: Path) -> None:
    whole = original(seed, tmp_path)
    path = tmp_path / "cut"
    every = len(seed.content) if SECONDS > 30 else 100
    places = sorted({*np.linspace(0, len(seed.content) - 1, every).astype(int).tolist(), *(
        start + step for start in seed.starts for step in (-1, 0, 1)
    )} & set(range(len(seed.content))))  # fmt: skip
    for cut in places:
        path.write_bytes(seed.content[:cut])
        table, warned = read(path, seed.name, seed)
        count = sum(start <= cut for start in seed.starts[1:])
        if table is None:
            # An error only where no whole event is left.
            assert count == 0, cut
            continue
        if seed.name in OPEN_END and cut not in seed.starts:
            assert len(table) in (count, count + 1), cut
            np.testing.assert_array_equal(table[seed.column][:count], whole[:count])
            continue
        assert len(table) == count, cut
        assert (table.status == 0).all()
        if count:
            np.testing.assert_array_equal(table[seed.column], whole[:count])
        # These state where they end, so that it shows also when they end between two records.
        end = len(seed.content) if seed.name in (*STATES_ITS_END, "petsird") else seed.starts[count]
        if seed.name in TEXTS and cut < seed.starts[0]:
            continue  # names of columns are names, also where some are missing
        assert warned == (cut != end), cut


@pytest.mark.parametrize("seed", SEEDS, ids=IDS)
def test_flipped_bits_spoil_only_the_event_they_hit(seed: Seed, tmp_path: Path) -> None:
    whole = original(seed, tmp_path)
    path = tmp_path / "flipped"
    for random in rounds(SECONDS / 20):
        place = int(random.integers(0, len(seed.content)))
        content = bytearray(seed.content)
        content[place] ^= 1 << int(random.integers(0, 8))
        path.write_bytes(bytes(content))
        table, warned = guarded(path, seed.name, seed)
        if table is None:
            continue
        if len(table) < len(whole):
            assert warned, f"byte {place}: events missing without a word"
        hit = sum(start <= place for start in seed.starts) - 1
        if hit < 0 or place - seed.starts[hit] < seed.text_bytes:
            continue  # a header or preamble: other units or lengths, which nothing contradicts
        for event in range(min(len(table), len(whole))):
            if event != hit and table.status[event] == 0:
                np.testing.assert_array_equal(
                    table[seed.column][event], whole[event], err_msg=f"byte {place}"
                )


@pytest.mark.parametrize("seed", SEEDS, ids=IDS)
def test_missing_or_added_bytes_never_give_wrong_events(seed: Seed, tmp_path: Path) -> None:
    if seed.name in TEXTS:
        pytest.skip("a digit more or less in a text file is a number like any other")
    if seed.name in STATES_ITS_END:
        pytest.skip("segments have no headers: only the end shows that bytes are missing")
    whole = original(seed, tmp_path)
    known = {row.tobytes() for row in whole}
    path = tmp_path / "shifted"
    for random in rounds(SECONDS / 20):
        place = int(random.integers(seed.starts[0], len(seed.content)))
        count = int(random.integers(1, 30))
        hit = sum(start <= place for start in seed.starts) - 1
        ends = min(place + count, len(seed.content))
        if seed.text_bytes and not (
            place - seed.starts[hit] >= seed.text_bytes and ends <= seed.starts[hit + 1]
        ):
            continue  # a letter more or less in a preamble is a setting like any other
        if random.integers(0, 2):
            content = seed.content[:place] + random.bytes(count) + seed.content[place:]
        else:
            content = seed.content[:place] + seed.content[place + count :]
        path.write_bytes(content)
        table, warned = guarded(path, seed.name, seed)
        if table is None:
            continue
        # A number of PETSIRD takes as many bytes as it needs: a byte less is another number.
        unseen = seed.name == "petsird" or _whole_records_more(seed, content)
        assert warned or len(content) == len(seed.content) or unseen
        hit = sum(start <= place for start in seed.starts) - 1
        for event, row in enumerate(table[seed.column]):
            # The record that was hit may end the file, where nothing behind it can tell.
            checked = seed.column in ("waveform_adc", "detection_bin")
            if table.status[event] == 0 and event != hit and checked:
                assert row.tobytes() in known, f"{count} bytes at {place}, event {event}"


def _whole_records_more(seed: Seed, content: bytes) -> bool:
    """Return whether just whole records were added or taken away, which nobody can see."""
    record = seed.starts[1] - seed.starts[0]
    return abs(len(content) - len(seed.content)) % record == 0


@pytest.mark.parametrize("seed", SEEDS, ids=IDS)
def test_wild_numbers_and_mixed_formats(seed: Seed, tmp_path: Path) -> None:
    path = tmp_path / "wild"
    words = [0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x01000000, 24, 25]
    for random in rounds(SECONDS / 20):
        content = bytearray(seed.content)
        for _ in range(int(random.integers(1, 4))):
            place = int(random.integers(0, len(content) - 4))
            word = words[int(random.integers(0, len(words)))]
            content[place : place + 4] = word.to_bytes(4, "little")
        if random.integers(0, 3) == 0:
            other = SEEDS[int(random.integers(0, len(SEEDS)))].content
            cut = int(random.integers(0, len(content)))
            content = content[:cut] + bytearray(other)
        path.write_bytes(bytes(content))
        for name in (seed.name, None):
            table, _ = guarded(path, name, seed)
            assert table is None or len(table) <= len(content)


@pytest.mark.parametrize("seed", SEEDS, ids=IDS)
def test_noise_is_no_format(seed: Seed, tmp_path: Path) -> None:
    path = tmp_path / "noise"
    for random in rounds(SECONDS / 40):
        path.write_bytes(random.bytes(int(random.integers(1, 5000))))
        guarded(path, seed.name, seed)
        guarded(path, None, seed)


def test_groups_cut_changed_or_mixed_are_events_or_one_clear_error(tmp_path: Path) -> None:
    seed = next(seed for seed in reversed(SEEDS) if seed.name == "petsys-group")
    path, out = tmp_path / "groups", tmp_path / "charges.h5"
    unharmed = 0
    for random in rounds(SECONDS / 4):
        content = bytearray(seed.content)
        for _ in range(int(random.integers(0, 4))):
            content[int(random.integers(0, len(content)))] = int(random.integers(0, 256))
        place = int(random.integers(0, len(content)))
        if random.integers(0, 2):
            del content[place : place + int(random.integers(1, 60))]
        path.write_bytes(bytes(content))
        hits, _ = guarded(path, seed.name, seed)
        out.unlink(missing_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            try:
                found = write_group_charges(open_events(path, format_name=seed.name), out)
            except PulsefrontError as error:
                assert "\n" not in str(error)  # noqa: PT017
                assert not out.exists()
                continue
        assert hits is not None
        good = (hits.status & np.uint16(Status.BAD_HEADER)) == 0
        table = store.read(out)
        assert found.hits == np.count_nonzero(good)
        total = hits["energy"][good].astype(np.float64).sum()
        np.testing.assert_allclose(table["charge_adc"].sum(dtype=np.float64), total, rtol=1e-6)
        unharmed += int(np.count_nonzero(table.status == 0))
    assert unharmed > 40


COLUMNS = {"waveform_adc": WAVES, "time_ns": np.arange(12) * 1.5}
STORED = EventTable(
    COLUMNS, {name: Quantity("1", name) for name in COLUMNS}, np.arange(12, dtype=np.uint16)
)


def store_left_open(path: Path) -> bytes:
    """Return the bytes of a store whose writer still has it open."""
    with store.append(path) as appender:
        for start in range(0, 12, 4):
            appender.add(STORED.select(slice(start, start + 4)))
        return path.read_bytes()


@pytest.mark.parametrize("left_open", [False, True])
def test_a_store_with_flipped_bits_is_an_error_or_unharmed(tmp_path: Path, left_open: bool) -> None:
    path = tmp_path / "s.h5"
    if left_open:
        content = store_left_open(path)
    else:
        store.write(STORED, path)
        content = path.read_bytes()
    path.write_bytes(content)
    assert len(store.read(path)) == 12
    for random in rounds(SECONDS / 4):
        changed = bytearray(content)
        for _ in range(int(random.integers(1, 4))):
            changed[int(random.integers(0, len(content)))] ^= 1 << int(random.integers(0, 8))
        path.write_bytes(bytes(changed))
        start = time.perf_counter()
        try:
            table = store.read(path)
        except PulsefrontError as error:
            assert "\n" not in str(error)  # noqa: PT017
            assert time.perf_counter() - start < HANGS_S
            continue
        # Bytes that nothing uses were hit.
        assert set(table.columns) == set(COLUMNS)
        for name, values in COLUMNS.items():
            np.testing.assert_array_equal(table[name], values)
        np.testing.assert_array_equal(table.status, np.arange(12))


@pytest.mark.parametrize("left_open", [False, True])
def test_a_store_cut_or_with_a_hole_is_an_error_or_whole(tmp_path: Path, left_open: bool) -> None:
    path = tmp_path / "s.h5"
    if left_open:
        content = store_left_open(path)
    else:
        store.write(STORED, path)
        content = path.read_bytes()
    for random in rounds(SECONDS / 4):
        place, length = int(random.integers(1, len(content))), int(random.integers(1, 600))
        damaged = content[:place]
        if random.integers(0, 2):
            damaged += bytes(length) + content[place + length :]
        path.write_bytes(damaged)
        start = time.perf_counter()
        try:
            table = store.read(path)
        except PulsefrontError:
            assert time.perf_counter() - start < HANGS_S
            continue
        for name, values in COLUMNS.items():
            np.testing.assert_array_equal(table[name], values)


@pytest.mark.skipif(SECONDS < 10, reason="kills writers again and again: part of make fuzz")
def test_kills_at_random_moments_lose_at_most_the_chunk_in_flight(tmp_path: Path) -> None:
    path = tmp_path / "s.h5"
    kept = 0
    for number in range(30):
        random = np.random.default_rng(number)
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(kept)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            told = [int(writer.stdout.readline())]
            time.sleep(float(random.uniform(0, 0.15)))
            writer.kill()
            told += [int(line) for line in writer.stdout if line.endswith("\n")]
        table = store.read(path)
        # A number is told after its commit, so one more may be whole.
        assert len(table) - 20 * told[-1] in (0, 20), number
        np.testing.assert_array_equal(table["number"], np.arange(len(table)) // 20)
        kept = len(table) // 20


WRITER = """
import sys
import numpy as np
from pulsefront.events import store
from pulsefront.events.container import EventTable, Quantity
number = int(sys.argv[2])
with store.append(sys.argv[1]) as appender:
    while True:
        columns = {"w": np.full((20, 500), number, np.uint16), "number": np.full(20, number)}
        appender.add(EventTable(columns, {name: Quantity("1", name) for name in columns}))
        number += 1
        print(number, flush=True)
"""


def test_an_impossible_trigger_time_costs_its_segment_its_times_alone(tmp_path: Path) -> None:
    """Found by `make fuzz`: a time of 1e308 s overflowed when it became nanoseconds."""
    seed = next(seed for seed in SEEDS if seed.name == "lecroy")
    whole = original(seed, tmp_path)
    path = tmp_path / "changed"
    bytes_of_pairs = 16 * len(whole)
    content = bytearray(seed.content)
    at = seed.starts[0] - bytes_of_pairs + 16
    content[at : at + 8] = struct.pack("<d", 1e308)
    path.write_bytes(bytes(content))
    table, _ = guarded(path, seed.name, seed)
    assert table is not None
    assert table.status.tolist() == [0, int(Status.BAD_HEADER), *([0] * (len(whole) - 2))]
    assert np.isnan(table["trigger_time_s"]).tolist() == (table.status != 0).tolist()
    np.testing.assert_array_equal(table[seed.column], whole)
