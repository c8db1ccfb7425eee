from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsefront.errors import ConfigError, DataError
from pulsefront.events.combine import combine
from pulsefront.events.container import EventTable, Status
from pulsefront.events.ingest import open_sources
from pulsefront.events.join import join_channels
from pulsefront.events.readers.base import ReadOptions
from pulsefront.events.readers.open import open_events
from pulsefront.events.tags import TagUnwrapper
from strategies_events import wavedump_bytes

# One sample value all along reads as well in another type, which is an error of its own.
U16 = ReadOptions(sample_type="u16")


def channel_file(
    folder: Path, channel: int, counters: list[int], *, tags: list[int] | None = None
) -> Path:
    """Write one channel; every sample says which event and channel it is of."""
    waves = np.array([[c % 1000 * 4 + channel] * 12 for c in counters], np.uint16)
    content = bytearray(wavedump_bytes(waves, channel=channel))
    record = len(content) // len(counters)
    for row, counter in enumerate(counters):
        start = row * record + 16
        content[start : start + 4] = counter.to_bytes(4, "little")
        tag = tags[row] if tags else 100 + 13 * counter
        content[start + 4 : start + 8] = (tag % 2**32).to_bytes(4, "little")
    path = folder / f"wave{channel}.dat"
    path.write_bytes(bytes(content))
    return path


def joined(folder: Path, *counters: list[int], chunk: int = 1000, key: str = "event_counter"):
    paths = [channel_file(folder, c, list(events)) for c, events in enumerate(counters)]
    source = join_channels([open_events(path, U16) for path in paths], key)
    return EventTable.concatenate(list(source.chunks(chunk)))


def test_whole_coincidences(tmp_path: Path) -> None:
    table = joined(tmp_path, [0, 1, 2], [0, 1, 2])
    assert table["waveform_adc"].shape == (3, 2, 12)
    assert table["waveform_adc"][:, :, 0].tolist() == [[0, 1], [4, 5], [8, 9]]
    assert table["channel"].tolist() == [[0, 1]] * 3
    assert table["event_counter"].tolist() == [0, 1, 2]
    assert (table.status == 0).all()


@given(
    st.sets(st.integers(0, 40), min_size=1),
    st.sets(st.integers(0, 40), min_size=1),
    st.integers(2, 30),
)
def test_events_meet_whatever_is_missing_and_however_it_is_chunked(
    tmp_path_factory: pytest.TempPathFactory, left: set[int], right: set[int], chunk: int
) -> None:
    folder = tmp_path_factory.mktemp("j")
    table = joined(folder, sorted(left), sorted(right), chunk=chunk)
    assert table["event_counter"].tolist() == sorted(left | right)
    for counter, waves, status in zip(
        table["event_counter"], table["waveform_adc"], table.status, strict=True
    ):
        whole = counter in left and counter in right
        assert status == (0 if whole else Status.MISSING_CHANNEL)
        for c, present in enumerate((left, right)):
            assert (waves[c] == (counter * 4 + c if counter in present else 0)).all()


def test_the_counter_may_wrap(tmp_path: Path) -> None:
    end = 2**24
    counters = [end - 2, end - 1, 0, 1]
    for chunk in (2, 100):
        table = joined(tmp_path, counters, [end - 2, 0, 1], chunk=chunk)
        assert table["event_counter"].tolist() == counters
        assert table.status.tolist() == [0, Status.MISSING_CHANNEL, 0, 0]


@pytest.mark.parametrize("stray", [0, 9_000_000])
def test_one_corrupt_counter_costs_one_event(tmp_path: Path, stray: int) -> None:
    table = joined(tmp_path, [5, 6, stray, 8, 9], [5, 6, 7, 8, 9])
    assert table.status.tolist() == [
        0,
        0,
        Status.MISSING_CHANNEL | Status.BAD_HEADER,
        Status.MISSING_CHANNEL,
        0,
        0,
    ]
    assert table["waveform_adc"][-2:, :, 0].tolist() == [[32, 33], [36, 37]]


def test_tags_that_disagree_are_flagged(tmp_path: Path) -> None:
    first = channel_file(tmp_path, 0, [0, 1, 2], tags=[10, 20, 30])
    second = channel_file(tmp_path, 1, [0, 1, 2], tags=[10, 21, 30])
    table = open_sources([first, second]).read()
    assert table.status.tolist() == [0, Status.BAD_HEADER, 0]


def test_boards_with_other_counters_are_joined_by_tag(tmp_path: Path) -> None:
    first = channel_file(tmp_path, 0, [0, 1, 2], tags=[10, 2**30 - 1, 4])
    second = channel_file(tmp_path, 1, [7, 8], tags=[10, 4])
    table = open_sources([first, second], join="trigger_tag").read()
    assert table["trigger_tag"].tolist() == [10, 2**30 - 1, 4]
    assert table.status.tolist() == [0, Status.MISSING_CHANNEL, 0]


def test_joining_by_order(tmp_path: Path) -> None:
    table = joined(tmp_path, [0, 1, 2], [7, 8, 9], key="order", chunk=2)
    assert len(table) == 3
    assert (table.status & Status.MISSING_CHANNEL == 0).all()


def test_files_of_one_channel_follow_each_other(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    first = channel_file(tmp_path, 0, [0, 1])
    second = channel_file(tmp_path / "b", 0, [0, 1, 2])
    table = open_sources([first, second]).read()
    assert table["waveform_adc"].shape == (5, 12)


def test_record_lengths_must_agree(tmp_path: Path) -> None:
    first = channel_file(tmp_path, 0, [0, 1])
    second = tmp_path / "other.dat"
    second.write_bytes(wavedump_bytes(np.ones((2, 5), np.uint16), channel=1))
    with pytest.raises(DataError, match=r"other.dat.*uint16\[5\]"):
        open_sources([first, second]).read()


def test_bad_joins_are_refused(tmp_path: Path) -> None:
    file = open_events(channel_file(tmp_path, 0, [0, 1]))
    with pytest.raises(ConfigError, match="two files"):
        join_channels([file])
    with pytest.raises(ConfigError, match="no files"):
        open_sources([])
    assert combine([file]) is file


# --- tags ----------------------------------------------------------------------------------------


@given(
    st.lists(st.integers(1, 2**28), min_size=1, max_size=60),
    st.sampled_from([30, 31, 32]),
    st.integers(1, 10),
)
def test_wraps_are_counted_through_chunks(steps: list[int], bits: int, chunk: int) -> None:
    true = np.cumsum(steps)
    tags = (true % 2**bits).astype(np.uint32)
    np.testing.assert_array_equal(TagUnwrapper(bits)(tags), true - true[0] + tags[0])
    unwrap = TagUnwrapper(bits)
    parts = [unwrap(tags[i : i + chunk]) for i in range(0, len(tags), chunk)]
    np.testing.assert_array_equal(np.concatenate(parts), true - true[0] + tags[0])


def test_a_tag_out_of_order_is_no_wrap() -> None:
    assert TagUnwrapper()(np.array([100, 90, 110])).tolist() == [100, 90, 110]


def test_the_width_is_seen_from_the_tags() -> None:
    assert TagUnwrapper()(np.array([2**30 + 5, 1])).tolist() == [2**30 + 5, 2**31 + 1]
    assert TagUnwrapper()(np.array([2**30 - 5, 1])).tolist() == [2**30 - 5, 2**30 + 1]
