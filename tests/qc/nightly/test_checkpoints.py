"""Going on from a checkpoint: the same bits as from the first record, at the cost of a night."""

from __future__ import annotations

import io
import json
import shutil
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront import __version__
from pulsefront.qc.features.daily import series_states, unit_features
from pulsefront.qc.features.history import BLOCK_S, Before
from pulsefront.qc.features.schema import schema_of
from pulsefront.qc.models.choice.protocol import BacktestSettings
from pulsefront.qc.models.files.model_file import load_model, save_model
from pulsefront.qc.models.fit import fit_model
from pulsefront.qc.nightly.checkpoints import save_checkpoints
from pulsefront.qc.nightly.resume import history_as_of
from pulsefront.qc.nightly.score import score
from pulsefront.qc.records import Batch
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.tables import schema
from strategies_qc import DAY, history_of, measurements, tiny_samples, tiny_units, writing_of


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    plan = BacktestSettings(folds=2, bootstrap_replicates=20)
    path = tmp_path_factory.mktemp("model") / "model.zip"
    save_model(fit_model(tiny_samples(8, 2.0), plan, name="hazard"), path)
    return load_model(path)


def add(store, name, *, units=None, **frames):
    with store.writing() as connection:
        writing = writing_of(connection, name)
        given_units = {} if units is None else {"units": units}
        return store.add(connection, Batch(**frames, **given_units), writing)


@lru_cache
def arrivals(seed=3):
    """Return (unit, night of arrival of each measurement, of each service), some of them late."""
    random = np.random.default_rng(seed)
    found = []
    for unit in tiny_units(8, 2.0):
        delay = np.where(
            random.random(len(unit.measurements)) < 0.002,
            random.integers(1, 70, len(unit.measurements)),
            0,
        )
        night = unit.measurements["available_at"].to_numpy() // DAY + 1 + delay
        slow = np.where(random.random(len(unit.services)) < 0.1, 45, 0)
        found.append((unit, night, unit.services["logged_at"].to_numpy() // DAY + 1 + slow))
    return found


def deliver(store, first, last):
    """Ingest what arrives on nights first to last, the first one left out."""
    for unit, night, service_night in arrivals():
        events = unit.events
        event_night = events["available_at"].to_numpy() // DAY + 1
        add(
            store,
            f"{unit.unit_id} {last}",
            units=unit.units,
            measurements=unit.measurements[(night > first) & (night <= last)],
            services=unit.services[(service_night > first) & (service_night <= last)],
            events=events[(event_night > first) & (event_night <= last)],
        )


@pytest.fixture(scope="module")
def delivered(model, tmp_path_factory):
    """A store with all that ever arrives, the day after, and what was scored on that day."""
    path = tmp_path_factory.mktemp("delivered") / "qc.db"
    as_of = int(arrivals()[0][1].max()) * DAY
    with Store(path) as store:
        deliver(store, 0, 10**6)
        first = score(store, model, as_of, None)
    return SimpleNamespace(path=path, as_of=as_of, first=first)


@pytest.fixture
def scored(delivered, tmp_path):
    """The same with a store that a test may change."""
    copy = Path(shutil.copy(delivered.path, tmp_path / "qc.db"))
    return SimpleNamespace(path=copy, as_of=delivered.as_of, first=delivered.first)


@pytest.mark.slow
def test_every_night_ends_with_the_bytes_of_a_full_recomputation(model, tmp_path):
    start = int(tiny_units(8, 2.0)[0].measurements["available_at"].min()) // DAY
    night = start + 400
    resumed = read = everything = 0
    with Store(tmp_path / "qc.db") as store:
        deliver(store, 0, night)
        for step in (1, 1, 3, 20, 1, 9, 30, 1, 2, 40, 5, 1):
            deliver(store, night, night + step)
            night += step
            as_of = night * DAY
            full = score(store, model, as_of, tmp_path / "full", dry_run=True, from_first=True)
            tonight = score(store, model, as_of, tmp_path / "night")
            assert tonight.rows == full.rows
            assert (tonight.run_id, tonight.data_hash) == (full.run_id, full.data_hash)
            again = score(store, model, as_of, tmp_path / "again")
            assert again.rows == full.rows
            assert full.units_resumed == 0
            resumed += tonight.units_resumed
            read += tonight.records_read
            everything += full.records_read
        last = sorted((tmp_path / "night").iterdir())
        score(store, model, as_of, tmp_path / "full", from_first=True)
        for path in last[-1:]:
            assert path.read_bytes() == (tmp_path / "full" / path.name).read_bytes()
    # Late logs and late services force some units back to their first record; most go on.
    assert 30 < resumed < 8 * 12
    assert read < 0.6 * everything


def test_a_night_without_news_reads_the_window_alone(model, tmp_path):
    with Store(tmp_path / "qc.db") as store:
        night = arrivals()[0][1].max() + 1
        deliver(store, 0, night)
        first = score(store, model, int(night) * DAY, None)
        second = score(store, model, int(night) * DAY, None)
    assert (first.units_resumed, second.units_resumed) == (0, 8)
    assert second.rows == first.rows
    assert second.records_read < 0.08 * first.records_read


def test_one_late_record_sends_its_unit_alone_back_to_the_first_record(model, scored):
    unit = tiny_units(8, 2.0)[3]
    as_of = int(unit.measurements["available_at"].max()) // DAY * DAY
    with Store(scored.path) as store:
        before = score(store, model, as_of, None)
        when = np.array([as_of - 300 * DAY + 12_345])
        late = measurements(
            1,
            unit_id=unit.unit_id,
            component_id="module00",
            test="photopeak_kev",
            value=540.0,
            measured_at=when,
            available_at=when,
        )
        add(store, "late", measurements=late)
        tonight = score(store, model, as_of, None)
        full = score(store, model, as_of, None, dry_run=True, from_first=True)
    assert tonight.units_resumed == 7
    assert tonight.rows == full.rows
    assert tonight.data_hash != before.data_hash


def test_earlier_day_is_scored_without_the_checkpoint_and_leaves_it_alone(model, scored):
    with Store(scored.path) as store:
        as_of = scored.as_of
        kept = store.frame(schema.checkpoint)
        early = score(store, model, as_of - 200 * DAY, None)
        full = score(store, model, as_of - 200 * DAY, None, dry_run=True, from_first=True)
        assert early.rows == full.rows
        assert early.units_resumed == 0
        assert store.frame(schema.checkpoint).equals(kept)


def older_checkpoint() -> bytes:
    """Return a checkpoint as it was before states had names: fifty numbers a series."""
    head = {"format": f"pulsefront {__version__}, state 1", "instant_s": 0, "arrival_id": 1,
            "read_from_s": 0, "services": "", "digest": "", "software": ""}  # fmt: skip
    buffer = io.BytesIO()
    np.savez(
        buffer, head=np.array(json.dumps(head)), series_id=np.array([1]), context_id=np.array([1]),
        state=np.zeros((1, 50)),
    )  # fmt: skip
    return buffer.getvalue()


def test_checkpoints_of_an_older_form_are_made_anew_by_themselves(model, scored):
    with Store(scored.path) as store:
        with store.writing() as connection:
            connection.execute(sa.update(schema.checkpoint).values(content=older_checkpoint()))
        again = score(store, model, scored.as_of, None)
        third = score(store, model, scored.as_of, None)
    assert again.rows == third.rows == scored.first.rows
    assert (again.units_resumed, third.units_resumed) == (0, 8)


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04 cut off"])
def test_damaged_checkpoint_is_as_good_as_none(model, scored, content):
    with Store(scored.path) as store:
        with store.writing() as connection:
            connection.execute(sa.update(schema.checkpoint).values(content=content))
        again = score(store, model, scored.as_of, None)
    assert again.rows == scored.first.rows
    assert again.units_resumed == 0


def test_test_that_turns_up_in_a_second_unit_of_measurement_changes_names_not_bits(tmp_path):
    with Store(tmp_path / "qc.db") as store:
        add(store, "a", measurements=measurements(200))
        tonight = history_as_of(store, "PET1", 150 * DAY)
        with store.writing() as connection:
            save_checkpoints(connection, {"PET1": tonight.checkpoint})
        late = measurements(3, measurement_unit="eV", measured_at=np.arange(151, 154) * DAY,
                            available_at=np.arange(151, 154) * DAY)  # fmt: skip
        add(store, "b", measurements=late)
        resumed = history_as_of(store, "PET1", 160 * DAY)
        full = history_as_of(store, "PET1", 160 * DAY, from_first=True)
    assert resumed.resumed
    assert not full.resumed
    assert resumed.history.series == (("block1", "gain [eV]"), ("block1", "gain [keV]"))
    assert resumed.history.content_hash() == full.history.content_hash()
    features = [
        unit_features(h, schema_of([h]), np.array([160 * DAY]))
        for h in (resumed.history, full.history)
    ]
    assert np.array_equal(features[0].values, features[1].values, equal_nan=True)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 7), st.integers(0, 24), st.integers(1, 200))
