"""Model files: the same model again, or refused; no pickle."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from pulsefront.qc.features.labels import Target
from pulsefront.qc.features.samples import build_fleet, outline_of
from pulsefront.qc.models.choice.protocol import BacktestSettings
from pulsefront.qc.models.decide import no_decision_reasons
from pulsefront.qc.models.files.model_file import ModelInvalid, load_model, save_model
from pulsefront.qc.models.fit import fit_model
from pulsefront.qc.models.learners.estimators import Trees
from strategies_qc import history_of, tiny_samples, tiny_units


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


def test_model_file_holds_arrays_and_a_manifest_and_no_pickle(model, tmp_path):
    save_model(model, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        names = archive.namelist()
        manifest = json.loads(archive.read("manifest.json"))
        for name in names:
            if name.endswith(".npy"):
                assert b"'|O'" not in archive.read(name)[:128]
    assert {n.rsplit(".", 1)[1] for n in names} == {"json", "npy"}
    assert set(manifest["sha256"]) == set(names) - {"manifest.json"}
    if isinstance(model.estimator, Trees):
        assert len(model.estimator.roots) > 10


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


def rewritten(path, change):
    """Write a model again with its manifest changed; *change* may add members."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members.pop("manifest.json"))
    change(manifest, members)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", json.dumps(manifest))
        for name, data in members.items():
            archive.writestr(name, data)


def test_model_of_before_this_version_is_read(hazard, tmp_path):
    """Those carried an ONNX file and knew no level of confidence."""

    def older(manifest, members):
        members["model.onnx"] = b"onnx"
        manifest["sha256"]["model.onnx"] = sha256(b"onnx").hexdigest()
        del manifest["training"]["confidence"]

    save_model(hazard, tmp_path / "a.zip")
    rewritten(tmp_path / "a.zip", older)
    loaded = load_model(tmp_path / "a.zip")
    assert loaded.training.confidence == 0.95
    values = tiny_samples().samples.values[:50]
    assert np.array_equal(loaded.estimator.log_odds(values), hazard.estimator.log_odds(values))


def test_manifest_without_a_field_is_refused_by_the_field(hazard, tmp_path):
    def lacking(manifest, members):
        del manifest["training"]["failures"]

    save_model(hazard, tmp_path / "a.zip")
    rewritten(tmp_path / "a.zip", lacking)
    with pytest.raises(ModelInvalid, match=r"training\.failures: .*train it again"):
        load_model(tmp_path / "a.zip")


def test_model_of_an_earlier_version_scores_as_it_did():
    """Written by format version 2 with features of version 1; both are read and computed still."""
    old = load_model(Path(__file__).with_name("model_of_version_2.zip"))
    assert old.schema.version == 1
    assert old.guard.step_high is None
    histories = [history_of(unit) for unit in tiny_units(8, 2.0)]
    outline = replace(outline_of(histories), schema=old.schema)
    fleet = build_fleet(histories, Target(2, 28), daily_from=0.45, outline=outline)
    log_odds = old.estimator.log_odds(fleet.samples.values)
    assert log_odds[[0, 1000, 5000]] == pytest.approx([-11.27385325, -5.65382242, -3.60555895])
    assert float(log_odds.sum()) == pytest.approx(-78562.1052217494, rel=1e-9)
    refused = no_decision_reasons(fleet.samples, old.guard, old.schema, old.estimator.columns)
    assert 0 < (refused == "").mean() < 1


@pytest.mark.slow
def test_blend_comes_back_from_its_file(tmp_path):
    plan = BacktestSettings(folds=2, bootstrap_replicates=20, candidates=("ewma", "blend"))
    blend = fit_model(tiny_samples(), plan)
    assert blend.name == "blend"
    assert set(blend.training.blend_shares) >= {"prior", "ewma"}
    save_model(blend, tmp_path / "a.zip")
    loaded = load_model(tmp_path / "a.zip")
    values = tiny_samples().samples.values[:300]
    assert np.array_equal(loaded.estimator.log_odds(values), blend.estimator.log_odds(values))
    assert np.array_equal(loaded.guard.step_high, blend.guard.step_high)
