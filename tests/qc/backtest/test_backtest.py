"""The back-test protocol: no leak, honest nulls, the chosen model for a reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pulsefront.errors import QCDataError
from pulsefront.qc.backtest.backtest import backtest
from pulsefront.qc.backtest.fleet_size import fleet_size_curve
from pulsefront.qc.backtest.nulls import sham_labels
from pulsefront.qc.features.labels import Target
from pulsefront.qc.features.samples import build_fleet, split_time
from pulsefront.qc.models.choice.choose import choose
from pulsefront.qc.models.choice.folds import score_folds
from pulsefront.qc.models.choice.protocol import BacktestSettings
from strategies_qc import DAY, history_of, tiny_samples, tiny_units

PLAN = BacktestSettings(
    folds=3, candidates=("age", "ewma", "hazard"), null_repeats=4, bootstrap_replicates=60
)


@pytest.fixture(scope="module")
def result():
    import pandas as pd

    truth = pd.concat([unit.failures for unit in tiny_units(12, 3.0)])
    return backtest(tiny_samples(), PLAN, truth=truth)


@pytest.fixture(scope="module")
def scores():
    return score_folds(tiny_samples(), PLAN)


def test_parts_are_apart_by_the_embargo(scores):
    fleet = tiny_samples()
    when = fleet.samples.as_of_s
    embargo = fleet.embargo_days * DAY
    second = split_time(fleet, PLAN.calibrate_until)
    assert fleet.embargo_days >= 30
    assert when[scores.selection].min() >= split_time(fleet, PLAN.train_until)
    assert when[scores.selection].max() <= second - embargo
    assert when[scores.test].min() >= second


def test_labels_of_the_judged_time_do_not_reach_the_training(scores):
    """Turn every label after the first cut upside down: the raw scores must not move."""
    fleet = tiny_samples()
    samples = fleet.samples
    late = samples.as_of_s > split_time(fleet, PLAN.train_until) - fleet.embargo_days * DAY
    flipped = np.where(late & (samples.label >= 0), 1 - samples.label, samples.label)
    other = replace(fleet, samples=replace(samples, label=flipped.astype(np.int8)))
    again = score_folds(other, PLAN)
    for name in PLAN.candidates:
        assert np.array_equal(scores.log_odds[name], again.log_odds[name], equal_nan=True)


def test_labels_of_held_out_units_do_not_reach_their_scores():
    fleet = tiny_samples()
    samples = fleet.samples
    plan = PLAN.model_copy(update={"candidates": ("hazard",)})
    first = score_folds(fleet, plan)
    mine = samples.unit == 4
    changed = np.where(mine & (samples.label >= 0), 1 - samples.label, samples.label)
    other = replace(fleet, samples=replace(samples, label=changed.astype(np.int8)))
    again = score_folds(other, plan)
    for name in ("log_odds", "probability"):
        one, two = getattr(first, name)["hazard"][mine], getattr(again, name)["hazard"][mine]
        assert np.array_equal(one, two, equal_nan=True)
        others = getattr(first, name)["hazard"][~mine], getattr(again, name)["hazard"][~mine]
        assert not np.array_equal(*others, equal_nan=True)


def test_hazard_model_ranks_better_than_age(result):
    assert result.models["hazard"].roc_auc > result.models["age"].roc_auc + 0.1
    assert result.models["hazard"].average_precision.value > 3 * result.base_rate


def test_result_tells_the_whole_protocol(result):
    assert result.protocol.embargo_days >= 30
    for model in result.models.values():
        points = model.at_false_alerts_per_unit_year
        assert list(points) == ["1", "2", "6"]
        for rate, point in points.items():
            assert point.false_alerts_per_unit_year <= float(rate)
        assert 0 <= model.calibration_error < 0.05
        assert model.brier < 0.1
    assert {g.group for g in result.subgroups} == {"site", "model"}
    assert set(result.nulls) == {"swapped", "shifted"}
    assert set(result.slow_drift.tests) >= {"sensitivity"}
    assert 0 <= result.abstention_rate.share < 1


def test_same_data_give_the_same_result(result):
    import pandas as pd

    truth = pd.concat([unit.failures for unit in tiny_units(12, 3.0)])
    assert backtest(tiny_samples(), PLAN, truth=truth) == result


def test_labels_of_noise_choose_the_plainest_model():
    fleet = tiny_samples()
    random = np.random.default_rng(0)
    label = np.where(fleet.samples.label >= 0, random.random(len(fleet.samples)) < 0.01, -1).astype(
        np.int8
    )
    sham = replace(fleet, samples=replace(fleet.samples, label=label))
    chosen, _ = choose(sham, score_folds(sham, PLAN), PLAN)
    assert chosen == "age"


def test_sham_labels_keep_their_number_and_lose_their_place():
    fleet = tiny_samples()
    random = np.random.default_rng(0)
    daily = fleet.samples.as_of_s > split_time(fleet, 0.45)
    true = (fleet.samples.label == 1) & daily
    for kind in ("swapped", "shifted"):
        sham = (sham_labels(fleet, kind, random) == 1) & daily
        assert 0.3 * true.sum() < sham.sum() < 3 * true.sum()
        assert (sham & true).sum() < 0.3 * true.sum()


def test_too_little_history_is_refused():
    units = tiny_units(8, 2.0)
    short = [
        history_of(u).known_by(int(u.measurements["measured_at"].min()) + 60 * DAY) for u in units
    ]
    fleet = build_fleet(short, Target(2, 28))
    with pytest.raises(QCDataError, match="longer history"):
        backtest(fleet, PLAN)
    with pytest.raises(QCDataError, match="holds no measurements"):
        build_fleet([], Target())


def test_fewer_units_than_folds_make_a_fold_each():
    fleet = build_fleet([history_of(u) for u in tiny_units(12, 3.0)[:4]], Target(2, 28))
    found = score_folds(fleet, PLAN.model_copy(update={"folds": 5}), need_test=False)
    assert np.isfinite(found.probability["ewma"][found.test]).all()


def test_six_scanners_with_too_few_failures_are_no_error():
    """A back-test of six scanners was refused: no failure fell into its calibration part."""
    fleet = tiny_samples()
    mine = fleet.samples.unit < 6
    early = fleet.samples.as_of_s < split_time(fleet, PLAN.calibrate_until)
    label = np.where(early & (fleet.samples.label == 1), 0, fleet.samples.label)
    samples = replace(fleet.samples, label=label.astype(np.int8)).take(mine)
    parts = [k for k, (unit, _) in enumerate(fleet.components) if unit < 6]
    few = replace(
        fleet,
        samples=samples,
        units=fleet.units[:6], sites=fleet.sites[:6], models=fleet.models[:6],
        components=tuple(fleet.components[k] for k in parts),
        failures_s=tuple(fleet.failures_s[k] for k in parts),
        replaced_s=tuple(fleet.replaced_s[k] for k in parts),
    )  # fmt: skip
    plan = PLAN.model_copy(update={"candidates": ("age", "ewma", "hazard", "prior", "blend")})
    found = backtest(few, plan)
    assert set(found.models) == {"ewma", "prior", "blend"}
    assert found.protocol.left_out == ("age", "hazard")
    assert found.protocol.blend_shares == {"prior": 0.5, "ewma": 0.5}
    assert "too few failures" in found.limits[0]
    # Without the prior the chart answers.
    alone = score_folds(few, plan.model_copy(update={"prior": False}))
    assert alone.candidates == ("ewma", "blend")
    for unit in range(6):
        rows = alone.test & (few.samples.unit == unit)
        order = np.argsort(alone.log_odds["blend"][rows], kind="stable")
        assert (np.diff(alone.log_odds["ewma"][rows][order]) >= -1e-12).all()


def test_a_chart_takes_the_place_of_a_blend_that_finds_less():
    fleet = tiny_samples()
    plan = PLAN.model_copy(update={"candidates": ("ewma", "blend")})
    found = score_folds(fleet, plan)
    chosen, comparison = choose(fleet, found, plan)
    assert chosen == "blend"
    assert [c.against for c in comparison] == ["blend"]
    blind = np.random.default_rng(0).random(len(fleet.samples))
    for told in (found.log_odds, found.probability):
        told["blend"][:] = np.where(np.isnan(told["blend"]), np.nan, blind)
    chosen, comparison = choose(fleet, found, plan)
    assert chosen == "ewma"
    assert comparison[0].better
    assert comparison[0].gain_found.low > 0


def test_curve_over_fleet_size_judges_every_failure_at_every_size():
    points = fleet_size_curve(tiny_samples(), PLAN, sizes=(1, 3, 6, 50))
    assert [point.scanners for point in points] == [1, 3, 6]
    assert len({point.failures for point in points}) == 1
    for point in points:
        assert set(point.found) == {"alone", "prior", "blend", "ewma"}
        assert all(0 <= found <= point.failures for found in point.found.values())
    assert len({point.found["ewma"] for point in points[1:]}) <= 2
    assert points[0].found["alone"] == points[0].found["ewma"]  # one scanner has too few failures
