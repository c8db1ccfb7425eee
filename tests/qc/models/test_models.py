"""Models: equal to scikit-learn's, saved without pickle, the same as ONNX."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.qc.models.estimators import Calibration, Linear, Network, Trees, expit, fit_scaler
from pulsefront.qc.models.fit import fit_model
from pulsefront.qc.models.folds import BacktestSettings
from pulsefront.qc.models.model_file import ModelInvalid, load_model, save_model
from pulsefront.qc.models.onnx_export import to_onnx
from pulsefront.qc.models.training import (
    calibrate,
    fit_linear,
    redundant_features,
    train,
    trees_of,
    usable_columns,
)
from strategies_qc import tiny_samples


@pytest.fixture(scope="module")
def rows():
    """Values with gaps, and outcomes that depend on two of them."""
    random = np.random.default_rng(1)
    values = random.gamma(2.0, 2.0, (3000, 8)).astype(np.float32)
    odds = 1.2 * np.log1p(values[:, 2]) - 1.5 * np.log1p(values[:, 5]) - 1.0
    label = (random.random(3000) < expit(odds)).astype(np.int64)
    values[random.random(values.shape) < 0.05] = np.nan
    return values, label


COLUMNS = np.arange(8)


def onnx_outputs(data: bytes, values: np.ndarray):
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(None, {"features": values.astype(np.float64)})


def test_trees_equal_scikit_learn(rows):
    from sklearn.ensemble import HistGradientBoostingClassifier

    values, label = rows
    model = HistGradientBoostingClassifier(max_iter=30, max_leaf_nodes=8, random_state=0).fit(
        values, label
    )
    ours = expit(trees_of(model, COLUMNS).log_odds(values))
    assert np.abs(ours - model.predict_proba(values)[:, 1]).max() < 1e-12


def test_hazard_and_its_onnx_equal_scikit_learn(rows):
    from sklearn.linear_model import LogisticRegression

    values, label = rows
    ours = fit_linear(values, label, COLUMNS)
    scaled = fit_scaler(values).scale(values)
    theirs = LogisticRegression(C=0.1, max_iter=400).fit(scaled, label).predict_proba(scaled)[:, 1]
    assert np.abs(expit(ours.log_odds(values)) - theirs).max() < 1e-12
    raw, probability = onnx_outputs(to_onnx(ours, IDENTITY, 8), values)
    assert np.abs(raw - theirs).max() < 1e-12
    assert np.abs(probability - raw).max() < 1e-12


IDENTITY = Calibration(1.0, 0.0, np.array([[1.0, 0.0]]))


def test_network_and_its_onnx_equal_scikit_learn(rows):
    from sklearn.neural_network import MLPClassifier

    values, label = rows
    scaler = fit_scaler(values)
    scaled = scaler.scale(values)
    model = MLPClassifier((4, 2), activation="logistic", solver="adam", max_iter=400, tol=1e-2,
                          random_state=0).fit(scaled, label)  # fmt: skip
    ours = Network(COLUMNS, scaler, tuple(model.coefs_), tuple(model.intercepts_))
    theirs = model.predict_proba(scaled)[:, 1]
    assert np.abs(expit(ours.log_odds(values)) - theirs).max() < 1e-12
    bent = Calibration(1.3, -0.4, IDENTITY.replicates)
    raw, probability = onnx_outputs(to_onnx(replace(ours, offset=-2.0), bent, 8), values)
    assert np.abs(raw - theirs).max() < 1e-12
    expected = bent.probability(replace(ours, offset=-2.0).log_odds(values))
    assert np.abs(probability - expected).max() < 1e-12


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=8, max_size=8))
def test_models_give_a_finite_answer_to_anything(one):
    values = np.array([one], dtype=np.float32)
    scaler = fit_scaler(np.abs(np.random.default_rng(0).normal(size=(50, 8))))
    assert np.isfinite(Linear(COLUMNS, scaler, np.ones(8), 0.0).log_odds(values)).all()
    assert np.isfinite(scaler.scale(values)).all()


def test_calibration_puts_overconfident_odds_right():
    random = np.random.default_rng(0)
    odds = random.normal(-3, 1.5, 40_000)
    label = (random.random(40_000) < expit(odds)).astype(np.int8)
    unit = random.integers(0, 50, 40_000)
    found = calibrate(2.0 * odds + 1.0, label, unit, seed=0)
    assert found.slope == pytest.approx(0.5, abs=0.03)
    assert found.intercept == pytest.approx(-0.5, abs=0.1)
    low, high = found.interval(np.array([-4.0, 0.0]))
    middle = found.probability(np.array([-4.0, 0.0]))
    assert (low < middle).all()
    assert (middle < high).all()
    # The truth lies within the interval.
    truth = expit((np.array([-4.0, 0.0]) - 1.0) / 2.0)
    assert ((low < truth) & (truth < high)).all()


def test_calibration_with_one_failure_keeps_the_prior():
    label = np.zeros(500, dtype=np.int8)
    label[3] = 1
    odds = np.random.default_rng(0).normal(-5, 1, 500)
    found = calibrate(odds, label, np.arange(500) % 7, seed=0, replicates=20)
    assert 0.0 <= found.slope < 3.0
    assert np.isfinite(found.replicates).all()


def test_sampling_of_rows_does_not_shift_the_odds():
    """With one row in many kept, the offset brings the mean probability back."""
    fleet = tiny_samples()
    labelled = fleet.samples.label >= 0
    values, label = fleet.samples.values[labelled], fleet.samples.label[labelled]
    columns = usable_columns(values)
    some = train("hazard", values, label, fleet.schema, columns=columns, seed=0)
    mean = expit(some.log_odds(values)).mean()
    assert mean == pytest.approx((label == 1).mean(), rel=0.25)


def test_redundant_feature_is_named_and_left_out():
    random = np.random.default_rng(0)
    values = random.gamma(2.0, 1.0, (500, 4)).astype(np.float32)
    values[:, 3] = values[:, 1] * 1.0001
    kept, dropped, correlation = redundant_features(values, np.arange(4))
    assert kept.tolist() == [0, 1, 2]
    assert [(a, b) for a, b, _ in dropped] == [(3, 1)]
    assert correlation.shape == (4, 4)


@pytest.fixture(scope="module")
def hazard():
    """A whole model, fitted as the command does it."""
    fleet = tiny_samples(8, 2.0)
    return fit_model(fleet, BacktestSettings(folds=2, bootstrap_replicates=20), name="hazard")


@pytest.fixture(scope="module", params=["hazard", "network", "boosting", "ewma"])
def model(request, hazard):
    """The same with each kind of estimator."""
    if request.param == "hazard":
        return hazard
    samples = tiny_samples(8, 2.0).samples
    labelled = np.flatnonzero(samples.label >= 0)[::4]
    columns = usable_columns(samples.values[labelled])[:40]
    estimator = train(
        request.param, samples.values[labelled], samples.label[labelled], hazard.schema,
        columns=columns, seed=0,
    )  # fmt: skip
    return replace(hazard, name=request.param, estimator=estimator)


def test_model_comes_back_the_same_from_its_file(model, tmp_path):
    first = save_model(model, tmp_path / "a.zip")
    loaded = load_model(tmp_path / "a.zip")
    values = tiny_samples().samples.values[:500]
    assert np.array_equal(loaded.estimator.log_odds(values), model.estimator.log_odds(values))
    assert loaded.file_hash == first
    assert loaded.guard.kinds == model.guard.kinds
    assert loaded.schema == model.schema
    # The same model gives the same bytes.
    assert save_model(loaded, tmp_path / "b.zip") == first


def test_model_file_holds_no_pickle_and_has_onnx_where_promised(model, tmp_path):
    save_model(model, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        names = archive.namelist()
        manifest = json.loads(archive.read("manifest.json"))
        for name in names:
            if name.endswith(".npy"):
                assert b"'|O'" not in archive.read(name)[:128]
    assert {n.rsplit(".", 1)[1] for n in names} <= {"json", "npy", "onnx"}
    assert ("model.onnx" in names) == (model.name in {"hazard", "network"})
    assert set(manifest["sha256"]) == set(names) - {"manifest.json"}
    if isinstance(model.estimator, Trees):
        assert len(model.estimator.roots) > 10


def test_onnx_of_the_file_gives_the_scores(model, tmp_path):
    if model.name not in {"hazard", "network"}:
        pytest.skip("trees and charts are not exported")
    save_model(model, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        data = archive.read("model.onnx")
    values = tiny_samples().samples.values[:2000]
    ours = model.calibration.probability(model.estimator.log_odds(values))
    assert np.abs(onnx_outputs(data, values)[1] - ours).max() < 1e-12


def test_every_damaged_byte_of_a_model_is_noticed(model, tmp_path):
    save_model(model, tmp_path / "a.zip")
    original = (tmp_path / "a.zip").read_bytes()
    whole = load_model(tmp_path / "a.zip")
    values = tiny_samples().samples.values[:50]
    expected = whole.estimator.log_odds(values)
    random = np.random.default_rng(0)
    for place in random.choice(len(original), 60, replace=False):
        changed = bytearray(original)
        changed[place] ^= 1 << int(random.integers(8))
        (tmp_path / "b.zip").write_bytes(bytes(changed))
        try:
            loaded = load_model(tmp_path / "b.zip")
        except ModelInvalid:
            continue
        # Bytes of the zip's own bookkeeping may change without touching the content.
        assert np.array_equal(loaded.estimator.log_odds(values), expected)


def test_missing_foreign_and_newer_models_are_refused(tmp_path):
    with pytest.raises(ModelInvalid, match="qc train"):
        load_model(tmp_path / "none.zip")
    (tmp_path / "x.zip").write_text("no zip")
    with pytest.raises(ModelInvalid):
        load_model(tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "y.zip", "w") as archive:
        archive.writestr("manifest.json", '{"format": "pulsefront-qc-model", "format_version": 9}')
    with pytest.raises(ModelInvalid, match="newer"):
        load_model(tmp_path / "y.zip")


def test_training_report_names_redundant_features_and_draws_their_correlation(hazard):
    from pulsefront.qc.pages.training import train_page
    from pulsefront.report import render

    facts = hazard.training
    assert facts["redundant_features"]
    size = len(facts["correlation_features"])
    assert np.array(facts["correlation"]).shape == (size, size)
    dropped = {entry["left_out"] for entry in facts["redundant_features"]}
    assert set(facts["features_kept"]) == set(facts["correlation_features"]) - dropped
    page = render(train_page(hazard, "0" * 64))
    assert "Features that tell the same" in page
    first = facts["redundant_features"][0]
    assert first["left_out"].replace("_", " ").replace(":", ": ") in page
    assert "named beforehand" in page
