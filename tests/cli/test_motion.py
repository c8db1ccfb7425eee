"""What the commands for motion refuse, before they read or write anything."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from pulsefront.cli.motion import app
from pulsefront.errors import ConfigError
from pulsefront.motion.traces.store import write_trace
from strategies_motion import drifting


@pytest.fixture
def scan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_trace(Path("scan.h5"), drifting(200, drift_mm=0.0), ())
    return tmp_path


def refused(*words: str) -> ConfigError:
    error = CliRunner().invoke(app, list(words)).exception
    assert isinstance(error, ConfigError), (words, error)
    return error


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("--interval-s", ("nan", "0", "61")),
        ("--smallest-mm", ("nan", "-1", "inf")),
        ("--matters-mm", ("nan", "-1", "0", "inf")),
        ("--field-mm", ("nan", "-1")),
        ("--quiet-s", ("nan", "-1")),
    ],
)
def test_numbers_that_mean_nothing_are_refused(
    scan: Path, option: str, values: tuple[str, ...]
) -> None:
    for value in values:
        error = refused("scan.h5", option, value)
        assert option in str(error)
        assert "must lie between" in str(error)
    assert [one.name for one in scan.iterdir()] == ["scan.h5"]


@pytest.mark.parametrize("words", [("scan.h5",), ("judge",), ("simulate",)])
def test_a_file_beside_which_json_would_lie_is_not_named_json(
    scan: Path, words: tuple[str, ...]
) -> None:
    error = refused(*words, "--out", "x.json")
    assert "--out" in str(error)
    assert ("x.h5" if words == ("simulate",) else "x.html") in str(error)
    assert [one.name for one in scan.iterdir()] == ["scan.h5"]


def test_a_scan_that_lost_a_third_of_its_time_exits_with_4(scan: Path) -> None:
    trace = drifting(600, drift_mm=0.0)
    dark = (trace.time_s >= 200) & (trace.time_s < 400)
    write_trace(Path("lost.h5"), trace.select(~dark), ())
    told = CliRunner().invoke(app, ["lost.h5"])
    assert told.exit_code == 4, told.output
    assert "67% of the time" in told.output
    assert "not compared" in told.output
