"""The empirical-Bayes alternative to the blend: it finds what is there, or keeps the prior."""

from __future__ import annotations

from functools import partial

import numpy as np
from empirical_bayes import fit_empirical_bayes, train_empirical_bayes
from scipy.special import expit

from pulsefront.evaluate.classification import roc_auc
from pulsefront.qc.models.choice import folds
from pulsefront.qc.models.choice.protocol import BacktestSettings
from strategies_qc import tiny_samples


def fleet(rows: int, weights, seed: int = 0):
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(rows, len(weights)))
    prior = random.normal(-3.0, 1.0, rows)
    failed = random.random(rows) < expit(prior + inputs @ weights)
    return prior, inputs, failed


def test_what_the_prior_lacks_is_found_and_the_variance_is_its_own():
    weights = np.random.default_rng(1).normal(0.0, 0.5, 30)
    prior, inputs, failed = fleet(20_000, weights)
    found = fit_empirical_bayes(prior, inputs, failed, np.ones(len(failed)))
    assert np.corrcoef(found.weights, weights)[0, 1] > 0.98
    assert 0.5 < found.variance / np.mean(weights**2) < 2.0
    assert abs(found.slope - 1.0) < 0.1


def test_prior_stays_where_it_is_right_or_rows_count_for_little():
    prior, inputs, failed = fleet(20_000, np.zeros(30))
    right = fit_empirical_bayes(prior, inputs, failed, np.ones(len(failed)))
    assert np.abs(right.log_odds(prior, inputs) - prior).std() < 0.2
    prior, inputs, failed = fleet(2_000, np.full(30, 0.5))
    few = fit_empirical_bayes(prior, inputs, failed, np.full(len(failed), 1e-3))
    assert np.abs(few.weights).max() < 0.05


def test_it_stands_in_the_place_of_the_blend(monkeypatch):
    fleet, plan = tiny_samples(), BacktestSettings(candidates=("blend",), folds=2)
    for pooled in (False, True):
        monkeypatch.setattr(folds, "train_blend", partial(train_empirical_bayes, pooled=pooled))
        scores = folds.score_folds(fleet, plan)
        rows = scores.test & (fleet.samples.label >= 0)
        found = roc_auc(scores.log_odds["blend"][rows], fleet.samples.label[rows] == 1)
        assert found > 0.72  # 0.748 and 0.747
