"""pulsefront qc alerts: what is open, and what people do about it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pulsefront.cli.qc_support import Db, Who, Why, day_of, name_of_user

if TYPE_CHECKING:
    from collections.abc import Callable

    from pulsefront.qc.alerts.records import Alert
    from pulsefront.qc.store.database import Store

__all__ = ["app"]

app = typer.Typer(
    help="List alerts, acknowledge, put off or close them, and send what is to be told.",
    no_args_is_help=True,
)

Number = Annotated[int, typer.Argument(help="Number of the alert, as the list shows it.")]
Notify = Annotated[Path | None, typer.Option(help="notify.toml: tell others of it as well.")]

EXIT_PARTIAL = 6


@app.command("list")
def list_alerts(
    db: Db,
    unit: Annotated[str, typer.Option(help="Of this unit alone.")] = "",
    site: Annotated[str, typer.Option(help="Of this site alone.")] = "",
    *,
    closed: Annotated[bool, typer.Option("--all", help="Those that are closed as well.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """List the alerts that are not closed, the highest risk first."""
    from pulsefront.qc.alerts.acts import current_alerts

    with _opened(db) as store:
        found = current_alerts(store, closed_too=closed)
    found = tuple(
        a for a in found if (not unit or a.unit_id == unit) and (not site or a.site == site)
    )
    found = tuple(sorted(found, key=lambda a: (a.state == "closed", -a.probability, a.alert_id)))
    if as_json:
        typer.echo(json.dumps([vars(alert) for alert in found], indent=2, ensure_ascii=False))
        return
    if not found:
        typer.echo("no alerts")
    for alert in found:
        typer.echo(_line(alert))


@app.command("show")
def show(number: Number, db: Db) -> None:
    """Show an alert with all that happened to it."""
    from pulsefront.errors import QCDataError
    from pulsefront.qc.alerts.acts import current_alerts
    from pulsefront.qc.alerts.ledger import changes_of
    from pulsefront.qc.alerts.notify.messages import plain
    from pulsefront.qc.times import DAY_S, iso_date

    with _opened(db) as store:
        found = [a for a in current_alerts(store, closed_too=True) if a.alert_id == number]
        if not found:
            raise QCDataError("there is no such alert", field="alert", value=number)
        with store.engine.connect() as connection:
            changes = changes_of(connection, number)
    alert = found[0]
    typer.echo(_line(alert))
    typer.echo(f"model {alert.model_hash[:16]}, run {alert.run_id}")
    for change in changes:
        at = datetime.fromtimestamp(change.made_s, UTC).strftime("%Y-%m-%d %H:%M")
        who = f" by {change.who}" if change.who else ""
        night = iso_date(change.as_of_s - DAY_S)
        typer.echo(plain(f"night of {night}, {at} UTC: {change.kind}{who}: {change.why}"))


@app.command("ack")
def acknowledge(number: Number, db: Db, why: Why, who: Who = "", notify: Notify = None) -> None:
    """Say that you look after an alert; it stays open."""
    from pulsefront.qc.alerts import acts

    name = who or name_of_user()
    _act(db, notify, number, partial(acts.acknowledge, who=name, why=why))


@app.command("snooze")
def snooze(
    number: Number,
    db: Db,
    why: Why,
    until: Annotated[str, typer.Option(help="First day on which you want to hear of it again.")],
    who: Who = "",
    notify: Notify = None,
) -> None:
    """Tell nobody anything of an alert until a day."""
    from pulsefront.qc.alerts import acts
    from pulsefront.qc.times import end_of_day

    until_s, name = end_of_day(day_of(until)), who or name_of_user()
    _act(db, notify, number, partial(acts.snooze, until_s=until_s, who=name, why=why))


@app.command("close")
def close(number: Number, db: Db, why: Why, who: Who = "", notify: Notify = None) -> None:
    """Close an alert; its component stays quiet until the alert would have run out."""
    from pulsefront.qc.alerts import acts

    name = who or name_of_user()
    _act(db, notify, number, partial(acts.close, who=name, why=why))


@app.command("send")
def send(
    db: Db,
    notify: Annotated[Path, typer.Option(help="notify.toml: who is told of alerts.")],
) -> None:
    """Send the messages that wait: those of the night are tried again.

    Exit codes: 0 all sent, 2 usage, 3 data invalid, 5 another job is sending, 6 some still wait,
    were refused or may not have arrived.
    """
    from pulsefront.cli.qc_score import send_messages
    from pulsefront.qc.alerts.notify.settings import load_settings

    settings = load_settings(notify)
    with _opened(db) as store:
        done = send_messages(store, settings)
    if not done:
        raise typer.Exit(EXIT_PARTIAL)


@app.command("new-notify")
def new_notify(
    file: Annotated[Path, typer.Argument(help="File to write, notify.toml.")],
) -> None:
    """Write a commented notify.toml, in which nobody is told yet."""
    from pulsefront.errors import ConfigError
    from pulsefront.files import write_text
    from pulsefront.qc.alerts.notify.settings import TEMPLATE

    if file.exists():
        raise ConfigError("is there already", file=file, remedy="give another name")
    write_text(file, TEMPLATE)
    typer.echo(f"wrote {file}")


def _opened(db: str) -> Store:
    from pulsefront.qc.store.database import Store

    return Store(db, must_exist=True)


def _act(db: str, notify: Path | None, number: int, act: Callable[..., object]) -> None:
    """Do what somebody decided, tell others where that is wanted, and show the alert."""
    from pulsefront.cli.qc_score import send_messages
    from pulsefront.qc.alerts.acts import current_alerts
    from pulsefront.qc.alerts.notify.settings import load_settings

    settings = load_settings(notify) if notify else None
    sent = True
    with _opened(db) as store:
        act(store, number, notify=settings)
        if settings is not None:
            sent = send_messages(store, settings)
        alerts = current_alerts(store, closed_too=True)
    for alert in alerts:
        if alert.alert_id == number:
            typer.echo(_line(alert))
    if not sent:
        raise typer.Exit(EXIT_PARTIAL)


def _line(alert: Alert) -> str:
    from pulsefront.qc.alerts.notify.messages import plain
    from pulsefront.qc.times import DAY_S, iso_date

    state = alert.state
    parts = [f"{alert.alert_id}: {alert.name}", *([alert.site] if alert.site else [])]
    since = iso_date(alert.opened_s - DAY_S)
    parts.append(f"open since {since}" if state == "open" else f"{state}, opened {since}")
    if alert.snoozed_until_s:
        parts.append(f"until {iso_date(alert.snoozed_until_s - DAY_S)}")
    if state != "closed":
        low, high = alert.probability_low, alert.probability_high
        parts.append(f"probability {alert.probability:.3f} ({low:.3f} to {high:.3f})")
        if alert.suppressed:
            parts.append("in service")
        if alert.reasons:
            parts.append(alert.reasons)
    else:
        parts.append(alert.closed_reason)
        parts.append(f"outcome: {alert.outcome}")
    if alert.acted_by and state != "open":
        parts.append(f"{alert.acted_by}: {alert.acted_why}")
    return plain("; ".join(part for part in parts if part))
