"""A month of nights in a site's folder: files come in, and the job runs or is disturbed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from numpy.random import Generator

from pulsefront.progress import Report, silent
from pulsefront.qc.rehearsal.faults import (
    CODES,
    SHIFTS_S,
    Fault,
    FaultPlan,
    clock_changes,
    night_time,
)
from pulsefront.qc.rehearsal.files import MonthOfFiles
from pulsefront.qc.rehearsal.job import Ended, NightJob
from pulsefront.qc.rehearsal.receiver import Receiver
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.tables import alert_tables as tables
from pulsefront.qc.store.tables import schema
from pulsefront.qc.times import DAY_S

__all__ = ["MonthLog", "NightLog", "run_month"]

_ROOM_BYTES = (40_000, 200_000, 500_000, 1_000_000)
_PAUSE_S = 300  # between a job that was killed and the next one, by the simulated clock


@dataclass(frozen=True)
class NightLog:
    """What happened on one night: how its jobs ended, and how many were killed at work."""

    night: int
    fault: Fault
    ended: tuple[Ended, ...]
    kills: int = 0
    twice: bool = False
    """Whether the clock showed the hour of the job twice."""

    @property
    def as_documented(self) -> bool:
        """Whether every job ended with a code that the guide names, and with plain lines."""
        return all(
            job.code in CODES[self.fault]
            and "Traceback" not in job.said
            and "a fault of pulsefront" not in job.said
            for job in self.ended
        )


@dataclass(frozen=True)
class MonthLog:
    """A month's nights.

    Attributes
    ----------
    missed
        Those without a whole ingest that the ledger dates to them, and without scores in time: for
        the store, the machine was switched off.
    scored_on
        By night, the one on which a job scored it.
    """

    nights: tuple[NightLog, ...]
    missed: frozenset[int]
    scored_on: dict[int, int]


def run_month(
    folder: Path,
    month: MonthOfFiles,
    plan: FaultPlan,
    told: Receiver,
    random: Generator,
    *,
    zone: str,
    report: Report = silent,
) -> MonthLog:
    """Run a month of nights with the faults of a plan, one night after the other."""
    job = NightJob(folder, zone, ("--false-alerts", "6"))
    nights, scored_on = [], dict[int, int]()
    typical_s = 3.0
    for night in range(month.nights):
        deliver(folder, month, night)
        now_s = night_time(month.start_s, night, zone)
        log = _night(job, plan, night, now_s, told, random, typical_s)
        if log.fault == "none":
            typical_s = log.ended[0].seconds
        twice = clock_changes(month.start_s, night, zone) if log.fault == "none" else ()
        if twice:
            ended = (*log.ended, *(job.whole(when_s) for when_s in twice))
            log = NightLog(night, log.fault, ended, twice=True)
        nights.append(log)
        for done in _scored(folder, month) - set(scored_on):
            scored_on[done] = night
        report(night + 1, month.nights)
    in_time = {night for night, when in scored_on.items() if night == when}
    return MonthLog(tuple(nights), _missed(folder, month) - in_time, scored_on)


def deliver(folder: Path, month: MonthOfFiles, night: int) -> None:
    """Write what comes in on a night, and the site's file as it is then."""
    (folder / "site.toml").write_text(month.site_files[night >= month.mapped_night])
    for arrival in month.arrivals:
        if arrival.night == night:
            path = folder / "logs" / arrival.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(arrival.content)


def _night(
    job: NightJob, plan: FaultPlan, night: int, now_s: int, told: Receiver, random: Generator,
    typical_s: float,
) -> NightLog:  # fmt: skip
    fault = plan.faults[night]
    kills = 0
    ended: list[Ended] = []
    match fault:
        case "off":
            pass
        case "kill":
            while kills < plan.kills[night]:
                kills += job.killed(now_s, float(random.uniform(0.0, 1.1 * typical_s)))
                now_s += _PAUSE_S
            if plan.ends_whole[night]:
                ended.append(job.whole(now_s))
        case "disk full":
            for room in _ROOM_BYTES[: 1 + night % len(_ROOM_BYTES)][::-1]:
                ended.append(job.on_full_disk(now_s, room))
                now_s += _PAUSE_S
        case "locked":
            with _held(job.folder / "qc.db"):
                ended.append(job.whole(now_s))
        case "gone":
            with _away(job.folder / "qc.db"):
                ended.append(job.whole(now_s))
        case "two jobs":
            ended += job.together(now_s)
        case "receiver down":
            told.down = True
            ended.append(job.whole(now_s))
            told.down = False
        case _:
            ended.append(job.whole(now_s + SHIFTS_S.get(fault, 0)))
    return NightLog(night, fault, tuple(ended), kills)


@contextmanager
def _held(database: Path) -> Iterator[None]:
    """Hold a database as another program would that forgot to end its transaction."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def _away(database: Path) -> Iterator[None]:
    """Take a database away, as a disk would that is not mounted."""
    files = [p for p in database.parent.glob(f"{database.name}*") if p.suffix != ".lock"]
    moved = [(path, path.rename(path.with_name(f"away.{path.name}"))) for path in files]
    try:
        yield
    finally:
        for path, where in moved:
            where.rename(path)


def _scored(folder: Path, month: MonthOfFiles) -> set[int]:
    """Return the nights that have scores."""
    with Store(folder / "qc.db", must_exist=True) as store, store.engine.connect() as connection:
        found = connection.execute(sa.select(tables.alert_night.c.as_of)).scalars().all()
    return {(as_of - month.start_s) // DAY_S - 1 for as_of in found if as_of > month.start_s}


def _missed(folder: Path, month: MonthOfFiles) -> frozenset[int]:
    """Return the nights that the ledger knows no whole ingest of."""
    r = schema.ingest_run
    with Store(folder / "qc.db", must_exist=True) as store, store.engine.connect() as connection:
        query = sa.select(r.c.began_at).where(r.c.ended_at > 0, r.c.began_at >= month.start_s)
        began = connection.execute(query).scalars().all()
    done = {(when - month.start_s) // DAY_S - 1 for when in began}
    return frozenset(range(month.nights)) - done
