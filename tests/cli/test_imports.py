"""`pulsefront import`: a file in, a model and a count of differing integers out."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

from pulsefront.cli.main import app
from pulsefront.errors import ConfigError, DataError
from pulsefront.fixed_point import FixedPointModel
from toys_onnx import in_floats, quantize_linear, quantized_mlp


def run(*arguments: object):
    return CliRunner().invoke(app, ["import", *map(str, arguments)])


def test_a_quantized_file_keeps_its_integers(tmp_path) -> None:
    onnx.save(quantized_mlp(), tmp_path / "tagger.onnx")
    out = tmp_path / "tagger.json"
    done = run(tmp_path / "tagger.onnx", "--out", out)
    assert done.exit_code == 0, done.output
    assert done.output.count("none differs") == 2
    assert "in_1 (10,) fixed<7,3>" in done.output
    assert "which changes no integer" in done.output
    assert FixedPointModel.load(out).name == "tagger"


def test_a_file_in_floats_is_calibrated_with_events(tmp_path) -> None:
    model, logits = in_floats()
    onnx.save(model, tmp_path / "net.onnx")
    np.save(tmp_path / "events.npy", np.random.default_rng(0).integers(0, 4096, (200, 2, 10)))
    out = tmp_path / "net.json"
    done = run(tmp_path / "net.onnx", "-o", out, "-d", tmp_path / "events.npy", "--output", logits,
               "--weight-bits", 10, "--activation-bits", 10, "--json")  # fmt: skip
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    assert told["calibrated"]
    assert told["turned_inputs"] == ["in_1"]
    assert told["compared"]["data"][0]["relative_rms"] < 0.05
    assert str(FixedPointModel.load(out).inputs[0].format) == "ufixed<12,12>"


def test_events_come_from_text_and_archives_too(tmp_path) -> None:
    onnx.save(quantize_linear(), tmp_path / "net.onnx")
    events = np.random.default_rng(0).normal(0, 2, (50, 8))
    np.savez(tmp_path / "events.npz", values=events)
    np.savetxt(tmp_path / "events.csv", events, delimiter=",")
    for name in ("events.npz", "events.csv"):
        done = run(tmp_path / "net.onnx", "-o", tmp_path / "a.json", "-d", tmp_path / name)
        assert done.exit_code == 0, done.output
        assert "data: " in done.output
        assert done.output.count("none differs") == 3


def test_wrong_options_and_files_are_one_line(tmp_path) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(quantize_linear(), path)
    done = run(path, "--input-format", "int8", "-o", tmp_path / "a.json")
    assert isinstance(done.exception, ConfigError)
    assert "ufixed<12,12>" in str(done.exception)
    (tmp_path / "events.txt").write_text("a b c\n")
    for name, said in (("absent.npy", "no such file"), ("events.txt", "cannot be read")):
        done = run(path, "-d", tmp_path / name, "-o", tmp_path / "a.json")
        assert isinstance(done.exception, DataError)
        assert said in str(done.exception)
    np.save(tmp_path / "words.npy", np.array([["a"] * 8]))
    done = run(path, "-d", tmp_path / "words.npy", "-o", tmp_path / "a.json")
    assert isinstance(done.exception, DataError)
    assert "no real numbers" in str(done.exception)
    assert not (tmp_path / "a.json").exists()


@pytest.mark.parametrize("text", ["ufixed<12,12>", "ap_fixed<8, 3>", "fixed<6,-1>"])
def test_formats_are_read_as_they_are_printed(tmp_path, text: str) -> None:
    onnx.save(quantize_linear(), tmp_path / "net.onnx")
    done = run(tmp_path / "net.onnx", "--input-format", text, "-o", tmp_path / "a.json")
    assert done.exit_code == 0, done.output
    width = FixedPointModel.load(tmp_path / "a.json").inputs[0].format.width
    assert width == int("".join(c for c in text.partition(",")[0] if c.isdigit()))
