"""Training: calibration, sampling of rows, redundant features."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from pulsefront.qc.models.learners.training import calibrate, choose_features, train, usable_columns
from strategies_qc import tiny_samples


def test_calibration_puts_overconfident_odds_right():
    random = np.random.default_rng(0)
    odds = random.normal(-3, 1.5, 40_000)
    label = (random.random(40_000) < expit(odds)).astype(np.int8)
    unit = random.integers(0, 50, 40_000)
    found = calibrate(2.0 * odds + 1.0, label, unit, seed=0)
    assert found.slope == pytest.approx(0.5, abs=0.03)
    assert found.intercept == pytest.approx(-0.5, abs=0.1)
    low, high = found.interval(np.array([-4.0, 0.0]))
    middle = found.probability(np.array([-4.0, 0.0]))
    assert (low < middle).all()
    assert (middle < high).all()
    # The truth lies within the interval.
    truth = expit((np.array([-4.0, 0.0]) - 1.0) / 2.0)
    assert ((low < truth) & (truth < high)).all()


def test_calibration_with_one_failure_keeps_the_prior():
    label = np.zeros(500, dtype=np.int8)
    label[3] = 1
    odds = np.random.default_rng(0).normal(-5, 1, 500)
    found = calibrate(odds, label, np.arange(500) % 7, seed=0, replicates=20)
    assert 0.0 <= found.slope < 3.0
    assert np.isfinite(found.replicates).all()


def test_sampling_of_rows_does_not_shift_the_odds():
    """With one row in many kept, the offset brings the mean probability back."""
    fleet = tiny_samples()
    labelled = fleet.samples.label >= 0
    values, label = fleet.samples.values[labelled], fleet.samples.label[labelled]
    columns = usable_columns(values)
    some = train("hazard", values, label, fleet.schema, columns=columns, seed=0).estimator
    mean = expit(some.log_odds(values)).mean()
    assert mean == pytest.approx((label == 1).mean(), rel=0.25)


def test_redundant_feature_is_named_and_left_out():
    random = np.random.default_rng(0)
    values = random.gamma(2.0, 1.0, (500, 4)).astype(np.float32)
    values[:, 3] = values[:, 1] * 1.0001
    choice = choose_features(values, np.arange(4))
    assert choice.kept.tolist() == [0, 1, 2]
    assert [(dropped.column, dropped.kept) for dropped in choice.dropped] == [(3, 1)]
    assert choice.correlation.shape == (4, 4)
    fields = choice.fields(["a", "b", "c", "d"])
    assert fields["redundant_features"][0].left_out == "d"
    assert fields["features_kept"] == ("a", "b", "c")


def test_boosting_learns_where_no_row_knows_a_feature():
    fleet = tiny_samples()
    rows = fleet.samples.label >= 0
    values, label = fleet.samples.values[rows][::10].copy(), fleet.samples.label[rows][::10]
    columns = choose_features(values).kept
    values[:, columns[0]] = np.nan
    common = {"schema": fleet.schema, "seed": 0}
    some = train("boosting", values, label, columns=columns, **common).estimator
    without = train("boosting", values, label, columns=columns[1:], **common).estimator
    assert np.array_equal(some.log_odds(values), without.log_odds(values))
