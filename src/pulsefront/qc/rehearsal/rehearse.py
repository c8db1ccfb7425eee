"""The rehearsal: a month with faults, the same month without, and what differs in the end.

Three months are run on the same files.

*Disturbed*: with all faults.

*Undisturbed*: without, but that the machine is off on the nights on which the disturbed job could
read nothing: what is known on arrival arrives a night later then, and a night that is made up for
may see it. Everything must be equal.

*On time*: every night runs. Scores must be equal but for the nights that were made up for after a
file about them, or about days before them, had come in: such a score knows more than it would have
known on its night, as it should (the record counts from the end of the last night that was scored).
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from pulsefront.errors import QCDataError
from pulsefront.progress import Report, silent
from pulsefront.qc.features.labels import Target
from pulsefront.qc.features.sources import stored_fleet
from pulsefront.qc.models.choice.protocol import BacktestSettings
from pulsefront.qc.models.files.model_file import load_model, save_model
from pulsefront.qc.models.files.registry import register
from pulsefront.qc.models.fit import fit_model
from pulsefront.qc.nightly.site_folder import init_site
from pulsefront.qc.rehearsal.compare import (
    Accounts,
    accounts_of,
    contents,
    differences,
    first_scores,
    wrong_readings,
)
from pulsefront.qc.rehearsal.faults import FaultPlan, night_time, plan_faults, undisturbed
from pulsefront.qc.rehearsal.files import MonthOfFiles, files_of_month, until
from pulsefront.qc.rehearsal.job import NightJob, small_disks_work
from pulsefront.qc.rehearsal.month import MonthLog, run_month
from pulsefront.qc.rehearsal.receiver import Receiver, notify_file, receiver
from pulsefront.qc.simulate.fleet import SimulatedUnit, simulate_units, site_toml, write_logs
from pulsefront.qc.simulate.settings import FleetSettings, load_fleet
from pulsefront.qc.site import Site
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.ingest import find_files, ingest
from pulsefront.qc.store.tables import alert_tables as tables

__all__ = ["RehearsalResult", "RehearsalSettings", "rehearse"]

_LAST_DAY = date(2031, 11, 9)
"""Both ends of summer time, in Europe and in America, lie in the month before it."""


@dataclass(frozen=True)
class RehearsalSettings:
    """How large a rehearsal is.

    ``of_each`` is how many nights of one fault there are at most, ``on_time`` whether the month in
    which every night runs is compared as well. The fleet's seed is one with which parts fail in the
    month, so that alerts are opened, told and closed.
    """

    nights: int = 31
    kills: int = 100
    scanners_a_site: int = 3
    years: float = 3.0
    last_day: date = _LAST_DAY
    zone: str = "Europe/Amsterdam"
    of_each: int = 99
    on_time: bool = True
    fleet_seed: int = 54
    seed: int = 13


@dataclass(frozen=True)
class RehearsalResult:
    """What a rehearsal came to.

    Attributes
    ----------
    files
        Files by kind.
    log, undisturbed
        The nights of the month with faults, and of the one that it is compared with.
    accounts
        What became of all rows in the month with faults.
    readings, wrong_readings
        Readings of the month, and how many of them are missing, too many, or wrong in the end.
    differences
        By kind, how many rows are in only one of the two stores.
    sees_more, late_differences
        Nights whose scores may know more than on time, and how many scores of all others differ.
    alerts, messages
        How many the month made.
    doubtful
        Messages of which a kill left open whether they arrived; the next message says so.
    told_twice, not_told
        Messages that arrived twice, and those that did not arrive and are not doubtful.
    disk
        How the full disk was made.
    """

    settings: RehearsalSettings
    plan: FaultPlan
    files: dict[str, int]
    log: MonthLog
    undisturbed: MonthLog
    accounts: Accounts
    readings: int
    wrong_readings: int
    differences: dict[str, int]
    sees_more: tuple[int, ...]
    late_differences: int
    alerts: int
    messages: int
    doubtful: int
    told_twice: int
    not_told: int
    disk: str
    seconds: float

    @property
    def kills(self) -> int:
        """Jobs that were killed at work."""
        return sum(night.kills for night in self.log.nights)

    @property
    def late_nights(self) -> tuple[int, ...]:
        """Nights that a later job made up for."""
        return tuple(night for night, on in self.log.scored_on.items() if night != on)

    @property
    def passed(self) -> bool:
        """Whether the month with faults ended as it must."""
        return (
            not any(self.differences.values())
            and self.late_differences == self.wrong_readings == 0
            and self.told_twice == self.not_told == 0
            and self.accounts.rows_in == self.accounts.accounted
            and len(self.log.scored_on) == self.settings.nights
            and all(night.as_documented for night in self.log.nights)
        )


def rehearse(
    out: Path,
    settings: RehearsalSettings | None = None,
    *,
    plan: FaultPlan | None = None,
    report: Report = silent,
) -> RehearsalResult:
    """Run the months in folders of *out*, which is emptied of an earlier rehearsal; compare them.

    Raises
    ------
    QCDataError
        A job ended on the eve of the month in a way that leaves nothing to compare.
    """
    settings = settings or RehearsalSettings()
    begin_s = time.monotonic()
    fleet = _fleet(settings)
    units = list(simulate_units(fleet))
    streams = [np.random.default_rng(s) for s in np.random.SeedSequence(settings.seed).spawn(4)]
    month = files_of_month(fleet, units, nights=settings.nights, random=streams[0])
    plan = plan or plan_faults(settings.nights, settings.kills, streams[1], only=settings.of_each)
    folders = [out / name for name in ("eve", "disturbed", "undisturbed", "on_time")]
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    eve, one, other, on_time = (folder.resolve() for folder in folders)
    _prepare(eve, fleet, units, month, settings.zone)

    def months(number: int) -> Report:
        return lambda done, total: report(number * total + done, 3 * total)

    with receiver() as told:
        _begin(eve, one, told)
        log = run_month(one, month, plan, told, streams[2], zone=settings.zone, report=months(0))
    with receiver() as told_other:
        _begin(eve, other, told_other)
        same_nights = undisturbed(settings.nights, log.missed)
        quiet = run_month(
            other, month, same_nights, told_other, streams[3], zone=settings.zone,
            report=months(1),
        )  # fmt: skip
    if settings.on_time:
        with receiver() as told_on_time:
            _begin(eve, on_time, told_on_time)
            run_month(
                on_time, month, undisturbed(settings.nights), told_on_time, streams[3],
                zone=settings.zone, report=months(2),
            )  # fmt: skip
    sees_more = tuple(
        night for night, on in log.scored_on.items() if on > night and month.joins_late(night, on)
    )
    with Store(one / "qc.db", must_exist=True) as store:
        accounts = accounts_of(store)
        alerts, messages = store.count(tables.alert), store.frame(tables.message)
    doubtful = int(messages["state"].isin(["doubtful", "mentioned"]).sum())
    missing = sum((told_other.of(c) - _once(told, c)).total() for c in ("tickets", "chat"))
    return RehearsalResult(
        settings=settings,
        plan=plan,
        files=month.kinds(),
        log=log,
        undisturbed=quiet,
        accounts=accounts,
        readings=len(month.readings),
        wrong_readings=wrong_readings(one, month.readings, month.start_s),
        differences=differences(contents(one), contents(other)),
        sees_more=sees_more,
        late_differences=_differ(one, on_time, month, sees_more) if settings.on_time else 0,
        alerts=alerts,
        messages=len(messages),
        doubtful=doubtful,
        told_twice=sum(count - 1 for count in told.of("tickets").values()),
        not_told=max(missing - doubtful, 0)
        + int(messages["state"].isin(["waiting", "sending"]).sum()),
        disk="a file system of its own (tmpfs)" if small_disks_work() else "a bound in SQLite",
        seconds=time.monotonic() - begin_s,
    )


def _fleet(settings: RehearsalSettings) -> FleetSettings:
    """Return the demonstration's fleet with its last day at the end of the month."""
    fleet = load_fleet("demo")
    sites = tuple(
        site.model_copy(update={"scanners": settings.scanners_a_site, "weekend_qc": True})
        for site in fleet.sites
    )
    fleet = fleet.model_copy(
        update={"sites": sites, "years": settings.years, "seed": settings.fleet_seed}
    )
    start = date.fromordinal(settings.last_day.toordinal() - fleet.days + 1)
    return fleet.model_copy(update={"start": start})


