"""Files that change inside: other lengths, a short first record, an end of zeros, no events."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsefront.errors import DataError, TruncatedFile
from pulsefront.events.container import Status
from pulsefront.events.ingest import ingest
from pulsefront.events.readers.base import DataWarning, ReadOptions
from pulsefront.events.readers.open import open_events, recognise
from strategies_events import (
    compass_bytes,
    drs4_bytes,
    petsys_bytes,
    pulses,
    wavecatcher_bytes,
    wavedump_bytes,
    wavedump_text_bytes,
)

STRICT = ReadOptions(strict=True)


def written(folder: Path, content: bytes) -> Path:
    path = folder / "run.dat"
    path.write_bytes(content)
    return path


def stretch(events: int, samples: int, first: int = 0) -> tuple[np.ndarray, bytes]:
    waves = np.rint(pulses(events, samples, seed=samples)).astype(np.uint16)
    return waves, wavedump_bytes(waves, first_event=first)


@given(
    parts=st.lists(
        st.tuples(st.integers(1, 12), st.sampled_from([60, 80, 100, 160])), min_size=1, max_size=5
    ),
    chunk=st.integers(1, 50),
)
def test_all_records_of_the_usual_length_are_kept(
    tmp_path_factory: pytest.TempPathFactory, parts: list[tuple[int, int]], chunk: int
) -> None:
    stretches = [stretch(events, samples) for events, samples in parts]
    path = written(tmp_path_factory.mktemp("s"), b"".join(content for _, content in stretches))
    counts: dict[int, int] = {}
    for events, samples in parts:
        counts[samples] = counts.get(samples, 0) + events
    usual = max(counts, key=lambda samples: counts[samples])
    expected = np.concatenate([waves for waves, _ in stretches if waves.shape[1] == usual])
    if len(counts) == 1:
        opened = open_events(path, STRICT, format_name="wavedump")
    else:
        with pytest.warns(DataWarning, match="the record length changes"):
            opened = open_events(path)
        assert opened.format == "wavedump"
    got = np.concatenate([table["waveform_adc"] for table in opened.chunks(chunk)])
    np.testing.assert_array_equal(got, expected)


def test_a_record_length_that_changes_is_said_with_offset_and_reason(tmp_path: Path) -> None:
    """A run of 30 records of 200 samples, then 30 of 300, was called damaged, and 29 kept."""
    before, after = stretch(30, 200), stretch(30, 300, 30)
    path = written(tmp_path, before[1] + after[1])
    text = r"the 30 events of 200 samples are kept, left out are 30 of 300 samples from byte 12720"
    with pytest.warns(DataWarning, match=text):
        table = open_events(path).read()
    np.testing.assert_array_equal(table["waveform_adc"], before[0])
    with pytest.raises(TruncatedFile, match=text):
        open_events(path, STRICT)


@pytest.mark.parametrize("lengths", [[200, 300], [200, 300, 400], [200, 300, 300]])
def test_records_of_lengths_in_turn_are_recognised(tmp_path: Path, lengths: list[int]) -> None:
    parts = [stretch(1, samples, n)[1] for n, samples in enumerate(lengths * 10)]
    path = written(tmp_path, b"".join(parts))
    with pytest.warns(DataWarning, match="the record length changes: the [12]0 events of "):
        assert open_events(path).format == "wavedump"


def test_a_shorter_first_record_costs_itself_alone(tmp_path: Path) -> None:
    first, rest = stretch(1, 44), stretch(20, 200, 1)
    path = written(tmp_path, first[1] + rest[1])
    assert recognise(path) == "wavedump"
    with pytest.warns(DataWarning, match=r"left out are 1 of 44 samples from byte 0"):
        table = open_events(path).read()
    np.testing.assert_array_equal(table["waveform_adc"], rest[0])


def test_a_shorter_first_compass_waveform_does_not_cut_the_others(tmp_path: Path) -> None:
    waves = [np.arange(10), *[np.arange(50) + i for i in range(9)]]
    table = open_events(written(tmp_path, compass_bytes(waves)), STRICT).read()
    assert table["waveform_adc"].shape == (10, 50)
    assert table.status.tolist() == [Status.TRUNCATED] + [0] * 9
    np.testing.assert_array_equal(table["waveform_adc"][1:], waves[1:])


def test_other_lengths_in_a_text_file_are_left_out_and_named(tmp_path: Path) -> None:
    usual = np.rint(pulses(6, 80)).astype(np.uint16)
    short = np.rint(pulses(1, 50)).astype(np.uint16)
    parts = [wavedump_text_bytes(w) for w in (short, usual[:3], short, usual[3:])]
    path = written(tmp_path, b"".join(parts))
    with pytest.warns(DataWarning, match=r"2 records of other lengths.*first of 50.*at byte 0"):
        table = open_events(path).read()
    np.testing.assert_array_equal(table["waveform_adc"], usual)


FILES = {
    "wavedump": (stretch(8, 60)[1], "waveform_adc"),
    "compass": (compass_bytes(np.rint(pulses(8, 60)).astype(np.uint16)), "time_ps"),
    "compass-hits": (compass_bytes(np.zeros((8, 0)), content=0b0001), "time_ps"),
    "drs4": (drs4_bytes(8), "waveform_adc"),
    "wavecatcher": (
        wavecatcher_bytes(np.rint(pulses(16, 64)).astype(np.int16).reshape(8, 2, 64)),
        "waveform_adc",
    ),
    "petsys-single": (petsys_bytes(24), "time_ps"),
    "petsys-group": (petsys_bytes(24, form="petsys-group", hits_per_group=3), "time_ps"),
    "petsys-coincidence": (petsys_bytes(24, form="petsys-coincidence"), "time_ps"),
}


@given(st.integers(2, 30), st.integers(2, 10), st.just(0) | st.integers(4, 423))
def test_what_lies_behind_a_hole_is_kept(
    tmp_path_factory: pytest.TempPathFactory, first: int, length: int, ahead: int
) -> None:
    waves, content = stretch(50, 200)
    record = len(content) // 50
    start, stop = first * record - ahead, (first + length) * record
    path = written(
        tmp_path_factory.mktemp("h"), content[:start] + bytes(stop - start) + content[stop:]
    )
    lost = first - (ahead > 0)
    with pytest.warns(DataWarning, match=rf"holds no records from byte {lost * record} to {stop}"):
        table = open_events(path, format_name="wavedump").read()
    expected = np.concatenate([waves[:lost], waves[first + length :]])
    np.testing.assert_array_equal(table["waveform_adc"], expected)
    with pytest.raises(TruncatedFile, match="holds no records"):
        open_events(path, STRICT, format_name="wavedump")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("zeros", [300, 5000, 200_001])
def test_an_end_filled_with_zeros_costs_no_event(tmp_path: Path, name: str, zeros: int) -> None:
    content, column = FILES[name]
    form = name.removesuffix("-hits")
    whole = open_events(written(tmp_path, content), STRICT, format_name=form).read()
    path = written(tmp_path, content + bytes(zeros))
    with pytest.warns(DataWarning, match=f"after {len(whole)} whole events"):
        table = open_events(path, format_name=form).read()
    np.testing.assert_array_equal(table[column], whole[column])
    with pytest.raises(TruncatedFile) as caught:
        open_events(path, STRICT, format_name=form).read()
    assert caught.value.byte_offset == len(content)


@pytest.mark.parametrize("name", ["wavedump", "drs4", "wavecatcher"])
def test_a_record_that_was_being_written_before_the_zeros_is_not_whole(
    tmp_path: Path, name: str
) -> None:
    content, column = FILES[name]
    whole = open_events(written(tmp_path, content), STRICT).read()
    path = written(tmp_path, content[:-60] + bytes(50_000))
    with pytest.warns(DataWarning, match="is filled with zeros.*after 7 whole events"):
        table = open_events(path).read()
    np.testing.assert_array_equal(table[column], whole[column][:7])


EMPTY = {
    "compass": b"\xe1\xca",
    "compass waveforms": b"\xed\xca",
    "drs4": drs4_bytes(1)[: 8 + 4 + 4100],
    "wavecatcher": wavecatcher_bytes(np.zeros((0, 2, 64))),
}


@pytest.mark.parametrize("name", EMPTY)
def test_a_run_without_events_is_empty_and_not_damaged(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, EMPTY[name])
    table = open_events(path, STRICT).read()
    assert len(table) == 0
    assert table.columns
    assert ingest([path], tmp_path / "empty.h5") == 0


def test_a_table_without_rows_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "header_only.csv"
    path.write_text("charge_0,charge_1\n")
    (tmp_path / "m.toml").write_text(
        '[columns.charge_adc]\nsource = "charge_*"\nunit = "1"\ndescription = "q"\n'
    )
    assert recognise(path) == "csv"
    table = open_events(path, ReadOptions(mapping=tmp_path / "m.toml", strict=True)).read()
    assert table["charge_adc"].shape == (0, 2)


def test_a_file_of_no_bytes_is_called_empty_and_not_damaged(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the file is empty; a run without events, or a copy"):
        open_events(written(tmp_path, b""))
