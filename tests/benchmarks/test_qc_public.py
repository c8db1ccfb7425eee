"""The method on two public sets of machine failures, against published figures."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pulsefront.errors import QCDataError
from pulsefront.qc.public_sets import ai4i, cmapss, read_ai4i, read_cmapss


@pytest.mark.slow
def test_cmapss_failure_within_30_cycles_and_remaining_life(shared_data):
    result = cmapss(shared_data("cmapss_fd001"))
    print(json.dumps(result, indent=2))  # noqa: T201
    assert result["failure"]["hazard"]["pr_auc"] >= 0.966
    assert result["remaining_life_rmse_cycles"] <= 11.0


@pytest.mark.slow
def test_ai4i_five_fold(shared_data):
    result = ai4i(shared_data("ai4i2020") / "ai4i2020.csv")
    print(json.dumps(result, indent=2))  # noqa: T201
    best = result["failure"]["boosting and forest"]
    assert best["pr_auc"] >= 0.90
    assert best["calibration_error"] <= 0.02


def test_sets_are_read_whole(shared_data):
    train, test, life = read_cmapss(shared_data("cmapss_fd001"))
    assert (train.shape, test.shape, life.shape) == ((20631, 26), (13096, 26), (100,))
    x, outcome = read_ai4i(shared_data("ai4i2020") / "ai4i2020.csv")
    assert x.shape == (10000, 10)
    assert outcome.sum() == 339
    assert np.isfinite(x).all()


def test_missing_and_foreign_files_are_refused(tmp_path):
    with pytest.raises(QCDataError):
        read_cmapss(tmp_path)
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    with pytest.raises(QCDataError):
        read_ai4i(tmp_path / "a.csv")
