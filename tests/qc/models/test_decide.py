"""The right to say no, and features in words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pulsefront.qc.features.drift import watched_tests
from pulsefront.qc.models.choice.protocol import BacktestSettings
from pulsefront.qc.models.decide import no_decision_reasons, phrase
from pulsefront.qc.models.fit import fit_model
from strategies_qc import tiny_samples

PLAN = BacktestSettings(
    folds=3, candidates=("age", "ewma", "hazard"), null_repeats=4, bootstrap_replicates=60
)


@pytest.fixture(scope="module")
def model():
    return fit_model(tiny_samples(), PLAN, name="hazard")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"in_service": True}, "in service"),
        ({"records": 1}, "short history"),
        ({"last_measured_s": -1}, "no QC known yet"),
    ],
)
def test_no_decision_has_its_reason(model, change, reason):
    samples = tiny_samples().samples
    some = samples.take(np.flatnonzero(samples.records > 20)[:10])
    filled = {n: np.full(10, v, dtype=getattr(some, n).dtype) for n, v in change.items()}
    columns = model.estimator.columns
    found = no_decision_reasons(replace(some, **filled), model.guard, model.schema, columns)
    assert all(reason in text for text in found)


def test_unknown_software_is_refused_where_it_moved_a_reading_or_is_too_young(model):
    samples, schema = tiny_samples().samples, model.schema
    module = ~np.isnan(samples.values[:, schema.column("photopeak_kev:level")])
    some = samples.take(np.flatnonzero((samples.records > 20) & module)[:10])
    columns = model.estimator.columns
    values = some.values.copy()
    for test in schema.tests:
        values[:, schema.column(f"{test}:step")] *= 0.0
    fresh = replace(some, values=values, software=np.full(10, "VG99Z", dtype=object))
    assert set(no_decision_reasons(fresh, model.guard, schema, columns)) == {""}
    moved = values.copy()
    moved[:, schema.column("photopeak_kev:step")] = 5.0
    found = no_decision_reasons(replace(fresh, values=moved), model.guard, schema, columns)
    assert all("photopeak kev 5.00 limit-units changed" in text for text in found)
    young = replace(fresh, records=np.full(10, 5, dtype=np.int32))
    found = no_decision_reasons(young, model.guard, schema, columns)
    assert all("too few readings since" in text for text in found)
    # A guard of features of version 1 cannot tell, and refuses every unknown version.
    found = no_decision_reasons(fresh, replace(model.guard, step_high=None), schema, columns)
    assert set(found) == {"unknown software version 'VG99Z'"}


def test_a_reading_worse_than_any_before_is_not_refused(model):
    """The failure that has no like in the training part was silenced."""
    samples, schema = tiny_samples().samples, model.schema
    columns = model.estimator.columns
    fine = np.flatnonzero(no_decision_reasons(samples, model.guard, schema, columns) == "")[:20]
    some = samples.take(fine)
    worse = some.values.copy()
    column = schema.column("photopeak_kev:level_mean")
    most = float(np.nanmax(samples.values[:, column]))
    worse[:, column] = np.where(np.isnan(worse[:, column]), np.nan, 1.9 * most)
    found = no_decision_reasons(replace(some, values=worse), model.guard, schema, columns)
    assert set(found) == {""}


def test_a_scanner_older_or_younger_than_those_trained_on_is_not_refused(model):
    """A site that learned from one scanner had no decision for any other."""
    samples, schema = tiny_samples().samples, model.schema
    columns = model.estimator.columns
    fine = np.flatnonzero(no_decision_reasons(samples, model.guard, schema, columns) == "")[:20]
    some = samples.take(fine)
    for age in (0.0, 9_000.0):
        values = some.values.copy()
        values[:, schema.column("age_days")] = age
        found = no_decision_reasons(replace(some, values=values), model.guard, schema, columns)
        assert set(found) == {""}


def test_stale_qc_and_values_outside_the_training_range_are_refused(model):
    column = model.schema.column
    columns = model.estimator.columns
    samples = tiny_samples().samples
    fine = np.flatnonzero(no_decision_reasons(samples, model.guard, model.schema, columns) == "")
    assert len(fine) > 0.8 * len(samples)
    some = samples.take(fine[:20])
    stale = some.values.copy()
    stale[:, column("missed_qc_days")] = 9
    found = no_decision_reasons(replace(some, values=stale), model.guard, model.schema, columns)
    assert set(found) == {"no QC for 9 working days"}
    strange = some.values.copy()
    strange[:, column("unit sensitivity:level_mean")] = 40.0
    found = no_decision_reasons(replace(some, values=strange), model.guard, model.schema, columns)
    assert all("outside the training range: unit sensitivity" in text for text in found)


def test_every_feature_has_its_words(model):
    for name in model.schema.names:
        assert str(3) in phrase(name, 3.0)
        assert phrase(name, float("nan")).endswith("not known")


def test_slow_drift_is_watched_on_the_unit_alone(model):
    samples = tiny_samples().samples
    level = model.schema.column("sensitivity:level_mean")
    whole = np.flatnonzero(~np.isnan(samples.values[:, level]))[:3]
    values = samples.values[whole].copy()
    values[:, level] = [0.1, 0.59, 0.7]
    watched = watched_tests(values, model.schema)
    assert ["sensitivity" in tests for tests in watched] == [False, False, True]
