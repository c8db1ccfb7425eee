"""Handing a message over: by SMTP, as a POST, or to Apprise.

A sender says when it is about to hand over, after everything that can fail before; and it tells
apart what was not accepted, what is refused for good, and what may have arrived.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import logging
import re
import smtplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import formatdate
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from pulsefront import __version__
from pulsefront.errors import ConfigError, ToolMissing
from pulsefront.qc.alerts.notify.settings import (
    AppriseChannel,
    Channel,
    EmailChannel,
    Secret,
    WebhookChannel,
    read_secret,
)

__all__ = [
    "Message",
    "NotAccepted",
    "Refused",
    "Sender",
    "Unknown",
    "sender_for",
]

_TIMEOUT_S = 20.0
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_TRY_LATER = (408, 425, 429)


@dataclass(frozen=True)
class Message:
    """A message for one recipient; ``key`` names it to the receiving side, ``thread`` its alert."""

    recipient: str
    subject: str
    text: str
    facts: dict[str, Any]
    key: str
    thread: str
    made_s: int


class NotAccepted(Exception):
    """It did not arrive and may be tried again; ``whole`` where that holds for its channel too."""

    def __init__(self, reason: str, *, whole: bool = False) -> None:
        super().__init__(reason)
        self.whole = whole


class Refused(Exception):
    """The receiving side will never take it."""


class Unknown(Exception):
    """It was handed over and not confirmed: nobody knows whether it arrived."""


class Sender(Protocol):
    """A channel that is open."""

    secrets: tuple[Secret, ...]

    def send(self, message: Message, handing_over: Callable[[], None]) -> None:
        """Send a message; call *handing_over* right before it can no longer be taken back.

        Raises
        ------
        NotAccepted, Refused, Unknown
            What became of it otherwise.
        """

    def close(self) -> None:
        """Let go of the connection."""


def sender_for(channel: Channel, folder: Path) -> Sender:
    """Return the sender of a channel; files that it names are relative to *folder*.

    Raises
    ------
    ConfigError
        A secret is missing, or can be read by others.
    ToolMissing
        The package that the channel needs is not installed.
    """
    if isinstance(channel, EmailChannel):
        return _Email(channel, folder)
    if isinstance(channel, WebhookChannel):
        return _Webhook(channel, folder)
    if isinstance(channel, AppriseChannel):
        return _Apprise(channel, folder)
    raise TypeError(channel)


def _context(ca_file: Path | None, folder: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if ca_file is None else folder / ca_file)
    except (OSError, ssl.SSLError):
        raise ConfigError("holds no certificates", file=ca_file, field="ca_file") from None


class _Email:
    """One session with an SMTP server."""

    def __init__(self, channel: EmailChannel, folder: Path) -> None:
        self.channel = channel
        self.password = read_secret(channel.password_env, channel.password_file, folder)
        self.context = _context(channel.ca_file, folder)
        self.secrets: tuple[Secret, ...] = (self.password,)
        self.session: smtplib.SMTP | None = None

    def _open(self) -> smtplib.SMTP:
        if self.session is not None:
            return self.session
        c = self.channel
        session: smtplib.SMTP | None = None
        try:
            if c.security == "tls":
                session = smtplib.SMTP_SSL(c.host, c.port, timeout=_TIMEOUT_S, context=self.context)
            else:
                session = smtplib.SMTP(c.host, c.port, timeout=_TIMEOUT_S)
            if c.security == "starttls":
                session.starttls(context=self.context)
            session.ehlo_or_helo_if_needed()
            if c.user:
                session.login(c.user, self.password.value)
        except (OSError, smtplib.SMTPException) as error:
            if session is not None:
                session.close()
            raise NotAccepted(f"{c.host}: {_words(error)}", whole=True) from None
        self.session = session
        return session

    def send(self, message: Message, handing_over: Callable[[], None]) -> None:
        session = self._open()
        try:
            self._check(session.mail(self.channel.sender))
            self._check(session.rcpt(message.recipient), one=True)
            self._check(session.docmd("DATA"), expected=354)
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            raise NotAccepted(f"{self.channel.host}: {_words(error)}", whole=True) from None
        handing_over()
        data = self._dressed(message).as_bytes(policy=SMTP_POLICY)
        try:
            # A line that begins with a dot gets another one (RFC 5321, 4.5.2).
            session.send(re.sub(rb"(?m)^\.", b"..", data) + b"\r\n.\r\n")
        except (OSError, smtplib.SMTPException) as error:
            self.close()  # without its end it is no message
            raise NotAccepted(f"{self.channel.host}: {_words(error)}", whole=True) from None
        try:
            reply = session.getreply()
        except (OSError, smtplib.SMTPException) as error:
            self.close()
            raise Unknown(f"{self.channel.host}: {_words(error)}") from None
        self._check(reply)

    def _check(self, reply: tuple[int, bytes], *, expected: int = 250, one: bool = False) -> None:
        code, text = reply
        if code == expected or (expected == 250 and code in {251, 252}):
            return
        reason = f"{self.channel.host}: {code} {text.decode(errors='replace')}"
        with suppress(OSError, smtplib.SMTPException):
            if self.session is not None:
                self.session.rset()
        if 500 <= code < 600:
            raise Refused(reason)
        raise NotAccepted(reason, whole=not one)

    def _dressed(self, message: Message) -> EmailMessage:
        domain = self.channel.sender.rpartition("@")[2].strip("> ") or "localhost"
        dressed = EmailMessage()
        dressed["From"] = self.channel.sender
        dressed["To"] = message.recipient
        dressed["Subject"] = message.subject
        dressed["Date"] = formatdate(message.made_s)
        # Mail servers that know the name already drop a second one.
        dressed["Message-ID"] = f"<{message.key}@{domain}>"
        if message.thread:
            thread = hashlib.sha256(message.thread.encode()).hexdigest()[:24]
            dressed["References"] = f"<{thread}@{domain}>"
        dressed["Auto-Submitted"] = "auto-generated"
        dressed.set_content(message.text)
        return dressed

    def close(self) -> None:
        session, self.session = self.session, None
        if session is not None:
            with suppress(OSError, smtplib.SMTPException):
                session.close()


class _Webhook:
    """One POST per message."""

    def __init__(self, channel: WebhookChannel, folder: Path) -> None:
        url = read_secret(channel.url_env, channel.url_file, folder)
        self.url = url if url else Secret(channel.url)
        self.token = read_secret(channel.token_env, channel.token_file, folder)
        self.secrets: tuple[Secret, ...] = (self.url, self.token)
        self.channel = channel
        self.context = _context(channel.ca_file, folder)
        parts = urlsplit(self.url.value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ConfigError("is no http or https address", field=f"webhook {channel.name}: url")
        if self.token and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise ConfigError(
                "a token is not sent without TLS",
                field=f"webhook {channel.name}: url",
                remedy="give an https address",
            )
        self.parts = parts

    def send(self, message: Message, handing_over: Callable[[], None]) -> None:
        host, port = self.parts.hostname or "", self.parts.port
        connection = (
            http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_S, context=self.context)
            if self.parts.scheme == "https"
            else http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
        )
        try:
            try:
                connection.connect()
            except OSError as error:
                raise NotAccepted(f"{host}: {_words(error)}", whole=True) from None
            handing_over()
            try:
                self._post(connection, message)
                status = connection.getresponse().status
            except (OSError, http.client.HTTPException) as error:
                if self.channel.idempotent:
                    raise NotAccepted(f"{host}: {_words(error)}", whole=True) from None
                raise Unknown(f"{host}: {_words(error)}") from None
        finally:
            connection.close()
        if 200 <= status < 300:
            return
        if status >= 500 or status in _TRY_LATER:
            raise NotAccepted(f"{host}: HTTP status {status}", whole=True)
        raise Refused(f"{host}: HTTP status {status}")

    def _post(self, connection: http.client.HTTPConnection, message: Message) -> None:
        target = self.parts.path or "/"
        if self.parts.query:
            target += f"?{self.parts.query}"
        content = {
            "key": message.key, "subject": message.subject, "text": message.text, **message.facts,
        }  # fmt: skip
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"pulsefront/{__version__}",
            "Idempotency-Key": message.key,
        }
        if self.token:
            headers["Authorization"] = f"Bearer {self.token.value}"
        body = json.dumps(content, ensure_ascii=False, allow_nan=False).encode()
        connection.request("POST", target, body, headers)

    def close(self) -> None:
        pass  # each message has its own connection


class _Apprise:
    """A service that Apprise knows."""

    def __init__(self, channel: AppriseChannel, folder: Path) -> None:
        try:
            import apprise
        except ModuleNotFoundError:
            raise ToolMissing(
                "apprise",
                needed_for=f"the channel {channel.name}",
                install="pip install 'pulsefront[alerts]'",
            ) from None
        self.url = read_secret(channel.url_env, channel.url_file, folder)
        self.secrets: tuple[Secret, ...] = (self.url,)
        # What it logs may hold the address.
        log = logging.getLogger("apprise")
        log.addHandler(logging.NullHandler())
        log.propagate = False
        self.service = apprise.Apprise()
        if not self.service.add(self.url.value):
            raise ConfigError("Apprise knows no such address", field=f"apprise {channel.name}")

    def send(self, message: Message, handing_over: Callable[[], None]) -> None:
        handing_over()
        try:
            done = self.service.notify(title=message.subject, body=message.text)
        except (OSError, ValueError, TypeError) as error:
            raise NotAccepted(_words(error), whole=True) from None
        if not done:
            raise NotAccepted("the service did not take it", whole=True)

    def close(self) -> None:
        pass  # Apprise keeps no connection


def _words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        reply = error.smtp_error
        text = reply.decode(errors="replace") if isinstance(reply, bytes) else str(reply)
        return f"{error.smtp_code} {text}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
