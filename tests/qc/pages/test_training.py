"""The page of a training tells what the model is and how it came about."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.qc.models.choice.protocol import BacktestSettings
from pulsefront.qc.models.fit import fit_model
from pulsefront.qc.pages.training import train_page
from pulsefront.report import render
from strategies_qc import tiny_samples

PLAN = BacktestSettings(folds=2, bootstrap_replicates=20)


@pytest.fixture(scope="module")
def hazard():
    return fit_model(tiny_samples(8, 2.0), PLAN, name="hazard")


def test_redundant_features_are_named_and_their_correlation_drawn(hazard):
    facts = hazard.training
    assert facts.redundant_features
    size = len(facts.correlation_features)
    assert np.array(facts.correlation).shape == (size, size)
    dropped = {entry.left_out for entry in facts.redundant_features}
    assert set(facts.features_kept) == set(facts.correlation_features) - dropped
    page = render(train_page(hazard, "0" * 64))
    assert "Features that tell the same" in page
    first = facts.redundant_features[0]
    assert first.left_out.replace("_", " ").replace(":", ": ") in page
    assert "named beforehand" in page


def test_small_network_tells_the_way_to_its_inputs():
    model = fit_model(tiny_samples(8, 2.0), PLAN, name="network")
    classic = model.training.classic
    names = [model.schema.names[c] for c in model.estimator.columns]
    assert sorted(classic.steps[-1].inputs) == sorted(names)
    assert classic.steps[0].action == "add"
    assert 0.5 < classic.roc_auc <= 1.0
    page = render(train_page(model, "0" * 64))
    assert "How the small network came to its inputs" in page
    assert f"{len(names)} kept" in page


def test_level_of_the_intervals_is_the_stated_one():
    plan = PLAN.model_copy(update={"confidence": 0.8, "candidates": ("age", "ewma")})
    model = fit_model(tiny_samples(8, 2.0), plan)
    assert model.training.confidence == 0.8
    page = render(train_page(model, "0" * 64))
    assert "80% interval" in page
    assert "95%" not in page
