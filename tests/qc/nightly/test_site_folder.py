"""The files of the nightly job: valid, complete, never overwritten."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pulsefront.errors import ConfigError
from pulsefront.qc.alerts.notify.settings import load_settings
from pulsefront.qc.nightly.site_folder import init_site
from pulsefront.qc.site import Site


def test_folder_holds_all_that_the_job_needs(tmp_path):
    written = init_site(tmp_path / "site")
    names = {path.name for path in written}
    units = {"pulsefront-qc.service", "pulsefront-qc.timer"}
    assert names == {"site.toml", "notify.toml", "crontab", "grafana.json", *units}
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


def test_nobody_is_told_until_the_site_says_so(tmp_path):
    init_site(tmp_path)
    assert load_settings(tmp_path / "notify.toml").channels == {}


def crontab_line(folder, monkeypatch, program):
    """Return the line of a site whose pulsefront command is a shell script."""
    monkeypatch.setattr(sys, "executable", str(folder / "bin" / "python"))
    (folder / "bin").mkdir()
    (folder / "bin" / "pulsefront").write_text(f"#!/bin/sh\n{program}\n")
    (folder / "bin" / "pulsefront").chmod(0o755)
    init_site(folder / "site")
    *_, line = (folder / "site" / "crontab").read_text().splitlines()
    assert line.startswith("30 3 * * * ")
    return line.removeprefix("30 3 * * * ")


def mailed(line):
    """Return what cron would mail of a night."""
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("code", [0, 2, 3, 4, 5, 6])
def test_cron_mails_the_exit_code_and_the_last_line_unless_all_is_well(code, tmp_path, monkeypatch):
    line = crontab_line(
        tmp_path, monkeypatch, f'echo "$@"; echo refused; echo "night: ended" >&2; exit {code}'
    )
    assert mailed(line) == (
        f"pulsefront qc night: exit code {code}\nnight: ended\n" if code else ""
    )
    log = tmp_path / "site" / "night.log"
    assert log.read_text().splitlines() == [
        f"qc night {tmp_path / 'site'}", "refused", "night: ended",
    ]  # fmt: skip
    assert log.stat().st_mode & 0o777 == 0o640


def test_cron_mails_that_the_night_was_killed(tmp_path, monkeypatch):
    line = crontab_line(tmp_path, monkeypatch, "echo reading; kill -9 $$")
    assert mailed(line).startswith("pulsefront qc night: exit code 137\n")


def test_systemd_calls_only_those_nights_failed_that_ask_for_somebody(tmp_path):
    init_site(tmp_path)
    lines = (tmp_path / "pulsefront-qc.service").read_text().splitlines()
    assert "SuccessExitStatus=5 6" in lines
    (start,) = [line for line in lines if line.startswith("ExecStart=")]
    assert start.endswith(f"pulsefront qc night {tmp_path}")
