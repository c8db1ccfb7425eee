from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsefront.errors import ConfigError, DataError, TruncatedFile, UnsupportedFormat
from pulsefront.events.container import Status
from pulsefront.events.readers.base import DataWarning, ReadOptions
from pulsefront.events.readers.open import open_events, recognise
from strategies_events import wavedump_bytes, waveforms

STRICT = ReadOptions(strict=True)


def written(folder: Path, content: bytes, name: str = "wave0.dat") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@given(waveforms(), st.integers(1, 7))
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, waves: np.ndarray, chunk: int
) -> None:
    path = written(tmp_path_factory.mktemp("w"), wavedump_bytes(waves, channel=5))
    # Told the type: four equal samples read as well in another one, which is an error of its own.
    opened = open_events(path, ReadOptions(strict=True, sample_type="u16"))
    assert opened.format == "wavedump"
    table = opened.read()
    np.testing.assert_array_equal(table["waveform_adc"], waves)
    assert table["event_counter"].tolist() == list(range(len(waves)))
    assert (table["channel"] == 5).all()
    assert (table.status == 0).all()
    parts = [t["waveform_adc"] for t in opened.chunks(chunk)]
    np.testing.assert_array_equal(np.concatenate(parts), waves)


@given(waveforms(), st.data())
def test_a_file_cut_anywhere_gives_its_whole_events_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, waves: np.ndarray, data: st.DataObject
) -> None:
    content = wavedump_bytes(waves)
    record = len(content) // len(waves)
    cut = data.draw(st.integers(0, len(content) - 1))
    path = written(tmp_path_factory.mktemp("w"), content[:cut])
    whole = cut // record
    if cut == 0 or whole == 0:
        with pytest.raises(DataError):
            open_events(path, format_name="wavedump").read()
        return
    u16 = ReadOptions(sample_type="u16")
    if cut % record == 0:
        strict = ReadOptions(strict=True, sample_type="u16")
        assert len(open_events(path, strict).read()) == whole
        return
    with pytest.warns(DataWarning, match=f"at byte {whole * record}, after {whole} whole"):
        table = open_events(path, u16).read()
    np.testing.assert_array_equal(table["waveform_adc"], waves[:whole])
    with pytest.raises(TruncatedFile) as caught:
        open_events(path, STRICT)
    assert caught.value.byte_offset == whole * record
    assert caught.value.events_kept == whole


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.uint8])
def test_sample_types_are_seen(tmp_path: Path, dtype: type) -> None:
    name = {np.uint16: "u16", np.float32: "f32", np.uint8: "u8"}[dtype]
    waves = np.random.default_rng(0).integers(100, 240, (4, 64)).astype(dtype)
    opened = open_events(written(tmp_path, wavedump_bytes(waves)))
    assert opened.provenance["sample_type"] == name
    np.testing.assert_array_equal(opened.read()["waveform_adc"], waves)


def test_a_flipped_bit_in_the_first_record_does_not_change_the_sample_type(tmp_path: Path) -> None:
    waves = np.random.default_rng(0).integers(100, 4000, (4, 64)).astype(np.uint16)
    waves[0, 20] |= 0x8000
    assert open_events(written(tmp_path, wavedump_bytes(waves))).provenance["sample_type"] == "u16"
    floats = waves.astype(np.float32)
    floats[0, 5] = np.nan
    opened = open_events(written(tmp_path, wavedump_bytes(floats)))
    assert opened.provenance["sample_type"] == "f32"


def test_sample_types_can_be_said(tmp_path: Path) -> None:
    waves = np.full((3, 10), 7, np.uint8)  # could be u16 just as well
    path = written(tmp_path, wavedump_bytes(waves))
    table = open_events(path, ReadOptions(sample_type="u8")).read()
    np.testing.assert_array_equal(table["waveform_adc"], waves)
    with pytest.raises(UnsupportedFormat, match="not a whole number of f32"):
        open_events(path, ReadOptions(sample_type="f32"))


def test_floats_that_are_not_finite_are_flagged(tmp_path: Path) -> None:
    waves = np.full((3, 32), 100.0, np.float32)
    waves[1, 3] = np.nan
    path = written(tmp_path, wavedump_bytes(waves))
    table = open_events(path, ReadOptions(sample_type="f32")).read()
    assert table.status.tolist() == [0, Status.NOT_FINITE, 0]


def test_one_bad_header_is_one_bad_event(tmp_path: Path) -> None:
    waves = np.random.default_rng(0).integers(0, 4000, (5, 30)).astype(np.uint16)
    content = bytearray(wavedump_bytes(waves))
    record = len(content) // 5
    content[2 * record + 1] ^= 0x80  # the record length of event 2
    table = open_events(written(tmp_path, bytes(content)), STRICT).read()
    np.testing.assert_array_equal(table["waveform_adc"], waves)
    assert table.status.tolist() == [0, 0, Status.BAD_HEADER, 0, 0]


