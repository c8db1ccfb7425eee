"""Connections to the store: where it is, how long to wait for it, and plain words when it fails."""

from __future__ import annotations

import sqlite3
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pulsefront.errors import QCDataError, ToolMissing
from pulsefront.qc.store.problems import explained

__all__ = ["make_engine", "sqlite_file", "store_name", "store_url"]

PATIENCE_S = 15
"""How long to wait for another program that holds the database."""


def store_url(location: str | Path) -> str:
    """Return a database URL; a plain path names a SQLite file."""
    text = str(location)
    if "://" not in text:
        return f"sqlite:///{text}"
    # psycopg 3 is the driver that the postgresql extra installs.
    for scheme in ("postgresql://", "postgres://"):
        if text.startswith(scheme):
            return "postgresql+psycopg://" + text.removeprefix(scheme)
    return text


def store_name(location: str | Path) -> str:
    """Return a store as it was named, without the passwords of a URL: commands take it so.

    The password of PostgreSQL then comes from ``PGPASSWORD`` or a password file.
    """
    text = str(location)
    if "://" not in text:
        return text
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        return ""
    secret = [name for name in url.query if "password" in name.lower()]
    # Its own `set` leaves alone what is None.
    bare = sa.URL.create(url.drivername, url.username, None, url.host, url.port, url.database,
                         url.difference_update_query(secret).query)  # fmt: skip
    return bare.render_as_string(hide_password=False)


def sqlite_file(url: str) -> Path | None:
    """Return the file behind a SQLite URL, or None for another database or one in memory."""
    if not url.startswith("sqlite"):
        return None
    name = sa.make_url(url).database
    return Path(name) if name and name != ":memory:" else None


def make_engine(url: str, **more: Any) -> sa.Engine:
    """Return an engine whose errors are ours.

    Raises
    ------
    QCDataError
        The URL names no kind of database that is known.
    ToolMissing
        Its driver is not installed.
    """
    file = sqlite_file(url)
    try:
        engine = sa.create_engine(url, connect_args=_arguments(url), **more)
    except sa.exc.NoSuchModuleError as error:
        raise QCDataError(
            f"unknown kind of database: {error}", remedy="use sqlite:/// or postgresql://"
        ) from None
    except sa.exc.ArgumentError as error:
        raise QCDataError(
            f"is no URL of a database: {error}", remedy="use sqlite:/// or postgresql://"
        ) from None
    except ModuleNotFoundError as error:
        raise ToolMissing(
            error.name or "the database driver",
            needed_for="this database URL",
            install="pip install 'pulsefront[postgresql]'",
        ) from None
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", partial(_tune_sqlite, file))
        sa.event.listen(engine, "begin", _begin_sqlite)

    def explain(context: sa.engine.ExceptionContext) -> None:
        ours = explained(context.original_exception, file)
        if ours is not None:
            raise ours from None

    sa.event.listen(engine, "handle_error", explain)
    return engine


def _arguments(url: str) -> dict[str, Any]:
    if url.startswith("sqlite"):
        return {"timeout": PATIENCE_S}
    if url.startswith("postgresql") and "options" not in sa.make_url(url).query:
        waiting = f"-c lock_timeout={PATIENCE_S * 1000}"
        return {"connect_timeout": PATIENCE_S, "options": waiting}
    return {}


def _begin_sqlite(connection: sa.Connection) -> None:
    # The driver alone would begin a transaction only where rows change: tables would be made and
    # altered outside of it. One that will write takes its turn at once, and waits for it.
    kind = " IMMEDIATE" if connection.get_execution_options().get("writing") else ""
    connection.exec_driver_sql(f"BEGIN{kind}")


def _tune_sqlite(file: Path | None, connection: Any, _: object) -> None:
    connection.isolation_level = None  # transactions are begun by `_begin_sqlite`
    cursor = connection.cursor()
    try:
        # Write-ahead logging survives a kill at any moment and lets readers go on meanwhile.
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA cache_size=-200000")
    except sqlite3.Error as error:
        ours = explained(error, file)
        raise (ours or error) from None
    finally:
        cursor.close()
