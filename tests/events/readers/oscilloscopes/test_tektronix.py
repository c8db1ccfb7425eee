"""Tektronix .isf and .wfm: every way in which they are written gives the codes that are in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pulsefront.errors import DataError, TruncatedFile, UnsupportedFormat
from pulsefront.events.container import EventTable, Status
from pulsefront.events.readers.base import DataWarning, ReadOptions
from pulsefront.events.readers.open import open_events, recognise
from strategies_traces import LONG, SHORT, isf_bytes, isf_file, wfm_bytes

RANDOM = np.random.default_rng(5)
STRICT = ReadOptions(strict=True)


def codes(kind: str, shape: tuple[int, ...]) -> np.ndarray:
    if np.dtype(kind).kind == "f":
        return RANDOM.normal(0, 1, shape).astype(kind)
    limits = np.iinfo(kind)
    found = RANDOM.integers(limits.min, limits.max, shape, dtype=kind, endpoint=True)
    found.flat[:2] = limits.min, limits.max
    return found


def written(folder: Path, content: bytes, name: str = "trace.bin") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def read(path: Path) -> EventTable:
    return open_events(path, STRICT).read()


# --- .isf ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["i1", "i2", "u1", "u2"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("preamble", [LONG, SHORT], ids=["long", "short"])
def test_isf_in_every_form(tmp_path: Path, kind: str, order: str, preamble: str) -> None:
    wave = codes(kind, (60,))
    path = written(tmp_path, isf_bytes(wave, order=order, preamble=preamble))
    assert recognise(path) == "tektronix-isf"
    table = read(path)
    assert table["waveform_adc"].dtype == ("int16" if kind[0] == "i" else "uint16")
    np.testing.assert_array_equal(table["waveform_adc"], wave[None])
    told = table.provenance
    assert told["channels"] == ["Ch1"]
    assert told["sample_interval_ns"] == pytest.approx(0.4, rel=1e-12)
    assert table["first_sample_ns"][0] == pytest.approx(-80.0)
    volts = (wave - -12.5e1) * 1.5625e-4 + 0.2
    mine = wave * told["millivolts_per_count"] + told["millivolts_at_zero"]
    np.testing.assert_allclose(mine, volts * 1e3, rtol=1e-12, atol=1e-9)


def test_isf_is_what_numpy_reads(tmp_path: Path) -> None:
    wave = codes("i2", (500,))
    path = written(tmp_path, isf_bytes(wave) + b"\n")
    plain = np.frombuffer(path.read_bytes().partition(b":CURVE #41000")[2][:1000], ">i2")
    np.testing.assert_array_equal(read(path)["waveform_adc"][0], plain)


def test_isf_written_as_numbers(tmp_path: Path) -> None:
    wave = codes("i2", (40,))
    curves = [isf_bytes(wave, text=True), isf_bytes(wave[::-1], text=True)]
    table = read(written(tmp_path, b"\n".join(curves) + b"\n"))
    np.testing.assert_array_equal(table["waveform_adc"], [wave, wave[::-1]])
    with pytest.raises(UnsupportedFormat, match="39 numbers for 40 samples"):
        read(written(tmp_path, curves[0].rpartition(b",")[0]))


def test_isf_curves_of_one_source_are_events_and_of_several_are_channels(tmp_path: Path) -> None:
    waves = codes("i1", (3, 2, 40))
    one = [isf_bytes(wave) for wave in waves[:, 0]]
    np.testing.assert_array_equal(
        read(written(tmp_path, b"\n".join(one)))["waveform_adc"], waves[:, 0]
    )
    two = [isf_bytes(waves[i, c], source=f"Ch{c + 1}") for i in range(3) for c in range(2)]
    table = read(written(tmp_path, b"".join(two)))
    np.testing.assert_array_equal(table["waveform_adc"], waves)
    assert table.provenance["channels"] == ["Ch1", "Ch2"]
    with pytest.raises(DataError, match="different numbers of traces"):
        read(written(tmp_path, b"".join(two[:-1])))


def test_isf_curves_of_other_scales_become_volts(tmp_path: Path) -> None:
    waves = codes("i2", (2, 40))
    content = isf_bytes(waves[0]) + isf_bytes(waves[1], mult="3.125E-4")
    opened = open_events(written(tmp_path, content), STRICT)
    assert opened.quantities["waveform_adc"].unit == "V"
    assert "millivolts_per_count" not in opened.provenance
    expected = [
        (wave + 125.0) * mult + 0.2 for wave, mult in zip(waves, (1.5625e-4, 3.125e-4), strict=True)
    ]
    np.testing.assert_allclose(opened.read()["waveform_adc"], expected, rtol=1e-12, atol=1e-12)


def test_isf_envelopes_and_odd_lengths_are_left_out_and_named(tmp_path: Path) -> None:
    waves = codes("i1", (3, 40))
    curves = [isf_bytes(waves[0]), isf_bytes(waves[0], envelope=True), isf_bytes(waves[1])]
    curves += [isf_bytes(waves[0][:30]), isf_bytes(waves[2])]
    content, starts = isf_file(curves)
    path = written(tmp_path, content)
    with pytest.warns(DataWarning) as caught:
        table = open_events(path).read()
    told = str(caught[0].message)
    assert "2 of 5 curves are left out" in told
    assert f"byte {starts[1]} (an envelope)" in told
    assert f"byte {starts[3]} (another length" in told
    np.testing.assert_array_equal(table["waveform_adc"], waves)
    with pytest.raises(TruncatedFile):
        read(path)
    with pytest.raises(UnsupportedFormat, match="envelope"):
        read(written(tmp_path, curves[1]))


def test_isf_whose_curve_lacks_bytes_keeps_those_before(tmp_path: Path) -> None:
    waves = codes("i2", (4, 40))
    content, starts = isf_file([isf_bytes(wave) for wave in waves])
    for cut, kept, at in ((starts[2] + 3, 2, starts[2]), (starts[4] - 1, 3, starts[3])):
        with pytest.warns(DataWarning, match=f"at byte {at}, after {kept} whole events"):
            table = open_events(written(tmp_path, content[:cut])).read()
        np.testing.assert_array_equal(table["waveform_adc"], waves[:kept])
    damaged = content[: starts[2] - 10] + content[starts[2] - 8 :]
    with pytest.warns(DataWarning, match=f"damaged curve at byte {starts[1]}, after 1 whole"):
        table = open_events(written(tmp_path, damaged)).read()
    np.testing.assert_array_equal(table["waveform_adc"], waves[:1])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"YMULT 1.5625E-4;", b"", "YMULT"),
        (b"BYT_OR MSB", b"BYT_OR XYZ", "RI, 2, XYZ"),
        (b"NR_PT 40;P", b"NR_PT 41;P", "80 bytes for 41 samples"),
        (b'XUNIT "s"', b'XUNIT "Hz"', "no trace in time"),
        (b"XINCR 400.0E-12", b"XINCR 0", "impossible scales"),
        (b"#280", b"#X80", "without its length"),
    ],
)
def test_isf_preambles_that_say_too_little(
    tmp_path: Path, old: bytes, new: bytes, said: str
) -> None:
    content = isf_bytes(codes("i2", (40,)))
    assert old in content
    with pytest.raises(UnsupportedFormat, match=said):
        open_events(written(tmp_path, content.replace(old, new)))


def test_isf_that_states_its_start_twice_is_said(tmp_path: Path) -> None:
    content = isf_bytes(codes("i2", (40,))).replace(b"PT_OFF 0", b"PT_OFF 10")
    with pytest.warns(DataWarning, match="PT_OFF and XZERO"):
        table = open_events(written(tmp_path, content)).read()
    assert table["first_sample_ns"][0] == pytest.approx(-84.0)


# --- .wfm ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["i2", "i1", "u1", "i4", "u4", "u8", "f4", "f8"])
@pytest.mark.parametrize("frames", [1, 9])
def test_wfm_in_every_form(
    tmp_path: Path, version: int, order: str, kind: str, frames: int
) -> None:
    waves = codes(kind, (frames, 50))
    scale = (1.0, 0.0) if kind[0] == "f" else (0.5e-3, 0.125)
    path = written(tmp_path, wfm_bytes(waves, version=version, order=order, scale=scale))
    assert recognise(path) == "tektronix-wfm"
    for chunk in (2, 100):
        tables = list(open_events(path, STRICT).chunks(chunk))
        got = np.concatenate([table["waveform_adc"] for table in tables])
        np.testing.assert_array_equal(got, waves)
        assert got.dtype.isnative
    table = read(path)
    assert table.provenance["sample_interval_ns"] == pytest.approx(0.4, rel=1e-12)
    assert table.provenance["version"] == version
    assert table["trigger_time_s"].tolist() == [0.125 * i for i in range(frames)]
    expected = [-10 + 0.4 * 0.25 * (i % 4) for i in range(frames)]
    np.testing.assert_allclose(table["first_sample_ns"], expected, rtol=1e-12)


def test_wfm_is_what_numpy_reads(tmp_path: Path) -> None:
    path = written(tmp_path, wfm_bytes(codes("i2", (7, 50)), tail=b"tekmeta!" + b"\x01" * 20))
    raw = path.read_bytes()
    plain = np.frombuffer(raw, "<i2", 7 * 82, offset=838 + 54 * 6).reshape(7, 82)[:, 16:66]
    table = read(path)
    np.testing.assert_array_equal(table["waveform_adc"], plain)
    assert table.provenance["millivolts_per_count"] == np.frombuffer(raw, "<f8", 1, 168)[0] * 1e3
    assert table.provenance["millivolts_at_zero"] == np.frombuffer(raw, "<f8", 1, 176)[0] * 1e3


def test_wfm_of_real_numbers_with_a_scale_is_in_volts(tmp_path: Path) -> None:
    waves = codes("f4", (2, 50))
    waves[1, 3] = np.nan
    opened = open_events(written(tmp_path, wfm_bytes(waves)), STRICT)
    assert opened.quantities["waveform_adc"].unit == "V"
    table = opened.read()
    np.testing.assert_array_equal(table["waveform_adc"], waves.astype("f8") * 0.5e-3 + 0.125)
    assert table.status.tolist() == [0, int(Status.NOT_FINITE)]


@pytest.mark.parametrize("summary", [1, 2])
def test_the_summary_frame_of_a_wfm_is_no_event(tmp_path: Path, summary: int) -> None:
    waves = codes("i2", (5, 50))
    with pytest.warns(DataWarning, match="last frame, the (average|envelope) of the others"):
        table = open_events(written(tmp_path, wfm_bytes(waves, summary=summary))).read()
    np.testing.assert_array_equal(table["waveform_adc"], waves[:4])


def test_a_wfm_that_ends_early_keeps_its_whole_frames(tmp_path: Path) -> None:
    waves = codes("i2", (5, 50))
    content = wfm_bytes(waves)
    first, frame = 838 + 4 * 54, 82 * 2
    for cut, kept in ((first + 3 * frame + 7, 3), (first + 5 * frame, 5), (len(content) - 1, 5)):
        path = written(tmp_path, content[:cut])
        with pytest.warns(DataWarning, match=f"after {kept} whole events"):
            table = open_events(path).read()
        np.testing.assert_array_equal(table["waveform_adc"], waves[:kept])
        with pytest.raises(TruncatedFile):
            read(path)
    for cut in (500, 838, 838 + 30, first + frame - 1):
        with pytest.raises(TruncatedFile):
            open_events(written(tmp_path, content[:cut]))


def test_a_wfm_of_something_else_is_refused(tmp_path: Path) -> None:
    waves = codes("i2", (3, 50))
    for content in (wfm_bytes(waves, axes=(1, 2)), wfm_bytes(waves, storage=1)):
        with pytest.raises(UnsupportedFormat, match="no samples of one channel in time"):
            open_events(written(tmp_path, content))
    content = bytearray(wfm_bytes(waves))
    content[15] = 1  # bytes a sample
    with pytest.raises(UnsupportedFormat, match="impossible lengths"):
        open_events(written(tmp_path, bytes(content)))


def test_a_wfm_whose_lengths_contradict_is_refused_or_said(tmp_path: Path) -> None:
    many, one = (
        bytearray(wfm_bytes(codes("i2", (3, 50)))),
        bytearray(wfm_bytes(codes("i2", (1, 50)))),
    )
    many[11] ^= 4
    one[11] ^= 4
    with pytest.raises(UnsupportedFormat, match="its header says that it ends at byte"):
        open_events(written(tmp_path, bytes(many)))
    with pytest.warns(DataWarning, match="the trace is kept"):
        assert len(open_events(written(tmp_path, bytes(one))).read()) == 1


def test_an_older_tektronix_wfm_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedFormat, match=r"older Tektronix TDS.*RigolWFM"):
        open_events(written(tmp_path, b":LLWFM#41234" + bytes(200)))


# --- folders -------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["isf", "wfm"])
def test_a_folder_of_tektronix_files_is_one_set(tmp_path: Path, form: str) -> None:
    waves = codes("i2", (3, 2, 50))
    for number in range(3):
        for channel in range(2):
            wave = waves[number, channel]
            content = isf_bytes(wave) if form == "isf" else wfm_bytes(wave[None])
            written(tmp_path, content, f"tek{number + 9:04d}CH{channel + 1}.{form}")
    opened = open_events(tmp_path, STRICT)
    assert opened.format == f"tektronix-{form}"
    assert opened.provenance["channels"] == ["CH1", "CH2"]
    np.testing.assert_array_equal(opened.read()["waveform_adc"], waves)


def test_a_folder_whose_scale_changes_is_in_volts(tmp_path: Path) -> None:
    waves = codes("i2", (2, 50))
    written(tmp_path, wfm_bytes(waves[:1]), "a1.wfm")
    written(tmp_path, wfm_bytes(waves[1:], scale=(1e-3, -0.5)), "a2.wfm")
    opened = open_events(tmp_path, STRICT)
    assert opened.quantities["waveform_adc"].unit == "V"
    assert "millivolts_per_count" not in opened.provenance
    expected = [waves[0] * 0.5e-3 + 0.125, waves[1] * 1e-3 - 0.5]
    np.testing.assert_allclose(opened.read()["waveform_adc"], expected, rtol=1e-12)
