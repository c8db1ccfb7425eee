"""The method on two public sets of machine failures, against published figures."""

from __future__ import annotations

import pytest

from pulsefront.qc.backtest.public_sets import ai4i, cmapss


@pytest.mark.slow
def test_cmapss_failure_within_30_cycles_and_remaining_life(shared_data):
    result = cmapss(shared_data("cmapss_fd001"))
    show(result)
    assert result.failure.pr_auc >= 0.974
    assert result.remaining_life.rmse_cycles <= 10.7


@pytest.mark.slow
def test_ai4i_five_fold(shared_data):
    result = ai4i(shared_data("ai4i2020"))
    show(result)
    assert result.failure.pr_auc >= 0.90
    assert result.failure.calibration_error <= 0.02


def show(result):
    print(result.model_dump_json(  # noqa: T201
        indent=2,
        exclude={
            "failure": {"precision_recall", "reliability"},
            "remaining_life": {"predicted_cycles", "true_cycles"},
        },
    ))  # fmt: skip
