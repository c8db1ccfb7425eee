"""A PostgreSQL server for tests, and databases on it.

The server is the one of PULSEFRONT_POSTGRESQL_URL, or a private one started from Debian's
binaries on a socket in a temporary folder, as an ordinary user.
"""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from pulsefront.qc.store.database import store_url

__all__ = ["postgresql_database", "postgresql_server"]


def _binaries() -> Path | None:
    """Return the folder of the newest installed server."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[4]))
    return found[-1].parent if found else None


def _as_user() -> dict[str, object]:
    """Return how to run the server, which refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres" if _exists("postgres") else "nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


@contextmanager
def postgresql_server() -> Iterator[str]:
    """Yield the URL of a server's maintenance database; skip the test where there is no server."""
    pytest.importorskip("psycopg")
    url = os.environ.get("PULSEFRONT_POSTGRESQL_URL")
    if url:
        yield url
        return
    folder = _binaries()
    if folder is None:
        pytest.skip("no PostgreSQL server: install Debian's postgresql, or set its URL")
    home = Path(tempfile.mkdtemp(prefix="pulsefront-pg-"))  # a short path: sockets need one
    who = _as_user()
    name = getpass.getuser() if not who else "postgres"
    try:
        if who:
            os.chown(home, who["user"], who["group"])  # type: ignore[arg-type]

        def call(*command: object) -> None:
            subprocess.run(
                [str(c) for c in command], check=True, capture_output=True, cwd=home, **who
            )  # type: ignore[call-overload]

        data = home / "data"
        call(folder / "initdb", "-D", data, "-U", name, "-A", "trust", "-E", "UTF8")
        options = f"-c listen_addresses='' -c unix_socket_directories={home} -c fsync=off"
        control = (folder / "pg_ctl", "-D", data, "-w")
        call(*control, "-o", options, "-l", home / "log", "start")
        try:
            yield f"postgresql://{name}@/postgres?host={home}"
        finally:
            call(*control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def postgresql_database(server: str) -> Iterator[str]:
    """Yield the URL of a database of its own."""
    name = f"qc_{uuid.uuid4().hex[:12]}"
    engine = sa.create_engine(store_url(server), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    try:
        url = sa.make_url(server).set(database=name)
        yield url.render_as_string(hide_password=False)
    finally:
        with engine.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
        engine.dispose()
