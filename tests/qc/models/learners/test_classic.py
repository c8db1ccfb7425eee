"""The classic recipe finds planted inputs and leaves the rest."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import QCDataError
from pulsefront.qc.models.learners.classic import select_inputs, train_classic


def planted(seed, *, rows, informative, copies, noise, strength, likeness=0.8):
    """Return inputs in random order, outcomes, and the places of the informative inputs.

    A copy shares its source's value up to noise: correlation *likeness*.
    """
    random = np.random.default_rng(seed)
    source = random.normal(size=(rows, informative))
    of = np.arange(copies) % informative
    copied = likeness * source[:, of] + np.sqrt(1 - likeness**2) * random.normal(
        size=(rows, copies)
    )
    inputs = np.hstack([source, copied, random.normal(size=(rows, noise))])
    outcome = (random.random(rows) < 1 / (1 + np.exp(-strength * source.sum(axis=1)))).astype(int)
    order = random.permutation(inputs.shape[1])
    return inputs[:, order], outcome, set(np.argsort(order)[:informative].tolist())


def test_of_84_inputs_it_keeps_the_2_in_at_least_9_of_10_seeds():
    hits = 0
    for seed in range(10):
        x, y, truth = planted(seed, rows=300, informative=2, copies=20, noise=62, strength=2.5)
        chosen, _ = select_inputs(x[:240], y[:240], seed=seed)
        hits += set(chosen) == truth
    assert hits >= 9


@pytest.mark.slow
def test_of_45_inputs_in_863_rows_it_keeps_the_4_in_at_least_9_of_10_seeds():
    hits = 0
    for seed in range(10):
        x, y, truth = planted(seed, rows=863, informative=4, copies=10, noise=31, strength=2.0)
        chosen, _ = select_inputs(x[:690], y[:690], seed=seed)
        hits += set(chosen) == truth
    assert hits >= 9


def test_network_is_small_and_as_good_as_the_truth_allows():
    x, y, truth = planted(3, rows=863, informative=4, copies=10, noise=31, strength=2.0)
    result = train_classic(np.expm1(x - x.min()), y, seed=3)  # the scaling layer takes logarithms
    assert set(result.network.columns.tolist()) == truth
    assert result.hidden <= 3
    assert result.test_auc > 0.9
    assert 0.7 < result.accuracy <= 1.0
    assert [step.action for step in result.path][:4] == ["add"] * 4


def test_nothing_informative_ends_with_one_input_and_no_skill():
    random = np.random.default_rng(0)
    x, y = random.random((400, 30)), random.integers(0, 2, 400)
    result = train_classic(x, y, seed=0)
    assert len(result.network.columns) <= 3
    assert abs(result.test_auc - 0.5) < 0.2


def test_too_few_rows_of_a_class_are_refused():
    with pytest.raises(QCDataError, match="ten rows of each class"):
        train_classic(np.ones((50, 3)), np.zeros(50, dtype=int), seed=0)