def _prepare(
    folder: Path, fleet: FleetSettings, units: Sequence[SimulatedUnit], month: MonthOfFiles,
    zone: str,
) -> None:  # fmt: skip
    """Make a site's folder on the eve of the month: its history, a model, and one night."""
    init_site(folder)
    eve_s = night_time(month.start_s, -1, zone)
    history = folder / "history"
    for unit in units:
        write_logs(until(unit, month.start_s), history)
    (history / "site.toml").write_text(site_toml(fleet), encoding="utf-8")
    site = Site.from_toml(history / "site.toml")
    with Store(folder / "qc.db") as store:
        files = find_files([history / f"{unit.unit_id}_{t}.csv" for unit in units for t in
                            ("units", "measurements", "events", "services")])  # fmt: skip
        ingest(store, files, site, now_s=eve_s - 3600)
        training = stored_fleet(store, Target(), daily_from=0.45)
        plan = BacktestSettings(folds=2, bootstrap_replicates=20)
        save_model(fit_model(training, plan), folder / "model.zip")
        register(store, load_model(folder / "model.zip"), who="rehearsal")
    shutil.rmtree(history)
    (folder / "notify.toml").unlink()
    (folder / "site.toml").write_text(month.site_files[0], encoding="utf-8")
    # A folder without a file would end the eve with code 3; a note is passed over every night.
    (folder / "logs" / "note.txt").write_text("exports arrive here\n", encoding="utf-8")
    ended = NightJob(folder, zone, ("--false-alerts", "6")).whole(eve_s)
    if ended.code not in {0, 6}:
        raise QCDataError(f"the eve of the rehearsal ended with code {ended.code}: {ended.said}")


def _begin(eve: Path, folder: Path, told: Receiver) -> None:
    shutil.copytree(eve, folder)
    path = folder / "notify.toml"
    path.write_text(notify_file(told.port), encoding="utf-8")
    path.chmod(0o600)


def _differ(one: Path, other: Path, month: MonthOfFiles, but: Sequence[int]) -> int:
    pairs = zip(
        first_scores(one, month.start_s, month.nights),
        first_scores(other, month.start_s, month.nights),
        strict=True,
    )
    return sum((a - b).total() + (b - a).total() for k, (a, b) in enumerate(pairs) if k not in but)


def _once(told: Receiver, channel: str) -> Counter[str]:
    """Return each message of a channel once: the receiver sorts out what comes again."""
    return Counter(set(told.of(channel)))
