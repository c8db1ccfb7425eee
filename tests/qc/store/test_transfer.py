"""A store moves as a whole or not at all."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from pulsefront.errors import QCDataError
from pulsefront.qc.records import Batch, Reject
from pulsefront.qc.store import transfer
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.lock import StoreLocked, locked
from pulsefront.qc.store.tables import schema
from strategies_qc import measurements, tiny_units, writing_of


@pytest.fixture
def store(tmp_path):
    """A store with something in its tables."""
    unit = tiny_units()[0]
    with Store(tmp_path / "old.db") as opened:
        with opened.writing() as connection:
            writing = writing_of(connection, "x")
            batch = Batch(
                unit.measurements, unit.units, unit.events, unit.services,
                rejects=(Reject(3, "is no number", "a\0b '); DROP TABLE unit; --"),),
            )  # fmt: skip
            opened.add(connection, batch, writing)
            content = {"unit_id": unit.unit_id, "content": bytes(range(256))}
            connection.execute(sa.insert(schema.checkpoint), content)
        yield opened


def rows_of(store: Store) -> dict[str, list[tuple]]:
    with store.engine.connect() as connection:
        return {
            table.name: sorted(map(repr, connection.execute(sa.select(table))))
            for table in schema.metadata.sorted_tables
        }


def test_all_tables_are_copied_row_by_row(store, tmp_path):
    with Store(tmp_path / "new.db") as new:
        copied = transfer.copy_store(store, new)
        found, expected = rows_of(new), rows_of(store)
        reject = [text.replace("\\x00", "�") for text in expected.pop("quarantine")]
        assert found.pop("quarantine") == reject
        assert found == expected
        assert copied.total == sum(copied.rows.values()) > 1000
        assert set(copied.rows) == set(schema.metadata.tables) - {"schema_version"}


def test_copied_store_goes_on(store, tmp_path):
    with Store(tmp_path / "new.db") as new:
        transfer.copy_store(store, new)
        with new.writing() as connection:
            writing = writing_of(connection, "y")
            assert new.add(connection, Batch(measurements(5)), writing).new == 5


def test_target_that_holds_something_is_left_as_it_is(store, tmp_path):
    with Store(tmp_path / "new.db") as new:
        with new.writing() as connection:
            writing = writing_of(connection, "y")
            new.add(connection, Batch(measurements(5)), writing)
        before = rows_of(new)
        with pytest.raises(QCDataError, match="the target holds records already"):
            transfer.copy_store(store, new)
        assert rows_of(new) == before


def test_copy_that_differs_is_undone(store, tmp_path, monkeypatch):
    whole = transfer._inserted

    def lossy(connection, table, rows):
        whole(connection, table, rows[:-1] if table.name == "measurement" else rows)

    monkeypatch.setattr(transfer, "_inserted", lossy)
    with Store(tmp_path / "new.db") as new:
        with pytest.raises(QCDataError, match="the copy differs from the original"):
            transfer.copy_store(store, new)
        assert new.count(schema.measurement) == new.count(schema.unit) == 0


def test_stores_that_another_job_holds_are_not_copied(store, tmp_path):
    with Store(tmp_path / "new.db") as new:
        for held in (store, new):
            with locked(held.url), pytest.raises(StoreLocked):
                transfer.copy_store(store, new)
        assert new.count(schema.measurement) == 0


def test_changed_value_changes_the_digest():
    digests = []
    for rows in ([(1, "a"), (2, "b")], [(2, "b"), (1, "a")], [(1, "a"), (2, "c")]):
        digest = transfer._Digest()
        digest.add(rows)
        digests.append((digest.rows, digest.total))
    assert digests[0] == digests[1] != digests[2]
