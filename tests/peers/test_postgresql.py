"""The QC store on a real PostgreSQL server: the same records, counts and locks as on SQLite."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from postgresql import postgresql_database, postgresql_server
from pulsefront.errors import QCDataError
from pulsefront.qc.alerts import acts
from pulsefront.qc.alerts.notify.settings import NotifySettings, WebhookChannel
from pulsefront.qc.features.sources import load_history
from pulsefront.qc.models.choice.protocol import BacktestSettings
from pulsefront.qc.models.files.model_file import load_model, save_model
from pulsefront.qc.models.files.registry import promote, register, roll_back
from pulsefront.qc.models.fit import fit_model
from pulsefront.qc.nightly.job import models_of, nights_due, score_nights
from pulsefront.qc.records import Batch
from pulsefront.qc.store.database import Counts, Store, store_url
from pulsefront.qc.store.lock import StoreLocked, locked
from pulsefront.qc.store.tables import alert_tables as tables
from pulsefront.qc.store.tables import schema
from strategies_qc import (
    DAY,
    fill_store,
    history_of,
    measurements,
    tiny_samples,
    tiny_units,
    writing_of,
)

pytestmark = pytest.mark.peer


@pytest.fixture(scope="module")
def server():
    """Yield the URL of a server's maintenance database."""
    with postgresql_server() as url:
        yield url


@pytest.fixture
def database(server):
    """Yield the URL of a database of its own."""
    with postgresql_database(server) as url:
        yield url


def add(store, frame, name="a"):
    with store.writing() as connection:
        writing = writing_of(connection, name)
        return store.add(connection, Batch(measurements=frame), writing)


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
    corrected = Counts(new=3, duplicate=4, late=1, replaced=1)
    assert found[0] == [Counts(new=5), Counts(duplicate=5), corrected]


def test_histories_are_those_of_sqlite_to_the_last_bit(database):
    unit = tiny_units()[0]
    batch = Batch(unit.measurements, unit.units, unit.events, unit.services)
    hashes = []
    for url in ("sqlite://", database):
        with Store(url) as store:
            with store.writing() as connection:
                writing = writing_of(connection, "x")
                store.add(connection, batch, writing)
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
    from pulsefront.qc.models.files.model_file import load_model, save_model
    from pulsefront.qc.models.fit import fit_model
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


def nights_of(url, out, model):
    """Score a fortnight with a challenger beside it; return the tables and the files."""
    with Store(url) as store:
        units = tiny_units(8, 2.0)
        fill_store(store, units)
        register(store, model, who="ada")
        register(store, replace(model, name="other"), who="ada")
        last_s = int(units[0].measurements["available_at"].max()) // DAY * DAY
        notify = NotifySettings(
            webhook=(WebhookChannel(name="x", url="http://127.0.0.1:9/", digest="daily"),)
        )
        models = models_of(store, None)
        for upto_s in (last_s - 45 * DAY, last_s - 30 * DAY):
            due = nights_due(store, upto_s)
            nights = score_nights(
                store, models, due, out, false_alerts_per_unit_year=6.0, notify=notify
            )
            assert list(nights)
        acts.acknowledge(store, 1, who="ada", why="looking")
        promote(store, "", who="ada", why="better")
        roll_back(store, who="ada", why="worse")
        hidden = ["made_at", "content"]
        found = {
            table.name: store.frame(table).drop(columns=hidden, errors="ignore")
            for table in (schema.score, *tables.ALERT_TABLES)
        }
        rows = {
            name: sorted(frame.astype(object).where(frame.notna(), None).values.tolist(), key=repr)
            for name, frame in found.items()
        }
        return rows, {path.name: path.read_bytes() for path in sorted(out.iterdir())}


def test_nights_alerts_messages_and_models_are_those_of_sqlite(database, tmp_path):
    plan = BacktestSettings(folds=2, bootstrap_replicates=20)
    save_model(fit_model(tiny_samples(8, 2.0), plan, name="hazard"), tmp_path / "model.zip")
    model = load_model(tmp_path / "model.zip")
    ours, files = nights_of(tmp_path / "qc.db", tmp_path / "a", model)
    theirs, other_files = nights_of(database, tmp_path / "b", model)
    for name, rows in ours.items():
        assert theirs[name] == rows, name
        assert rows or name in {"score_outcome"}, name
    assert files == other_files


def test_second_job_leaves_and_messages_have_a_lock_of_their_own(database):
    with locked(database), locked(database, purpose="messages"):
        for purpose in ("", "messages"):
            with pytest.raises(StoreLocked), locked(database, purpose=purpose):
                pass
    with locked(database, wait_s=5.0):
        pass


def test_server_that_goes_away_is_one_line(database):
    end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    mine = " AND datname = current_database()"

    def cut_off(store):
        with store.writing() as connection:
            connection.execute(sa.text("SELECT 1"))
            engine = sa.create_engine(store_url(database), isolation_level="AUTOCOMMIT")
            with engine.connect() as other:
                other.execute(sa.text(end + mine))
            engine.dispose()
            connection.execute(sa.text("SELECT 1"))

    with Store(database) as store, pytest.raises(QCDataError, match="the next run goes on"):
        cut_off(store)


def test_store_moves_from_sqlite_and_back_and_goes_on(database, tmp_path):
    from pulsefront.qc.store.transfer import copy_store

    unit, other = tiny_units()[:2]
    with Store(tmp_path / "qc.db") as store, Store(database) as moved:
        for k, each in enumerate((unit, other)):
            batch = Batch(each.measurements, each.units, each.events, each.services)
            with store.writing() as connection:
                writing = writing_of(connection, f"{k}")
                store.add(connection, batch, writing)
                mine = schema.source.c.source_id == writing.source_id
                named = sa.update(schema.source).where(mine).values(name=f"{k} a\0b")
                connection.execute(named)  # by an older version
        copied = copy_store(store, moved)
        assert copied.rows["measurement"] == len(unit.measurements) + len(other.measurements)
        hashes = [load_history(s, unit.unit_id).content_hash() for s in (store, moved)]
        assert hashes[0] == hashes[1]
        # Running numbers go on after those that were copied.
        counts = add(moved, measurements(5), "new")
        assert counts == Counts(new=5)
        with Store(tmp_path / "back.db") as back:
            assert copy_store(moved, back).rows["measurement"] == copied.rows["measurement"] + 5
            assert load_history(back, unit.unit_id).content_hash() == hashes[0]
