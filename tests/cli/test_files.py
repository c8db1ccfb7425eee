"""new, check and help."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pulsefront.cli.main import app
from pulsefront.errors import ConfigError
from pulsefront.firmware.front_end.settings import load_chain


def invoke(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.output


def test_from_nothing_to_a_checked_study(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    detector, study = tmp_path / "my_detector.toml", tmp_path / "mine.toml"
    invoke("new", "detector", "--like", "lyso_slabs_1x8", "--out", detector)
    invoke("new", "position", "--detector", detector, "--out", study)
    assert 'name = "mine"' in study.read_text()
    assert "nothing missing or wrong" in invoke("check", "--no-probe", detector, study)
    study.write_text(study.read_text().replace("hidden =", "hiden ="))
    told = invoke("check", "--no-probe", study, detector, code=2)
    assert re.search(r"mine.toml, line \d+: search.network.hiden: unknown key", told)
    assert "my_detector.toml: detector, nothing missing or wrong" in told


@pytest.mark.parametrize("like", ["timing_lyso_pair", "position_lyso_monolithic"])
def test_a_front_end_begins_as_a_shipped_one(like: str, tmp_path: Path) -> None:
    path = tmp_path / "chain.toml"
    invoke("new", "front_end", "--like", like, "--out", path)
    assert load_chain(path) == load_chain(like)
    assert "front_end, nothing missing or wrong" in invoke("check", path)


def test_what_cannot_be_begun_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs a detector"):
        invoke("new", "position", "--out", tmp_path / "a.toml")
    with pytest.raises(ConfigError, match="one of position, timing"):
        invoke("new", "energy", "--out", tmp_path / "a.toml")
    with pytest.raises(ConfigError, match="needs measured files"):
        invoke("new", "manifest", "--out", tmp_path / "a.toml")
    assert not (tmp_path / "a.toml").exists()
    invoke("new", "mapping", "--out", tmp_path / "a.toml")
    with pytest.raises(ConfigError, match="exists already"):
        invoke("new", "mapping", "--out", tmp_path / "a.toml")


def test_an_absent_file_does_not_hide_the_others(tmp_path: Path) -> None:
    invoke("new", "mapping", "--out", tmp_path / "a.toml")
    told = invoke("check", tmp_path / "gone.toml", tmp_path / "a.toml", code=2)
    assert "no such file" in told
    assert "a.toml: mapping, nothing missing or wrong" in told


def test_help_tells_a_key_and_the_files() -> None:
    told = invoke("help", "scan.trigger_kev")
    assert "threshold on the sum of the charges" in told
    assert "default 350.0; in crystal study, position study" in told
    assert "study: the main job" in invoke("help")
