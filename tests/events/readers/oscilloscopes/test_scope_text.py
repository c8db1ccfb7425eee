"""Traces of oscilloscopes as text: the lines before the samples differ, the samples do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.events.channels import channel_names
from pulsefront.events.container import Status
from pulsefront.events.readers.base import DataWarning, ReadOptions
from pulsefront.events.readers.open import open_events, recognise

RANDOM = np.random.default_rng(2)
VOLTS = np.round(RANDOM.normal(0.1, 0.02, (2, 60)), 5)
TIMES = np.arange(60) * 4e-10 - 1e-8


def rows(columns: int = 1, delimiter: str = ",", end: str = "", times: np.ndarray = TIMES) -> str:
    return "".join(
        delimiter.join([f"{t:.6e}", *[repr(float(v)) for v in VOLTS[:columns, i]]]) + end + "\n"
        for i, t in enumerate(times)
    )


def old_tektronix() -> str:
    settings = [
        "Record Length,6.0e+01",
        "Sample Interval,4.0e-10",
        "Trigger Point,25",
        "Source,CH1",
    ]
    lines = rows().splitlines()
    return "".join(f"{settings[i] if i < 4 else ','},,{line}\n" for i, line in enumerate(lines))


VENDORS = {
    "plain": ("Time(s),CH1(V)\n" + rows(), 1),
    "tektronix": (
        "Model,MDO3024\nFirmware Version,1.26\n\nWaveform Type,ANALOG\nHorizontal Units,s\n"
        "Sample Interval,4e-10\nRecord Length,60\nVertical Units,V,V\n,,\nTIME,CH1,CH2\n" + rows(2),
        2,
    ),
    "old tektronix": (old_tektronix(), 1),
    "rigol": (
        "X,CH1,CH2,Start,Increment,\nSequence,Volt,Volt,-1.0e-08,4.0e-10\n"
        + "".join(f"{i},{float(a)!r},{float(b)!r},,\n" for i, (a, b) in enumerate(VOLTS.T)),
        2,
    ),
    "lecroy": (
        "LECROYWR620Zi,12345,Waveform\nSegments,1,SegmentSize,60\nSegment,TrigTime,"
        "TimeSinceSegment1\n#1,21-Nov-2026 08:30:00,0\nTime,Ampl\n" + rows(),
        1,
    ),
    "keysight": ("x-axis,1,2\nsecond,Volt,Volt\n" + rows(2), 2),
    "rohde-schwarz": ("in s,C1 in V\n" + rows(), 1),
    "hameg": ("[s],CH1[V]\n" + rows(), 1),
    "french": ("Temps (s);Voie 1 (V)\n" + rows(1, ";").replace(".", ","), 1),
    "blanks": ("Time (s)   CH 1 (V)\n" + rows(1, "  "), 1),
    "a time for each channel": (
        "Time,CH1,Time,CH2\n"
        + "".join(
            f"{t:.6e},{a!r},{t:.6e},{b!r}\n"
            for t, (a, b) in zip(TIMES, VOLTS.T.tolist(), strict=True)
        ),
        2,
    ),
    "rigol without times": (
        "CH1V,t0 =-1.0e-08, tInc = 4.0e-10,\n" + "".join(f"{v!r},,\n" for v in VOLTS[0].tolist()),
        1,
    ),
    "gw instek without times": (
        "Format,1.0B,\nMemory Length,60,\nSource,CH1,\nVertical Units,V,\nSampling Period,4e-10,\n"
        "Waveform Data,\n" + "".join(f"{v!r},\n" for v in VOLTS[0].tolist()),
        1,
    ),
    "decimal comma": ("Time(s);CH1(V)\n" + rows(1, ";").replace(".", ","), 1),
}  # fmt: skip


def written(folder: Path, text: str, name: str = "trace.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("windows", [False, True])
def test_a_trace_of_every_vendor_is_one_event(tmp_path: Path, vendor: str, windows: bool) -> None:
    text, channels = VENDORS[vendor]
    path = written(tmp_path, text.replace("\n", "\r\n") if windows else text)
    assert recognise(path) == "oscilloscope-text"
    opened = open_events(path)
    assert opened.provenance["sample_interval_ns"] == pytest.approx(0.4, rel=1e-9)
    table = opened.read()
    expected = VOLTS[:1] if channels == 1 else VOLTS[None]
    np.testing.assert_array_equal(table["waveform_adc"], expected)


def test_what_numpy_reads_is_what_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, VENDORS["keysight"][0])
    plain = np.loadtxt(path, delimiter=",", skiprows=2)
    table = open_events(path).read()
    np.testing.assert_array_equal(table["waveform_adc"][0], plain[:, 1:].T)
    assert table["first_sample_ns"][0] == pytest.approx(plain[0, 0] * 1e9)


def test_segments_are_events(tmp_path: Path) -> None:
    table = open_events(written(tmp_path, "Time,Ampl\n" + rows() * 3)).read()
    np.testing.assert_array_equal(table["waveform_adc"], np.repeat(VOLTS[:1], 3, axis=0))


def test_rounded_times_need_the_sampling_interval(tmp_path: Path) -> None:
    path = written(tmp_path, "Time(s),CH1(V)\n" + rows(times=np.round(TIMES * 1e8) / 1e8))
    with pytest.raises(DataError, match=r"rounded or not even.*--sample-interval-ns"):
        open_events(path)
    opened = open_events(path, ReadOptions(sample_interval_ns=0.4))
    assert opened.provenance["sample_interval_ns"] == pytest.approx(0.4)


def test_an_interval_that_contradicts_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"0\.4 ns apart.*got 1\.0"):
        open_events(written(tmp_path, VENDORS["plain"][0]), ReadOptions(sample_interval_ns=1.0))


def test_a_line_that_is_no_sample_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, VENDORS["plain"][0][:-12] + "\n")
    with pytest.raises(DataError, match="sample 59 is no line"):
        open_events(path)


def test_hits_with_times_are_no_trace(tmp_path: Path) -> None:
    times = np.cumsum(RANDOM.exponential(1e-3, 300))
    text = "time,energy\n" + "".join(f"{t},{i}\n" for i, t in enumerate(times))
    assert recognise(written(tmp_path, text)) == "csv"


def test_a_folder_of_traces_is_one_set(tmp_path: Path) -> None:
    for number in (10, 9, 2):
        text = "Time(s),CH1(V)\n" + rows().replace("0.1", f"0.{number}")
        written(tmp_path, text, f"trace{number}.csv")
    table = open_events(tmp_path).read()
    assert table["waveform_adc"].shape == (3, 60)
    for row, number in enumerate((2, 9, 10)):
        alone = open_events(tmp_path / f"trace{number}.csv").read()
        np.testing.assert_array_equal(table["waveform_adc"][row], alone["waveform_adc"][0])


def test_a_folder_of_traces_with_several_channels_keeps_their_names(tmp_path: Path) -> None:
    for number in range(3):
        written(tmp_path, VENDORS["tektronix"][0], f"tek{number:04}ALL.csv")
    opened = open_events(tmp_path)
    assert channel_names(opened) == ("CH1", "CH2")
    assert opened.read()["waveform_adc"].shape == (3, 2, 60)


@pytest.mark.parametrize("name", ["C{c}run{n:05}.csv", "tek{n:04}CH{c}.csv"])
def test_files_of_a_channel_each_are_events_of_several(tmp_path: Path, name: str) -> None:
    for number in range(4):
        for channel in (1, 2):
            values = VOLTS[channel - 1] + number
            text = "Time,Ampl\n" + "".join(
                f"{t:.6e},{float(v)!r}\n" for t, v in zip(TIMES, values, strict=True)
            )
            written(tmp_path, text, name.format(c=channel, n=number))
    table = open_events(tmp_path).read()
    np.testing.assert_array_equal(table["waveform_adc"], VOLTS + np.arange(4)[:, None, None])
    (tmp_path / name.format(c=2, n=3)).unlink()
    with pytest.raises(DataError, match="has the channels CH1 and others CH1, CH2"):
        open_events(tmp_path)


def test_what_does_not_belong_to_a_set_is_left_out_and_named(tmp_path: Path) -> None:
    for number in range(3):
        written(tmp_path, VENDORS["plain"][0], f"trace{number}.csv")
    written(tmp_path, "notes of the run\n", "notes.txt")
    written(tmp_path, "Time(s),CH1(V)\n" + "\n".join(rows().split("\n")[:40]), "trace3.csv")
    with pytest.warns(DataWarning, match=r"2 files are left out: notes\.txt.*trace3\.csv"):
        assert len(open_events(tmp_path).read()) == 3
    with pytest.raises(DataError, match="left out"):
        open_events(tmp_path, ReadOptions(strict=True))


@pytest.mark.parametrize(
    ("head", "second", "unit"),
    [
        ("Time (ns),CH3 (mV)\n", 1e-9, "mV"),
        ("Time,Channel A\n(ns),(mV)\n\n", 1e-9, "mV"),
        ("time [µs],CH3 [V]\n", 1e-6, "V"),
        ("x-axis,3\nsecond,Volt\n", 1.0, "V"),
        ("Horizontal Units,ms\nVertical Units,mV\nTIME,CH3\n", 1e-3, "mV"),
    ],
)
def test_times_and_voltages_are_in_the_units_that_the_file_names(
    tmp_path: Path, head: str, second: float, unit: str
) -> None:
    ticks = np.arange(-10, 50) * 0.4
    lines = (f"{float(t)!r},{float(v)!r}\n" for t, v in zip(ticks, VOLTS[0], strict=True))
    opened = open_events(written(tmp_path, head + "".join(lines)))
    assert opened.provenance["sample_interval_ns"] == pytest.approx(0.4 * second * 1e9)
    table = opened.read()
    assert table["first_sample_ns"][0] == pytest.approx(-4 * second * 1e9)
    assert table.quantities["waveform_adc"].unit == unit
    np.testing.assert_array_equal(table["waveform_adc"][0], VOLTS[0])


def test_channels_of_several_units_are_told_in_volts(tmp_path: Path) -> None:
    lines = (f"{t:.6e},{float(a)!r},{float(b)!r}\n" for t, a, b in zip(TIMES, *VOLTS, strict=True))
    opened = open_events(written(tmp_path, "Time (s),CH1 (mV),CH2 (V)\n" + "".join(lines)))
    table = opened.read()
    assert table.quantities["waveform_adc"].unit == "V"
    np.testing.assert_array_equal(table["waveform_adc"][0], VOLTS * [[1e-3], [1.0]])


def test_counted_times_begin_where_the_settings_say(tmp_path: Path) -> None:
    text = VENDORS["rigol"][0].replace("CH1", "CH3").replace("CH2", "CH4")
    opened = open_events(written(tmp_path, text))
    assert opened.read()["first_sample_ns"][0] == pytest.approx(-10.0)
    assert channel_names(opened) == ("CH3", "CH4")


def test_settings_and_times_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    text = VENDORS["tektronix"][0].replace("Sample Interval,4e-10", "Sample Interval,4e-1")
    with pytest.raises(DataError, match=r"settings say 0\.4 s from sample to sample"):
        open_events(written(tmp_path, text))


def test_quoted_numbers_with_decimal_commas(tmp_path: Path) -> None:
    lines = (f"{t:.6e};{float(v)!r}\n" for t, v in zip(TIMES, VOLTS[0], strict=True))
    quoted = "".join(f'"{line[:-1]}"\n'.replace(";", '","') for line in lines).replace(".", ",")
    opened = open_events(written(tmp_path, '\ufeff"Time (s)","CH3 (V)"\n' + quoted))
    np.testing.assert_array_equal(opened.read()["waveform_adc"][0], VOLTS[0])
    assert channel_names(opened) == ("CH3",)


@pytest.mark.parametrize(
    ("names", "step_ns", "unit"),
    [
        ("time_us,volt", 1.0, "V"),
        ("t_us,v", 1.0, "V"),
        ("time_us,ch1_mv", 1.0, "mV"),
        ("Time (µs),CH1 (mV)", 1.0, "mV"),
        ("Time (nsec),CH1 (mV)", 1e-3, "mV"),
        ("Time [microseconds],A", 1.0, "V"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_the_unit_of_a_time_is_read_wherever_it_stands(
    tmp_path: Path, names: str, step_ns: float, unit: str, encoding: str
) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(f"{names}\n" + rows(times=np.arange(60) * 1e-3), encoding=encoding)
    file = open_events(path)
    table = file.read()
    assert table["waveform_adc"].shape == (1, 60)
    assert file.quantities["waveform_adc"].unit == unit
    assert file.provenance["sample_interval_ns"] == pytest.approx(step_ns)


@pytest.mark.parametrize("names", ["time_ns,channel", "time_ns,charge", "t_us,energy_kev"])
def test_a_table_of_events_at_even_times_is_no_trace(tmp_path: Path, names: str) -> None:
    path = tmp_path / "hits.csv"
    path.write_text(f"{names}\n" + rows(times=np.arange(60) * 1e-3))
    assert recognise(path) == "csv"


def test_an_unknown_unit_of_time_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("Time (samples),CH1 (V)\n" + rows())
    with pytest.raises(DataError, match=r"unit that is not known \(got 'samples'\)"):
        open_events(path)


@pytest.mark.parametrize(
    ("names", "unit"),
    [("CH1 (counts)", "counts"), ("CH1 (mA),CH2 (mA)", "mA"), ("CH1 (mV),CH2 (A)", "mV, A")],
)
def test_what_is_no_voltage_keeps_its_unit(tmp_path: Path, names: str, unit: str) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(f"Time (s),{names}\n" + rows(1 + names.count(",")))
    file = open_events(path)
    (table,) = file.stream(10)
    assert table.quantities["waveform_adc"].unit == unit
    assert np.array_equal(table["waveform_adc"].reshape(-1, 60), VOLTS[: 1 + names.count(",")])


def test_channels_with_times_that_differ_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    lines = (f"{t:.6e},0.5,{t + 1e-9:.6e},0.25\n" for t in TIMES)
    path.write_text("Time,CH1,Time,CH2\n" + "".join(lines))
    with pytest.raises(DataError, match="times of their own"):
        open_events(path)


def test_a_voltage_beyond_the_screen_is_not_finite_and_flagged(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("Time (s),CH1 (V)\n" + rows().replace(repr(float(VOLTS[0, 9])), "∞"))
    (table,) = open_events(path).stream(10)
    assert table.status.tolist() == [Status.NOT_FINITE]


def test_a_word_among_the_voltages_is_named(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("Time (s),CH1 (V)\n" + rows().replace(repr(float(VOLTS[0, 9])), "Overflow"))
    with pytest.raises(DataError, match=r"sample 9 .*Overflow"):
        open_events(path)
