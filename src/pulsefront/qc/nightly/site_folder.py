"""What a site needs to run the job every night: its files, a systemd timer, a crontab line."""

from __future__ import annotations

import shlex
import sys
from importlib.resources import files
from pathlib import Path

from pulsefront.errors import ConfigError
from pulsefront.files import write_text
from pulsefront.qc.alerts.notify.settings import TEMPLATE
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
ExecStart={night}
# The last line in the journal says how each part of the night ended. Codes that ask for nobody:
# 5 another job works on the store, and the next night makes up for it;
# 6 some files, units or messages were left out, and the rest was done (see out/quarantine.csv).
# Any other one makes this unit fail: 2 usage, or a file that cannot be written, 3 data invalid, no
# database or no room for it, 4 model invalid. To be told of that: OnFailure= under [Unit].
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
# minute hour day month weekday: every night at half past three. What it says goes to night.log;
# where the exit code is not 0, cron mails it with the last line. 5 and 6 ask for nobody: another
# job works on the store; some files, units or messages were left out, and the rest was done.
30 3 * * * umask 027; cd {folder} && {night} >> night.log 2>&1 || \
{{ echo "pulsefront qc night: exit code $?"; tail -n 1 {folder}/night.log; }}
"""

_NIGHT = "{program} qc night {folder}"


def init_site(folder: Path) -> list[Path]:
    """Make a site's folder: TOML files, store, ``logs``, ``out``, dashboard, what starts the job.

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
    }
    values = {**paths, "night": _NIGHT.format(**paths)}
    for name in ("logs", "out"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    # The nightly job makes no store: one that is gone is to be missed, not begun anew.
    Store(folder / "qc.db").close()
    texts = {
        "site.toml": _SITE_TOML,
        "notify.toml": TEMPLATE,
        "pulsefront-qc.service": _SERVICE.format(**values),
        "pulsefront-qc.timer": _TIMER,
        "crontab": _CRONTAB.format(**values),
        "grafana.json": (files(__package__) / "grafana.json").read_text(encoding="utf-8"),
    }
    written = []
    for name, text in texts.items():
        if not (folder / name).exists():
            write_text(folder / name, text)
            written.append(folder / name)
    return written
