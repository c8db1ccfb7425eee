"""The commands export and verify."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from shutil import ignore_patterns as ignored

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import pulsefront
from pulsefront.cli import firmware
from pulsefront.errors import (
    ConfigError,
    DataError,
    ExportError,
    OverflowPossible,
    PrecisionError,
    PulsefrontError,
    ToolMissing,
    VerificationFailed,
)
from pulsefront.files import firmware_export_directory
from pulsefront.firmware.vectors import golden_vectors
from pulsefront.fixed_point import (
    Assignment,
    FixedPointFormat,
    FixedPointModel,
    Relu,
    estimate_resources,
)
from toys_firmware import flip_one_weight_bit, small_model

app = typer.Typer()
app.command()(firmware.export)
app.command()(firmware.verify)
runner = CliRunner()


def invoke(*arguments: object) -> str:
    result = runner.invoke(app, [str(one) for one in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def model_file(tmp_path):
    path = tmp_path / "model.json"
    small_model().save(path)
    return path


def test_export_and_verify_with_data(model_file, tmp_path):
    data = np.random.default_rng(1).integers(0, 1024, (50, 6))
    np.savetxt(tmp_path / "data.txt", data, fmt="%d")
    np.save(tmp_path / "data.npy", data)
    out = tmp_path / "out"
    text = invoke("export", model_file, "-o", out, "-t", "onnx", "-d", tmp_path / "data.txt")
    assert "1,000 random, 50 data" in text
    text = invoke("verify", out, "-d", tmp_path / "data.npy")
    lines = {line.split()[0]: line.split() for line in text.splitlines() if line}
    assert lines["executor"] == [
        "executor",
        "vectors",
        "integers",
        "differences",
        "seconds",
        "status",
    ]
    golden = sum(len(one) for one in golden_vectors(small_model(), data))
    assert lines["onnxruntime"][1:4] == [f"{golden + 50:,}", f"{2 * golden + 100:,}", "0"]
    assert float(lines["onnxruntime"][4]) >= 0
    assert lines["onnxruntime"][5] == "equal"
    assert "none differs" in text
    document = json.loads(invoke("verify", out, "--json"))
    assert document["passed"]
    assert document["mismatches"] == 0


def test_export_prints_json(model_file, tmp_path):
    text = invoke("export", model_file, "-o", tmp_path / "out", "-t", "onnx", "--json")
    assert json.loads(text)["targets"] == ["onnx"]
    assert json.loads(text)["estimates"] == {}


def test_export_shows_every_target_and_calls_estimates_estimated(model_file, tmp_path):
    targets = ["onnx", "onnx_qdq", "hls4ml", "hls4ml_catapult"]
    arguments = [model_file, *(part for one in targets for part in ("-t", one))]
    text = invoke("export", *arguments, "-o", tmp_path / "out")
    estimate = estimate_resources(small_model())
    rows = {line.split()[0]: line for line in text.splitlines() if line}
    for target in targets:
        assert target in rows
    assert f"{estimate.lut:,}" in rows["hls4ml"]
    assert "are estimated: no synthesis tool has run" in text
    document = json.loads(invoke("export", *arguments, "-o", tmp_path / "out", "--json"))
    found = document["estimates"]["Vitis"]
    assert (found["lut"], found["origin"]) == (estimate.lut, "estimated")
    assert sum(row["lut"] for row in found["layers"]) == estimate.lut
    readme = (tmp_path / "out" / "README.md").read_text()
    assert f"| hls4ml_vitis | {estimate.lut:,} (" in readme
    assert "| `hls4ml_catapult/` | co-simulation and synthesis: Siemens Catapult" in readme


def test_verify_fails_on_a_flipped_bit_and_still_prints_the_table(model_file, tmp_path):
    invoke("export", model_file, "-o", tmp_path / "out", "-t", "onnx")
    flip_one_weight_bit(tmp_path / "out")
    result = runner.invoke(app, ["verify", str(tmp_path / "out")])
    assert isinstance(result.exception, VerificationFailed)
    assert "DIFFERENT" in result.output


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("absent.npy", None, "no such file"),
        ("text.txt", b"1 2 three", "cannot be read as integers"),
        ("array.npy", b"not numpy", "cannot be read as integers"),
        ("empty.txt", b" \n", r"empty\.txt: holds no events"),
    ],
)
def test_bad_data_is_one_clear_error(model_file, tmp_path, name, content, problem):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=problem):
        invoke("export", model_file, "-o", tmp_path / "out", "-d", tmp_path / name)


def test_an_archive_needs_the_names_of_the_inputs(model_file, tmp_path):
    np.savez(tmp_path / "data.npz", wrong=np.zeros((3, 6), dtype=int))
    with pytest.raises(DataError, match="adc: has no array of that name"):
        invoke("export", model_file, "-o", tmp_path / "out", "-d", tmp_path / "data.npz")


@pytest.mark.parametrize(
    ("array", "problem"),
    [
        (
            np.full((3, 6), 1024),
            r"data\.npy: input 'adc' at .* .* clip the ADC counts",
        ),
        (np.zeros((3, 7), dtype=int), r"data\.npy: input 'adc' has the shape \(event, 6\)"),
        (np.zeros((3, 6)), r"data\.npy: input 'adc' takes raw integers"),
    ],
)
def test_data_that_does_not_fit_is_named_with_its_file(model_file, tmp_path, array, problem):
    np.save(tmp_path / "data.npy", array)
    with pytest.raises(PrecisionError, match=problem):
        invoke("export", model_file, "-o", tmp_path / "out", "-d", tmp_path / "data.npy")
    assert not (tmp_path / "out").exists()


def test_data_without_events_is_an_error(model_file, tmp_path):
    np.save(tmp_path / "data.npy", np.zeros((0, 6), dtype=int))
    with pytest.raises(DataError, match=r"data\.npy: holds no events"):
        invoke("export", model_file, "-o", tmp_path / "out", "-d", tmp_path / "data.npy")


def test_verify_with_data_names_a_folder_that_is_no_export(tmp_path):
    with pytest.raises(ExportError, match="absent: no such folder"):
        invoke("verify", tmp_path / "absent", "-d", tmp_path / "data.npy")


def test_the_command_says_which_tool_is_missing_after_a_complete_export(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    small_model().save(tmp_path / "model.json")
    arguments = [
        "export",
        str(tmp_path / "model.json"),
        "-o",
        str(tmp_path / "out"),
        "--synthesize",
    ]
    result = runner.invoke(app, arguments)
    assert isinstance(result.exception, ToolMissing)
    assert "by C simulation, bit for bit" in result.output  # what was written is told before
    assert "bit-exact" not in result.output  # nothing has been compared
    assert "Nothing has been compared yet" in result.output
    assert (tmp_path / "out" / "SHA256SUMS").exists()


@pytest.mark.parametrize("out", ["/proc/export", "/proc/1/export", "/sys/export"])
def test_where_nothing_can_be_made_one_line_says_so(model_file, out):
    with pytest.raises(PulsefrontError, match=f"{out}: cannot be written: .*; choose "):
        invoke("export", model_file, "-o", out, "-t", "onnx")


def test_the_refusal_of_a_possible_wrap_names_the_option_that_allows_it(tmp_path):
    model = small_model()
    wrapping = Relu("act", ("hidden",), Assignment(FixedPointFormat(6, 8, signed=False)))
    layers = (model.layers[0], wrapping, model.layers[2])
    FixedPointModel("wraps", model.inputs, layers, model.outputs).save(tmp_path / "model.json")
    arguments = ["export", tmp_path / "model.json", "-o", tmp_path / "out", "-t", "onnx"]
    with pytest.raises(OverflowPossible, match=r"or let it wrap: --allow-wrap act$") as caught:
        invoke(*arguments)
    assert not (tmp_path / "out").exists()
    option = str(caught.value).rpartition(": ")[2].split()
    invoke(*arguments, *option)


def test_reuse_factors_are_given_for_all_layers_and_by_layer(model_file, tmp_path):
    arguments = ["export", model_file, "-o", tmp_path / "out", "-t", "hls4ml"]
    invoke(*arguments, "--strategy", "Resource", "--reuse-factor", 2, "--reuse-factor", "hidden=6")
    text = (tmp_path / "out" / "README.md").read_text()
    assert "Reuse factors: hidden 6, position 2;" in text
    for wrong in ("0", "three", "hidden=", "act=2", "hidden=0"):
        with pytest.raises(ConfigError, match=r"--reuse-factor: is no reuse factor .*hidden, pos"):
            invoke(*arguments, "--reuse-factor", wrong)


def test_a_user_without_a_writable_home_and_package_runs_all_the_same(model_file, tmp_path):
    package = Path(pulsefront.__file__).parent
    shutil.copytree(package, tmp_path / "site" / "pulsefront", ignore=ignored("__pycache__"))
    for folder in [tmp_path / "site" / "pulsefront", *(tmp_path / "site").rglob("*/")]:
        (folder / "__pycache__").write_text("no folder can be made here")
    for name in ("firmware_export", "sim_data"):
        source = firmware_export_directory().parent / name
        (tmp_path / "site" / "pulsefront" / name).symlink_to(source)
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    environment |= {"HOME": "/proc/no", "PYTHONPATH": str(tmp_path / "site")}
    environment.pop("XDG_CACHE_HOME", None)
    export = ["export", str(model_file), "-o", str(tmp_path / "out"), "-t", "onnx"]
    for arguments in (export, ["verify", str(tmp_path / "out")]):
        done = subprocess.run(
            [sys.executable, "-m", "pulsefront", *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert "none differs" in done.stdout


def test_an_export_of_a_model_beside_its_provenance_says_what_comes_before_it(model_file, tmp_path):
    told = {"charge_bits": 12, "normalised_sum": 8192}
    (model_file.parent / "provenance.json").write_text(json.dumps(told))
    invoke("export", model_file, "--out", tmp_path / "known", "--target", "onnx")
    assert "brought to a sum of 8192" in (tmp_path / "known" / "README.md").read_text()
    said = json.loads((tmp_path / "known" / "provenance.json").read_text())
    assert said["normalised_sum"] == 8192
