"""The store: idempotent, corrected by later files, migrated, the same in any order of arrival."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.errors import QCDataError, ToolMissing
from pulsefront.qc.records import Batch, Reject
from pulsefront.qc.store.database import Counts, Store, store_url
from pulsefront.qc.store.engine import store_name
from pulsefront.qc.store.tables import schema
from strategies_qc import DAY, measurements, stored_measurements, writing_of


def add(store: Store, frame, name: str = "a", **rest) -> Counts:
    with store.writing() as connection:
        writing = writing_of(connection, name)
        return store.add(connection, Batch(measurements=frame, **rest), writing)


@pytest.mark.parametrize(
    ("location", "name"),
    [
        ("logs/qc.db", "logs/qc.db"),
        ("sqlite:////srv/qc.db", "sqlite:////srv/qc.db"),
        ("postgresql://qc:secret@db:5432/qc", "postgresql://qc@db:5432/qc"),
        ("postgres://db/qc?user=qc&password=secret&sslpassword=secret", "postgres://db/qc?user=qc"),
        ("no url ://", ""),
    ],
)
def test_store_is_named_as_given_without_a_secret(location, name):
    assert store_name(location) == name


def test_second_insertion_of_the_same_rows_is_all_duplicates(tmp_path):
    with Store(tmp_path / "qc.db") as store:
        assert add(store, measurements()) == Counts(new=5)
        assert add(store, measurements(), "b") == Counts(duplicate=5)
        assert store.count(schema.measurement) == 5


def test_overlapping_exports_add_only_what_is_missing(tmp_path):
    with Store(tmp_path / "qc.db") as store:
        add(store, measurements(10).iloc[:6])
        assert add(store, measurements(10).iloc[3:], "b") == Counts(new=4, duplicate=3)


def test_contradicting_row_of_a_later_source_is_a_correction_and_the_first_is_kept(tmp_path):
    other = measurements()
    other.loc[2, "value"] = 99.0
    with Store(tmp_path / "qc.db") as store:
        add(store, measurements())
        counts = add(store, other, "b")
        assert counts == Counts(duplicate=4, replaced=1)
        assert stored_measurements(store, "PET1")["value"].tolist()[2] == 99.0
        row = store.frame(schema.former_measurement).iloc[0]
        assert (row["measured_at"], row["value"]) == (2 * DAY, measurements().loc[2, "value"])
        assert row["why"] == "corrected by source 2"


def test_contradicting_row_of_an_earlier_source_is_known_already(tmp_path):
    other = measurements()
    other.loc[2, "value"] = 99.0
    with Store(tmp_path / "qc.db") as store:
        add(store, measurements())
        add(store, other, "b")
        assert add(store, measurements()) == Counts(duplicate=5)
        assert stored_measurements(store, "PET1")["value"].tolist()[2] == 99.0


def test_duplicate_and_repetition_within_one_batch(tmp_path):
    at = np.zeros(3, dtype=int)
    frame = measurements(3, measured_at=at, available_at=at, value=np.array([1.0, 1.0, 2.0]))
    with Store(tmp_path / "qc.db") as store:
        assert add(store, frame) == Counts(new=2, duplicate=1)
        stored = stored_measurements(store, "PET1")
        assert stored["measured_at"].tolist() == [0, 1]


def test_late_records_are_counted(tmp_path):
    frame = measurements(4)
    frame.loc[1, "available_at"] = frame.loc[1, "measured_at"] + 3 * DAY
    with Store(tmp_path / "qc.db") as store:
        assert add(store, frame) == Counts(new=4, late=1)


def test_skipped_value_is_kept_as_missing_and_equals_itself(tmp_path):
    frame = measurements(2, value=np.array([1.0, np.nan]), status="skipped")
    with Store(tmp_path / "qc.db") as store:
        add(store, frame)
        assert add(store, frame, "b") == Counts(duplicate=2)
        assert np.isnan(stored_measurements(store, "PET1")["value"].astype(float)).sum() == 1


def test_record_comes_back_with_all_its_columns(tmp_path):
    frame = measurements(1, reference=1.0, action_low=0.5, tolerance_high=1.5, status="pass",
                         baseline_id="b1", software_version="v2")  # fmt: skip
    with Store(tmp_path / "qc.db") as store:
        add(store, frame)
        row = stored_measurements(store, "PET1").iloc[0]
        (source,) = store.frame(schema.source)["source_hash"]
    for name in ("component_id", "test", "value", "measurement_unit", "reference", "action_low",
                 "tolerance_high", "status", "measured_at", "available_at", "baseline_id",
                 "software_version"):  # fmt: skip
        assert row[name] == frame.loc[0, name]
    assert row["tolerance_low"] is None
    assert row["source_hash"] == source


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(12)), st.integers(1, 11))
def test_content_does_not_depend_on_the_order_of_arrival(order, cut):
    frame = measurements(12)
    shuffled = frame.iloc[list(order)]
    with Store("sqlite://") as one, Store("sqlite://") as two:
        add(one, frame)
        add(two, shuffled.iloc[:cut])
        add(two, shuffled.iloc[cut:], "b")
        left, right = stored_measurements(one, "PET1"), stored_measurements(two, "PET1")
    assert left.drop(columns="source_hash").equals(right.drop(columns="source_hash"))


def add_and_fail(store):
    with store.writing() as connection:
        writing = writing_of(connection, "h")
        store.add(connection, Batch(measurements=measurements()), writing)
        raise RuntimeError("on purpose")


def test_failed_transaction_leaves_nothing_and_forgets_its_names(tmp_path):
    with Store(tmp_path / "qc.db") as store:
        with pytest.raises(RuntimeError, match="on purpose"):
            add_and_fail(store)
        assert store.count(schema.measurement) == 0
        assert add(store, measurements()) == Counts(new=5)


def test_rejects_are_kept_once(tmp_path):
    rejects = (Reject(3, "is no number", "x"),)
    with Store(tmp_path / "qc.db") as store:
        add(store, measurements(1), rejects=rejects)
        add(store, measurements(1), rejects=rejects)
        assert store.count(schema.quarantine) == 1


def version_1(path):
    """Make a store as version 1 wrote it: scores without intervals."""
    with Store(path) as store, store.engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE score DROP COLUMN probability_low"))
        connection.execute(sa.text("ALTER TABLE score DROP COLUMN probability_high"))
        connection.execute(sa.update(schema.schema_version).values(version=1))
        connection.execute(
            sa.text(
                "INSERT INTO score (run_id, unit_id, component_id, as_of, lead_days, horizon_days,"
                " probability, decision, reasons, model_hash, data_hash)"
                " VALUES ('r', 'PET1', '', 0, 2, 28, 0.5, 'alert', '', 'm', 'd')"
            )
        )


def test_store_of_version_1_is_migrated_and_keeps_its_scores(tmp_path):
    version_1(tmp_path / "qc.db")
    with Store(tmp_path / "qc.db") as store:
        row = store.frame(schema.score).iloc[0]
        assert row["probability"] == 0.5
        assert row["probability_low"] is None
        assert store.frame(schema.schema_version).iloc[0, 0] == schema.SCHEMA_VERSION


def test_store_of_a_newer_version_is_refused(tmp_path):
    with Store(tmp_path / "qc.db") as store, store.engine.begin() as connection:
        connection.execute(sa.update(schema.schema_version).values(version=99))
    with pytest.raises(QCDataError, match="update pulsefront"):
        Store(tmp_path / "qc.db")


def test_foreign_database_is_refused(tmp_path):
    connection = sqlite3.connect(tmp_path / "other.db")
    connection.execute("CREATE TABLE event (x)")
    connection.commit()
    connection.close()
    with pytest.raises(QCDataError, match="no pulsefront store"):
        Store(tmp_path / "other.db")


def test_file_that_is_no_database_is_refused(tmp_path):
    (tmp_path / "x.db").write_text("not a database at all, but long enough to look at" * 10)
    with pytest.raises(QCDataError, match="cannot be opened"):
        Store(tmp_path / "x.db")


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no list of open files here")
def test_a_refused_store_is_closed(tmp_path):
    with Store(tmp_path / "qc.db") as store, store.engine.begin() as connection:
        connection.execute(sa.update(schema.schema_version).values(version=99))
    for _ in range(3):
        with pytest.raises(QCDataError):
            Store(tmp_path / "qc.db")
    still_open = {str(path.resolve()) for path in Path("/proc/self/fd").iterdir()}
    assert not [name for name in still_open if name.startswith(str(tmp_path))]


def test_missing_store_is_refused_where_it_must_exist(tmp_path):
    with pytest.raises(QCDataError, match="qc ingest"):
        Store(tmp_path / "none.db", must_exist=True)
    assert not (tmp_path / "none.db").exists()


def test_unknown_database_kind_is_refused():
    with pytest.raises((QCDataError, ToolMissing)):
        Store("oracle+nonsense://host/db")


def test_urls():
    assert store_url("x/qc.db") == "sqlite:///x/qc.db"
    assert store_url("postgresql://host/db") == "postgresql+psycopg://host/db"
    assert store_url("sqlite:///a.db") == "sqlite:///a.db"
