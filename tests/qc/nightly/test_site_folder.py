"""The files of the nightly job: valid, complete, never overwritten."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pulsefront.errors import ConfigError
from pulsefront.qc.nightly.site_folder import init_site
from pulsefront.qc.site import Site


def test_folder_holds_all_that_the_job_needs(tmp_path):
    written = init_site(tmp_path / "site")
    names = {path.name for path in written}
    assert names == {"site.toml", "pulsefront-qc.service", "pulsefront-qc.timer", "crontab"}
    assert (tmp_path / "site" / "logs").is_dir()
    site = Site.from_toml(tmp_path / "site" / "site.toml")
    assert site.site == "our hospital"
    assert "Persistent=true" in (tmp_path / "site" / "pulsefront-qc.timer").read_text()


def test_comments_of_the_template_are_valid_once_uncommented(tmp_path):
    init_site(tmp_path)
    lines = (tmp_path / "site.toml").read_text().splitlines()
    plain = [line.removeprefix("# ") if line.startswith(("# [", "# unit", "# alias", "# modal",
             "# installed", "# timezone", "# file", "# table", "# date_order", "# test",
             "# value", "# measured")) else line for line in lines]  # fmt: skip
    (tmp_path / "full.toml").write_text("\n".join(plain))
    site = Site.from_toml(tmp_path / "full.toml")
    assert site.units[0].aliases == ("PETCTD1",)
    (mapping,) = site.mappings["*_daily.csv"]
    assert mapping.date_order == "dmy"


def test_second_init_leaves_what_is_there(tmp_path):
    init_site(tmp_path)
    (tmp_path / "site.toml").write_text('site = "mine"\n')
    assert init_site(tmp_path) == []
    assert (tmp_path / "site.toml").read_text() == 'site = "mine"\n'


def test_folder_that_systemd_would_misread_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="must not hold"):
        init_site(tmp_path / "our site")


def test_systemd_accepts_service_and_timer(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    if not Path(sys.executable).with_name("pulsefront").exists():
        pytest.skip("the pulsefront command is not installed beside this Python")
    init_site(tmp_path)
    units = [str(tmp_path / f"pulsefront-qc.{kind}") for kind in ("service", "timer")]
    result = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    ours = [line for line in result.stderr.splitlines() if "pulsefront-qc" in line]
    assert not ours


def night_of(tmp_path, *, ingest=0, score=0):
    """Run the crontab line with a program that leaves with given codes; return what it did."""
    init_site(tmp_path)
    lines = (tmp_path / "crontab").read_text().splitlines()
    (line,) = [text for text in lines if not text.startswith("#")]
    assert line.startswith("30 3 * * * ")
    fake = tmp_path / "fake"
    fake.write_text(
        f'#!/bin/sh\necho "$2" >> {tmp_path}/calls\n'
        f'case "$2" in ingest) exit {ingest};; score) exit {score};; esac\n'
    )
    fake.chmod(0o755)
    program = str(Path(sys.executable).with_name("pulsefront"))
    command = line.removeprefix("30 3 * * * ").replace(program, str(fake))
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    return (tmp_path / "calls").read_text().split(), done.stderr


def test_partial_ingest_is_scored_all_the_same(tmp_path):
    calls, said = night_of(tmp_path, ingest=6)
    assert calls == ["ingest", "score", "quarantine"]
    assert "6 (ingest), 0 (score)" in said


def test_night_without_a_fault_mails_nothing(tmp_path):
    calls, said = night_of(tmp_path)
    assert calls == ["ingest", "score", "quarantine"]
    assert said == ""


@pytest.mark.parametrize("code", [2, 3, 5])
def test_ingest_that_could_not_work_ends_the_night_and_says_so(tmp_path, code):
    calls, said = night_of(tmp_path, ingest=code)
    assert calls == ["ingest"]
    assert f"exit codes {code} (ingest)" in said


def test_service_tells_partial_nights_from_failed_ones(tmp_path):
    init_site(tmp_path)
    text = (tmp_path / "pulsefront-qc.service").read_text()
    assert "SuccessExitStatus=5 6" in text
    assert text.count("ExecStart=") == 3
