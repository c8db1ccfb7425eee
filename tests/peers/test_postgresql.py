"""The QC store on a real PostgreSQL server: the same records, counts and locks as on SQLite.

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
from pathlib import Path

import pytest
import sqlalchemy as sa

from pulsefront.qc.features.sources import load_history
from pulsefront.qc.records import Batch
from pulsefront.qc.store import schema
from pulsefront.qc.store.database import Counts, Store, store_url
from pulsefront.qc.store.lock import StoreLocked, locked
from strategies_qc import DAY, history_of, measurements, tiny_units

pytestmark = pytest.mark.peer


def binaries() -> Path | None:
    """Return the folder of the newest installed server."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[4]))
    return found[-1].parent if found else None


def as_user() -> dict[str, object]:
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


@pytest.fixture(scope="module")
def server():
    """Yield the URL of a server's maintenance database."""
    pytest.importorskip("psycopg")
    url = os.environ.get("PULSEFRONT_POSTGRESQL_URL")
    if url:
        yield url
        return
    folder = binaries()
    if folder is None:
        pytest.skip("no PostgreSQL server: install Debian's postgresql, or set its URL")
    home = Path(tempfile.mkdtemp(prefix="pulsefront-pg-"))  # a short path: sockets need one
    who = as_user()
    name = getpass.getuser() if not who else "postgres"
    try:
        if who:
            os.chown(home, who["user"], who["group"])

        def call(*command: object) -> None:
            subprocess.run(
                [str(c) for c in command], check=True, capture_output=True, cwd=home, **who
            )

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


@pytest.fixture
def database(server):
    """Yield the URL of a database of its own."""
    name = f"qc_{uuid.uuid4().hex[:12]}"
    engine = sa.create_engine(store_url(server), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    url = sa.make_url(server).set(database=name)
    yield url.render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


def add(store, frame, name="a"):
    with store.writing() as connection:
        source = store.begin_source(connection, name, name=name, format_name="test")
        return store.add(connection, Batch(measurements=frame), source)


def test_counts_are_those_of_sqlite(database):
    other = measurements(8)
    other.loc[:4, "value"] = measurements(5)["value"]
    other.loc[2, "value"] = 99.0
    other.loc[6, "available_at"] += 2 * DAY
    found = []
    for url in ("sqlite://", database):
        with Store(url) as store:
            found.append(
                [
                    add(store, measurements(5)),
                    add(store, measurements(5), "b"),
                    add(store, other, "c"),
                ]
            )
    assert found[0] == found[1]
    assert found[0] == [Counts(new=5), Counts(duplicate=5), Counts(3, 4, 1, 1)]


def test_histories_are_those_of_sqlite_to_the_last_bit(database):
    unit = tiny_units()[0]
    batch = Batch(unit.measurements, unit.units, unit.events, unit.services)
    hashes = []
    for url in ("sqlite://", database):
        with Store(url) as store:
            with store.writing() as connection:
                source = store.begin_source(connection, "x", name="x", format_name="test")
                store.add(connection, batch, source)
            history = load_history(store, unit.unit_id)
            hashes.append(history.known_by(int(history.available_at.max())).content_hash())
            assert store.count(schema.measurement) == len(unit.measurements)
    assert hashes[0] == hashes[1]
    assert len(history.value) == len(history_of(unit).value)


def test_second_job_is_refused_and_the_lock_is_given_back(database):
    with locked(database), pytest.raises(StoreLocked), locked(database):
        pass
    with locked(database):
        pass


def test_schema_version_1_is_migrated(database):
    with Store(database) as store, store.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE score DROP COLUMN probability_low"))
        connection.execute(sa.text("ALTER TABLE score DROP COLUMN probability_high"))
        connection.execute(sa.update(schema.schema_version).values(version=1))
    with Store(database) as store:
        columns = {c["name"] for c in sa.inspect(store.engine).get_columns("score")}
        assert {"probability_low", "probability_high"} <= columns


def test_whole_path_ends_with_the_scores_of_sqlite(database, tmp_path):
    from pulsefront.qc.features.labels import Target
    from pulsefront.qc.features.samples import build_fleet
    from pulsefront.qc.features.sources import load_histories
    from pulsefront.qc.models.fit import fit_model
    from pulsefront.qc.models.model_file import load_model, save_model
    from pulsefront.qc.nightly.score import score
    from pulsefront.qc.simulate.fleet import write_fleet
    from pulsefront.qc.site import Site
    from pulsefront.qc.store.ingest import find_files, ingest
    from strategies_qc import tiny_fleet

    write_fleet(tiny_fleet(scanners=12, years=3.0), tmp_path / "fleet")
    site = Site.from_toml(tmp_path / "fleet" / "site.toml")
    files = find_files([tmp_path / "fleet" / "logs"])
    outputs = []
    for name, url in (("a", f"sqlite:///{tmp_path}/qc.db"), ("b", database)):
        with Store(url) as store:
            ingest(store, files, site)
            if name == "a":
                fleet = build_fleet(load_histories(store), Target(), daily_from=0.7)
                save_model(fit_model(fleet, name="hazard"), tmp_path / "model.zip")
            score(store, load_model(tmp_path / "model.zip"), fleet.last_s, tmp_path / name)
        outputs.append({p.name: p.read_bytes() for p in sorted((tmp_path / name).iterdir())})
    assert outputs[0] == outputs[1]
