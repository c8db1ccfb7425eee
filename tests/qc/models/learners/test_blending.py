"""The blend: nothing of its own before there are failures, the better part once there are."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.qc.models.choice.protocol import BacktestSettings, parts_of_time
from pulsefront.qc.models.learners.blending import (
    BlendRows,
    chart_in_log_odds,
    failures_of,
    fit_weights,
    train_blend,
)
from pulsefront.qc.models.learners.estimators import Linear
from pulsefront.qc.models.learners.prior import bind_prior, shipped_prior
from pulsefront.qc.models.learners.training import choose_features, rule_of
from strategies_qc import tiny_samples


def weights(failures: int, *, seed: int = 0):
    """Return the weights of a useless prior and of a part that knows the truth."""
    random = np.random.default_rng(seed)
    failed = np.arange(200 * failures) < failures
    knows = np.where(failed, 1.0, -6.0) + random.normal(0, 1.0, len(failed))
    useless = -5.3 + random.normal(0, 1.0, len(failed))
    return fit_weights(np.column_stack([useless, knows]), failed, [1.0, 0.0], 1.0)[0]


def test_weights_stay_with_the_prior_at_first_and_go_where_failures_lead():
    # Of forty seeds the prior keeps 0.27 to 0.72 after one failure and 0.00 to 0.06 after twenty;
    # the part that knows gets 0.50 to 0.83, then 1.63 to 1.75, and 2.52 to 2.62 after 200.
    for seed in range(3):
        one, two, twenty, many = (weights(n, seed=seed) for n in (1, 2, 20, 200))
        assert one[0] > 0.25
        assert one[1] < 0.85
        assert two[1] < 1.1
        assert 1.6 < twenty[1] < 1.8
        assert twenty[0] < 0.07
        assert 2.5 < many[1] < 2.7
        assert many[0] < 0.01


def test_rows_before_one_failure_count_as_one():
    random = np.random.default_rng(0)
    failed = random.random(4_000) < 0.02
    parts = np.column_stack([np.full(4_000, -4.0), np.where(failed, 0.0, -5.0)])
    once = fit_weights(parts, failed, [1.0, 0.0], 1.0)[0]
    again = fit_weights(np.repeat(parts, 5, axis=0), np.repeat(failed, 5), [1.0, 0.0], 5.0)[0]
    assert again == pytest.approx(once, abs=1e-3)


def test_blend_of_a_fleet_without_failures_is_half_the_prior_and_half_the_chart():
    fleet = tiny_samples()
    samples = fleet.samples
    quiet = np.flatnonzero(samples.label == 0)
    rows = BlendRows(quiet[::2], quiet[1::2])
    columns = choose_features(samples.values[quiet]).kept
    prior = bind_prior(shipped_prior(), fleet.schema, fleet.target)
    common = {"columns": columns, "seed": 0, "span_days": 30}
    blend = train_blend(samples, rows, fleet.schema, prior=prior, **common)
    values = samples.values[:200]
    assert blend.shares == {"prior": 0.5, "ewma": 0.5}
    chart = chart_in_log_odds(fleet.schema).log_odds(values)
    half = 0.5 * prior.log_odds(values) + 0.5 * chart
    assert blend.estimator.log_odds(values) == pytest.approx(half, abs=1e-9)
    alone = train_blend(samples, rows, fleet.schema, prior=None, **common)
    assert alone.shares == {"ewma": 1.0}
    assert np.array_equal(alone.estimator.log_odds(values), chart)


def test_chart_in_log_odds_orders_rows_as_the_chart_does():
    fleet = tiny_samples()
    values = fleet.samples.values[:2_000]
    raw = rule_of("ewma", fleet.schema).log_odds(values)
    assert np.ptp(raw) > 0
    assert np.array_equal(
        np.argsort(chart_in_log_odds(fleet.schema).log_odds(values), kind="stable"),
        np.argsort(raw, kind="stable"),
    )


@pytest.mark.parametrize("right", [0, 1])
def test_weight_leaves_the_part_whose_alarms_no_failure_follows(right):
    # One of prior and chart tells failures apart, the other alarms at random on one day in fifty.
    random = np.random.default_rng(5)
    failed = np.arange(6_000) < 30
    parts = -6.0 + random.normal(0, 1.0, (6_000, 2))
    parts[failed, right] += 5.0
    parts[random.random(6_000) < 0.02, 1 - right] += 5.0
    found = fit_weights(parts, failed, [0.5, 0.5], 1.0)[0]
    assert found[right] > 0.9
    assert found[1 - right] < 0.1


def test_blend_of_a_fleet_with_failures_has_parts_of_its_own():
    fleet = tiny_samples()
    parts = parts_of_time(fleet, BacktestSettings())
    labelled = fleet.samples.label >= 0
    rows = BlendRows(
        np.flatnonzero(parts.early & labelled), np.flatnonzero(parts.middle & labelled)
    )
    assert failures_of(fleet.samples, rows.train, 30) >= 6
    columns = choose_features(fleet.samples.values[rows.train]).kept
    prior = bind_prior(shipped_prior(), fleet.schema, fleet.target)
    blend = train_blend(
        fleet.samples, rows, fleet.schema, columns=columns, seed=0, prior=prior, span_days=30
    )
    assert isinstance(blend.estimator.parts[2], Linear)
    assert set(blend.shares) >= {"prior", "ewma", "hazard"}
    assert sum(blend.shares.values()) == pytest.approx(1.0)
    # 0.91 here, after 31 failures; 0.61 to 1.00 on ten more such fleets, of seeds 7140 to 7149.
    assert 0.6 < blend.shares["prior"] < 0.99
