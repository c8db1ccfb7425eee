"""The nightly job left alone: skipped nights, wrong clocks, killed jobs, failing disks."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import date

import pytest
import sqlalchemy as sa

from pulsefront.errors import QCDataError
from pulsefront.qc.alerts import acts
from pulsefront.qc.alerts.ledger import newest_night
from pulsefront.qc.models.files.model_file import ModelInvalid
from pulsefront.qc.models.files.registry import promote, register
from pulsefront.qc.nightly import score as score_module
from pulsefront.qc.nightly.job import Models, mend_outputs, models_of, nights_due, score_nights
from pulsefront.qc.nightly.night import night_report
from pulsefront.qc.nightly.score import score
from pulsefront.qc.records import Batch
from pulsefront.qc.site import Site, UnitSettings
from pulsefront.qc.store import engine
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.lock import StoreLocked
from pulsefront.qc.store.rows.units import apply_site
from pulsefront.qc.store.tables import alert_tables as tables
from pulsefront.qc.store.tables import schema
from pulsefront.qc.times import iso_date
from strategies_qc import DAY, measurements, writing_of


def job(site, upto_s, **more):
    """Run the job as the command does; return the nights it scored."""
    with Store(site.db) as store:
        due = nights_due(store, upto_s, **more)
        mend_outputs(store, site.out)
        nights = score_nights(
            store, Models(site.model, None), due, site.out, false_alerts_per_unit_year=6.0
        )
        return [(night.run.as_of_s - site.last_s) // DAY for night in nights]


def files(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def everything(site):
    """Return the tables that nights write, without the time of the clock."""
    found = {}
    with Store(site.db) as store:
        for table in (schema.score, *tables.ALERT_TABLES):
            frame = store.frame(table)
            found[table.name] = frame.drop(columns=["made_at"], errors="ignore").to_csv()
    return found


def test_skipped_nights_are_scored_as_they_would_have_been(site, tmp_path):
    whole = site.__class__(**{**vars(site), "db": tmp_path / "whole.db", "out": tmp_path / "w"})
    whole.db.write_bytes(site.db.read_bytes())
    for night in range(-40, -20):
        assert job(whole, whole.last_s + night * DAY) == [night]
    assert job(site, site.last_s - 40 * DAY) == [-40]
    assert job(site, site.last_s - 30 * DAY) == list(range(-39, -29))
    assert job(site, site.last_s - 21 * DAY) == list(range(-29, -20))
    assert everything(site) == everything(whole)
    assert files(site.out) == files(whole.out)
    with Store(site.db) as store:
        assert store.count(tables.alert) > 2


def test_no_more_nights_are_caught_up_with_than_wanted(site):
    job(site, site.last_s - 40 * DAY)
    with Store(site.db) as store:
        due = nights_due(store, site.last_s, catch_up_days=5)
    assert [(night - site.last_s) // DAY for night in due.nights] == [-5, -4, -3, -2, -1, 0]
    assert "34 nights from" in due.notes[0]


def test_finished_day_gives_the_same_bytes_whatever_happened_since(site):
    job(site, site.last_s - 40 * DAY)
    job(site, site.last_s - 30 * DAY)
    day = iso_date(site.last_s - 31 * DAY)
    before = {n: c for n, c in files(site.out).items() if day in n}
    assert len(before) == 2
    job(site, site.last_s - 10 * DAY)
    with Store(site.db) as store:
        for alert in acts.current_alerts(store):
            acts.close(store, alert.alert_id, who="me", why="x")
        with store.writing() as connection:  # rows that were refused since
            writing = writing_of(connection, "bad")
            from pulsefront.qc.records import Reject

            store.add(connection, Batch(rejects=(Reject(1, "no number"),)), writing)
    metrics = (site.out / "pulsefront_qc.prom").read_bytes()
    tables_before = everything(site)
    for path in site.out.glob(f"*{day}*"):
        path.unlink()
    assert job(site, site.last_s - 30 * DAY) == [-30]
    assert {n: c for n, c in files(site.out).items() if day in n} == before
    # Alerts and metrics do not go back.
    assert (site.out / "pulsefront_qc.prom").read_bytes() == metrics
    assert everything(site) == tables_before


def test_newest_day_gives_the_same_bytes_after_somebody_closed_its_alerts(site):
    job(site, site.last_s - 40 * DAY)
    job(site, site.last_s - 30 * DAY)
    before = files(site.out)
    with Store(site.db) as store:
        alerts = acts.current_alerts(store)
        assert alerts
        for alert in alerts:
            acts.close(store, alert.alert_id, who="me", why="x")
    job(site, site.last_s - 30 * DAY)
    assert files(site.out) == before


def test_clock_that_was_set_back_finds_nothing_to_do(site):
    job(site, site.last_s - 20 * DAY)
    before, told = everything(site), files(site.out)
    with Store(site.db) as store:
        due = nights_due(store, site.last_s - 300 * DAY, by_clock=True)
    assert due.nights == ()
    assert "nothing to do" in due.notes[0]
    assert job(site, site.last_s - 300 * DAY, by_clock=True) == []
    assert (everything(site), files(site.out)) == (before, told)


def test_clock_that_runs_ahead_scores_nothing_that_has_not_happened(site):
    """Two days ahead the job waits; further ahead it says what is wrong."""
    job(site, site.last_s - DAY)
    with Store(site.db) as store:
        reading = store.frame(sa.select(sa.func.max(schema.measurement.c.measured_at))).iloc[0, 0]
        end = (int(reading) // DAY + 1) * DAY
        due = nights_due(store, end + 2 * DAY, by_clock=True)
        assert due.nights[-1] == end
        assert "wait" in due.notes[0]
        with pytest.raises(QCDataError, match="the clock is right"):
            nights_due(store, end + 30 * DAY, by_clock=True)
        # A day that somebody names is scored.
        assert nights_due(store, end + 2 * DAY).nights[-1] == end + 2 * DAY


def test_night_that_waited_is_scored_once_readings_come(site):
    """A weekend without QC: on Monday night the job scores Saturday, Sunday and Monday."""
    with Store(site.db) as store:
        reading = store.frame(sa.select(sa.func.max(schema.measurement.c.measured_at))).iloc[0, 0]
    end = (int(reading) // DAY + 1) * DAY
    assert job(site, end, by_clock=True)
    assert job(site, end + 2 * DAY, by_clock=True) == [(end - site.last_s) // DAY]
    with Store(site.db) as store:
        when = [end + 2 * DAY + 100]
        later = measurements(
            1, unit_id="east-0001", component_id="module00", test="photopeak_kev",
            measured_at=when, available_at=when,
        )  # fmt: skip
        with store.writing() as connection:
            writing = writing_of(connection, "later")
            store.add(connection, Batch(later), writing)
    first = (end - site.last_s) // DAY
    assert job(site, end + 3 * DAY, by_clock=True) == [first + 1, first + 2, first + 3]


def test_files_that_a_kill_prevented_are_written_by_the_next_job(site, monkeypatch):
    job(site, site.last_s - 3 * DAY)
    whole = files(site.out)

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(score_module, "write_outputs", killed)
    with pytest.raises(KeyboardInterrupt):
        job(site, site.last_s - 2 * DAY)
    assert files(site.out) == whole
    monkeypatch.undo()
    # The next day, on which the clock is wrong: nothing to score, but the files are mended.
    assert job(site, site.last_s - 9 * DAY, by_clock=True) == []
    day = iso_date(site.last_s - 3 * DAY)
    content = json.loads((site.out / f"scores_{day}.json").read_text())
    assert content["as_of"] == day
    before = files(site.out)
    assert job(site, site.last_s - 2 * DAY) == [-2]
    assert files(site.out) == before


def test_files_are_private_but_for_the_metrics(site):
    job(site, site.last_s)
    modes = {path.suffix: path.stat().st_mode & 0o777 for path in site.out.iterdir()}
    assert modes == {".csv": 0o640, ".json": 0o640, ".prom": 0o644}


def test_unit_that_could_not_be_scored_is_taken_on_when_it_can(site, monkeypatch):
    from pulsefront.qc.nightly import reading

    whole = reading.history_as_of

    def broken(store, unit_id, as_of_s, **more):
        if unit_id == "east-0002":
            raise QCDataError("a damaged row")
        return whole(store, unit_id, as_of_s, **more)

    monkeypatch.setattr(reading, "history_as_of", broken)
    job(site, site.last_s)
    content = json.loads(next(site.out.glob("*.json")).read_text())
    assert content["failed_units"] == {"east-0002": "a damaged row"}
    with Store(site.db) as store, store.engine.connect() as connection:
        assert set(newest_night(connection).waiting) == {"east-0002"}
    monkeypatch.undo()
    job(site, site.last_s)
    content = json.loads(next(site.out.glob("*.json")).read_text())
    assert content["failed_units"] == {}
    with Store(site.db) as store, store.engine.connect() as connection:
        assert newest_night(connection).waiting == {}


def test_database_that_another_program_locks_is_one_line_and_the_next_job_mends_it(
    site, monkeypatch
):
    tune = engine._tune_sqlite

    def impatient(path, connection, record):
        tune(path, connection, record)
        connection.execute("PRAGMA busy_timeout=50")

    monkeypatch.setattr(engine, "_tune_sqlite", impatient)
    with closing(sqlite3.connect(site.db)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreLocked, match="another program holds the database") as error:
            job(site, site.last_s)
        other.rollback()
    assert error.value.exit_code == 5
    assert job(site, site.last_s) == [0]


def test_full_disk_is_one_line_and_the_next_job_mends_it(site, monkeypatch):
    tune = engine._tune_sqlite

    def full(path, connection, record):
        tune(path, connection, record)
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count={pages}")

    monkeypatch.setattr(engine, "_tune_sqlite", full)
    with pytest.raises(QCDataError, match="the disk is full") as error:
        [job(site, site.last_s + night * DAY) for night in range(-30, 1)]
    assert error.value.exit_code == 3
    monkeypatch.undo()
    assert job(site, site.last_s)[-1] == 0


def test_damaged_store_is_one_line(site):
    with Store(site.db) as store:
        content = bytearray(site.db.read_bytes())
        content[4096 * 20 : 4096 * 400] = b"\x5a" * (4096 * 380)
        site.db.write_bytes(content)
        with pytest.raises(QCDataError) as error:
            score(store, site.model, site.last_s, None)
    assert error.value.exit_code == 3


def test_store_without_a_model_says_so_and_its_champion_scores_once_there_is_one(site):
    with Store(site.db) as store:
        with pytest.raises(ModelInvalid, match="qc train"):
            models_of(store, None)
        assert register(store, site.model, who="me") == "champion"
        found = models_of(store, None)
    assert found.champion.file_hash == site.model.file_hash
    assert found.challenger is None


def test_challenger_is_scored_beside_the_champion_and_opens_no_alerts(site):
    from dataclasses import replace

    lower = dict.fromkeys(site.model.thresholds, 0.0)
    other = replace(site.model, name="other", thresholds=lower)
    with Store(site.db) as store:
        register(store, site.model, who="me")
        assert register(store, other, who="me") == "challenger"
        models = models_of(store, None)
        due = nights_due(store, site.last_s - 30 * DAY)
        (night,) = score_nights(store, models, due, site.out, false_alerts_per_unit_year=6.0)
        runs = store.frame(tables.score_run)
        assert sorted(runs["role"]) == ["challenger", "champion"]
        assert night.run.model_hash == models.champion.file_hash
        # Every score of the challenger is at its threshold, and none of them opens an alert.
        assert store.count(tables.alert) < night.run.alerts + 1
        promote(store, "", who="me", why="better")
        assert models_of(store, None).champion.name == "other"


def test_challenger_that_fails_does_not_stop_the_night(site):
    from dataclasses import replace

    broken = replace(site.model, name="other", thresholds={"1": 0.5})
    with Store(site.db) as store:
        models = Models(site.model, broken)
        due = nights_due(store, site.last_s)
        (night,) = score_nights(store, models, due, None, false_alerts_per_unit_year=6.0)
    assert "challenger" in night.notes[0]
    assert night.run.rows


def test_page_of_a_night_can_be_told_from_the_store_alone(site):
    job(site, site.last_s - 40 * DAY)
    job(site, site.last_s - 20 * DAY)
    with Store(site.db) as store:
        run = score(store, site.model, site.last_s - 20 * DAY, None,
                    false_alerts_per_unit_year=6.0)  # fmt: skip
        told = night_report(store, site.last_s - 20 * DAY)
        with pytest.raises(QCDataError, match="has not been scored"):
            night_report(store, site.last_s)
    assert told.run.rows == run.rows
    assert (told.run.threshold, told.run.code) == (run.threshold, run.code)
    assert told.newest
    assert set(told.site_of.values()) == {"east", "west"}
    assert told.drift is not None
    assert told.drift.nights == 7


def test_scores_name_model_code_and_data(site):
    job(site, site.last_s)
    content = json.loads(next(site.out.glob("*.json")).read_text())
    from pulsefront import __version__

    assert content["code"] == f"pulsefront {__version__}"
    assert content["model_hash"] == site.model.file_hash
    assert len(content["data_hash"]) == 64
    with Store(site.db) as store:
        run = store.frame(tables.score_run).iloc[0]
    assert (run["code"], run["model_hash"], run["data_hash"]) == (
        content["code"], content["model_hash"], content["data_hash"],
    )  # fmt: skip


def test_unit_keeps_its_alerts_on_its_last_day_and_loses_them_after_it(site):
    job(site, site.last_s - 40 * DAY)
    with Store(site.db) as store:
        night = site.last_s - 40 * DAY
        while not (living := acts.current_alerts(store)):
            night += DAY
            job(site, night)
        alert = living[0]
        last = UnitSettings(unit_id=alert.unit_id, active_to=date.fromisoformat(iso_date(night)))
        with store.writing() as connection:
            apply_site(connection, Site(units=(last,)), night)
        found = []
        for as_of_s in (night + DAY, night + 2 * DAY):
            job(site, as_of_s)
            scored = store.frame(schema.score)
            mine = (scored["unit_id"] == alert.unit_id) & (scored["as_of"] == as_of_s)
            changes = store.frame(tables.alert_change)
            closed = (changes["alert_id"] == alert.alert_id) & (changes["kind"] == "closed")
            found.append((bool(mine.any()), changes.loc[closed, "why"].tolist()))
    assert found == [(True, []), (False, ["the unit is no longer in use"])]
