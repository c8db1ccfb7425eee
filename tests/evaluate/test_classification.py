"""Ranking and calibration against scikit-learn and cases done by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from pulsefront.errors import DataError
from pulsefront.evaluate import classification as c
from pulsefront.evaluate.intervals import bootstrap

# Few distinct scores, so that ties are common.
CASES = st.lists(
    st.tuples(st.integers(0, 8).map(lambda n: n / 8), st.integers(0, 1)), min_size=2, max_size=60
).filter(lambda cases: len({outcome for _, outcome in cases}) == 2)


@given(CASES)
def test_areas_and_brier_equal_scikit_learn(cases: list[tuple[float, int]]) -> None:
    scores, outcomes = np.array(cases).T
    assert c.roc_auc(scores, outcomes) == pytest.approx(
        sklearn_metrics.roc_auc_score(outcomes, scores)
    )
    assert c.pr_auc(scores, outcomes) == pytest.approx(
        sklearn_metrics.average_precision_score(outcomes, scores)
    )
    assert c.brier(scores, outcomes) == pytest.approx(
        sklearn_metrics.brier_score_loss(outcomes, scores)
    )


@given(CASES, st.integers(0, 1000))
def test_weights_mean_repetition(cases: list[tuple[float, int]], seed: int) -> None:
    scores, outcomes = np.array(cases).T
    weights = np.random.default_rng(seed).integers(0, 3, len(scores))
    kinds = {int(o) for o, w in zip(outcomes, weights, strict=True) if w}
    repeated = np.repeat(scores, weights), np.repeat(outcomes, weights)
    for statistic, plain in (
        (c.roc_auc_statistic, c.roc_auc),
        (c.pr_auc_statistic, c.pr_auc),
        (c.brier_statistic, c.brier),
    ):
        if kinds == {0, 1}:
            found = statistic(scores, outcomes)(weights.astype(float))
            assert found == pytest.approx(plain(*repeated))


@given(CASES)
def test_the_precision_recall_curve_equals_scikit_learn(cases: list[tuple[float, int]]) -> None:
    scores, outcomes = np.array(cases).T
    precision, recall, thresholds = c.precision_recall(scores, outcomes)
    theirs = sklearn_metrics.precision_recall_curve(outcomes, scores)
    np.testing.assert_allclose(precision[::-1], theirs[0][:-1])
    np.testing.assert_allclose(recall[::-1], theirs[1][:-1])
    np.testing.assert_array_equal(thresholds[::-1], theirs[2])


def test_a_guess_scores_one_half_and_the_base_rate() -> None:
    random = np.random.default_rng(0)
    outcomes = random.random(40_000) < 0.1
    scores = random.random(40_000)
    assert c.roc_auc(scores, outcomes) == pytest.approx(0.5, abs=0.02)
    assert c.pr_auc(scores, outcomes) == pytest.approx(0.1, abs=0.01)
    assert c.pr_auc(np.zeros(40_000), outcomes) == pytest.approx(outcomes.mean())


def test_calibration_error_of_a_hand_written_case() -> None:
    probability = [0.1, 0.1, 0.1, 0.1, 0.9, 0.9]
    outcome = [0, 0, 0, 1, 1, 1]
    # Bins {0.1 ×4, share 0.25} and {0.9 ×2, share 1}: (4·0.15 + 2·0.1) / 6.
    for strategy in ("uniform", "quantile"):
        error = c.expected_calibration_error(probability, outcome, bins=2, strategy=strategy)
        assert error == pytest.approx(0.8 / 6)


def test_calibrated_probabilities_have_a_small_error_and_overconfident_ones_a_large() -> None:
    random = np.random.default_rng(1)
    probability = random.beta(1, 5, 50_000)
    outcome = random.random(50_000) < probability
    assert c.expected_calibration_error(probability, outcome) < 0.01
    overconfident = np.clip(2 * probability, 0, 1)
    assert c.expected_calibration_error(overconfident, outcome) > 0.1


@settings(max_examples=50)
@given(CASES, st.integers(1, 12), st.sampled_from(["quantile", "uniform"]))
def test_the_calibration_error_is_that_of_the_reliability_curve(
    cases: list[tuple[float, int]], bins: int, strategy: str
) -> None:
    probability, outcome = np.array(cases).T
    rows = c.reliability(probability, outcome, bins=bins, strategy=strategy)
    assert sum(row.cases for row in rows) == len(cases)
    assert len(rows) <= bins
    expected = sum(row.cases * abs(row.predicted - row.observed.value) for row in rows)
    error = c.expected_calibration_error(probability, outcome, bins=bins, strategy=strategy)
    assert error == pytest.approx(expected / len(cases))


def test_the_curve_of_rows_that_go_together_has_wider_intervals() -> None:
    random = np.random.default_rng(6)
    unit = np.repeat(np.arange(50), 20)
    probability = np.repeat(random.beta(1, 4, 50), 20)
    outcome = np.repeat(random.random(50) < probability[::20], 20)
    plain, grouped = (c.reliability(probability, outcome, bins=3, groups=g) for g in (None, unit))
    for one, other in zip(plain, grouped, strict=True):
        assert one.observed.value == other.observed.value
        width, wider = (each.observed.high - each.observed.low for each in (one, other))
        assert wider > 3 * width


def test_a_bootstrap_by_unit_of_the_average_precision() -> None:
    random = np.random.default_rng(2)
    unit = np.repeat(np.arange(60), 30)
    risk = random.beta(1, 6, 60)[unit]
    outcome = random.random(len(unit)) < risk
    statistic = c.pr_auc_statistic(risk, outcome)
    found = bootstrap(statistic, len(unit), groups=unit, replicates=300)
    assert found.value == c.pr_auc(risk, outcome)
    assert outcome.mean() < found.low < found.value < found.high < 1


@pytest.mark.parametrize(
    ("scores", "outcomes"),
    [
        ([], []),
        ([0.5], [1, 0]),
        ([np.nan, 0.5], [0, 1]),
        ([0.2, 0.5], [0, 2]),
        ([0.2, 0.5], [1, 1]),
    ],
    ids=["empty", "lengths", "nan", "two", "one kind"],
)
def test_unusable_cases_raise(scores: list[float], outcomes: list[int]) -> None:
    for metric in (c.roc_auc, c.pr_auc, c.precision_recall):
        with pytest.raises(DataError):
            metric(scores, outcomes)


def test_probabilities_beyond_one_raise() -> None:
    with pytest.raises(DataError, match="0 and 1"):
        c.brier([1.5, 0.2], [1, 0])
    with pytest.raises(DataError, match="bin"):
        c.expected_calibration_error([0.5, 0.2], [1, 0], bins=0)
    with pytest.raises(DataError, match="events"):
        c.wilson_interval(3, 2)
    with pytest.raises(DataError, match="events"):
        c.clustered_share([3, 1], [2, 4])
