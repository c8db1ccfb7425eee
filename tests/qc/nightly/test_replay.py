"""Night after night opens the alerts that the back-test counts: the rate quoted is the one sent."""

from __future__ import annotations

import numpy as np
import pytest
import sqlalchemy as sa

from pulsefront.qc.alerts.rule import AlertRule, openings
from pulsefront.qc.features.labels import Target
from pulsefront.qc.features.samples import build_fleet
from pulsefront.qc.models.choice.alarm_rates import AlertTable, judge
from pulsefront.qc.models.choice.protocol import BacktestSettings
from pulsefront.qc.models.decide import no_decision_reasons
from pulsefront.qc.models.files.model_file import load_model, save_model
from pulsefront.qc.models.fit import fit_model
from pulsefront.qc.nightly.score import score
from pulsefront.qc.store.database import Store
from pulsefront.qc.store.tables import alert_tables as tables
from strategies_qc import DAY, fill_store, history_of, tiny_samples, tiny_units

NIGHTS = 110
RATE = 6.0


@pytest.fixture(scope="module", params=["hazard", pytest.param("ewma", marks=pytest.mark.slow)])
def replay(request, tmp_path_factory):
    """A model, its scores as the back-test lays them out, and a store scored night by night."""
    folder = tmp_path_factory.mktemp("replay")
    plan = BacktestSettings(folds=2, bootstrap_replicates=20)
    save_model(fit_model(tiny_samples(8, 2.0), plan, name=request.param), folder / "model.zip")
    model = load_model(folder / "model.zip")
    units = tiny_units(8, 2.0)
    last_s = int(max(u.measurements["available_at"].max() for u in units)) // DAY * DAY - 90 * DAY
    first_s = last_s - (NIGHTS - 1) * DAY
    table, names = backtest_table(model, first_s, last_s)
    at_threshold = 0
    with Store(folder / "qc.db") as store:
        fill_store(store, units)
        for as_of_s in range(first_s, last_s + 1, DAY):
            run = score(store, model, as_of_s, None, false_alerts_per_unit_year=RATE)
            at_threshold += run.alerts
        # A later night, by which every outcome is known.
        score(store, model, last_s + 60 * DAY, None, false_alerts_per_unit_year=RATE)
        a = tables.alert
        with store.engine.connect() as connection:
            query = sa.select(a.c.unit_id, a.c.component_id, a.c.opened_at, a.c.outcome)
            found = connection.execute(query.where(a.c.opened_at <= last_s)).all()
    return model, table, names, found, at_threshold


def backtest_table(model, first_s, last_s):
    fleet = build_fleet([history_of(u) for u in tiny_units(8, 2.0)], Target())
    samples = fleet.samples
    probability = model.calibration.probability(model.estimator.log_odds(samples.values))
    no = no_decision_reasons(samples, model.guard, model.schema, model.estimator.columns)
    rows = np.flatnonzero((samples.as_of_s >= first_s) & (samples.as_of_s <= last_s))
    rows = rows[np.lexsort((samples.as_of_s[rows], samples.component[rows]))]
    table = AlertTable(
        score=np.where(no == "", probability, np.nan)[rows],
        component=samples.component[rows],
        unit_of=np.array([unit for unit, _ in fleet.components]),
        as_of_s=samples.as_of_s[rows],
        failures_s=fleet.failures_s,
        replaced_s=fleet.replaced_s,
        target=fleet.target,
        from_s=first_s,
        upto_s=last_s,
    )
    return table, [(fleet.units[unit], name) for unit, name in fleet.components]


@pytest.mark.slow
def test_alerts_of_a_nightly_replay_are_those_that_the_backtest_counts(replay):
    model, table, names, found, at_threshold = replay
    threshold = model.thresholds[f"{RATE:g}"]
    judged = judge(table, threshold)
    rule = AlertRule.of_target(table.target)
    mask = openings(table.score, table.component, table.as_of_s // DAY, threshold, rule)
    expected = [
        (*names[component], int(when))
        for component, when in zip(table.component[mask], table.as_of_s[mask], strict=True)
    ]
    assert sorted(tuple(row[:3]) for row in found) == sorted(expected)
    assert len(found) == len(judged.alert_s) > 10
    assert at_threshold > len(found)  # a score at the threshold is not yet a new alert


def test_false_alerts_by_the_service_log_are_those_that_the_backtest_counts(replay):
    model, table, _, found, _ = replay
    judged = judge(table, model.thresholds[f"{RATE:g}"])
    assert [row.outcome for row in found].count("false") == len(judged.false_unit) > 0
