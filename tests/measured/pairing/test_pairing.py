from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.errors import ConfigError, DataError
from pulsefront.events.container import EventTable, Quantity, Status
from pulsefront.events.readers.base import DataWarning, EventFile
from pulsefront.events.readers.open import open_events
from pulsefront.measured.pairing.coincidences import Coincidences
from pulsefront.measured.pairing.hits import PairingSettings, Side
from pulsefront.measured.pairing.partners import partners


def plain_pairs(left: list[int], right: list[int], window: float, offset: float):
    partners_l = [[j for j, r in enumerate(right) if abs(t - r - offset) <= window] for t in left]
    partners_r = [[i for i, t in enumerate(left) if abs(t - r - offset) <= window] for r in right]
    pairs = {
        (i, js[0]) for i, js in enumerate(partners_l) if len(js) == 1 and partners_r[js[0]] == [i]
    }
    used = len(pairs)
    alone = sum(not p for p in partners_l) + sum(not p for p in partners_r)
    return pairs, len(left) + len(right) - 2 * used - alone, alone


TIMES = st.lists(st.integers(0, 60), max_size=15)


@settings(deadline=None)
@given(TIMES, TIMES, st.integers(0, 6), st.integers(-5, 5), st.booleans())
def test_pairs_are_their_definition(
    left: list[int], right: list[int], window: int, offset: int, whole: bool
) -> None:
    kind = np.int64 if whole else np.float64
    left, right = sorted(left), sorted(right)
    got = partners(np.array(left, kind), np.array(right, kind), window, offset)
    first, second = got.pairs()
    pairs, multiple, alone = plain_pairs(left, right, window, offset)
    assert set(zip(first.tolist(), second.tolist(), strict=True)) == pairs
    counts = np.concatenate([got.of_left, got.of_right])
    assert np.count_nonzero(counts == 0) == alone
    assert np.count_nonzero(counts) - 2 * len(first) == multiple


def test_picoseconds_of_a_long_run_are_compared_exactly() -> None:
    base = np.array([2**60 + 1])
    assert len(partners(base, base + 4, 5).pairs()[0]) == 1
    assert len(partners(base, base + 5, 5).pairs()[0]) == 1
    assert len(partners(base, base + 6, 5).pairs()[0]) == 0


HITS = EventTable(
    {
        "channel": np.array([3, 7, 3, 7, 3], np.int32),
        "time_ps": np.array([100, 150, 1000, 5000, 5100], np.uint64),
        "energy": np.array([1.0, 2.0, 3.0, 4.0, 5.0]),
    },
    {name: Quantity("ps", name) for name in ("channel", "time_ps", "energy")},
    np.array([0, 0, 0, Status.SATURATED, 0], np.uint16),
)


def file_of(table: EventTable, chunk: int | None = None, name: str = "run") -> EventFile:
    def stream(events: int) -> Iterator[EventTable]:
        step = chunk or events
        for start in range(0, len(table), step):
            yield table.select(slice(start, start + step))

    return EventFile(Path(name), "made", table.quantities, {"events": len(table)}, 24, stream)


def pair(left: EventFile, right: EventFile, channels: tuple = (None, None), **kwargs: float):
    sides = [
        Side(file, None if chosen is None else frozenset(chosen))
        for file, chosen in zip((left, right), channels, strict=True)
    ]
    found = Coincidences(sides[0], sides[1], PairingSettings(**kwargs))
    return found, EventTable.concatenate(list(found.tables()))


@pytest.mark.parametrize("chunk", [1, 2, 5])
def test_coincidences_of_channels_of_one_file(chunk: int) -> None:
    file = file_of(HITS, chunk)
    found, pairs = pair(file, file, ((3,), (7,)), window_ns=0.2)
    assert pairs["energy"].tolist() == [[1.0, 2.0], [5.0, 4.0]]
    assert pairs["time_difference_ps"].tolist() == [-50, 100]
    assert pairs.status.tolist() == [0, Status.SATURATED]
    assert found.hits == [3, 2]
    assert found.provenance()["hits_alone"] == 1
    _, fewer = pair(file, file, ((3,), (7,)), window_ns=0.2, without_flagged=True)
    assert len(fewer) == 1


def hits_of(times: np.ndarray, **more: np.ndarray) -> EventTable:
    columns = {"time_ps": np.asarray(times, np.int64), **more}
    return EventTable(columns, {name: Quantity("ps", name) for name in columns})


def test_boards_of_one_channel_number_are_paired() -> None:
    """Channel 0 of two boards could not be told apart."""
    times = np.repeat(np.arange(1, 401) * 10**9, 2)
    times[1::2] += 300
    boards = np.tile([0, 1], 400)
    file = file_of(hits_of(times, channel=np.zeros(800, np.int64), board=boards), 37)
    found, pairs = pair(file, file, (((0, 0),), ((1, 0),)), window_ns=1)
    assert len(pairs) == 400
    assert pairs["board"].tolist() == [[0, 1]] * 400
    assert found.provenance()["coincidence_channels"] == [["0:0"], ["1:0"]]
    with pytest.raises(ConfigError, match=r"with their boards 0:0 1:0"):
        pair(file, file, ((0,), (0,)), window_ns=1)
    with pytest.raises(ConfigError, match="different channels"):
        pair(file, file, (((0, 0),), (0,)), window_ns=1)
    with pytest.raises(DataError, match=r"400 and 0 hits.*run holds 0:0, 1:0"):
        pair(file, file, (((0, 0),), (1,)), window_ns=1)
    without = file_of(HITS)
    with pytest.raises(DataError, match="does not say the boards"):
        pair(without, without, (((0, 3),), (7,)), window_ns=1)
    with pytest.raises(DataError, match="does not say the channels"):
        pair(file_of(hits_of(times)), file_of(hits_of(times), name="b"), ((0,), (1,)), window_ns=1)


