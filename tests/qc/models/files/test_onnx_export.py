"""The hazard model and the small network as ONNX give the same as here."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from pulsefront.errors import ConfigError, ToolMissing
from pulsefront.qc.models.files.onnx_export import save_onnx, to_onnx
from pulsefront.qc.models.learners.estimators import Network, ProbabilityCalibration, fit_scaler
from pulsefront.qc.models.learners.training import fit_linear
from strategies_qc import tiny_samples

COLUMNS = np.arange(8)
IDENTITY = ProbabilityCalibration(1.0, 0.0, np.array([[1.0, 0.0]]))


def onnx_outputs(data: bytes, values: np.ndarray):
    import onnxruntime

    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(None, {"features": values.astype(np.float64)})


def test_hazard_as_onnx_equals_itself(rows):
    values, label = rows
    ours = fit_linear(values, label, COLUMNS)
    raw, probability = onnx_outputs(to_onnx(ours, IDENTITY, 8), values)
    assert np.abs(raw - IDENTITY.probability(ours.log_odds(values))).max() < 1e-12
    assert np.abs(probability - raw).max() < 1e-12


def test_network_as_onnx_equals_itself(rows):
    values, _ = rows
    random = np.random.default_rng(0)
    shapes = ((8, 4), (4, 2), (2, 1))
    weights = tuple(random.normal(size=shape) for shape in shapes)
    biases = tuple(random.normal(size=shape[1]) for shape in shapes)
    plain = Network(COLUMNS, fit_scaler(values), weights, biases)
    bent, ours = ProbabilityCalibration(1.3, -0.4, IDENTITY.replicates), replace(plain, offset=-2.0)
    raw, probability = onnx_outputs(to_onnx(ours, bent, 8), values)
    assert np.abs(raw - IDENTITY.probability(plain.log_odds(values))).max() < 1e-12
    assert np.abs(probability - bent.probability(ours.log_odds(values))).max() < 1e-12


def test_onnx_file_gives_the_scores_and_the_same_bytes_again(model, tmp_path):
    if model.name not in {"hazard", "network"}:
        with pytest.raises(ConfigError, match="leave --onnx out"):
            save_onnx(model, tmp_path / "a.onnx")
        return
    for name in ("a", "b"):
        save_onnx(model, tmp_path / f"{name}.onnx")
    data = (tmp_path / "a.onnx").read_bytes()
    assert data == (tmp_path / "b.onnx").read_bytes()
    values = tiny_samples().samples.values[:2000]
    ours = model.calibration.probability(model.estimator.log_odds(values))
    assert np.abs(onnx_outputs(data, values)[1] - ours).max() < 1e-12


def test_without_onnx_the_extra_is_named(hazard, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ToolMissing, match=r"pulsefront\[firmware\]"):
        save_onnx(hazard, tmp_path / "a.onnx")
