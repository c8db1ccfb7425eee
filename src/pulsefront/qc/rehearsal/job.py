"""The nightly job as the timer starts it: a process of its own, on a clock of its own.

What is run is `pulsefront qc night`, unchanged. Before it, the process sets its own idea of the
present, so that a month takes minutes; the clock of the machine stays as it is.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

__all__ = ["Ended", "NightJob", "small_disks_work"]

_SET_CLOCK = """\
import sys, time
clock, clock_ns, ahead_s = time.time, time.time_ns, int(sys.argv.pop(1))
time.time = lambda: clock() + ahead_s
time.time_ns = lambda: clock_ns() + ahead_s * 1_000_000_000
"""
_FILL_DISK = """\
import sqlalchemy
def fill(connection, record):
    used = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {used + 1}")
sqlalchemy.event.listen(sqlalchemy.Engine, "connect", fill)
"""
_RUN = """\
from pulsefront.cli.main import main
main()
"""

# A disk of its own for one process, without rights: in a name space of its own it may mount. The
# folder lies on it under its usual name, and what the job leaves is copied back.
_SMALL_DISK = """\
set -e
mkdir -p {disk} {kept}
mount --bind {folder} {kept}
mount -t tmpfs -o size={size} tmpfs {disk}
cp -a {kept}/. {disk}/
mount --bind {disk} {folder}
set +e
{command}
code=$?
rm -rf {kept}/* && cp -a {disk}/. {kept}/
exit $code
"""

_LONGEST_S = 600.0


class Ended(NamedTuple):
    """How a job ended: its exit code, what it said, and how long it took."""

    code: int
    said: str
    seconds: float


@dataclass(frozen=True)
class NightJob:
    """The job of a site's folder; its clock shows the time of *zone*."""

    folder: Path
    zone: str
    options: tuple[str, ...] = ()

    def command(self, now_s: int, *, disk_full: bool = False) -> list[str]:
        """Return the command that runs the job at an instant."""
        code = _SET_CLOCK + (_FILL_DISK if disk_full else "") + _RUN
        ahead_s = now_s - int(time.time())
        night = ["qc", "night", str(self.folder), *self.options]
        return [sys.executable, "-c", code, str(ahead_s), *night]

    def whole(self, now_s: int) -> Ended:
        """Run the job to its end."""
        return self._wait(self._start(self.command(now_s)))

    def together(self, now_s: int, jobs: int = 2) -> list[Ended]:
        """Run several jobs at once, each to its end."""
        return [self._wait(job) for job in [self._start(self.command(now_s)) for _ in range(jobs)]]

    def killed(self, now_s: int, after_s: float) -> bool:
        """Kill the job some time after it was started; return whether it was still running."""
        job = self._start(self.command(now_s))
        try:
            job.process.communicate(timeout=after_s)
        except subprocess.TimeoutExpired:
            job.process.kill()
            job.process.communicate()
            return True
        return False

    def on_full_disk(self, now_s: int, room_bytes: int) -> Ended:
        """Run the job where the disk has so much room left.

        Without `small_disks_work` the database alone is full: SQLite is told to grow no more.
        """
        if not small_disks_work():
            return self._wait(self._start(self.command(now_s, disk_full=True)))
        used = sum(-(-p.stat().st_size // 4096) * 4096 for p in self.folder.rglob("*"))
        with _beside(self.folder) as (disk, kept):
            script = _SMALL_DISK.format(
                disk=shlex.quote(str(disk)),
                kept=shlex.quote(str(kept)),
                folder=shlex.quote(str(self.folder)),
                size=used + room_bytes,
                command=shlex.join(self.command(now_s)),
            )
            return self._wait(self._start(_own_mounts(script)))

    def _start(self, command: Sequence[str]) -> _Started:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TZ": self.zone},
            text=True,
        )
        return _Started(process, time.monotonic())

    def _wait(self, job: _Started) -> Ended:
        said, _ = job.process.communicate(timeout=_LONGEST_S)
        return Ended(job.process.returncode, said, time.monotonic() - job.began_s)


class _Started(NamedTuple):
    process: subprocess.Popen[str]
    began_s: float


@contextmanager
def _beside(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Yield two folders to mount on, beside *folder*."""
    places = (folder.with_name(f"{folder.name}.disk"), folder.with_name(f"{folder.name}.kept"))
    try:
        yield places
    finally:
        for place in places:
            shutil.rmtree(place, ignore_errors=True)


def _own_mounts(script: str) -> list[str]:
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]


@cache
def small_disks_work() -> bool:
    """Return whether a process may mount a small disk of its own here."""
    if shutil.which("unshare") is None:
        return False
    tried = subprocess.run(  # noqa: S603 - a fixed command
        _own_mounts("mount -t tmpfs -o size=64k tmpfs /mnt"), capture_output=True, check=False
    )
    return tried.returncode == 0
