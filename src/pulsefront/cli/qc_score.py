"""pulsefront qc score: the nightly job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from pulsefront.cli.qc_report import write_newest_night
from pulsefront.cli.qc_support import Db, day_of
from pulsefront.errors import PulsefrontError
from pulsefront.progress import progress

if TYPE_CHECKING:
    from pulsefront.qc.alerts.notify.settings import NotifySettings
    from pulsefront.qc.nightly.job import Models, NightsDue
    from pulsefront.qc.nightly.night import NightReport
    from pulsefront.qc.nightly.run import ScoreRun
    from pulsefront.qc.store.database import Store

__all__ = ["score", "send_messages"]

EXIT_ALERTS, EXIT_PARTIAL = 1, 6
_BY_CLOCK = ("today", "yesterday")


def score(
    db: Db,
    out: Annotated[Path, typer.Option(help="Folder for page, CSV, JSON and metrics file.")],
    as_of: Annotated[
        str,
        typer.Option(help="Day, YYYY-MM-DD, today or yesterday: what was known at its end (UTC)."),
    ] = "yesterday",
    model: Annotated[
        Path | None,
        typer.Option(help="Model file that scores in place of the store's champion."),
    ] = None,
    false_alerts: Annotated[
        float, typer.Option(help="Rate of false alerts per unit-year that sets the threshold.")
    ] = 1.0,
    notify: Annotated[
        Path | None, typer.Option(help="notify.toml: who is told of alerts. Nobody if left out.")
    ] = None,
    catch_up_days: Annotated[
        int, typer.Option(min=0, help="Skipped nights that are scored as well, at most.")
    ] = 31,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compute and write nothing.")] = False,
    from_first: Annotated[
        bool,
        typer.Option(
            "--from-first", help="Read from the first record on; the same scores, but slower."
        ),
    ] = False,
    exit_on_alerts: Annotated[
        bool, typer.Option("--exit-on-alerts", help="Exit with 1 where an alert was opened.")
    ] = False,
) -> None:
    """Score every component as of a day, and the nights that were skipped before it.

    Running it again gives the same bytes. A day that the clock names waits until a reading of it
    or of a later day has come. A store that has no model yet gets page and metrics without scores.

    Exit codes: 0 done, 1 an alert was opened (with --exit-on-alerts), 2 usage, or a file cannot be
    written, 3 data invalid, no database or no room for it, 4 model invalid, 5 another job works on
    the store, 6 some units could not be scored or some messages not sent.
    """
    from pulsefront.qc.alerts.notify.settings import load_settings
    from pulsefront.qc.models.files.model_file import load_model
    from pulsefront.qc.nightly.job import mend_outputs, models_of, nights_due
    from pulsefront.qc.nightly.unscored import has_model
    from pulsefront.qc.store.database import Store
    from pulsefront.qc.times import end_of_day

    instant = end_of_day(day_of(as_of))
    settings = load_settings(notify) if notify else None
    given = load_model(model) if model else None
    with Store(db, must_exist=True) as store:
        if given is None and not has_model(store):
            due = nights_due(store, instant, by_clock=as_of in _BY_CLOCK)
            _tell_without_model(store, due, None if dry_run else out)
            return
        models = models_of(store, given)
        if dry_run:
            _dry(store, models, instant, false_alerts, from_first=from_first)
            return
        due = nights_due(store, instant, by_clock=as_of in _BY_CLOCK, catch_up_days=catch_up_days)
        for note in due.notes:
            typer.echo(f"note: {note}", err=True)
        mended = mend_outputs(store, out)
        if mended is not None:
            typer.echo("note: wrote the files of the newest night, which were missing", err=True)
        done = _score(store, models, due, out, false_alerts, settings, from_first)
        partial, opened = done.partial, done.opened
        try:
            write_newest_night(store, out, models.champion, done.last or mended)
        except PulsefrontError as error:  # people are told of alerts all the same
            typer.echo(f"no page: {error}", err=True)
            partial = True
        if settings is not None:
            partial |= not send_messages(store, settings)
    if partial:
        raise typer.Exit(EXIT_PARTIAL)
    if exit_on_alerts and opened:
        raise typer.Exit(EXIT_ALERTS)


def _tell_without_model(store: Store, due: NightsDue, out: Path | None) -> None:
    """Write page and metrics of the newest night that is due, of a store without a model."""
    from pulsefront.qc.alerts.notify.messages import plain
    from pulsefront.qc.nightly.outputs import write_metrics
    from pulsefront.qc.nightly.unscored import unscored_night
    from pulsefront.qc.pages.night.write import PAGE_FILE, write_night
    from pulsefront.qc.times import DAY_S, iso_date

    for note in due.notes:
        typer.echo(f"note: {note}", err=True)
    with progress("reading", "units") as report:
        found = unscored_night(store, due.nights[-1], report=report)
    run, known = found.night.run, found.model.failures
    typer.echo(
        f"{iso_date(run.as_of_s - DAY_S)}: no model yet, {len(run.rows)} components without a "
        f"score: {known} failures are known; run pulsefront qc train once there are enough"
    )
    if out is not None:
        write_metrics(found.night, out)
        write_night(store, found.night, out / PAGE_FILE, model=found.model)
        typer.echo(f"wrote {out / PAGE_FILE}")
    for unit_id, reason in run.failed_units.items():
        typer.echo(f"not read: {plain(unit_id)}: {plain(reason)}", err=True)
    if run.failed_units:
        raise typer.Exit(EXIT_PARTIAL)


def _dry(
    store: Store, models: Models, instant: int, false_alerts: float, *, from_first: bool
) -> None:
    from pulsefront.qc.nightly.score import score as score_one

    with progress("scoring", "units") as report:
        run = score_one(
            store, models.champion, instant, None,
            false_alerts_per_unit_year=false_alerts, dry_run=True, from_first=from_first,
            report=report,
        )  # fmt: skip
    _tell_run(run)


class _Done(NamedTuple):
    """Whether something failed, how many alerts were opened, and the last night."""

    partial: bool
    opened: int
    last: NightReport | None


def _score(
    store: Store,
    models: Models,
    due: NightsDue,
    out: Path,
    false_alerts: float,
    settings: NotifySettings | None,
    from_first: bool,  # noqa: FBT001 - a private helper of the command
) -> _Done:
    """Score the nights, one after the other."""
    from pulsefront.qc.nightly.job import score_nights

    partial, opened, last = False, 0, None
    with progress("scoring", "units") as report:
        for night in score_nights(
            store, models, due, out,
            false_alerts_per_unit_year=false_alerts, notify=settings, from_first=from_first,
            report=report,
        ):  # fmt: skip
            _tell_run(night.run)
            _tell_alerts(night)
            partial |= bool(night.run.failed_units)
            opened += night.opened
            last = night
    return _Done(partial, opened, last)


def _tell_run(run: ScoreRun) -> None:
    from pulsefront.qc.alerts.notify.messages import plain
    from pulsefront.qc.times import DAY_S, iso_date

    typer.echo(
        f"{iso_date(run.as_of_s - DAY_S)}: run {run.run_id}, {len(run.rows) - run.abstained} "
        f"components scored, {run.abstained} without decision, {run.alerts} at the threshold; "
        f"{run.records_read} records read"
    )
    for unit_id, reason in run.failed_units.items():
        typer.echo(f"not scored: {plain(unit_id)}: {plain(reason)}", err=True)


def _tell_alerts(night: NightReport) -> None:
    from pulsefront.qc.alerts.notify.messages import plain

    alerts = {alert.alert_id: alert for alert in night.alerts}
    for change in night.changes:
        alert = alerts.get(change.alert_id)
        if alert is not None and change.kind in {"opened", "updated", "woken", "closed"}:
            because = f"; {alert.reasons}" if change.kind == "opened" else ""
            line = f"alert {alert.alert_id} {change.kind}: {alert.name}: {change.why}{because}"
            typer.echo(plain(line))
    for note in night.notes:
        typer.echo(f"note: {plain(note)}", err=True)


def send_messages(store: Store, settings: NotifySettings) -> bool:
    """Send what lies in the outbox; return whether nothing is left that should have gone."""
    from pulsefront.qc.alerts.notify.delivery import deliver

    done = deliver(store, settings)
    if done.sent or done.waiting:
        typer.echo(f"messages: {done.sent} sent, {done.waiting} waiting")
    for problem in done.problems:
        typer.echo(f"not told: {problem}", err=True)
    return not (done.problems or done.waiting)
