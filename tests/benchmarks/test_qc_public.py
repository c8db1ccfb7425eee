"""The method on two public sets of machine failures, against published figures."""

from __future__ import annotations

import json

import pytest

from pulsefront.qc.backtest.public_sets import ai4i, cmapss


@pytest.mark.slow
def test_cmapss_failure_within_30_cycles_and_remaining_life(shared_data):
    result = cmapss(shared_data("cmapss_fd001"))
    show(result)
    assert result["failure"]["pr_auc"] >= 0.966
    assert result["remaining_life"]["rmse_cycles"] <= 11.0


@pytest.mark.slow
def test_ai4i_five_fold(shared_data):
    result = ai4i(shared_data("ai4i2020"))
    show(result)
    assert result["failure"]["pr_auc"] >= 0.90
    assert result["failure"]["calibration_error"] <= 0.02


def show(result):
    failure = {k: v for k, v in result["failure"].items() if isinstance(v, float)}
    more = {k: result[k] for k in ("chosen", "choice", "each_candidate") if k in result}
    life = {k: v for k, v in result.get("remaining_life", {}).items() if "cycles" not in k[-7:]}
    print(json.dumps({**failure, **more, "life": life}, indent=2))  # noqa: T201
    if "remaining_life" in result:
        print(result["remaining_life"]["rmse_cycles"])  # noqa: T201
