from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.events import store
from pulsefront.events.ingest import ingest, open_sources
from pulsefront.events.readers.base import DataWarning, ReadOptions
from pulsefront.events.readers.open import open_events
from pulsefront.measured.gallery import measured_gallery
from pulsefront.measured.inspect import inspect_events
from pulsefront.measured.pairing.coincidences import Coincidences
from pulsefront.measured.pairing.hits import PairingSettings, Side
from strategies_events import petsys_bytes, pulses, wavedump_bytes
from toys_measured import made


def test_what_is_found_is_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "w.dat"
    content = bytearray(wavedump_bytes(pulses(40, height=1500).astype(np.uint16)))
    record = len(content) // 40
    content[7 * record + 8] = 1  # pattern
    content[9 * record + 12] = 60  # another channel
    path.write_bytes(bytes(content))
    options = ReadOptions(sample_interval_ns=1.0, tag_interval_ns=8.0)
    found = inspect_events(open_events(path, options))
    assert (found.format, found.events) == ("wavedump", 40)
    assert found.status == {"OK": 39, "BAD_HEADER": 1}
    columns = {column.name: column for column in found.columns}
    assert columns["waveform_adc"].shape == (120,)
    assert columns["event_counter"].highest == 39
    assert columns["time_ns"].unit == "ns"
    # Tags are 77 ticks of 8 ns apart.
    assert found.duration_s == pytest.approx(39 * 77 * 8e-9)
    assert found.rate_per_s == pytest.approx(1 / (77 * 8e-9))
    assert found.pulse_status["OK"] >= 38
    assert found.figure is not None
    assert len(found.figure.axes) == 3


def test_list_mode_has_rates_and_no_pulses(tmp_path: Path) -> None:
    path = tmp_path / "p.bin"
    path.write_bytes(petsys_bytes(50))
    found = inspect_events(open_events(path))
    assert found.figure is None
    assert found.rate_per_s == pytest.approx(1e3)


@pytest.mark.parametrize(
    ("name", "events", "rate_per_s"),
    [
        ("toward_bgo_sipm/coincidence_wave0.dat", 41, None),
        ("toward_bgo_sipm/hpge_wave0.dat", 8, None),
        ("legend_compass/compass_test_data.BIN", 102, 20.2),
        ("wavecatcher_sipm/exampledata.bin", 300, 0.2073),
        ("drs4_pydrs4/test.dat", 1000, None),
        ("lecroy_trc/pulse_sequence.trc", 20, 97.19),
        ("lecroy_trc/issue_1.trc", 1, None),
    ],
)
def test_every_measured_sample(
    shared_data: Callable[[str], Path], name: str, events: int, rate_per_s: float | None
) -> None:
    found = inspect_events(open_events(shared_data(name)))
    assert found.events == events
    # CoMPASS says itself which events saturated: 36 of the pulser's.
    saturated = 36 if "compass" in name else 0
    assert found.status.get("OK") == events - saturated
    assert found.status.get("SATURATED", 0) == saturated
    assert found.figure is not None
    if rate_per_s is None:
        assert found.rate_per_s is None
    else:
        assert found.rate_per_s == pytest.approx(rate_per_s, rel=1e-3)


def test_the_measured_truncated_file_is_inspected_with_a_warning(
    shared_data: Callable[[str], Path],
) -> None:
    path = shared_data("toward_bgo_sipm") / "sipm_2006272158_wave0.dat"
    with pytest.warns(DataWarning, match="293 whole events"):
        assert inspect_events(open_events(path)).events == 293


def test_pairs_of_two_stores_are_inspected(tmp_path: Path) -> None:
    """Both sides of a pair bring the number of their stretch."""
    time = 10**11 * np.arange(20)
    time[10:] -= time[10]
    sides = []
    for side in (0, 1):
        hits = made(time_ps=time + side, channel=np.full(20, side))
        store.write(hits, tmp_path / f"{side}.h5")
        with pytest.warns(DataWarning, match="starts anew"):
            ingest([tmp_path / f"{side}.h5"], tmp_path / f"hits{side}.h5")
        sides.append(Side(open_events(tmp_path / f"hits{side}.h5")))
    found = Coincidences(*sides, PairingSettings(5.0))
    with pytest.warns(DataWarning, match="pairs are formed within a stretch only"):
        store.write_stream(found.tables(), tmp_path / "pairs.h5", provenance=found.provenance)
    with pytest.warns(DataWarning, match="starts anew 1 time"):
        seen = inspect_events(open_sources([tmp_path / "pairs.h5"]))
    assert seen.events == 20
    assert {column.name: column.highest for column in seen.columns}["clock_stretch"] == 1


def test_an_empty_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "e.dat").write_bytes(b"")
    with pytest.raises(DataError, match="empty"):
        open_events(tmp_path / "e.dat")


def test_a_gallery_shows_every_file_and_no_bad_one_stops_it(tmp_path: Path) -> None:
    waves = pulses(10).astype(np.uint16)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "good.dat").write_bytes(wavedump_bytes(waves))
    (tmp_path / "cut.dat").write_bytes(wavedump_bytes(waves)[:-3])
    (tmp_path / "damaged.dat").write_bytes(wavedump_bytes(waves[:1])[:-3])
    (tmp_path / "empty.dat").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("not data")
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    found = measured_gallery(tmp_path)
    left_out = {one.name: one.reason for one in found.left_out}
    assert set(left_out) == {"notes.txt", "table.csv"}
    assert "mapping file" in left_out["table.csv"]
    assert "mapping" not in left_out["notes.txt"]
    items = {item.name: item for item in found.items}
    assert set(items) == {"a/good.dat", "cut.dat", "damaged.dat", "empty.dat"}
    assert items["a/good.dat"].figure is not None
    assert "9 whole events" in items["cut.dat"].facts["warning"]
    assert "error" in items["damaged.dat"].facts
    assert "empty" in items["empty.dat"].facts["error"]
    assert str(tmp_path) not in items["cut.dat"].facts["warning"]


def test_the_gallery_of_the_measured_samples(shared_data: Callable[[str], Path]) -> None:
    found = measured_gallery(shared_data("."))
    items = found.items
    assert len(items) == 9
    assert all(one.reason for one in found.left_out)
    assert {item.facts["format"] for item in items} == {
        "compass",
        "drs4",
        "lecroy",
        "wavecatcher",
        "wavedump",
    }
    assert all(item.figure is not None for item in items)