def test_another_channel_in_the_file_is_flagged(tmp_path: Path) -> None:
    waves = np.ones((2, 30), np.uint16)
    content = wavedump_bytes(waves) + wavedump_bytes(waves, channel=1, first_event=2)
    table = open_events(written(tmp_path, content)).read()
    assert table.status.tolist() == [0, 0, Status.BAD_HEADER, Status.BAD_HEADER]


def test_records_that_shift_end_the_file(tmp_path: Path) -> None:
    waves = np.ones((6, 30), np.uint16)
    content = wavedump_bytes(waves)
    record = len(content) // 6
    shifted = content[: 3 * record] + b"\x00" * 5 + content[3 * record :]
    path = written(tmp_path, shifted)
    # Nobody can tell whether the five bytes came before or after the end of record 2.
    with pytest.warns(DataWarning, match=f"no record header.*byte {2 * record}, after 2 whole"):
        assert len(open_events(path).read()) == 2
    with pytest.raises(TruncatedFile):
        open_events(path, STRICT)


def test_times_count_the_wraps_of_the_tag(tmp_path: Path) -> None:
    waves = np.ones((4, 30), np.uint16)
    content = bytearray(wavedump_bytes(waves))
    record = len(content) // 4
    for event, tag in enumerate([2**30 - 10, 5, 2**29, 2**30 - 1]):
        content[event * record + 20 : event * record + 24] = tag.to_bytes(4, "little")
    path = written(tmp_path, bytes(content))
    for chunk in (1, 3, 10):
        options = ReadOptions(tag_interval_ns=8.0)
        times = np.concatenate([t["time_ns"] for t in open_events(path, options).chunks(chunk)])
        ticks = [2**30 - 10, 2**30 + 5, 2**30 + 2**29, 2**31 - 1]
        np.testing.assert_array_equal(times, 8.0 * np.array(ticks))


@pytest.mark.parametrize(
    "content",
    [
        b"now and then\nin 2\n" * 20,
        b"\x00" * 100,
        b"\xff" * 100,
        b"PK\x03\x04" + bytes(200),
        b"abc",
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = written(tmp_path, content)
    with pytest.raises(UnsupportedFormat, match="--format"):
        open_events(path)
    with pytest.raises(DataError):
        open_events(path, format_name="wavedump")


def test_empty_missing_and_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="empty"):
        open_events(written(tmp_path, b""))
    with pytest.raises(DataError, match="no such file"):
        open_events(tmp_path / "none.dat")
    with pytest.raises(DataError, match="folder"):
        open_events(tmp_path)


def test_an_unknown_format_name_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="wavedump"):
        open_events(written(tmp_path, b"x"), format_name="wavedumb")


def test_headerless_files_need_their_record_length(tmp_path: Path) -> None:
    waves = np.arange(60, dtype=np.uint16).reshape(3, 20)
    path = written(tmp_path, waves.tobytes())
    with pytest.raises(ConfigError, match="record-samples"):
        open_events(path, format_name="wavedump-headerless")
    options = ReadOptions(record_samples=20)
    table = open_events(path, options, format_name="wavedump-headerless").read()
    np.testing.assert_array_equal(table["waveform_adc"], waves)
    path.write_bytes(waves.tobytes()[:-3])
    with pytest.warns(DataWarning, match="after 2 whole"):
        table = open_events(path, options, format_name="wavedump-headerless").read()
    np.testing.assert_array_equal(table["waveform_adc"], waves[:2])


def test_the_measured_coincidences(shared_data: Callable[[str], Path]) -> None:
    folder = shared_data("toward_bgo_sipm")
    for channel in (0, 1):
        table = open_events(folder / f"coincidence_wave{channel}.dat", STRICT).read()
        assert table["waveform_adc"].shape == (41, 6006)
        assert table["waveform_adc"].dtype == np.uint16
        assert (table["channel"] == channel).all()
        assert table["event_counter"].tolist() == list(range(41))
    table = open_events(folder / "hpge_wave0.dat", STRICT).read()
    assert table["waveform_adc"].shape == (8, 10000)


def test_the_measured_truncated_file(shared_data: Callable[[str], Path]) -> None:
    path = shared_data("toward_bgo_sipm") / "sipm_2006272158_wave0.dat"
    with pytest.warns(DataWarning, match="after 293 whole events"):
        table = open_events(path).read()
    assert table["waveform_adc"].shape == (293, 406)
    assert (table.status == 0).all()
    with pytest.raises(TruncatedFile) as caught:
        open_events(path, STRICT)
    assert (caught.value.byte_offset, caught.value.events_kept) == (293 * 836, 293)


def test_reading_does_not_grow_with_the_file(tmp_path: Path) -> None:
    import tracemalloc

    waves = np.random.default_rng(0).integers(0, 4000, (3000, 1000)).astype(np.uint16)
    path = written(tmp_path, wavedump_bytes(waves))
    tracemalloc.start()
    total = 0
    with warnings.catch_warnings():
        for table in open_events(path).chunks(100):
            total += len(table)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 3000
    assert peak < path.stat().st_size / 5
    assert recognise(path) == "wavedump"
