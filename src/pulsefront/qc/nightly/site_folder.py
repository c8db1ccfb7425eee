"""What a site needs to run the job every night: its file, a systemd timer, a crontab line."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from pulsefront.errors import ConfigError
from pulsefront.files import write_text

__all__ = ["init_site"]

_SITE_TOML = """\
# Who we are. Everything may be left out; times without an offset are then taken as UTC.
site = "our hospital"
timezone = "UTC"

# One table per scanner; aliases are the names by which its logs call it.
# [[units]]
# unit_id = "PET1"
# aliases = ["PETCTD1"]
# modality = "PET"
# installed_on = 2019-05-01
# timezone = "Europe/Amsterdam"

# WAD-QC limit files, relative to this folder.
# [[limits]]
# unit_id = "PET1"
# file = "limits/pet1.json"

# How to read your own tables: a file name pattern, and which column is what.
# [mappings."*_daily.csv"]
# table = "measurement"
# date_order = "dmy"
# [mappings."*_daily.csv".columns]
# unit_id = "Scanner"
# test = "Test"
# value = "Value"
# measured_at = "Date"
"""

_SERVICE = """\
[Unit]
Description=Read quality-control logs and score the scanners' components
After=network-online.target
Wants=network-online.target

[Service]
Type=oneshot
WorkingDirectory={folder}
ExecStart={ingest}
ExecStart={score}
# 5: another job works on the store; the next night makes up for it.
SuccessExitStatus=5
Nice=10
NoNewPrivileges=true
"""

_TIMER = """\
[Unit]
Description=Score the scanners every night

[Timer]
OnCalendar=*-*-* 03:30:00
RandomizedDelaySec=600
Persistent=true

[Install]
WantedBy=timers.target
"""

_CRONTAB = """\
# minute hour day month weekday: every night at half past three
30 3 * * * cd {folder} && {ingest} && {score}
"""

_INGEST = "{program} qc ingest {folder}/logs --db {db} --site {folder}/site.toml"
_SCORE = (
    "{program} qc score --db {db} --model {folder}/model.zip --as-of yesterday --out {folder}/out"
)


def init_site(folder: Path) -> list[Path]:
    """Make a site's folder: ``site.toml``, ``logs``, ``out``, systemd service and timer, crontab.

    Files that are there already stay as they are.

    Raises
    ------
    ConfigError
        The folder's path holds a character that systemd or cron would take for something else.
    """
    folder = folder.resolve()
    if any(c in str(folder) for c in " %\"'\\$\n"):
        raise ConfigError(
            "the folder's path must not hold spaces, quotes, %, $ or backslashes",
            file=folder,
            remedy="choose another folder",
        )
    paths = {
        "folder": folder,
        "program": shlex.quote(str(Path(sys.executable).with_name("pulsefront"))),
        "db": f"sqlite:///{folder}/qc.db",
    }
    commands = {"ingest": _INGEST.format(**paths), "score": _SCORE.format(**paths)}
    values = {**paths, **commands}
    for name in ("logs", "out"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    texts = {
        "site.toml": _SITE_TOML,
        "pulsefront-qc.service": _SERVICE.format(**values),
        "pulsefront-qc.timer": _TIMER,
        "crontab": _CRONTAB.format(**values),
    }
    written = []
    for name, text in texts.items():
        if not (folder / name).exists():
            write_text(folder / name, text)
            written.append(folder / name)
    return written
