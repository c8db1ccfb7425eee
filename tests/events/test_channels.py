from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsefront.errors import ConfigError, DataError
from pulsefront.events import store
from pulsefront.events.channels import parse_channels, parse_hit_channels, with_channels
from pulsefront.events.container import EventTable, Quantity, Status
from pulsefront.events.external import ExternalData, load_external
from pulsefront.events.readers.base import EventFile


def file_of(columns: dict[str, np.ndarray], **provenance: object) -> EventFile:
    told = {name: Quantity("1", name) for name in columns}
    status = np.zeros(len(next(iter(columns.values()))), np.uint16)
    status[:1] = Status.PILE_UP
    table = EventTable(columns, told, status, provenance)

    def stream(events: int) -> Iterator[EventTable]:
        for start in range(0, len(table), events):
            yield table.select(slice(start, start + events))

    return EventFile(Path("f"), "made", told, {**provenance, "events": len(table)}, 8, stream)


@given(st.lists(st.integers(0, 99), min_size=1, unique=True))
def test_channels_are_read_as_they_are_written(channels: list[int]) -> None:
    for separator in (",", " ", ", "):
        assert parse_channels(separator.join(map(str, channels))) == tuple(channels)


def test_ranges_and_nonsense() -> None:
    assert parse_channels("0-3,8") == (0, 1, 2, 3, 8)
    for text in ("", "a", "3-1", "1.5", "-"):
        with pytest.raises(ConfigError, match="names no channels"):
            parse_channels(text)
    with pytest.raises(ConfigError, match="twice"):
        parse_channels("0-3,2")


def test_a_channel_may_be_given_by_the_name_it_has_in_the_file() -> None:
    names = ("CH2", "CH3", "CH4")
    assert parse_channels("CH4,CH2", names) == (2, 0)
    assert parse_channels("CH4 1", names) == (2, 1)
    with pytest.raises(ConfigError, match="twice"):
        parse_channels("CH2,0", names)
    with pytest.raises(ConfigError, match="or CH2,CH3,CH4"):
        parse_channels("CH1", names)


@given(st.permutations(range(5)), st.integers(1, 5), st.booleans())
def test_the_chosen_channels_are_those_columns(
    order: list[int], count: int, numbered: bool
) -> None:
    chosen = order[:count]
    random = np.random.default_rng(0)
    waves = random.integers(0, 99, (7, 5, 11)).astype(np.uint16)
    columns = {
        "waveform_adc": waves,
        "offset_adc": random.random((7, 5)),
        "time_ns": random.random(7),
        "stage_position_mm": random.random((7, 5)),
    }
    numbers = np.array([3, 14, 26, 7, 1])
    if numbered:
        columns["channel"] = np.broadcast_to(numbers, (7, 5)).copy()
    asked = numbers[chosen].tolist() if numbered else chosen
    got = with_channels(file_of(columns), asked).read()
    np.testing.assert_array_equal(got["waveform_adc"], waves[:, chosen])
    np.testing.assert_array_equal(got["offset_adc"], columns["offset_adc"][:, chosen])
    for name in ("time_ns", "stage_position_mm"):
        np.testing.assert_array_equal(got[name], columns[name])
    assert got.status[0] == Status.PILE_UP


def test_an_event_that_lacks_a_channel_does_not_hide_the_others() -> None:
    numbers = np.array([[3, 14], [0, 14], [3, 0]])
    columns = {"charge_adc": np.arange(6.0).reshape(3, 2), "channel": numbers}
    assert with_channels(file_of(columns), [14]).read()["charge_adc"].tolist() == [[1], [3], [5]]


def test_single_hits_are_kept_by_their_number() -> None:
    columns = {"channel": np.array([3, 7, 3, 9]), "energy": np.arange(4.0)}
    file = with_channels(file_of(columns), [9, 3])
    assert file.read()["energy"].tolist() == [0, 2, 3]
    assert file.count == 0  # how many is not known before they are read


def test_cells_of_boards_become_those_of_the_chosen_channels() -> None:
    columns = {
        "waveform_adc": np.zeros((2, 3, 4)),
        "trigger_cell": np.array([[5, 6], [7, 8]]),
    }
    file = with_channels(file_of(columns, channels=[["a", "b"], ["c"]]), [2, 0])
    got = file.read()
    assert got["trigger_cell"].tolist() == [[6, 5], [8, 7]]
    assert got.provenance["channels"] == ["c", "a"]


def test_what_is_not_there_is_said() -> None:
    waves = np.zeros((3, 2, 4))
    with pytest.raises(DataError, match=r"no such channel \(got 2\); it holds 0 to 1"):
        with_channels(file_of({"waveform_adc": waves}), [2]).read()
    numbered = {"waveform_adc": waves, "channel": np.array([[4, 5]] * 3)}
    with pytest.raises(DataError, match="it holds 4, 5"):
        with_channels(file_of(numbered), [0]).read()
    with pytest.raises(DataError, match="events of one channel"):
        with_channels(file_of({"waveform_adc": waves[:, 0]}), [0]).read()
    mixed = {"energy": np.zeros((2, 2)), "channel": np.array([[1, 4], [3, 2]])}
    with pytest.raises(DataError, match="from event to event"):
        with_channels(file_of(mixed), [4]).read()
    file = file_of({"energy": np.zeros(3)})
    assert with_channels(file, []) is file


def test_a_study_takes_two_channels_of_a_measured_set(tmp_path: Path) -> None:
    waves = np.random.default_rng(0).integers(0, 99, (9, 3, 8)).astype(np.uint16)
    columns = {
        "waveform_adc": waves,
        "source_offset_mm": np.zeros(9),
        "offset_index": np.zeros(9, np.int16),
        "known_difference_ns": np.zeros(9),
    }
    store.write(file_of(columns).read(), tmp_path / "set.h5")
    data = ExternalData(path=Path("set.h5"), channels=(2, 0), keep_flagged=True)
    table = load_external(data, "timing", relative_to=tmp_path)
    np.testing.assert_array_equal(table["waveform_adc"], waves[:, [2, 0]])
    everything = ExternalData(path=Path("set.h5"))
    with pytest.raises(DataError, match="must be"):
        load_external(everything, "timing", relative_to=tmp_path)


def test_channels_of_hits_may_name_their_board() -> None:
    assert parse_hit_channels("0-2,8") == {0, 1, 2, 8}
    assert parse_hit_channels("0:0-1 1:5") == {(0, 0), (0, 1), (1, 5)}
    for text in ("", "a:0", "0:", ":0", "0:x", "0:0,0:0"):
        with pytest.raises(ConfigError, match="--channels"):
            parse_hit_channels(text)
