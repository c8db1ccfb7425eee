"""The outbox: messages lie in the store from the night that causes them until they are sent.

A message is put in by the transaction that changes the alert, under a name that is there only
once; so nothing is forgotten and nothing is told twice. It is marked *sending* right before it is
handed over. One that a kill left so may have arrived or not: it is *doubtful*, is never sent again
by itself, and the next message to its recipient says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

import sqlalchemy as sa

from pulsefront.files import hash_json
from pulsefront.qc.alerts.ledger import alerts_after, next_number
from pulsefront.qc.alerts.notify.messages import (
    MessageContent,
    change_content,
    digest_content,
    rest_content,
)
from pulsefront.qc.alerts.notify.settings import Channel, EmailChannel, NotifySettings
from pulsefront.qc.alerts.records import Alert, AlertChange
from pulsefront.qc.store.tables import alert_tables as tables
from pulsefront.qc.times import DAY_S

__all__ = ["put_in"]

_SUNDAY = 6


def put_in(
    connection: sa.Connection,
    settings: NotifySettings,
    changes: Sequence[AlertChange],
    as_of_s: int,
    *,
    digests: bool = True,
) -> int:
    """Put the messages about changes into the outbox, within their transaction; return how many.

    Parameters
    ----------
    as_of_s
        The night of the changes.
    digests
        Whether the night's digests are due as well.
    """
    alerts = {alert.alert_id: alert for alert in alerts_after(connection, as_of_s)}
    table = tables.message
    first = number = next_number(connection, table.c.message_id)
    for channel in settings.channels.values():
        told = _told(channel, alerts, changes)
        contents = dict(_contents(settings, told, as_of_s))
        if digests and _digest_due(channel, as_of_s):
            mine = [alert for alert in alerts.values() if _of_site(channel, alert)]
            contents[f"digest {as_of_s}"] = digest_content(mine, as_of_s, settings.page_url)
        for recipient in _recipients(channel):
            for name, content in contents.items():
                if not _is_there(connection, channel.name, recipient, name):
                    connection.execute(
                        sa.insert(table).values(
                            message_id=number, channel=channel.name, recipient=recipient,
                            name=name, state="waiting", content=json.dumps(asdict(content)),
                        )
                    )  # fmt: skip
                    number += 1
    return number - first


def _recipients(channel: Channel) -> Sequence[str]:
    return channel.recipients if isinstance(channel, EmailChannel) else ("",)


def _told(
    channel: Channel, alerts: Mapping[int, Alert], changes: Sequence[AlertChange]
) -> list[tuple[Alert, AlertChange]]:
    """Return the changes that a channel tells, with their alerts."""
    found = []
    for change in changes:
        alert = alerts.get(change.alert_id)
        if alert is None or change.kind not in channel.tell or not _of_site(channel, alert):
            continue
        quiet = change.state == "snoozed" or alert.suppressed
        if quiet and change.kind in {"opened", "updated", "woken"}:
            continue
        found.append((alert, change))
    return found


def _of_site(channel: Channel, alert: Alert) -> bool:
    return not channel.sites or alert.site in channel.sites


def _contents(
    settings: NotifySettings, told: Sequence[tuple[Alert, AlertChange]], as_of_s: int
) -> Iterator[tuple[str, MessageContent]]:
    """Yield messages by name: one per change, and one for the rest where there are too many."""
    one_by_one, rest = told[: settings.most_per_night], told[settings.most_per_night :]
    for alert, change in one_by_one:
        yield f"change {change.change_id}", change_content(alert, change, settings.page_url)
    if rest:
        name = hash_json([change.change_id for _, change in rest])[:16]
        yield f"changes {name}", rest_content(rest, as_of_s, settings.page_url)


def _digest_due(channel: Channel, as_of_s: int) -> bool:
    if channel.digest == "weekly":
        return datetime.fromtimestamp(as_of_s - DAY_S, UTC).weekday() == _SUNDAY
    return channel.digest == "daily"


def _is_there(connection: sa.Connection, channel: str, recipient: str, name: str) -> bool:
    m = tables.message.c
    query = sa.select(m.message_id).where(
        m.channel == channel, m.recipient == recipient, m.name == name
    )
    return connection.execute(query).first() is not None
