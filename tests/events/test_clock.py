"""Stretches of one clock: restarts, runs one after the other, and hits only out of order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsefront.errors import DataError
from pulsefront.events import store
from pulsefront.events.clock import CLOCK_STRETCH, ClockStretches
from pulsefront.events.container import EventTable, Quantity, Status
from pulsefront.events.ingest import ingest, open_sources
from pulsefront.events.readers.base import DataWarning, ReadOptions
from pulsefront.events.readers.open import open_events
from pulsefront.measured.pairing.coincidences import Coincidences
from pulsefront.measured.pairing.hits import PairingSettings, Side
from strategies_events import wavedump_bytes

MS = 10**9
"""Picoseconds."""


def hits(times_ps: np.ndarray, channels: np.ndarray, status: np.ndarray | None = None):
    quantities = {name: Quantity("1", name) for name in ("time_ps", "channel")}
    columns = {"time_ps": np.asarray(times_ps), "channel": np.asarray(channels)}
    bad = np.zeros(len(times_ps), np.uint16) if status is None else status
    return EventTable(columns, quantities, bad)


def compass_hits(times_ps: np.ndarray, channels: np.ndarray) -> bytes:
    """Return the bytes of a CoMPASS file of hits with an energy."""
    record = np.dtype(
        [("board", "<u2"), ("channel", "<u2"), ("t", "<u8"), ("e", "<u2"), ("flags", "<u4")]
    )
    content = np.zeros(len(times_ps), record)
    content["t"], content["channel"], content["e"] = times_ps, channels, 100
    return b"\xe1\xca" + content.tobytes()


def run(seed: int, count: int = 4000, channels: tuple[int, ...] = (0, 1)) -> bytes:
    """Return a run from zero: hits of a mean distance of 50 µs, none of them pairs by intent."""
    random = np.random.default_rng(seed)
    times = np.cumsum(random.integers(10**7, 9 * 10**7, count))
    return compass_hits(times, random.choice(channels, count))


def stretches(table: EventTable, chunk: int) -> list[int]:
    clock = ClockStretches("time_ps")
    parts = [clock(table.select(slice(i, i + chunk))) for i in range(0, len(table), chunk)]
    return np.concatenate(parts).tolist()


@given(
    lengths=st.lists(st.integers(4, 30), min_size=1, max_size=4),
    channels=st.integers(1, 3),
    chunk=st.integers(2, 200),
    seed=st.integers(0, 999),
)
def test_every_restart_is_a_stretch_and_disorder_is_none(lengths, channels, chunk, seed) -> None:
    random = np.random.default_rng(seed)
    times, numbers, expected = [], [], []
    for stretch, length in enumerate(lengths):
        # Every channel fires in every round; hits of a round are out of order by up to 5 ms.
        start = np.repeat(np.arange(length) * 50 * MS, channels)
        times.append(start + random.integers(0, 5 * MS, len(start)))
        numbers.append(np.tile(random.permutation(channels), length))
        expected += [stretch] * len(start)
    table = hits(np.concatenate(times), np.concatenate(numbers))
    assert stretches(table, chunk) == expected


def test_a_single_hit_out_of_line_starts_no_stretch() -> None:
    times = np.arange(40, dtype=np.int64) * 100 * MS
    for at, strange in ((20, 3 * MS), (20, 10**18)):
        changed = times.copy()
        changed[at] = strange
        assert stretches(hits(changed, np.zeros(40, int)), 40) == [0] * 40


def test_a_bad_header_is_no_time_to_go_by() -> None:
    times = np.arange(40, dtype=np.int64) * 100 * MS
    times[10:12] = 0
    status = np.zeros(40, np.uint16)
    status[10:12] = Status.BAD_HEADER
    assert stretches(hits(times, np.zeros(40, int), status), 40) == [0] * 40


def test_channels_one_after_the_other_are_one_stretch() -> None:
    times = np.tile(np.arange(20) * 100 * MS, 3)
    assert stretches(hits(times, np.repeat([0, 1, 2], 20)), 7) == [0] * 60


def pairs_in(path: Path, window_ns: float = 1000.0, disorder_ms: float = 10.0) -> Coincidences:
    file = open_events(path)
    rule = PairingSettings(window_ns, disorder_ns=1e6 * disorder_ms)
    found = Coincidences(Side(file, frozenset({0})), Side(file, frozenset({1})), rule)
    list(found.tables())
    return found


def test_hits_of_two_runs_from_zero_are_no_pairs(tmp_path: Path) -> None:
    """In one store, two runs without a pair gave 86 pairs within a microsecond."""
    files = []
    for number in (1, 2):
        files.append(tmp_path / f"run_{number}.bin")
        files[-1].write_bytes(run(number))
        with pytest.raises(DataError, match="no pairs"):
            pairs_in(files[-1])
    with pytest.warns(
        DataWarning, match=r"starts anew 1 time\(s\), first at event 4000, from 0\.2"
    ):
        ingest(files, tmp_path / "both.h5")
    assert store.read(tmp_path / "both.h5")[CLOCK_STRETCH].tolist() == [0] * 4000 + [1] * 4000
    with pytest.raises(DataError, match=r"no pairs.*starts anew 1 time\(s\), and none is across"):
        pairs_in(tmp_path / "both.h5")
    # One after the other into the store, or byte after byte into one file: just the same.
    ingest(files[:1], tmp_path / "later.h5", append=True)
    with pytest.warns(DataWarning, match="starts anew"):
        ingest(files[1:], tmp_path / "later.h5", append=True)
    assert store.read(tmp_path / "later.h5")[CLOCK_STRETCH].tolist() == [0] * 4000 + [1] * 4000
    with pytest.raises(DataError, match="none is across"):
        pairs_in(tmp_path / "later.h5")
    joined = tmp_path / "joined.bin"
    joined.write_bytes(files[0].read_bytes() + files[1].read_bytes()[2:])
    with pytest.raises(DataError, match="none is across"):
        pairs_in(joined)


def test_pairs_of_every_stretch_are_found(tmp_path: Path) -> None:
    times = np.repeat(np.arange(1, 201) * 10**10, 2)
    times[1::2] += 300
    channels = np.tile([0, 1], 200)
    path = tmp_path / "run.bin"
    path.write_bytes(compass_hits(np.tile(times, 3), np.tile(channels, 3)))
    with pytest.warns(DataWarning, match="within a stretch only"):
        found = pairs_in(path)
    assert (found.pairs, found.alone, found.clock_stretches) == (600, 0, 3)


def test_files_of_a_channel_each_are_one_run_and_it_is_said(tmp_path: Path) -> None:
    times = np.arange(1, 201) * 10**10
    paths = []
    for channel in (0, 1):
        paths.append(tmp_path / f"ch{channel}.bin")
        paths[-1].write_bytes(compass_hits(times + 300 * channel, np.full(200, channel)))
    with pytest.warns(DataWarning, match=r"ch1\.bin and ch0\.bin overlap.*channels of one run"):
        ingest(paths, tmp_path / "run.h5")
    assert pairs_in(tmp_path / "run.h5").pairs == 200


def test_a_run_split_into_files_goes_on(tmp_path: Path) -> None:
    content = run(5)
    half = 2 + (len(content) - 2) // 2 // 18 * 18
    paths = [tmp_path / "a.bin", tmp_path / "b.bin"]
    paths[0].write_bytes(content[:half])
    paths[1].write_bytes(content[:2] + content[half:])
    table = open_sources(paths).read()
    assert set(table[CLOCK_STRETCH].tolist()) == {0}


@pytest.mark.parametrize("span_ms", [0.003, 3, 9, 12])
def test_runs_from_zero_are_stretches_however_short(tmp_path: Path, span_ms: float) -> None:
    """Two runs of less than 10 ms were one stretch, and gave pairs across without a word."""
    random = np.random.default_rng(3)
    files, expected = [], 0
    for number in (0, 1):
        times = np.sort(random.integers(0, int(span_ms * MS), 400))
        # Runs that begin a little later than the first began, too.
        times += number * int(span_ms * MS) // 20
        files.append(tmp_path / f"{number}.bin")
        files[-1].write_bytes(compass_hits(times, random.integers(0, 2, 400)))
        expected += pairs_in(files[-1], span_ms * 250).pairs
    both, later = tmp_path / "both.h5", tmp_path / "later.h5"
    with pytest.warns(DataWarning, match=r"starts anew 1 time\(s\), first at event 400"):
        ingest(files, both)
    ingest(files[:1], later)
    with pytest.warns(DataWarning, match="starts anew"):
        ingest(files[1:], later, append=True)
    for path in (both, later):
        assert store.read(path)[CLOCK_STRETCH].tolist() == [0] * 400 + [1] * 400
        with pytest.warns(DataWarning, match="within a stretch only") as told:
            assert pairs_in(path, span_ms * 250).pairs == expected
        assert "disorder" not in str(told[0].message)


@pytest.mark.parametrize("cut", [2, 777, 1998])
def test_a_run_out_of_order_split_into_files_goes_on(tmp_path: Path, cut: int) -> None:
    random = np.random.default_rng(4)
    times = np.sort(random.integers(0, 1000 * MS, 2000))
    order = np.argsort(times + random.integers(0, 5 * MS, 2000))
    channels = random.integers(0, 2, 2000)
    paths = [tmp_path / "a.bin", tmp_path / "b.bin"]
    for path, part in zip(paths, (order[:cut], order[cut:]), strict=True):
        path.write_bytes(compass_hits(times[part], channels[part]))
    assert set(open_sources(paths).read()[CLOCK_STRETCH].tolist()) == {0}


def out_of_order(path: Path, disorder_ms: int) -> Path:
    """Write 300 pairs in a second whose hits come up to *disorder_ms* too late."""
    random = np.random.default_rng(5)
    times = np.repeat(np.sort(random.integers(0, 1000 * MS, 300)), 2)
    times[1::2] += 300
    order = np.argsort(times + random.integers(0, disorder_ms * MS, 600))
    path.write_bytes(compass_hits(times[order], np.tile([0, 1], 300)[order]))
    return path


def test_disorder_of_more_than_10_ms_is_told_and_can_be_allowed_for(tmp_path: Path) -> None:
    """Two thirds of the pairs were lost, and no option brought them back."""
    path = out_of_order(tmp_path / "run.bin", 50)
    with pytest.warns(DataWarning, match=r"back by up to 4\d.* only.*--disorder-ms 5\d"):
        assert pairs_in(path).pairs < 200
    assert pairs_in(path, window_ns=1, disorder_ms=60).pairs == 300
    with pytest.warns(DataWarning, match=r"times compare only.*--disorder-ms 5\d"):
        ingest([path], tmp_path / "anew.h5")
    # The stretches of a store are taken as they are: it is the ingest that must know.
    with pytest.warns(DataWarning, match="give ingest and coincidences --disorder-ms"):
        assert pairs_in(tmp_path / "anew.h5", disorder_ms=60).pairs < 200
    ingest([path], tmp_path / "whole.h5", ReadOptions(disorder_ms=60))
    assert pairs_in(tmp_path / "whole.h5", window_ns=1, disorder_ms=60).pairs == 300


def test_a_clock_that_starts_anew_is_not_called_disorder(tmp_path: Path) -> None:
    times = np.repeat(np.arange(1, 201) * 10**10, 2)
    path = tmp_path / "run.bin"
    path.write_bytes(compass_hits(np.tile(times, 3), np.tile([0, 1], 600)))
    with pytest.warns(DataWarning, match=r"starts anew 2 time\(s\)") as told:
        pairs_in(path)
    assert not any("disorder" in str(one.message) for one in told)


def test_the_same_file_is_not_taken_twice_without_a_word(tmp_path: Path) -> None:
    for name in ("a.bin", "copy_of_a.bin"):
        (tmp_path / name).write_bytes(run(1))
    out = tmp_path / "s.h5"
    with pytest.raises(DataError, match=r"a\.bin: is given twice.*--again"):
        ingest([tmp_path / "a.bin"] * 2, out)
    with pytest.raises(DataError, match=r"copy_of_a\.bin: has the same content as a\.bin"):
        ingest([tmp_path / "a.bin", tmp_path / "copy_of_a.bin"], out)
    assert not out.exists()
    ingest([tmp_path / "a.bin"], out)
    with pytest.raises(DataError, match=r"events of copy_of_a\.bin already.*as a\.bin"):
        ingest([tmp_path / "copy_of_a.bin"], out, append=True)
    with pytest.warns(DataWarning, match="starts anew"):
        ingest([tmp_path / "a.bin"], out, append=True, again=True)
    with store.open_store(out) as stored:
        told = [(source.file, source.first_event) for source in stored.sources]
    assert told == [("a.bin", 0), ("a.bin", 4000)]


def tagged(path: Path, tags: list[int], counters: list[int]) -> Path:
    content = bytearray(wavedump_bytes(np.full((len(tags), 20), 300, np.uint16)))
    record = len(content) // len(tags)
    for row, (tag, counter) in enumerate(zip(tags, counters, strict=True)):
        words = np.array([counter, tag], "<u4").tobytes()
        content[row * record + 16 : row * record + 24] = words
    path.write_bytes(bytes(content))
    return path


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_a_tag_that_falls_while_the_counter_runs_on_has_wrapped(tmp_path: Path, chunk: int) -> None:
    """Steps of 0.75 periods were read as steps of −0.25 periods."""
    period = 1 << 31
    true = [period * 3 // 4 * i for i in range(1, 41)]
    path = tagged(tmp_path / "w.dat", [t % period for t in true], list(range(40)))
    opened = open_events(path, ReadOptions(tag_interval_ns=8.0, sample_type="u16"))
    with pytest.warns(DataWarning, match=r"39 steps.*0\.75 of its period.*may be missing"):
        times = np.concatenate([t["time_ns"] for t in opened.chunks(chunk)])
    np.testing.assert_array_equal(times, 8.0 * np.array(true))


@given(
    steps=st.lists(st.floats(0.001, 0.499), min_size=2, max_size=40),
    bits=st.sampled_from([30, 31]),
    chunk=st.integers(1, 50),
)
def test_tags_give_the_true_times_however_they_wrap(
    tmp_path_factory: pytest.TempPathFactory, steps: list[float], bits: int, chunk: int
) -> None:
    period = 1 << bits
    true = np.cumsum([int(step * period) for step in steps]) + period - 1
    counters = list(range(2**24 - 3, 2**24 - 3 + len(true)))  # the counter wraps, too
    folder = tmp_path_factory.mktemp("tags")
    path = tagged(folder / "w.dat", (true % period).tolist(), [c % 2**24 for c in counters])
    options = ReadOptions(tag_interval_ns=1.0, tag_bits=bits, sample_type="u16")
    opened = open_events(path, options)
    times = np.concatenate([t["time_ns"] for t in opened.chunks(chunk)])
    np.testing.assert_array_equal(np.diff(times), np.diff(true).astype(float))


def test_a_board_that_was_reset_is_no_wrap(tmp_path: Path) -> None:
    tags = [*range(10**9, 10**9 + 10**7 * 20, 10**7), *range(5, 10**7 * 20, 10**7)]
    path = tagged(tmp_path / "w.dat", tags, [*range(5000, 5020), *range(20)])
    with pytest.warns(DataWarning, match="starts anew 1 time"):
        table = open_sources([path], ReadOptions(tag_interval_ns=8.0, sample_type="u16")).read()
    assert table[CLOCK_STRETCH].tolist() == [0] * 20 + [1] * 20
    assert table["time_ns"][20] == 40.0


def test_the_measured_compass_run_is_one_stretch(shared_data: Callable[[str], Path]) -> None:
    table = open_sources([shared_data("legend_compass") / "compass_test_data.BIN"]).read()
    assert set(table[CLOCK_STRETCH].tolist()) == {0}


@pytest.mark.parametrize("chunk", [1, 7, 100])
def test_a_counter_that_begins_anew_begins_a_stretch_of_a_short_run(chunk: int) -> None:
    numbers = np.concatenate([np.arange(20), np.arange(15)])
    quantities = {name: Quantity("1", name) for name in ("time_ps", "channel", "event_counter")}
    columns = {"time_ps": numbers * 1000, "channel": numbers * 0, "event_counter": numbers}
    table = EventTable(columns, quantities, np.zeros(35, np.uint16))
    assert stretches(table, chunk) == [0] * 20 + [1] * 15


def test_a_counter_that_wraps_or_counts_each_channel_begins_none() -> None:
    quantities = {name: Quantity("1", name) for name in ("time_ps", "channel", "event_counter")}
    numbers = np.concatenate([np.arange((1 << 24) - 20, 1 << 24), np.arange(15)])
    wrapped = {
        "time_ps": np.arange(35) * 1000,
        "channel": numbers * 0,
        "event_counter": numbers,
    }
    assert stretches(EventTable(wrapped, quantities, np.zeros(35, np.uint16)), 7) == [0] * 35
    counted = np.arange(40) // 2
    each = {
        "time_ps": counted * 1000 + np.arange(40) % 2 * 5,
        "channel": np.arange(40) % 2,
        "event_counter": counted + 100 * (np.arange(40) % 2),
    }
    assert stretches(EventTable(each, quantities, np.zeros(40, np.uint16)), 7) == [0] * 40
