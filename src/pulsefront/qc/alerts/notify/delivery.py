"""Sending what lies in the outbox: once, tried again where it was not accepted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from pulsefront.errors import PulsefrontError
from pulsefront.files import hash_json
from pulsefront.qc.alerts.ledger import rows_of
from pulsefront.qc.alerts.notify.messages import plain
from pulsefront.qc.alerts.notify.senders import (
    Message,
    NotAccepted,
    Refused,
    Sender,
    Unknown,
    sender_for,
)
from pulsefront.qc.alerts.notify.settings import NotifySettings, Secret
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.lock import locked
from pulsefront.qc.store.tables import alert_tables as tables
from pulsefront.qc.times import DAY_S

__all__ = ["Delivery", "deliver"]

_PAUSES_S = (2.0, 10.0)  # between the tries of one job
_FIRST_WAIT_S, _LONGEST_WAIT_S = 60, 6 * 3600  # between jobs, four times as long each time
_GIVEN_UP_AFTER_S = 7 * DAY_S
_LONGEST_ERROR = 200

Row = dict[str, Any]


@dataclass
class Delivery:
    """What became of the messages: how many were sent and still wait, and what went wrong."""

    sent: int = 0
    waiting: int = 0
    problems: list[str] = field(default_factory=list)


def deliver(
    store: Store,
    settings: NotifySettings,
    *,
    clock: Callable[[], float] = time.time,
    pause: Callable[[float], None] = time.sleep,
) -> Delivery:
    """Send the messages that are due.

    Raises
    ------
    StoreLocked
        Another job is sending.
    """
    with locked(store.url, purpose="messages"):
        return _Job(store, settings, clock, pause).run()


class _Job:
    """One round through the outbox."""

    def __init__(
        self,
        store: Store,
        settings: NotifySettings,
        clock: Callable[[], float],
        pause: Callable[[float], None],
    ) -> None:
        self.store = store
        self.settings = settings
        self.clock = clock
        self.pause = pause
        self.done = Delivery()

    def run(self) -> Delivery:
        """Send what is due, channel by channel."""
        self._doubt_what_was_cut_off()
        m = tables.message
        with self.store.engine.connect() as connection:
            query = sa.select(m).where(m.c.state == "waiting").order_by(m.c.message_id)
            rows = rows_of(connection, query)
        by_channel: dict[str, list[Row]] = {}
        for row in rows:
            by_channel.setdefault(row["channel"], []).append(row)
        for name, mine in by_channel.items():
            self._send_all(name, [row for row in mine if self._is_due(row)])
        with self.store.engine.connect() as connection:
            count = sa.select(sa.func.count()).select_from(m).where(m.c.state == "waiting")
            self.done.waiting = int(connection.execute(count).scalar_one())
        return self.done

    def _doubt_what_was_cut_off(self) -> None:
        """Whoever was sending is gone, for we hold the lock: nobody knows what arrived."""
        m = tables.message
        with self.store.writing() as connection:
            rows = rows_of(connection, sa.select(m).where(m.c.state == "sending"))
            for row in rows:
                self._set(connection, row, state="doubtful", error="cut off while it was sent")
        for row in rows:
            self._tell(row, "may have arrived or not: the job was cut off while it was sent")

    def _is_due(self, row: Row) -> bool:
        # A clock that was set back does not keep a message waiting.
        return bool(row["next_at"] <= self.clock() or self.clock() < row["tried_at"])

    def _send_all(self, name: str, rows: Sequence[Row]) -> None:
        if not rows:
            return
        channel = self.settings.channels.get(name)
        if channel is None:
            self.done.problems.append(f"channel {name}: {len(rows)} messages wait, and it is gone")
            return
        try:
            sender = sender_for(channel, self.settings.folder)
        except PulsefrontError as error:
            self.done.problems.append(f"channel {name}: {len(rows)} messages wait: {error}")
            return
        try:
            for row in rows:
                if not self._send(sender, row):
                    break
        finally:
            sender.close()

    def _send(self, sender: Sender, row: Row) -> bool:
        """Send one message; return whether the channel is worth trying for the next one."""
        doubtful = self._doubtful(row)
        message = _message(row, doubtful, int(self.clock()))
        for wait_s in (*_PAUSES_S, None):
            try:
                sender.send(message, lambda: self._commit(row, state="sending", tried=True))
            except NotAccepted as error:
                if wait_s is not None:
                    self._commit(row, state="waiting")
                    self.pause(wait_s)
                    continue
                self._put_off(row, _clean(error, sender.secrets))
                return not error.whole
            except Refused as error:
                text = _clean(error, sender.secrets)
                self._commit(row, state="refused", error=text)
                self._tell(row, f"was refused: {text}")
            except Unknown as error:
                text = _clean(error, sender.secrets)
                self._commit(row, state="doubtful", error=text)
                self._tell(row, f"may have arrived or not: {text}")
            else:
                self._commit(row, state="sent", error="")
                for other in doubtful:
                    self._commit(other, state="mentioned")
                self.done.sent += 1
            return True
        return False

    def _put_off(self, row: Row, text: str) -> None:
        now = int(self.clock())
        first_s = row["first_tried_at"] or now
        if now - first_s > _GIVEN_UP_AFTER_S:
            self._commit(row, state="refused", error=text)
            self._tell(row, f"is given up after {_GIVEN_UP_AFTER_S // DAY_S} days: {text}")
            return
        wait_s = min(_FIRST_WAIT_S * 4 ** row["attempts"], _LONGEST_WAIT_S)
        self._commit(
            row, state="waiting", attempts=row["attempts"] + 1, first_tried_at=first_s,
            tried_at=now, next_at=now + wait_s, error=text,
        )  # fmt: skip
        self._tell(row, f"waits to be tried again: {text}")

    def _commit(self, row: Row, *, tried: bool = False, **values: Any) -> None:
        if tried:
            values["tried_at"] = int(self.clock())
        with self.store.writing() as connection:
            self._set(connection, row, **values)

    def _set(self, connection: sa.Connection, row: Row, **values: Any) -> None:
        m = tables.message
        mine = m.c.message_id == row["message_id"]
        connection.execute(sa.update(m).where(mine).values(values))

    def _doubtful(self, row: Row) -> list[Row]:
        """Return the doubtful messages to the same recipient that no other one has mentioned."""
        m = tables.message
        query = sa.select(m).where(
            m.c.state == "doubtful", m.c.channel == row["channel"],
            m.c.recipient == row["recipient"],
        )  # fmt: skip
        with self.store.engine.connect() as connection:
            return rows_of(connection, query.order_by(m.c.message_id))

    def _tell(self, row: Row, what: str) -> None:
        subject = plain(json.loads(row["content"])["subject"])
        self.done.problems.append(f"channel {row['channel']}: message {subject!r} {what}")


def _message(row: Row, doubtful: Sequence[Row], now_s: int) -> Message:
    content = json.loads(row["content"])
    text = content["text"]
    if doubtful:
        subjects = [json.loads(other["content"])["subject"] for other in doubtful]
        text += "\nEarlier messages that may not have reached you:\n"
        text += "".join(f"- {subject}\n" for subject in subjects)
    facts = content["facts"]
    thread = ""
    if "alert_id" in facts:
        thread = "/".join(str(facts[n]) for n in ("unit_id", "component_id", "opened"))
    return Message(
        recipient=row["recipient"],
        subject=content["subject"],
        text=text,
        facts=facts,
        key=hash_json([row["channel"], row["recipient"], row["name"], content])[:32],
        thread=thread,
        made_s=now_s,
    )


def _clean(error: Exception, secrets: Sequence[Secret]) -> str:
    """Return what an error says in a line, without the secrets of the channel."""
    text = str(error)
    for secret in secrets:
        if secret:
            text = text.replace(secret.value, "***")
    return plain(text)[:_LONGEST_ERROR]
