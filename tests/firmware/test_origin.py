"""What is known of a model is found beside it, or in the run that it lies in."""

from __future__ import annotations

import json
from pathlib import Path

from pulsefront.files import hash_json
from pulsefront.firmware.export import export_model
from pulsefront.firmware.origin import origin_of
from toys_firmware import small_model

TOLD = {"charge_bits": 12, "normalised_sum": 8192, "error_scale": {"step": 0.5}}


def test_a_model_in_a_step_of_a_run_is_known_by_the_export_of_the_run(tmp_path: Path) -> None:
    model = small_model()
    firmware = tmp_path / "steps" / "export" / "firmware"
    firmware.mkdir(parents=True)
    for step in ("uncertainty", "search"):
        (tmp_path / "steps" / step).mkdir()
        model.save(tmp_path / "steps" / step / "model.json")
    of_model = {"model_sha256": hash_json(model.to_json()), "input_names": ["a"]}
    (firmware / "provenance.json").write_text(json.dumps({**TOLD, **of_model}))
    same = origin_of(tmp_path / "steps" / "uncertainty" / "model.json")
    assert same == {**TOLD, "input_names": ["a"]}
    # Another network of the run reads the same charges, but foretells no errors.
    of_model["model_sha256"] = "another"
    (firmware / "provenance.json").write_text(json.dumps({**TOLD, **of_model}))
    other = origin_of(tmp_path / "steps" / "search" / "model.json")
    assert other == {"charge_bits": 12, "normalised_sum": 8192}


def test_nothing_is_known_of_a_model_alone(tmp_path: Path) -> None:
    small_model().save(tmp_path / "model.json")
    assert origin_of(tmp_path / "model.json") == {}
    (tmp_path / "provenance.json").write_text("[1]")
    assert origin_of(tmp_path / "model.json") == {}


def test_an_export_of_an_export_keeps_what_is_known_and_says_its_own_files(tmp_path: Path) -> None:
    model = small_model()
    first = tmp_path / "first"
    export_model(model, first, targets=["onnx"], provenance=TOLD)
    origin = origin_of(first / "model.json")
    assert origin == TOLD
    export_model(model, tmp_path / "second", targets=["onnx"], provenance=origin)
    said = json.loads((tmp_path / "second" / "provenance.json").read_text())
    assert said == json.loads((first / "provenance.json").read_text())