def test_history_cut_at_any_edge_gives_the_same_features_and_hash(unit, edge, days):
    whole = history_of(tiny_units(8, 2.0)[unit])
    first = -(-int(whole.available_at.min()) // BLOCK_S)
    instant = (first + edge) * BLOCK_S
    as_of = instant + days * DAY
    known = whole.known_by(as_of)
    head = known.known_by(instant)
    last = np.array(
        [
            head.context[b - 1] if b > a else -1
            for a, b in zip(head.start[:-1], head.start[1:], strict=True)
        ]
    )
    before = Before(series_states(head, instant), last, head.records_digest(), "")
    rest = known.known_after(instant, before)
    features = [unit_features(h, schema_of([known]), np.array([as_of])) for h in (known, rest)]
    assert np.array_equal(features[0].values, features[1].values, equal_nan=True)
    assert np.array_equal(features[0].records, features[1].records)
    assert np.array_equal(features[0].levels, features[1].levels, equal_nan=True)
    assert features[0].last_measured_s == features[1].last_measured_s
    assert known.content_hash() == rest.content_hash()


def test_what_is_stored_later_does_not_change_an_earlier_hash(tmp_path):
    """A test met later used to enter the hash of days on which nobody knew of it."""
    with Store(tmp_path / "qc.db") as store:
        add(store, "a", measurements=measurements(20))
        first = history_as_of(store, "PET1", 30 * DAY).history.content_hash()
        when = np.arange(40, 43) * DAY
        add(store, "b", measurements=measurements(3, test="new", measured_at=when,
                                                  available_at=when))  # fmt: skip
        assert history_as_of(store, "PET1", 30 * DAY).history.content_hash() == first
