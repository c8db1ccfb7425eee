"""Traces out of tables: by mapping alone, with what is wrong with the rows named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pulsefront.cli.motion import app
from pulsefront.errors import ConfigError, DataError
from pulsefront.events.readers.base import ReadOptions
from pulsefront.events.readers.open import open_events
from pulsefront.motion import find_motion, open_trace
from pulsefront.motion.readers.tables import guess_mapping
from strategies_motion import drifting

HEAD = "time_ms,x_mm,y_mm,z_mm,counts,trues\n"


def write(path: Path, rows: list[str]) -> Path:
    path.write_text(HEAD + "\n".join(rows) + "\n")
    return path


def rows_of(trace, offset_ms: int = 0) -> list[str]:
    return [
        f"{offset_ms + round(1000 * t)},{x:.4f},{y:.4f},{z:.4f},{round(n / 0.8)},{round(n)}"
        for t, (x, y, z), n in zip(trace.time_s, trace.centre_mm, trace.counts, strict=True)
    ]


def read(path: Path):
    mapping = path.with_suffix(".toml")
    mapping.write_text(guess_mapping(open_events(path, ReadOptions(unmapped=True))))
    return open_trace(path, ReadOptions(mapping=mapping))


def test_a_table_of_centroids_is_read_by_a_guessed_mapping(tmp_path: Path) -> None:
    made = drifting(200)
    trace, breaks = read(write(tmp_path / "scan.csv", rows_of(made)))
    assert breaks == ()
    assert not trace.findings
    np.testing.assert_allclose(trace.centre_mm, made.centre_mm, atol=6e-5)
    np.testing.assert_allclose(trace.trues, made.counts)
    np.testing.assert_allclose(trace.duration_s, 1.0)


def test_rows_in_disorder_are_sorted_and_named(tmp_path: Path) -> None:
    rows = rows_of(drifting(200))
    rows[50], rows[51] = rows[51], rows[50]
    rows.insert(120, rows[119])
    trace, _ = read(write(tmp_path / "scan.csv", rows))
    assert len(trace) == 200
    assert [one.kind for one in trace.findings] == ["times out of order"]
    assert "1 times earlier" in trace.findings[0].text
    assert "1 times that come twice" in trace.findings[0].text
    assert find_motion(trace).decision == "still"


def test_a_clock_that_starts_anew_is_named_and_no_motion(tmp_path: Path) -> None:
    first, second = drifting(150, seed=1), drifting(150, seed=2, drift_mm=-3.0)
    trace, breaks = read(write(tmp_path / "scan.csv", rows_of(first) + rows_of(second)))
    assert [one.kind for one in trace.findings] == ["clock reset"]
    assert breaks == (150.0,)
    found = find_motion(trace, breaks=breaks)
    assert not found.moves
    assert [frame.part for frame in found.frames] == [0, 1]


def test_one_absurd_time_is_no_reset(tmp_path: Path) -> None:
    rows = rows_of(drifting(200))
    rows[80] = "9000000" + rows[80][rows[80].index(",") :]
    trace, breaks = read(write(tmp_path / "scan.csv", rows))
    assert breaks == ()
    assert len(trace) == 199
    assert "far from both neighbours" in trace.findings[0].text


def test_counts_that_cannot_be_are_taken_for_none(tmp_path: Path) -> None:
    rows = rows_of(drifting(100))
    rows[40] = rows[40].rsplit(",", 2)[0] + ",-5,-5"
    trace, _ = read(write(tmp_path / "scan.csv", rows))
    assert trace.counts[40] == 0
    assert [one.kind for one in trace.findings] == ["not finite"]


def test_a_table_without_a_centre_says_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "scan.csv"
    path.write_text("time_ms,counts\n0,5\n1,6\n2,7\n")
    with pytest.raises(ConfigError, match="x, y and z"):
        guess_mapping(open_events(path, ReadOptions(unmapped=True)))
    mapping = tmp_path / "scan.toml"
    mapping.write_text('[columns.counts]\nsource = "counts"\nunit = "1"\ndescription = "n"\n')
    with pytest.raises(DataError, match="centre"):
        open_trace(path, ReadOptions(mapping=mapping))


def mapped(path: Path, units: dict[str, str]):
    """Return the trace of a table whose columns are said to be in *units*."""
    mapping = path.with_suffix(".toml")
    sources = {"time_s": '"time_ms"', "centre_mm": '["x_mm", "y_mm", "z_mm"]',
               "counts_per_s": '"counts"', "counts": '"counts"'}  # fmt: skip
    mapping.write_text(
        "".join(
            f'[columns.{name}]\nsource = {sources[name]}\nunit = "{unit}"\ndescription = "it"\n'
            for name, unit in units.items()
        )
    )
    return open_trace(path, ReadOptions(mapping=mapping))[0]


def test_units_of_the_mapping_are_turned_into_those_of_the_names(tmp_path: Path) -> None:
    made = drifting(100)
    path = write(tmp_path / "scan.csv", rows_of(made))
    trace = mapped(path, {"time_s": "ms", "centre_mm": "cm", "counts_per_s": "kcps"})
    np.testing.assert_allclose(trace.time_s, made.time_s)
    np.testing.assert_allclose(trace.centre_mm, 10 * made.centre_mm, atol=6e-4)
    np.testing.assert_allclose(trace.counts, 1e3 * np.round(made.counts / 0.8))
    plain = mapped(path, {"time_s": "s", "centre_mm": "mm", "counts": "1"})
    np.testing.assert_allclose(plain.time_s, 1e3 * made.time_s)
    np.testing.assert_allclose(plain.centre_mm, made.centre_mm, atol=6e-5)


@pytest.mark.parametrize(
    ("name", "unit"),
    [("time_s", "mm"), ("time_s", "fortnight"), ("centre_mm", "inch"), ("centre_mm", "1"),
     ("counts", "kcps")],
)  # fmt: skip
def test_a_unit_that_cannot_be_is_refused_with_its_name(
    tmp_path: Path, name: str, unit: str
) -> None:
    path = write(tmp_path / "scan.csv", rows_of(drifting(50)))
    units = {"time_s": "ms", "centre_mm": "mm", "counts": "1"} | {name: unit}
    with pytest.raises(DataError, match=f"unit of {name}") as told:
        mapped(path, units)
    assert "scan.csv" in str(told.value)
    assert unit in str(told.value)
    assert "mapping file" in str(told.value)


def test_the_command_writes_page_and_json_and_says_so(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "scan.csv", rows_of(drifting(300, steps=((150, (2.0, 0.0, 0.0)),))))
    run = CliRunner().invoke
    told = run(app, ["mapping", str(path)])
    assert told.exit_code == 0
    (tmp_path / "map.toml").write_text(told.stdout)
    told = run(app, [str(path), "--mapping", "map.toml", "--trace", "trace.h5"])
    assert told.exit_code == 1, told.output
    assert "motion: 1 movement, the largest of 2.0" in told.output
    assert (tmp_path / "scan_motion.html").read_text().startswith("<!DOCTYPE html>")
    again = run(app, ["find", "trace.h5", "--out", "again.html"])
    assert again.exit_code == 1
    first, second = ((tmp_path / n).read_text() for n in ("scan_motion.json", "again.json"))
    assert first.replace("scan.csv", "trace.h5") == second


def test_a_still_scan_exits_with_0_and_a_dark_one_with_4(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for rate, code in ((2e5, 0), (60.0, 4)):
        path = write(tmp_path / "scan.csv", rows_of(drifting(200, rate=rate, drift_mm=0.0)))
        (tmp_path / "map.toml").write_text(
            guess_mapping(open_events(path, ReadOptions(unmapped=True)))
        )
        told = CliRunner().invoke(app, [str(path), "--mapping", "map.toml"])
        assert told.exit_code == code, told.output
