"""CoMPASS text files, with and without waveforms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.errors import DataError
from pulsefront.events.container import Status
from pulsefront.events.readers.base import DataWarning, ReadOptions
from pulsefront.events.readers.open import open_events

STRICT = ReadOptions(strict=True)
NAMES = "BOARD;CHANNEL;TIMETAG;ENERGY;ENERGYSHORT;FLAGS"
RANDOM = np.random.default_rng(6)


def text(hits: int, samples: int = 0, *, delimiter: str = ";", flags: str = "0x4000") -> str:
    lines = [NAMES + (";PROBE_CODE;SAMPLES" if samples else "")]
    for number in range(hits):
        time = 10**17 + 10**9 * (number // 2) + 305 * (number % 2)
        fields = [0, number % 2, time, 500 + number, 200, flags]
        if samples:
            fields += [1, *RANDOM.integers(1900, 2100, samples).tolist()]
        lines.append(";".join(map(str, fields)))
    return "\n".join(lines).replace(";", delimiter) + "\n"


def written(folder: Path, content: str) -> Path:
    path = folder / "run.csv"
    path.write_text(content)
    return path


@settings(deadline=None)
@given(
    st.integers(1, 40), st.sampled_from([0, 0, 5, 200]), st.integers(1, 50), st.sampled_from(";,")
)
def test_what_numpy_reads_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, hits: int, samples: int, chunk: int, delimiter: str
) -> None:
    path = written(tmp_path_factory.mktemp("c"), text(hits, samples, delimiter=delimiter))
    opened = open_events(path, STRICT)
    assert opened.format == "compass-text"
    tables = list(opened.chunks(chunk))
    assert max(map(len, tables)) <= chunk
    rows = [line.split(delimiter) for line in path.read_text().splitlines()[1:]]
    for number, name in enumerate(("board", "channel", "time_ps", "energy_adc")):
        got = np.concatenate([table[name] for table in tables])
        assert got.tolist() == [int(row[number]) for row in rows]
    assert all((table["flags"] == 0x4000).all() for table in tables)
    if samples:
        waves = np.concatenate([table["waveform_adc"] for table in tables])
        np.testing.assert_array_equal(waves, np.array([row[7:] for row in rows], np.uint16))


def test_flags_become_the_status_and_lengths_are_told(tmp_path: Path) -> None:
    lines = text(5, 20, flags="0x4080").splitlines()
    lines[2] = ";".join(lines[2].split(";")[:-4])
    table = open_events(written(tmp_path, "\n".join(lines) + "\n"), STRICT).read()
    assert (table.status & Status.SATURATED != 0).all()
    assert (table.status & Status.TRUNCATED != 0).tolist() == [False, True, False, False, False]
    assert table["sample_count"].tolist() == [20, 16, 20, 20, 20]


def test_a_cut_last_line_costs_itself(tmp_path: Path) -> None:
    path = written(tmp_path, text(6, 20)[:-9])
    with pytest.warns(DataWarning, match="ends inside the line at byte.*after 5 whole events"):
        assert len(open_events(path).read()) == 5
    with pytest.raises(DataError):
        open_events(path, STRICT).read()


def test_a_line_that_is_no_hit_is_named(tmp_path: Path) -> None:
    lines = text(6).splitlines()
    lines[3] = "0;1;zero;5;5;0x0"
    with pytest.raises(DataError, match="line 4 is no hit"):
        open_events(written(tmp_path, "\n".join(lines) + "\n")).read()


def test_a_file_without_hits_is_empty(tmp_path: Path) -> None:
    table = open_events(written(tmp_path, NAMES + "\n"), STRICT).read()
    assert len(table) == 0
    assert "time_ps" in table.columns


def test_samples_below_zero_keep_their_sign(tmp_path: Path) -> None:
    lines = text(5, 20).splitlines()
    lines[3] = ";".join([*lines[3].split(";")[:-1], "-7"])
    table = open_events(written(tmp_path, "\n".join(lines) + "\n"), STRICT).read()
    assert table["waveform_adc"].dtype == np.int32
    assert table["waveform_adc"][2, -1] == -7
    assert not table.status.any()


def test_a_sample_beyond_sixteen_bits_is_flagged(tmp_path: Path) -> None:
    lines = text(5, 20).splitlines()
    lines[3] = ";".join([*lines[3].split(";")[:-1], "70000"])
    table = open_events(written(tmp_path, "\n".join(lines) + "\n"), STRICT).read()
    assert table.status.tolist() == [0, 0, Status.BAD_HEADER, 0, 0]


@pytest.mark.parametrize("samples", [0, 20])
def test_a_delimiter_behind_the_last_field_adds_none(tmp_path: Path, samples: int) -> None:
    names, *lines = text(5, samples).splitlines()
    content = "\n".join([names, *(f"{line};" for line in lines)]) + "\n"
    table = open_events(written(tmp_path, content), STRICT).read()
    assert len(table) == 5
    assert not table.status.any()


def test_calibrated_energies_with_a_decimal_comma(tmp_path: Path) -> None:
    names, *lines = text(5).splitlines()
    cut = [line.split(";", 4) for line in lines]
    content = [names.replace(";ENERGY;", ";ENERGY;CALIB_ENERGY;")]
    content += [";".join([*fields[:4], "511,25", fields[4]]) for fields in cut]
    table = open_events(written(tmp_path, "\n".join(content) + "\n"), STRICT).read()
    assert (table["energy_calibrated"] == 511.25).all()


def test_times_that_are_not_whole_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, text(5).replace(";100000001", ";0.1", 1))
    with pytest.raises(DataError, match=r"TIMETAG: line 4 .*ps"):
        open_events(path).read()
