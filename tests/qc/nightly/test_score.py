"""The nightly job: the same bytes again, past scores untouched, killed at any moment."""

from __future__ import annotations

import json
import multiprocessing
import time
from dataclasses import replace

import numpy as np
import pytest

from pulsefront.errors import ConfigError, QCDataError
from pulsefront.qc.models.choice.protocol import BacktestSettings
from pulsefront.qc.models.files.model_file import ModelInvalid, load_model, save_model
from pulsefront.qc.models.fit import fit_model
from pulsefront.qc.nightly.runs import read_run
from pulsefront.qc.nightly.score import score
from pulsefront.qc.records import Batch
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.tables import schema
from pulsefront.qc.times import iso_date
from strategies_qc import DAY, fill_store, measurements, tiny_samples, tiny_units, writing_of


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with a store and a model, and the last instant of its data."""
    folder = tmp_path_factory.mktemp("site")
    units = tiny_units(8, 2.0)
    with Store(folder / "qc.db") as store:
        fill_store(store, units)
    plan = BacktestSettings(folds=2, bootstrap_replicates=20)
    save_model(fit_model(tiny_samples(8, 2.0), plan, name="ewma"), folder / "model.zip")
    return folder, int(units[0].measurements["available_at"].max()) // DAY * DAY


def night(folder, as_of_s, out, **more):
    with Store(folder / "qc.db") as store:
        return score(store, load_model(folder / "model.zip"), as_of_s, out, **more)


def copied(site, tmp_path):
    folder, as_of_s = site
    for name in ("qc.db", "model.zip"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    return tmp_path, as_of_s


def files(out):
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


def test_job_killed_at_twenty_random_moments_ends_with_the_same_scores(site, tmp_path):
    folder, as_of_s = copied(site, tmp_path)
    night(folder, as_of_s, tmp_path / "whole", dry_run=False)
    expected = files(tmp_path / "whole")
    with Store(folder / "qc.db") as store:
        rows = store.frame(schema.score)
        with store.writing() as connection:
            connection.execute(schema.score.delete())
    context = multiprocessing.get_context("fork")
    random = np.random.default_rng(2)
    begin = time.monotonic()
    night(folder, as_of_s, None, dry_run=True)
    lasted = time.monotonic() - begin
    for _ in range(20):
        process = context.Process(target=night, args=(folder, as_of_s, tmp_path / "out"))
        process.start()
        time.sleep(random.uniform(0.0, 1.3 * lasted))
        process.kill()
        process.join()
        out = tmp_path / "out"
        if out.exists():  # whatever is there is whole
            for name, content in files(out).items():
                assert name.startswith(".") or content == expected[name]
    night(folder, as_of_s, tmp_path / "out")
    final = {n: c for n, c in files(tmp_path / "out").items() if not n.startswith(".")}
    assert final == expected
    with Store(folder / "qc.db") as store:
        assert store.frame(schema.score).equals(rows)


def test_scores_are_added_and_never_rewritten(site, tmp_path):
    folder, as_of_s = copied(site, tmp_path)
    first = night(folder, as_of_s - 30 * DAY, tmp_path / "a")
    with Store(folder / "qc.db") as store:
        before = store.frame(schema.score)
        # A late log about the scored time arrives afterwards.
        late = measurements(1, unit_id=first.rows[0].unit_id, component_id="module00",
                            test="photopeak_kev", value=530.0,
                            measured_at=np.array([as_of_s - 31 * DAY]),
                            available_at=np.array([as_of_s - 31 * DAY]))  # fmt: skip
        with store.writing() as connection:
            writing = writing_of(connection, "late")
            store.add(connection, Batch(late), writing)
    again = night(folder, as_of_s - 30 * DAY, tmp_path / "b")
    assert again.run_id != first.run_id
    assert again.data_hash != first.data_hash
    with Store(folder / "qc.db") as store:
        after = store.frame(schema.score)
    assert len(after) == 2 * len(before)
    assert after[after["run_id"] == first.run_id].reset_index(drop=True).equals(before)


def test_what_becomes_known_later_does_not_change_an_earlier_score(site, tmp_path):
    folder, as_of_s = site
    day = as_of_s - 200 * DAY
    whole = night(folder, day, None, dry_run=True)
    with Store(tmp_path / "past.db") as past:
        for unit in tiny_units(8, 2.0):
            with past.writing() as connection:
                writing = writing_of(connection, unit.unit_id)
                kept = unit.measurements[unit.measurements["available_at"] <= day]
                batch = Batch(
                    kept,
                    unit.units,
                    unit.events[unit.events["available_at"] <= day],
                    unit.services[unit.services["logged_at"] <= day],
                )
                past.add(connection, batch, writing)
        alone = score(past, load_model(folder / "model.zip"), day, None, dry_run=True)
    assert alone.data_hash == whole.data_hash
    assert alone.rows == whole.rows


def test_every_score_has_reasons_and_an_interval_or_none(site):
    folder, as_of_s = site
    run = night(folder, as_of_s, None, dry_run=True)
    for row in run.rows:
        assert row.reasons
        assert row.decision in {"alert", "watch", "no alert", "no decision"}
        if row.decision == "no decision":
            assert row.probability is None
        else:
            assert 0 <= row.probability_low <= row.probability <= row.probability_high <= 1


def test_chance_by_days_ahead_is_stored_told_and_never_falls(site, tmp_path):
    folder, as_of_s = copied(site, tmp_path)
    run = night(folder, as_of_s, tmp_path / "out")
    with Store(folder / "qc.db") as store, store.engine.connect() as connection:
        stored = read_run(connection, run.run_id)
    assert stored.rows == run.rows
    table = (tmp_path / "out" / f"scores_{iso_date(as_of_s - DAY)}.csv").read_text()
    assert table.splitlines()[0].endswith("within_60_days,within_60_days_low,within_60_days_high")
    for row in run.rows:
        if row.decision == "no decision":
            assert row.ahead == {}
            continue
        chances = np.array(list(row.ahead.values()))
        assert list(row.ahead) == [7, 14, 28, 60]
        assert (np.diff(chances, axis=0) >= 0).all()
        assert (chances[:, 1] <= chances[:, 0]).all()
        assert (chances[:, 0] <= chances[:, 2]).all()


def test_model_without_a_curve_scores_without_it(site):
    folder, as_of_s = site
    older = replace(load_model(folder / "model.zip"), horizons=None)
    with Store(folder / "qc.db") as store:
        run = score(store, older, as_of_s, None, dry_run=True)
    assert any(row.probability is not None for row in run.rows)
    assert all(row.ahead == {} for row in run.rows)


def test_stale_qc_ends_in_no_decision(site):
    folder, as_of_s = site
    run = night(folder, as_of_s + 40 * DAY, None, dry_run=True)
    assert run.abstained == len(run.rows)
    assert all("working days" in row.reasons for row in run.rows)


def test_metrics_file_tells_the_run_to_a_parser_of_the_exposition_format(site, tmp_path):
    from prometheus_client.parser import text_string_to_metric_families

    folder, as_of_s = site
    run = night(folder, as_of_s, tmp_path)
    text = (tmp_path / "pulsefront_qc.prom").read_text()
    samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
    by_site = {}
    alone = {}
    for sample in samples:
        name = sample.name.removeprefix("pulsefront_qc_")
        if "site" in sample.labels:
            by_site.setdefault(name, {})[sample.labels["site"]] = sample.value
        else:
            alone[name] = sample.value
    assert by_site["units"] == {"east": 4, "west": 4}
    assert {name: sum(values.values()) for name, values in by_site.items()} == {
        "units": 8,
        "scored": len(run.rows) - run.abstained,
        "abstained": run.abstained,
        "at_threshold": run.alerts,
        "alerts": run.alerts,  # the first night: each of them opened one
        "alerts_opened_total": run.alerts,
        "failed_units": 0,
    }
    assert alone == {
        "last_success_as_of_seconds": as_of_s,
        "quarantined": 0,
        "inputs_drifted": 0,
        "run_info": 1,
    }
    assert samples[-1].labels == {
        "run_id": run.run_id, "model": "ewma", "model_hash": run.model_hash, "code": run.code,
        "data_hash": run.data_hash,
    }  # fmt: skip
    assert all(f"# HELP {s.name} " in text for s in samples)


def test_json_and_csv_and_table_say_the_same(site, tmp_path):
    import csv

    folder, as_of_s = site
    run = night(folder, as_of_s, tmp_path)
    day = next(tmp_path.glob("scores_*.json"))
    content = json.loads(day.read_text())
    with open(day.with_suffix(".csv"), encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for a, b, c in zip(content["scores"], rows, run.rows, strict=True):
        assert a["probability"] == c.probability
        assert b["probability"] == ("" if c.probability is None else str(c.probability))
        assert a["reasons"] == b["reasons"] == c.reasons
    assert content["model_hash"] == run.model_hash


def test_threshold_of_an_unknown_rate_and_foreign_data_are_refused(site, tmp_path):
    folder, as_of_s = site
    with pytest.raises(ConfigError, match="choose one of 1, 2, 6"):
        night(folder, as_of_s, None, false_alerts_per_unit_year=3.0)
    with Store(tmp_path / "other.db") as store:
        with store.writing() as connection:
            writing = writing_of(connection, "x")
            store.add(connection, Batch(measurements(30)), writing)
        with pytest.raises(ModelInvalid, match="other tests"):
            score(store, load_model(folder / "model.zip"), 40 * DAY, None)
    with Store(tmp_path / "empty.db") as store, pytest.raises(QCDataError, match="no QC was known"):
        score(store, load_model(folder / "model.zip"), as_of_s, None)
