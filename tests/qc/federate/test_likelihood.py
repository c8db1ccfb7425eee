"""The likelihood's sums, and the point they lead to, against differences and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from pulsefront.qc.federate.coordinate import packed, unpacked
from pulsefront.qc.federate.likelihood import ScaledRows, combined_point, maximum, penalty, sums_at

RIDGE = 10.0


def rows(size=400, features=5, seed=0, offset=0.0) -> ScaledRows:
    random = np.random.default_rng(seed)
    scaled = random.normal(size=(size, features))
    failed = random.random(size) < expit(scaled[:, 0] - 2.0 + offset)
    return ScaledRows(scaled, failed.astype(float), offset)


def test_gradient_and_information_are_those_of_the_likelihood():
    some = rows(offset=0.7)
    point = np.linspace(-0.5, 0.8, 6)
    sums = sums_at(point, some)
    step = 1e-5
    for k, direction in enumerate(np.eye(6)):
        above, below = (sums_at(point + sign * step * direction, some) for sign in (1, -1))
        slope = (above.log_likelihood - below.log_likelihood) / (2 * step)
        assert slope == pytest.approx(sums.gradient[k], abs=1e-5)
        curve = -(above.gradient - below.gradient) / (2 * step)
        assert curve == pytest.approx(sums.information[k], abs=1e-4)


def test_maximum_is_that_of_scikit_learn():
    some = rows(2000, 8, seed=2)
    peer = LogisticRegression(C=1.0 / RIDGE, tol=1e-10, max_iter=5000)
    peer.fit(some.scaled, some.failed)
    found = maximum(some, RIDGE)
    assert found[:-1] == pytest.approx(peer.coef_[0], abs=1e-6)
    assert found[-1] == pytest.approx(peer.intercept_[0], abs=1e-6)


def test_newton_steps_on_sums_of_sites_reach_the_maximum_of_all_rows():
    sites = [rows(300, 4, seed=k, offset=0.3 * k) for k in range(3)]
    joined = ScaledRows(
        np.concatenate([s.scaled for s in sites]),
        np.concatenate([s.failed for s in sites]),
        np.concatenate([np.full(len(s), s.offset) for s in sites]),
    )
    point = combined_point([sums_at(maximum(s, RIDGE), s) for s in sites], RIDGE)[0]
    for _ in range(8):
        point, decrement = combined_point([sums_at(point, s) for s in sites], RIDGE)
    assert decrement < 1e-20
    assert point == pytest.approx(maximum(joined, RIDGE), abs=1e-9)


def test_sampled_rows_with_their_offset_find_the_rate_of_all():
    random = np.random.default_rng(5)
    scaled = random.normal(size=(60_000, 2))
    failed = (random.random(60_000) < expit(0.8 * scaled[:, 0] - 4.0)).astype(float)
    keep = (failed == 1) | (random.random(60_000) < 0.1)
    drawn = ((failed == 0) & keep).sum() / (failed == 0).sum()
    found = maximum(ScaledRows(scaled[keep], failed[keep], -float(np.log(drawn))), 1e-3)
    assert found == pytest.approx([0.8, 0.0, -4.0], abs=0.12)


def test_maximum_is_found_where_classes_are_apart_or_one_is_missing():
    scaled = np.linspace(-1.0, 1.0, 50)[:, None]
    apart = maximum(ScaledRows(scaled, (scaled[:, 0] > 0).astype(float)), 0.01)
    assert np.isfinite(apart).all()
    assert apart[0] > 5.0
    none = maximum(ScaledRows(scaled, np.zeros(50)), RIDGE)
    assert none[0] == pytest.approx(0.0, abs=1e-6)
    assert none[-1] < -5.0


def test_sums_are_sent_without_loss():
    sums = sums_at(np.linspace(0.0, 1.0, 6), rows())
    back = unpacked(packed(sums))
    assert np.array_equal(back.information, sums.information)
    assert np.array_equal(back.gradient, sums.gradient)
    assert back.log_likelihood == sums.log_likelihood
    assert penalty(np.array([3.0, 4.0, 9.0]), 2.0) == 25.0
