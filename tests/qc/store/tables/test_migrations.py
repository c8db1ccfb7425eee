"""Older stores come up to date by themselves, whole or not at all."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from pulsefront.files import hash_file
from pulsefront.qc.nightly.runs import read_run
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.files.held import held_rows
from pulsefront.qc.store.ingest import ingest
from pulsefront.qc.store.tables import migrations, schema
from strategies_qc import NOW, SITE_OF_CASES, values_of, write_daily

VERSION_3 = Path(__file__).with_name("store_of_version_3.sql")
"""A store as it was before there was a ledger: two tables read, one refused, four rows held."""


@pytest.fixture
def older(tmp_path):
    """Return the path of a store of version 3."""
    path = tmp_path / "qc.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(VERSION_3.read_text())
    return path


def columns_of(store):
    """Return the columns of every table."""
    inspector = sa.inspect(store.engine)
    return {
        name: {column["name"] for column in inspector.get_columns(name)}
        for name in inspector.get_table_names()
    }


def test_migrated_store_has_the_tables_of_a_new_one_and_all_that_it_held(older, tmp_path):
    with Store(tmp_path / "new.db") as new, Store(older) as store:
        assert columns_of(store) == columns_of(new)
        assert store.count(schema.measurement) == 2
        assert store.count(schema.quarantine) == 4
        assert store.frame(schema.score)["probability"].tolist() == [0.25]
        sources = store.frame(schema.source)
    assert sources["state"].tolist() == ["open", "open", "refused", "done"]
    assert sources["quarantined"].tolist() == [1, 2, 1, 0]
    assert (sources["content_hash"] == sources["source_hash"]).all()


def test_scores_of_an_older_store_stay_without_what_lies_ahead(older):
    """Version 5 had no columns for the chance to fail by days ahead."""
    with Store(older) as store, store.engine.begin() as connection:
        for name in schema.CURVE_COLUMNS:
            connection.execute(sa.text(f"ALTER TABLE score DROP COLUMN {name}"))
        connection.execute(sa.update(schema.schema_version).values(version=5))
    with Store(older) as store:
        found = store.frame(schema.score)
        assert found["probability"].tolist() == [0.25]
        assert found[list(schema.CURVE_COLUMNS)].isna().all(axis=None)
        with store.engine.connect() as connection:
            row = read_run(connection, found["run_id"][0]).rows[0]
        assert row.ahead == {}
        assert store.frame(schema.schema_version).iloc[0, 0] == schema.SCHEMA_VERSION


def test_unit_is_taken_to_have_been_known_as_it_is_from_the_beginning(older):
    with Store(older) as store:
        version = store.frame(schema.unit_version).iloc[0]
    assert (version["unit_id"], version["timezone"]) == ("PET1", "UTC")
    assert (version["known_at"], version["holds_from"], version["life_from"]) == (0, 0, 0)


def test_migration_cut_off_in_the_middle_leaves_the_older_store(older, monkeypatch):
    def cut_off(connection):
        migrations._add_columns(connection, schema.source, ("path", "pattern"))
        raise KeyboardInterrupt

    monkeypatch.setitem(migrations._STEPS, 3, cut_off)
    with pytest.raises(KeyboardInterrupt):
        Store(older)
    with closing(sqlite3.connect(older)) as database:
        assert database.execute("SELECT version FROM schema_version").fetchone() == (3,)
        names = [row[1] for row in database.execute("PRAGMA table_info(source)")]
    assert "path" not in names
    monkeypatch.undo()
    with Store(older) as store:
        assert store.frame(schema.schema_version).iloc[0, 0] == schema.SCHEMA_VERSION


def test_what_an_older_program_refused_for_good_is_read_after_the_migration(older, tmp_path):
    path = write_daily(tmp_path / "pet_daily.csv", "PET7,peak,511.2,2026-10-01 07:00")
    content = hash_file(path)
    with closing(sqlite3.connect(older)) as database, database:
        source = (content, path.name, "refused", 1)
        database.execute("INSERT INTO source VALUES (9, ?, ?, ?, ?)", source)
        database.execute("INSERT INTO quarantine VALUES (9, 0, 'unknown', 'pet_daily.csv')")
    with Store(older) as store:
        before = store.count(schema.source)
        result = ingest(store, [path], SITE_OF_CASES, now_s=NOW)
        assert (result.counts.new, result.files[0].known) == (1, False)
        assert store.count(schema.source) == before  # it is the same file
        assert values_of(store, "PET7") == [511.2]
        assert held_rows(store, file="pet_daily") == []