@pytest.mark.parametrize("chunk", [3, 1000])
def test_files_of_the_same_channels_are_runs_and_no_sides(chunk: int) -> None:
    """Two runs given directly were taken for detectors, and gave 169 pairs."""
    times = np.arange(200) * 10**9
    channels = np.tile([0, 0, 0, 0, 1], 40)
    runs = [
        file_of(hits_of(times + shift, channel=numbers), chunk, name)
        for name, shift, numbers in (("a", 0, channels), ("b", 300, channels[::-1].copy()))
    ]
    for chosen in ((None, None), ((0,), (1,))):
        with pytest.raises(DataError, match=r"b: channel: holds channels? .*two runs are no pairs"):
            pair(*runs, chosen, window_ns=1)
    # Two detectors that number their channels alike: who says so is believed.
    assert len(pair(*runs, ((0, 1), (0, 1)), window_ns=1)[1]) == 200
    others = file_of(hits_of(times + 300, channel=channels + 2), chunk, "c")
    assert len(pair(runs[0], others, window_ns=1)[1]) == 200
    boards = file_of(hits_of(times + 300, channel=channels, board=channels * 0 + 1), chunk, "d")
    assert len(pair(runs[0], boards, window_ns=1)[1]) == 200


def test_sides_that_cannot_be_paired_say_why() -> None:
    file = file_of(HITS)
    for sides in ((None, None), ((3,), None), ((3, 7), (7,))):
        with pytest.raises(ConfigError, match="different channels"):
            pair(file, file, sides, window_ns=1)
    with pytest.raises(DataError, match="no pairs among 3 and 2 hits"):
        pair(file, file, ((3,), (7,)), window_ns=0.001)
    timeless = EventTable({"energy": np.ones(2)}, {"energy": Quantity("1", "e")})
    with pytest.raises(DataError, match="no times"):
        pair(file, file_of(timeless, name="other"), window_ns=1)
    for window in (-1, np.nan, np.inf):
        with pytest.raises(ConfigError, match="window_ns"):
            PairingSettings(window_ns=window)


@settings(deadline=None, max_examples=60)
@given(TIMES, TIMES, st.integers(0, 6), st.integers(-5, 5), st.integers(1, 4), st.integers(1, 4))
def test_pairs_in_chunks_are_the_pairs_of_the_whole(
    left: list[int], right: list[int], window: int, offset: int, n_left: int, n_right: int
) -> None:
    told = {name: Quantity("ps", name) for name in ("time_ps", "number")}
    files = []
    for times, chunk, name in ((left, n_left, "left"), (right, n_right, "right")):
        ordered = np.array(sorted(times), np.int64)
        columns = {"time_ps": ordered, "number": np.arange(len(ordered))}
        files.append(file_of(EventTable(columns, told), chunk, name))
    expected, multiple, alone = plain_pairs(sorted(left), sorted(right), window, offset)
    sides = [Side(file) for file in files]
    rule = PairingSettings(window / 1000, offset / 1000, disorder_ns=0)
    found = Coincidences(sides[0], sides[1], rule)
    if not expected:
        with pytest.raises(DataError, match="no pairs"):
            list(found.tables())
    else:
        pairs = EventTable.concatenate(list(found.tables()))["number"]
        assert [tuple(pair) for pair in pairs.tolist()] == sorted(expected)
    assert (found.alone, found.multiple) == (alone, multiple)


def test_hits_out_of_order_are_paired_or_counted() -> None:
    random = np.random.default_rng(0)
    start = np.sort(random.integers(0, 10**9, 500))
    told = {"time_ps": Quantity("ps", "time")}
    # In a file out of order by up to 2 µs.
    mixed = start[np.argsort(start + random.integers(-(10**6), 10**6, 500))]
    files = [
        file_of(EventTable({"time_ps": t}, told), 7, n) for t, n in ((mixed, "a"), (start, "b"))
    ]
    found, pairs = pair(*files, window_ns=0.01, disorder_ns=2e3)
    assert len(pairs) + found.multiple / 2 == 500
    with pytest.warns(DataWarning, match="after their turn"):
        found, pairs = pair(*files, window_ns=0.01, disorder_ns=0)
    assert found.too_late > 0
    assert len(pairs) + found.too_late + (found.multiple + 1) // 2 >= 500


def test_the_measured_compass_channels_fire_together(shared_data: Callable[[str], Path]) -> None:
    file = open_events(shared_data("legend_compass") / "compass_test_data.BIN")
    found, pairs = pair(file, file, ((0,), (1,)), window_ns=20)
    assert len(pairs) == 51
    assert (found.alone, found.multiple) == (0, 0)
    assert np.abs(pairs["time_difference_ps"]).max() <= 20_000
