"""Rows to train on, and one model of each kind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from pulsefront.qc.models.choice.protocol import BacktestSettings
from pulsefront.qc.models.fit import fit_model
from pulsefront.qc.models.learners.training import train, usable_columns
from strategies_qc import tiny_samples


@pytest.fixture(scope="session")
def rows():
    """Values with gaps, and outcomes that depend on two of them."""
    random = np.random.default_rng(1)
    values = random.gamma(2.0, 2.0, (3000, 8)).astype(np.float32)
    odds = 1.2 * np.log1p(values[:, 2]) - 1.5 * np.log1p(values[:, 5]) - 1.0
    label = (random.random(3000) < expit(odds)).astype(np.int64)
    values[random.random(values.shape) < 0.05] = np.nan
    return values, label


@pytest.fixture(scope="session")
def hazard():
    """A whole model, fitted as the command does it."""
    fleet = tiny_samples(8, 2.0)
    return fit_model(fleet, BacktestSettings(folds=2, bootstrap_replicates=20), name="hazard")


@pytest.fixture(scope="session", params=["hazard", "network", "boosting", "ewma"])
def model(request, hazard):
    """The same with each kind of estimator."""
    if request.param == "hazard":
        return hazard
    samples = tiny_samples(8, 2.0).samples
    labelled = np.flatnonzero(samples.label >= 0)[::4]
    columns = usable_columns(samples.values[labelled])[:40]
    trained = train(
        request.param, samples.values[labelled], samples.label[labelled], hazard.schema,
        columns=columns, seed=0,
    )  # fmt: skip
    return replace(hazard, name=request.param, estimator=trained.estimator)
