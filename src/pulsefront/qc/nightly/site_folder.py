"""What a site needs to run the job every night: its file, a systemd timer, a crontab line."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from pulsefront.errors import ConfigError
from pulsefront.files import write_text
from pulsefront.qc.store.database import Store

__all__ = ["init_site"]

_SITE_TOML = """\
# Who we are. Everything may be left out; times without an offset are then taken as UTC.
site = "our hospital"
timezone = "UTC"

# Files in the folder of logs that are no quality control.
# ignore = ["*.txt", "old/*"]

# One table per scanner; aliases are the names by which its logs call it, or called it before it was
# renamed. A new serial number begins a new life: baselines and age start anew on installed_on.
# [[units]]
# unit_id = "PET1"
# aliases = ["PETCTD1"]
# modality = "PET"
# serial = "10234"
# installed_on = 2019-05-01
# timezone = "Europe/Amsterdam"
# active_to = 2031-12-31
# idle = [[2026-08-01, 2026-08-15]]
# components = { "head 1" = ["H1", "Detector 1"], "" = ["Gantry"] }

# WAD-QC limit files, relative to this folder.
# [[limits]]
# unit_id = "PET1"
# file = "limits/pet1.json"

# How to read your own tables: a pattern of file names, and which column is what.
# `pulsefront qc new-mapping FILE` writes one from a look at a file.
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
# Each command goes on from where a night that was cut off left it.
ExecStart={ingest}
ExecStart={score}
ExecStart={report}
# These codes do not stop the night; what is new in them is in the journal:
# 5 another job works on the store, and the next night makes up for it;
# 6 some files or units could not be read, and the others were (see out/quarantine.csv).
# Any other one does: 2 usage, 3 no database, no room on the disk or data invalid, 4 model invalid.
SuccessExitStatus=5 6
UMask=0027
Nice=10
NoNewPrivileges=true
"""

_TIMER = """\
[Unit]
Description=Score the scanners every night

[Timer]
OnCalendar=*-*-* 03:30:00
RandomizedDelaySec=600
# A night on which the machine was off is made up for when it is on again.
Persistent=true

[Install]
WantedBy=timers.target
"""

_CRONTAB = """\
# minute hour day month weekday: every night at half past three. The night goes on where some files
# could not be read (6); any other code of ingest ends it. cron mails what is written to the second
# stream: files that were refused, and codes above 1.
30 3 * * * umask 027; cd {folder} && {{ {ingest}; i=$?; s=0; r=0; \
case $i in 0|6) {score}; s=$?; {report}; r=$?;; esac; \
[ $i -eq 0 ] && [ $s -le 1 ] && [ $r -eq 0 ] || \
echo "pulsefront qc: exit codes $i (ingest), $s (score), $r (report)" >&2; }} >> {folder}/night.log
"""

_INGEST = "{program} qc ingest {folder}/logs --db {db} --site {folder}/site.toml --must-exist"
_SCORE = (
    "{program} qc score --db {db} --model {folder}/model.zip --as-of yesterday --out {folder}/out"
)
_REPORT = "{program} qc quarantine --db {db} --out {folder}/out/quarantine.csv"


def init_site(folder: Path) -> list[Path]:
    """Make a site's folder: ``site.toml``, store, ``logs``, ``out``, service, timer, crontab.

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
    commands = {
        "ingest": _INGEST.format(**paths),
        "score": _SCORE.format(**paths),
        "report": _REPORT.format(**paths),
    }
    values = {**paths, **commands}
    for name in ("logs", "out"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    # The nightly job makes no store: one that is gone is to be missed, not begun anew.
    Store(folder / "qc.db").close()
    texts = {
        "site.toml": _SITE_TOML,
        "pulsefront-qc.service": _SERVICE.format(**values),
        "pulsefront-qc.timer": _TIMER,
        "crontab": _one_line(_CRONTAB.format(**values)),
    }
    written = []
    for name, text in texts.items():
        if not (folder / name).exists():
            write_text(folder / name, text)
            written.append(folder / name)
    return written


def _one_line(text: str) -> str:
    """Return a crontab whose entry stands on one line: cron knows no continuation."""
    return text.replace("\\\n", "")
