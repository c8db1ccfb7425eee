"""Formats that are known and not read are named, with what converts them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulsefront.errors import UnsupportedFormat
from pulsefront.events.readers.open import open_events, recognise

NOISE = bytes((7 * i * i + 13 * i) % 251 for i in range(400))


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"\x00\x80\x4d\x49" + NOISE, "a MIDAS run.*MIDAS sources, or with manalyzer"),
        (NOISE[:8] + b'<?xml version="1.0"?>' + NOISE, "ORCA data.*daq2lh5"),
        (NOISE[:40] + b"FlashCamV1" + NOISE, "FlashCam data.*daq2lh5"),
        (b"TDSm" + NOISE, "TDMS.*nptdms"),
        (b"AG10" + NOISE, "Keysight.*CSV"),
        (b"\x28\xb5\x2f\xfd" + NOISE, "Zstandard.*unzstd"),
        (b"\x1f\x8b\x08" + NOISE, "compressed by gzip.*gunzip"),
        (b"SQLite format 3\x00" + NOISE, "SQLite.*CSV"),
    ],
)
def test_a_known_format_is_named(tmp_path: Path, content: bytes, name: str) -> None:
    path = tmp_path / "run.dat"
    path.write_bytes(content)
    with pytest.raises(UnsupportedFormat, match=name):
        open_events(path)


def test_text_that_begins_with_two_letters_of_a_trace_is_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "run.dat"
    path.write_bytes(b"AGILE DETECTOR, run 7\n" + NOISE)
    with pytest.raises(UnsupportedFormat) as caught:
        open_events(path)
    assert "Keysight" not in str(caught.value)


def test_mgtevent_root_files_are_named(tmp_path: Path) -> None:
    uproot = pytest.importorskip("uproot")
    with uproot.recreate(tmp_path / "run.root") as file:
        file["MGTree"] = {"event": [1, 2, 3]}
    with pytest.raises(UnsupportedFormat, match=r"MGTEvent.*daq2lh5"):
        open_events(tmp_path / "run.root")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            b"a,b\n1,2\n3,\n6,7,8\n9,10\n4,5\n",
            "its row 3 has 3 fields",
        ),
        ("a;b\n1;2\n".encode("utf-16"), "is text in UTF-16; save it as UTF-8"),
        (
            "a,b\n".encode("utf-16") + "1,2\n".encode("utf-16-le") * 50,
            "is text in UTF-16; save it as UTF-8",
        ),
        (b"a,b\r1,2\r3,4\r", "whose lines end in a carriage return alone"),
        (b"amplitude\n" + b"17\n" * 50, "is one column of numbers, amplitude: events, or"),
        (b"69262,664\n19471,054\n9590,714\n", "is a table without a line of names"),
    ],
)
def test_a_table_that_cannot_be_read_is_told_why(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(UnsupportedFormat, match=problem):
        recognise(path)
