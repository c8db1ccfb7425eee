"""The models as they are used: equal to those of scikit-learn, finite for anything."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from pulsefront.qc.models.learners.estimators import (
    Linear,
    Network,
    ProbabilityCalibration,
    fit_scaler,
)
from pulsefront.qc.models.learners.training import fit_linear, trees_of

COLUMNS = np.arange(8)


def test_trees_equal_scikit_learn(rows):
    from sklearn.ensemble import HistGradientBoostingClassifier

    values, label = rows
    model = HistGradientBoostingClassifier(max_iter=30, max_leaf_nodes=8, random_state=0).fit(
        values, label
    )
    ours = expit(trees_of(model, COLUMNS).log_odds(values))
    assert np.abs(ours - model.predict_proba(values)[:, 1]).max() < 1e-12


def test_hazard_equals_scikit_learn(rows):
    from sklearn.linear_model import LogisticRegression

    values, label = rows
    ours = fit_linear(values, label, COLUMNS)
    scaled = fit_scaler(values).scale(values)
    theirs = LogisticRegression(C=0.1, max_iter=400).fit(scaled, label).predict_proba(scaled)[:, 1]
    assert np.abs(expit(ours.log_odds(values)) - theirs).max() < 1e-12


def test_network_equals_scikit_learn(rows):
    from sklearn.neural_network import MLPClassifier

    values, label = rows
    scaler = fit_scaler(values)
    scaled = scaler.scale(values)
    model = MLPClassifier((4, 2), activation="logistic", solver="adam", max_iter=400, tol=1e-2,
                          random_state=0).fit(scaled, label)  # fmt: skip
    ours = Network(COLUMNS, scaler, tuple(model.coefs_), tuple(model.intercepts_))
    theirs = model.predict_proba(scaled)[:, 1]
    assert np.abs(expit(ours.log_odds(values)) - theirs).max() < 1e-12


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=8, max_size=8))
def test_models_give_a_finite_output_for_anything(one):
    values = np.array([one], dtype=np.float32)
    scaler = fit_scaler(np.abs(np.random.default_rng(0).normal(size=(50, 8))))
    assert np.isfinite(Linear(COLUMNS, scaler, np.ones(8), 0.0).log_odds(values)).all()
    assert np.isfinite(scaler.scale(values)).all()


def test_interval_of_a_probability_widens_with_its_level():
    """The level that is asked for is the one that is given: the share of replicates within."""
    random = np.random.default_rng(0)
    replicates = np.column_stack([np.ones(4000), random.normal(0.0, 0.5, 4000)])
    calibration = ProbabilityCalibration(1.0, 0.0, replicates)
    odds = np.array([-2.0])
    some = expit(odds + replicates[:, 1])
    for level in (0.5, 0.9, 0.95):
        low, high = calibration.interval(odds, level)
        assert np.isclose(((some >= low) & (some <= high)).mean(), level, atol=2e-3)
    default = np.quantile(some, [0.025, 0.975])
    assert np.array_equal(np.ravel(calibration.interval(odds)), default)
