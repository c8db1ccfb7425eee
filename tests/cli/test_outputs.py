"""No command overwrites what it reads, a device, or a measured file of another run."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pulsefront.cli.main import app
from pulsefront.errors import ConfigError
from pulsefront.events import store
from pulsefront.events.ingest import ingest
from strategies_events import wavedump_bytes


def refused(*arguments: str | Path) -> str:
    """Return the one line that the command ends with."""
    result = CliRunner().invoke(app, [str(word) for word in arguments])
    assert isinstance(result.exception, ConfigError), result.output
    return str(result.exception)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    path = tmp_path / "raw.dat"
    path.write_bytes(wavedump_bytes(np.full((5, 20), 8000, np.uint16)))
    return path


@pytest.mark.parametrize("command", ["ingest", "charges", "pickoff", "coincidences", "calibrate"])
def test_raw_data_are_not_overwritten_by_their_own_command(command: str, raw: Path) -> None:
    before = raw.read_bytes()
    link = raw.with_name("link.dat")
    link.symlink_to(raw.name)
    more = ["--window-ns", "10"] if command == "coincidences" else []
    for read, out in ((raw, raw), (raw, link), (link, raw)):
        line = refused(command, read, "--out", out, *more)
        # A folder where a file is: said before that the file is the input.
        assert ("is a file, and a folder" if command == "pickoff" else "is what is read") in line
    assert raw.read_bytes() == before
    assert link.is_symlink()


def test_a_figure_is_not_drawn_over_the_file(raw: Path) -> None:
    before = raw.read_bytes()
    assert "is what is read" in refused("inspect", raw, "--figure", raw)
    assert raw.read_bytes() == before


def test_a_store_is_not_written_onto_itself(raw: Path) -> None:
    out = raw.with_name("events.h5")
    ingest([raw], out)
    before = out.read_bytes()
    assert "is what is read" in refused("ingest", out, "--out", out)
    assert "is what is read" in refused("ingest", out, "--out", out, "--append")
    with pytest.raises(ConfigError, match="is what is read"):
        ingest([out], out)
    assert out.read_bytes() == before


@pytest.mark.parametrize("suffix", ["toml", "csv"])
def test_files_of_a_manifest_are_inputs(suffix: str, raw: Path) -> None:
    manifest = raw.with_name(f"manifest.{suffix}")
    if suffix == "toml":
        manifest.write_text(
            'kind = "timing"\n[[scan]]\nfiles = ["raw.dat"]\nsource_offset_mm = 0.0\n'
            'stage_uncertainty_mm = 0.1\nsource = "Na-22"\nduration_s = 1.0\n'
            'detector_id = "a"\nrun = "1"\n'
        )
    else:
        manifest.write_text(
            "file,source_offset_mm,stage_uncertainty_mm,source,duration_s,detector_id,run\n"
            "raw.dat,0,0.1,Na-22,1,a,1\n"
        )
    before = raw.read_bytes()
    for command in ("ingest", "charges", "split"):
        assert "is what is read" in refused(command, manifest, "--out", raw)
    with pytest.raises(ConfigError, match="is what is read"):
        ingest([manifest], raw)
    assert raw.read_bytes() == before


def test_a_folder_that_is_replaced_may_hold_no_input(raw: Path) -> None:
    (raw.parent / "summary.json").write_text("{}")
    assert "holds what is read" in refused("pickoff", raw, "--out", raw.parent)
    assert raw.exists()


def test_a_measured_file_of_another_run_is_not_replaced_by_a_store(raw: Path) -> None:
    other = raw.with_name("other.dat")
    other.write_bytes(raw.read_bytes())
    assert "exists and is no event store" in refused("ingest", raw, "--out", other)
    assert other.read_bytes() == raw.read_bytes()
    # An earlier store is written anew, and an empty file filled, as before.
    out = raw.with_name("events.h5")
    out.touch()
    for _ in range(2):
        result = CliRunner().invoke(app, ["ingest", str(raw), "--out", str(out)])
        assert result.exit_code == 0, result.output
    assert len(store.read(out)) == 5


@pytest.mark.parametrize("command", ["ingest", "charges", "pickoff", "simulate"])
def test_a_pipe_is_not_replaced_before_any_work(command: str, raw: Path) -> None:
    pipe = raw.with_name("pipe")
    os.mkfifo(pipe)
    read = "no_such_detector" if command == "simulate" else raw
    assert "is a device or a pipe" in refused(command, read, "--out", pipe)
    assert pipe.is_fifo()
