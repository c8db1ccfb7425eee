"""The readers of whole files: what is written is read, and the measured samples are."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsefront.errors import DataError, TruncatedFile, UnsupportedFormat
from pulsefront.events.container import EventTable, Status
from pulsefront.events.readers.base import DataWarning, ReadOptions
from pulsefront.events.readers.digitizers import drs4
from pulsefront.events.readers.open import open_events
from strategies_events import (
    compass_bytes,
    drs4_bytes,
    lecroy_bytes,
    petsys_bytes,
    wavecatcher_bytes,
    wavedump_text_bytes,
)

STRICT = ReadOptions(strict=True)
RANDOM = np.random.default_rng(11)
WAVES = RANDOM.integers(0, 4000, (6, 50)).astype(np.uint16)


def written(folder: Path, content: bytes) -> Path:
    path = folder / "run.xyz"
    path.write_bytes(content)
    return path


# --- WaveDump text -------------------------------------------------------------------------------


def test_wavedump_text(tmp_path: Path) -> None:
    opened = open_events(written(tmp_path, wavedump_text_bytes(WAVES)), STRICT)
    assert opened.format == "wavedump-text"
    for chunk in (2, 100):
        tables = list(opened.chunks(chunk))
        np.testing.assert_array_equal(np.concatenate([t["waveform_adc"] for t in tables]), WAVES)
    table = opened.read()
    assert (table["board"] == 31).all()
    assert (table["channel"] == 2).all()
    assert table["trigger_tag"].tolist() == [1000 + 77 * i for i in range(6)]


def test_wavedump_text_that_ends_early_or_is_damaged(tmp_path: Path) -> None:
    content = wavedump_text_bytes(WAVES)
    path = written(tmp_path, content[:-2])
    with pytest.warns(DataWarning, match="after 5 whole events"):
        table = open_events(path).read()
    np.testing.assert_array_equal(table["waveform_adc"], WAVES[:5])
    with pytest.raises(TruncatedFile):
        open_events(path, STRICT).read()
    start = content.index(b"Record Length", 10)
    path.write_bytes(content[:start] + b"Record Lengzh" + content[start + 13 :])
    with pytest.warns(DataWarning, match=f"no record header.*byte {start}, after 1 whole"):
        assert len(open_events(path).read()) == 1
    path.write_bytes(b"Record Length: 999999999\n" + content)
    with pytest.raises(UnsupportedFormat, match="size cannot hold"):
        open_events(path)


# --- CoMPASS -------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", range(16))
@pytest.mark.parametrize("chunk", [1, 4, 100])
def test_compass_in_every_content(tmp_path: Path, content: int, chunk: int) -> None:
    path = written(tmp_path, compass_bytes(WAVES, content=content))
    opened = open_events(path, STRICT)
    assert opened.format == "compass"
    tables = list(opened.chunks(chunk))
    assert max(map(len, tables)) <= chunk
    times = np.concatenate([t["time_ps"] for t in tables])
    assert times.tolist() == [10**6 * (i + 1) for i in range(6)]
    assert all((t.status == 0).all() for t in tables)
    if content & 1:
        assert np.concatenate([t["energy_adc"] for t in tables]).tolist() == list(range(100, 106))
    if content & 2:
        assert np.concatenate([t["energy_calibrated"] for t in tables])[2] == 513.5
    if content & 4:
        energies = np.concatenate([t["energy_short_adc"] for t in tables])
        assert energies.tolist() == list(range(50, 56))
    if content & 8:
        np.testing.assert_array_equal(np.concatenate([t["waveform_adc"] for t in tables]), WAVES)


@pytest.mark.parametrize("content", [0b0101, 0b1001, 0b1101, 0b1111])
def test_a_compass_file_without_header_is_understood_when_named(
    tmp_path: Path, content: int
) -> None:
    path = written(tmp_path, compass_bytes(WAVES, content=content, header=False))
    table = open_events(path, STRICT, format_name="compass").read()
    assert table["time_ps"].tolist() == [10**6 * (i + 1) for i in range(6)]


def test_compass_waveforms_of_other_lengths_are_marked(tmp_path: Path) -> None:
    waves = [WAVES[0], WAVES[1][:30], np.concatenate([WAVES[2], WAVES[2]]), WAVES[3]]
    for chunk in (1, 2, 100):
        opened = open_events(written(tmp_path, compass_bytes(waves)), STRICT)
        tables = list(opened.chunks(chunk))
        status = np.concatenate([t.status for t in tables])
        assert status.tolist() == [0, Status.TRUNCATED, Status.TRUNCATED, 0]
        got = np.concatenate([t["waveform_adc"] for t in tables])
        np.testing.assert_array_equal(got[1, :30], WAVES[1][:30])
        np.testing.assert_array_equal(got[2:], WAVES[2:4])
        counts = np.concatenate([t["sample_count"] for t in tables])
        assert counts.tolist() == [50, 30, 100, 50]


def test_one_corrupt_compass_length_costs_one_event(tmp_path: Path) -> None:
    content = bytearray(compass_bytes(WAVES))
    record = (len(content) - 2) // 6
    content[2 + 2 * record + 24] ^= 0x40  # high byte of the sample count of event 2
    table = open_events(written(tmp_path, bytes(content)), STRICT).read()
    assert table.status.tolist() == [0, 0, Status.BAD_HEADER, 0, 0, 0]
    np.testing.assert_array_equal(table["waveform_adc"], WAVES)


@given(st.integers(0, 10_000))
def test_a_compass_file_cut_anywhere(tmp_path_factory: pytest.TempPathFactory, place: int) -> None:
    content = compass_bytes(WAVES)
    record = (len(content) - 2) // 6
    cut = place % len(content)
    path = written(tmp_path_factory.mktemp("c"), content[:cut])
    whole = max(cut - 2, 0) // record
    if cut == 2:
        # The header alone is a run without hits.
        assert len(open_events(path, STRICT, format_name="compass").read()) == 0
    elif whole == 0:
        with pytest.raises(DataError):
            open_events(path, format_name="compass").read()
    elif (cut - 2) % record == 0:
        assert len(open_events(path, STRICT).read()) == whole
    else:
        with pytest.warns(DataWarning, match=f"after {whole} whole events"):
            table = open_events(path).read()
        np.testing.assert_array_equal(table["waveform_adc"], WAVES[:whole])


@pytest.mark.parametrize(
    ("bits", "status"),
    [
        (0x4000, Status.OK),
        (0x4080, Status.SATURATED),
        (0x0400, Status.SATURATED),
        (0x8000, Status.PILE_UP),
        (0x8480, Status.PILE_UP | Status.SATURATED),
        (0x0008, Status.NO_PULSE),
        (0x0041, Status.OK),
    ],
)
def test_flags_of_a_compass_board_become_the_status(
    tmp_path: Path, bits: int, status: Status
) -> None:
    content = bytearray(compass_bytes(WAVES, content=0b0001))
    record = (len(content) - 2) // len(WAVES)
    content[2 + record + 14 : 2 + record + 18] = bits.to_bytes(4, "little")
    table = open_events(written(tmp_path, bytes(content)), STRICT).read()
    assert table["flags"][1] == bits
    assert table.status.tolist() == [0, int(status)] + [0] * (len(WAVES) - 2)


def test_the_measured_compass_file(shared_data: Callable[[str], Path]) -> None:
    table = open_events(shared_data("legend_compass") / "compass_test_data.BIN", STRICT).read()
    assert table["waveform_adc"].shape == (102, 1000)
    assert set(table["channel"].tolist()) == {0, 1}
    assert (np.diff(table["time_ps"].astype(np.int64)) >= -(10**7)).all()
    # The pulser on channel 0 fires ten times a second.
    times = table["time_ps"][table["channel"] == 0].astype(np.float64) / 1e12
    assert np.median(np.diff(times)) == pytest.approx(0.1, rel=1e-3)
    assert (table.status == np.where(table["flags"] & 0x80, Status.SATURATED, Status.OK)).all()
    assert np.count_nonzero(table.status) == 36


# --- DRS4 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("boards", [(1,), (4,), (2, 1)])
def test_drs4_of_any_boards(tmp_path: Path, boards: tuple[int, ...]) -> None:
    waves = RANDOM.integers(0, 65536, (3, sum(boards), 1024)).astype(np.uint16)
    content = drs4_bytes(3, boards=boards, waveforms=waves, cells=[5, 0, 1023])
    opened = open_events(written(tmp_path, content), STRICT)
    assert opened.format == "drs4"
    table = opened.read()
    np.testing.assert_array_equal(table["waveform_adc"], waves)
    assert table["trigger_cell"].tolist() == [[c] * len(boards) for c in (5, 0, 1023)]
    assert table["serial"].tolist() == [1, 2, 3]
    assert (table.status == 0).all()


def test_drs4_time_axes_follow_the_ring() -> None:
    widths = np.random.default_rng(0).uniform(0.05, 0.5, (3, 1024))
    cells = np.array([0, 7, 1023])
    times = drs4.sample_times_ns(widths, cells)
    for event, cell in enumerate(cells):
        for channel in range(3):
            # Written from the description, with plain sums.
            ring = [widths[channel, (cell + i) % 1024] for i in range(1023)]
            plain = np.concatenate([[0.0], np.cumsum(ring)])
            np.testing.assert_allclose(
                times[event, channel] - times[event, channel, 0], plain, atol=1e-9
            )
        at_zero = times[event, :, (1024 - cell) % 1024]
        np.testing.assert_allclose(at_zero, at_zero[0], atol=1e-9)


def test_the_measured_drs4_file(shared_data: Callable[[str], Path]) -> None:
    table = open_events(shared_data("drs4_pydrs4") / "test.dat", STRICT).read()
    assert table["waveform_adc"].shape == (1000, 1, 1024)
    span = table["sample_time_ns"][:, 0, -1] - table["sample_time_ns"][:, 0, 0]
    assert span.mean() == pytest.approx(516.7, abs=1.0)
    volts = table["waveform_adc"] / 65536 - 0.5 + table["range_centre_mv"][:, None, None] / 1000
    assert abs(volts.mean()) < 0.02
    assert len(np.unique(table["trigger_cell"])) > 500


# --- WaveCatcher ---------------------------------------------------------------------------------


@pytest.mark.parametrize("measurements", [False, True])
def test_wavecatcher(tmp_path: Path, measurements: bool) -> None:
    waves = RANDOM.integers(-2000, 2000, (4, 2, 64)).astype(np.int16)
    content = wavecatcher_bytes(waves, measurements=measurements)
    opened = open_events(written(tmp_path, content), STRICT)
    assert opened.format == "wavecatcher"
    table = opened.read()
    np.testing.assert_array_equal(table["waveform_adc"], waves)
    assert table["channel"].tolist() == [[9, 10]] * 4
    assert table["event_number"].tolist() == [1, 2, 3, 4]
    assert opened.provenance["sample_interval_ns"] == 0.3125
    assert ("measurements" in table.columns) == measurements
    if measurements:
        assert table["measurements"].shape == (*waves.shape[:2], 6)
        assert (table["measurements"] == np.arange(6)).all()


def test_the_measured_wavecatcher_file(shared_data: Callable[[str], Path]) -> None:
    table = open_events(shared_data("wavecatcher_sipm") / "exampledata.bin", STRICT).read()
    assert table["waveform_adc"].shape == (300, 3, 1024)
    assert table["channel"][0].tolist() == [9, 14, 15]
    assert table["event_number"].tolist() == list(range(1, 301))
    assert (np.diff(table["epoch_s"]) >= 0).all()
    assert (np.diff(table["tdc"].astype(np.int64)) > 0).all()
    assert (table.status == 0).all()


# --- LeCroy --------------------------------------------------------------------------------------


def test_the_measured_lecroy_sequence(shared_data: Callable[[str], Path], tmp_path: Path) -> None:
    path = shared_data("lecroy_trc") / "pulse_sequence.trc"
    table = open_events(path, STRICT).read()
    assert table["waveform_adc"].shape == (20, 502)
    assert table.provenance["sample_interval_ns"] == pytest.approx(1.0)
    # The trigger times, straight from the file: pairs of f64 before the samples.
    content = path.read_bytes()
    start = content.index(b"WAVEDESC")
    blocks = struct.unpack_from("<6i", content, start + 36)
    at = start + blocks[0] + blocks[1] + blocks[2]
    pairs = np.frombuffer(content, "<f8", 40, at).reshape(20, 2)
    np.testing.assert_allclose(table["trigger_time_s"], pairs[:, 0], atol=1e-12)
    # And the samples: one word each, behind all other blocks.
    words = np.frombuffer(content, "<i2", 20 * 502, start + sum(blocks)).reshape(20, 502)
    np.testing.assert_array_equal(table["waveform_adc"], words)

    cut = tmp_path / "cut.trc"
    cut.write_bytes(content[:-1500])
    with pytest.warns(DataWarning, match="after 18 whole"):
        part = open_events(cut).read()
    np.testing.assert_array_equal(part["waveform_adc"], words[:18])
    with pytest.raises(TruncatedFile):
        open_events(cut, STRICT)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", [np.int8, np.int16])
@pytest.mark.parametrize("segments", [1, 5])
def test_lecroy_words_of_either_order(
    tmp_path: Path, order: str, dtype: type, segments: int
) -> None:
    words = np.random.default_rng(0).integers(-120, 120, (segments, 30)).astype(dtype)
    path = written(tmp_path, lecroy_bytes(words, order=order))
    opened = open_events(path, STRICT)
    assert opened.format == "lecroy"
    chunks = list(opened.chunks(2))
    assert [len(table) for table in chunks] == ([1] if segments == 1 else [2, 2, 1])
    table = EventTable.concatenate(chunks)
    np.testing.assert_array_equal(table["waveform_adc"], words)
    np.testing.assert_allclose(table["trigger_time_s"], np.arange(segments) * 1e-3)
    np.testing.assert_allclose(table["first_sample_ns"], -300)
    assert opened.provenance["millivolts_per_count"] == pytest.approx(1.0)
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(TruncatedFile, match="goes on behind"):
        open_events(path, STRICT)
    with pytest.warns(DataWarning, match="goes on behind"):
        assert len(open_events(path).read()) == segments


def test_the_measured_lecroy_sweep(shared_data: Callable[[str], Path]) -> None:
    table = open_events(shared_data("lecroy_trc") / "issue_1.trc", STRICT).read()
    assert table["waveform_adc"].shape == (1, 100_002)


# --- PETsys --------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["petsys-single", "petsys-group", "petsys-coincidence"])
def test_petsys(tmp_path: Path, form: str) -> None:
    opened = open_events(written(tmp_path, petsys_bytes(form=form)), STRICT)
    assert opened.format == form
    table = opened.read()
    assert len(table) == 20
    times = table["time_ps"] if form != "petsys-coincidence" else table["time_ps"][:, 0]
    assert times.tolist() == [10**9 * (i + 1) for i in range(20)]
    if form == "petsys-coincidence":
        assert (table["time_ps"][:, 1] - table["time_ps"][:, 0] == 300).all()
    assert ((table["energy"] > 400) & (table["energy"] < 600)).all()


def test_petsys_marks_an_impossible_hit(tmp_path: Path) -> None:
    content = bytearray(petsys_bytes())
    content[16 * 7 + 15] = 0xFF  # a negative channel
    table = open_events(written(tmp_path, bytes(content)), STRICT).read()
    assert np.flatnonzero(table.status).tolist() == [7]
    assert table.status[7] == Status.BAD_HEADER
