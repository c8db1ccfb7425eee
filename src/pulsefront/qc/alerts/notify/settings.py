"""Who is told of what: the file ``notify.toml``, and where secrets come from.

A password, a token or an address that holds one is never in that file: it comes from the
environment or from a file that nobody but its owner may read. It is read when a message is sent,
kept nowhere else, and taken out of every error.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from pulsefront.config import FrozenModel
from pulsefront.errors import ConfigError
from pulsefront.qc.alerts.records import ChangeKind

__all__ = [
    "TEMPLATE",
    "AppriseChannel",
    "Channel",
    "EmailChannel",
    "NotifySettings",
    "Secret",
    "WebhookChannel",
    "load_settings",
    "read_secret",
]

Digest = Literal["none", "daily", "weekly"]

_TOLD: tuple[ChangeKind, ...] = ("opened", "updated", "woken", "closed")
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Channel(FrozenModel):
    """What all ways of telling have in common.

    ``tell`` names the changes that are told one by one, ``digest`` how often all alerts are told
    in one message, and ``sites`` the only sites that are told of, all where it is empty.
    """

    name: str = Field(min_length=1)
    tell: tuple[ChangeKind, ...] = _TOLD
    digest: Digest = "none"
    sites: tuple[str, ...] = ()


class EmailChannel(Channel):
    """E-mail through an SMTP server; each recipient gets a message of their own."""

    host: str
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password_env: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None
    sender: str
    recipients: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _no_password_in_clear(self) -> Self:
        if self.user and self.security == "none":
            raise ValueError("a password is not sent without TLS: use starttls or tls")
        if self.user and not (self.password_env or self.password_file):
            raise ValueError("a user needs password_env or password_file")
        return self


class WebhookChannel(Channel):
    """A POST of JSON. Where the receiver knows ``Idempotency-Key``, say so: a message whose fate
    is unknown is then sent again."""

    url: str = ""
    url_env: str = ""
    url_file: Path | None = None
    token_env: str = ""
    token_file: Path | None = None
    ca_file: Path | None = None
    idempotent: bool = False

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if sum(map(bool, (self.url, self.url_env, self.url_file))) != 1:
            raise ValueError("a webhook needs one of url, url_env, url_file")
        return self


class AppriseChannel(Channel):
    """Any service that Apprise knows, by its address."""

    url_env: str = ""
    url_file: Path | None = None

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if bool(self.url_env) == bool(self.url_file):
            raise ValueError("a service needs one of url_env, url_file")
        return self


class NotifySettings(FrozenModel):
    """``notify.toml``. Files in it are relative to its folder."""

    email: tuple[EmailChannel, ...] = ()
    webhook: tuple[WebhookChannel, ...] = ()
    apprise: tuple[AppriseChannel, ...] = ()
    page_url: str = ""
    """Where the page of the night can be seen, to be told with every message."""
    most_per_night: Annotated[int, Field(ge=1)] = 20
    """Changes of one night that are told one by one; the others come in one message."""
    folder: Path = Path()

    @property
    def channels(self) -> Mapping[str, Channel]:
        """The channels by name."""
        return {c.name: c for c in (*self.email, *self.webhook, *self.apprise)}

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        if len(self.channels) < len(self.email) + len(self.webhook) + len(self.apprise):
            raise ValueError("two channels have one name")
        return self


def load_settings(path: Path) -> NotifySettings:
    """Read ``notify.toml``.

    Raises
    ------
    ConfigError
        It does not fit, or an address in it holds a password or a query.
    """
    settings = NotifySettings.from_toml(path)
    for channel in settings.webhook:
        parts = urlsplit(channel.url)
        # The address itself is not shown: it may be the secret.
        if channel.url and (parts.username or parts.password or parts.query):
            raise ConfigError(
                "an address with a password or a query does not belong in this file",
                file=path,
                field=f"webhook {channel.name}: url",
                remedy="put it in the environment (url_env) or in a file of mode 0600 (url_file)",
            )
    return settings.model_copy(update={"folder": path.parent})


class Secret:
    """A text that shows itself nowhere unless it is asked for."""

    __slots__ = ("value",)

    def __init__(self, value: str) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self.value)


def read_secret(variable: str, file: Path | None, folder: Path) -> Secret:
    """Return a secret from the environment or a file; empty where neither is named.

    Raises
    ------
    ConfigError
        The variable is not set, or the file is missing or can be read by others.
    """
    if variable:
        value = os.environ.get(variable, "")
        if not value:
            raise ConfigError(
                "the environment variable is not set", field=variable, remedy="set it for this job"
            )
        return Secret(value)
    if file is None:
        return Secret("")
    path = folder / file
    try:
        with open(path, encoding="utf-8") as content:
            mode = os.fstat(content.fileno()).st_mode
            if mode & _OTHERS:
                raise ConfigError(
                    f"a file with a secret can be read by others (mode {stat.S_IMODE(mode):04o})",
                    file=path,
                    remedy="chmod 600 it",
                )
            return Secret(content.read().strip())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"cannot be read: {reason}", file=path) from None


TEMPLATE = """\
# Who is told of alerts, nobody as it stands: pulsefront qc night looks for this file in the site's
# folder, pulsefront qc score --notify notify.toml wherever it is.
# Passwords and tokens stand in the environment, or in files that only their owner may read
# (chmod 600); paths are relative to this file.

# page_url = "https://qc.example.org/night.html"   # told with every message
# most_per_night = 20                               # changes told one by one; the rest in one

# [[email]]
# name = "physics"
# host = "mail.example.org"
# port = 587
# security = "starttls"            # or tls, or none (without a user)
# user = "qc"
# password_file = "smtp.secret"    # or password_env = "QC_SMTP_PASSWORD"
# sender = "qc@example.org"
# recipients = ["physics@example.org"]
# tell = ["opened", "updated", "woken", "closed"]   # also acknowledged, snoozed, outcome
# digest = "weekly"                # none, daily, weekly
# sites = []                       # only these sites

# [[webhook]]                      # a POST of JSON for each change
# name = "tickets"
# url = "https://tickets.example.org/qc"   # one that is a secret: url_env or url_file
# token_env = "QC_TICKETS_TOKEN"   # sent as Authorization: Bearer
# idempotent = false               # true where the receiver knows the header Idempotency-Key

# [[apprise]]                      # any service of https://github.com/caronc/apprise
# name = "chat"                    # pip install 'pulsefront[alerts]'
# url_file = "chat.secret"         # or url_env
"""
