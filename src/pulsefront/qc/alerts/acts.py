"""What people do with an alert: acknowledge it, put it off, close it; always with a reason."""

from __future__ import annotations

import time

import sqlalchemy as sa

from pulsefront.errors import QCDataError
from pulsefront.qc.alerts.ledger import (
    NewChange,
    add_changes,
    alerts_after,
    newest_night,
)
from pulsefront.qc.alerts.notify.outbox import put_in
from pulsefront.qc.alerts.notify.settings import NotifySettings
from pulsefront.qc.alerts.records import Alert, AlertState, ChangeKind
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.lock import locked
from pulsefront.qc.store.tables import alert_tables as tables
from pulsefront.qc.times import iso_date

__all__ = ["acknowledge", "close", "current_alerts", "snooze"]


def current_alerts(store: Store, *, closed_too: bool = False) -> tuple[Alert, ...]:
    """Return the alerts as they stand now: those that are not closed, or every one."""
    with store.engine.connect() as connection:
        newest = newest_night(connection)
        if newest is None:
            return ()
        found = alerts_after(connection, newest.as_of_s, closed_too=closed_too)
    return tuple(alert for alert in found if closed_too or alert.state != "closed")


def acknowledge(
    store: Store, alert_id: int, *, who: str, why: str, notify: NotifySettings | None = None
) -> None:
    """Note that somebody looks after an alert; it stays open.

    Parameters
    ----------
    notify
        Who is told of it; nobody if left out.

    Raises
    ------
    QCDataError
        There is no such alert, it is closed, or the reason is empty.
    StoreLocked
        A job works on the store.
    """
    _act(store, alert_id, "acknowledged", "acknowledged", who, why, notify=notify)


def snooze(
    store: Store, alert_id: int, *, until_s: int, who: str, why: str,
    notify: NotifySettings | None = None,
) -> None:  # fmt: skip
    """Tell nobody anything of an alert until a night; one opened after it waits as well.

    Raises
    ------
    QCDataError, StoreLocked
        As `acknowledge`; or the night has been already.
    """
    _act(store, alert_id, "snoozed", "snoozed", who, why, until_s, notify=notify)


def close(
    store: Store, alert_id: int, *, who: str, why: str, notify: NotifySettings | None = None
) -> None:
    """Close an alert. Its component stays quiet until the alert would have run out.

    Raises
    ------
    QCDataError, StoreLocked
        As `acknowledge`.
    """
    _act(store, alert_id, "closed", "closed", who, why, notify=notify)


def _act(
    store: Store, alert_id: int, kind: ChangeKind, state: AlertState, who: str, why: str,
    until_s: int = 0, *, notify: NotifySettings | None,
) -> None:  # fmt: skip
    why, who = " ".join(why.split()), " ".join(who.split())
    for field, value in (("why", why), ("who", who)):
        if not value:
            raise QCDataError("must not be empty", field=field, remedy="say it in a few words")
    with locked(store.url), store.writing() as connection:
        a = tables.alert
        row = connection.execute(sa.select(a).where(a.c.alert_id == alert_id)).first()
        newest = newest_night(connection)
        if row is None or newest is None:
            raise QCDataError(
                "there is no such alert", field="alert", value=alert_id,
                remedy="pulsefront qc alerts list shows them",
            )  # fmt: skip
        if row.state == "closed":
            raise QCDataError(
                "the alert is closed already", field="alert", value=alert_id,
                remedy="pulsefront qc alerts list --all shows by whom and why",
            )  # fmt: skip
        if kind == "snoozed" and until_s <= newest.as_of_s:
            raise QCDataError(
                "the snooze would be over already", field="until", value=iso_date(until_s - 1),
                remedy=f"give a day after {iso_date(newest.as_of_s - 1)}",
            )  # fmt: skip
        change = NewChange(alert_id, kind, state, why, who=who, snoozed_until_s=until_s)
        now_s = int(time.time())
        changes = add_changes(connection, [change], as_of_s=newest.as_of_s, made_s=now_s)
        if notify is not None:
            put_in(connection, notify, changes, newest.as_of_s, digests=False)
