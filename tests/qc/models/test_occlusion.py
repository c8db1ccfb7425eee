"""What raises a score: features made typical one at a time."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.qc.models.choice.protocol import BacktestSettings
from pulsefront.qc.models.decide import phrase
from pulsefront.qc.models.fit import fit_model
from pulsefront.qc.models.learners.estimators import Blend, Linear, Scaler
from pulsefront.qc.models.learners.pooled import POOLED_INPUTS, bind_pooled
from pulsefront.qc.models.occlusion import explain
from strategies_qc import tiny_samples


@pytest.fixture(scope="module")
def model():
    plan = BacktestSettings(
        folds=3, candidates=("age", "ewma", "hazard"), null_repeats=4, bootstrap_replicates=60
    )
    return fit_model(tiny_samples(), plan, name="hazard")


def test_reasons_name_what_was_changed(model):
    samples = tiny_samples().samples
    column = model.schema.column
    module = ~np.isnan(samples.values[:, column("photopeak_kev:slope")])
    values = samples.values[np.flatnonzero(module)[:5]].copy()
    for name in ("slope", "ewma", "level_mean", "neighbour", "peer"):
        values[:, column(f"photopeak_kev:{name}")] = 4.0
    for words in explain(model.estimator, values, model.typical, model.schema.names):
        assert any("photopeak kev" in text for text in words)
        assert len(words) <= 3


def linear(inputs: int, rng: np.random.Generator) -> Linear:
    """Return a linear model of as many inputs, with random weights."""
    scaler = Scaler(np.zeros(inputs), np.zeros(inputs), np.ones(inputs))
    return Linear(np.arange(inputs), scaler, rng.normal(size=inputs), -1.0)


def test_rows_that_are_not_asked_again_would_have_answered_the_same(model):
    """Beside plain occlusion of every feature in every row, for a blend with a pooled part."""
    rng = np.random.default_rng(5)
    samples, names = tiny_samples().samples, model.schema.names
    pooled = bind_pooled(linear(len(POOLED_INPUTS), rng), model.schema)
    blend = Blend((linear(len(names), rng), pooled, pooled), np.array([0.7, 1.1, 0.0]), 0.2)
    values = samples.values[rng.choice(len(samples), 300, replace=False)]
    typical = np.nan_to_num(samples.values[len(samples) // 2])
    found = explain(blend, values, typical, names, most=5)
    fall = np.zeros((len(values), len(names)))
    for column in range(len(names)):
        changed = values.copy()
        changed[:, column] = typical[column]
        fall[:, column] = blend.log_odds(values) - blend.log_odds(changed)
    fall[np.isnan(values)] = 0.0
    for row, words in enumerate(found):
        order = np.argsort(-fall[row], kind="stable")[:5]
        told = [phrase(names[k], float(values[row, k])) for k in order if fall[row, k] > 0.05]
        assert words == told
    assert sum(map(len, found)) > 1000
