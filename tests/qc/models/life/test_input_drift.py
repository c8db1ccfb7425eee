"""Drift of inputs: none where there is none, seen where there is, noisy where a fleet is small."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pulsefront.qc.features.samples import empty_samples
from pulsefront.qc.models.files.model_file import load_model, save_model
from pulsefront.qc.models.life.input_drift import drift_of, fit_profile, night_drift, night_indices
from strategies_qc import DAY

COMPONENTS, DAYS = 40, 300
NAMES = ("gain", "noise", "count", "constant")
COLUMNS = np.arange(4)


@pytest.fixture(scope="module")
def history():
    """Three hundred days of forty components; one input has ties, one never changes."""
    random = np.random.default_rng(3)
    samples = empty_samples(COMPONENTS * DAYS, 4)
    samples.values[:, 0] = random.gamma(2.0, 2.0, COMPONENTS * DAYS)
    samples.values[:, 1] = random.normal(0.0, 1.0, COMPONENTS * DAYS)
    samples.values[:, 2] = random.poisson(0.2, COMPONENTS * DAYS)
    samples.values[:, 3] = 7.0
    samples.values[random.random(COMPONENTS * DAYS) < 0.1, 1] = np.nan
    samples.as_of_s[:] = np.repeat(np.arange(DAYS), COMPONENTS) * DAY
    return samples


@pytest.fixture(scope="module")
def profile(history):
    rows = np.arange(COMPONENTS * DAYS)
    return fit_profile(history, rows[: COMPONENTS * 200], rows[COMPONENTS * 200 :], COLUMNS)


def nights(profile, change=lambda values: values, seed=9, components=COMPONENTS):
    random = np.random.default_rng(seed)
    found = []
    for _ in range(7):
        values = np.column_stack(
            [
                random.gamma(2.0, 2.0, components),
                random.normal(0.0, 1.0, components),
                random.poisson(0.2, components),
                np.full(components, 7.0),
            ]
        ).astype(np.float32)
        values[random.random(components) < 0.1, 1] = np.nan
        found.append(night_drift(profile, change(values), NAMES))
    return drift_of(found)


def test_same_inputs_have_not_drifted(profile):
    for seed in range(20):
        assert nights(profile, seed=seed).drifted == ()


def moved(column, by):
    def change(values):
        values[:, column] += by
        return values

    return change


def missing(values):
    values[:20, 0] = np.nan
    return values


@pytest.mark.parametrize(
    ("change", "name"),
    [(moved(0, 6.0), "gain"), (moved(1, 1.5), "noise"), (moved(2, 1.0), "count"),
     (moved(3, 1.0), "constant"), (missing, "gain")],
)  # fmt: skip
def test_input_that_moved_or_went_missing_is_named_first(profile, change, name):
    drift = nights(profile, change)
    assert [entry.name for entry in drift.drifted] == [name]
    assert drift.inputs[0].name == name


def test_index_is_that_of_its_formula(profile):
    """By hand: all rows of an input with one value lie in one range."""
    values = np.full((40, 4), 8.0, dtype=np.float32)
    found = night_indices(profile, values)[3]
    now, then = (0.5 / 45.5, 40.5 / 45.5), (40.5 / 45.5, 0.5 / 45.5)
    expected = sum((p - q) * np.log(p / q) for p, q in zip(now, then, strict=True))
    assert found == pytest.approx(expected)


def test_short_history_gives_no_thresholds_and_hence_no_drift(history):
    rows = np.arange(COMPONENTS * DAYS)
    short = fit_profile(history, rows[: COMPONENTS * 200], rows[-COMPONENTS * 5 :], COLUMNS)
    assert np.isinf(short.threshold).all()
    assert nights(short, moved(0, 50.0)).inputs == ()


def test_profile_is_kept_in_the_model_file_and_older_files_go_without(hazard, tmp_path):
    save_model(hazard, tmp_path / "a.zip")
    found = load_model(tmp_path / "a.zip").inputs
    for name in ("columns", "edges", "share", "threshold"):
        assert np.array_equal(getattr(found, name), getattr(hazard.inputs, name))
    save_model(replace(hazard, inputs=None), tmp_path / "b.zip")
    assert load_model(tmp_path / "b.zip").inputs is None
