"""`pulsefront import`: a file in, a model and a count of differing integers out."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

from pulsefront.cli.main import app
from pulsefront.errors import ConfigError, DataError, PrecisionError, PulsefrontError
from pulsefront.fixed_point import FixedPointModel
from toys_onnx import in_floats, quantize_linear, quantized_image, quantized_mlp


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
        step = FixedPointModel.load(tmp_path / "a.json").inputs[0].format.step
        assert f"values in the units of the file, not raw integers; steps: in_1 {step:g}\n" in (
            done.output
        )


def test_wrong_options_and_files_are_one_line(tmp_path) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(quantize_linear(), path)
    done = run(path, "--input-format", "int8", "-o", tmp_path / "a.json")
    assert isinstance(done.exception, ConfigError)
    assert "ufixed<12,12>" in str(done.exception)
    for wrong, said in (
        ("in_1", "--format: names no format"),
        ("in_1=fixed<8,3>", "keeps its own"),
    ):
        done = run(path, "--format", wrong, "-o", tmp_path / "a.json")
        assert isinstance(done.exception, PulsefrontError)
        assert said in str(done.exception)
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


def test_events_of_an_image_come_in_the_order_of_the_file_and_its_shapes_are_said(tmp_path) -> None:
    onnx.save(quantized_image(), tmp_path / "image.onnx")
    events = np.random.default_rng(0).integers(-8, 8, (20, 2, 8, 8))
    wrong = (np.moveaxis(events, 1, -1), events.reshape(20, 2, 64).swapaxes(1, 2))
    for given in wrong:
        np.save(tmp_path / "events.npy", given)
        done = run(
            tmp_path / "image.onnx", "-d", tmp_path / "events.npy", "-o", tmp_path / "a.json"
        )
        assert isinstance(done.exception, PrecisionError)
        assert str(done.exception) == (
            f"{tmp_path / 'events.npy'}: in_1: needs (event, 2, 8, 8), the network's own order of "
            f"axes (got {given.shape})"
        )
    for given in (events, events.reshape(20, 2, 64)):
        np.save(tmp_path / "events.npy", given)
        done = run(
            tmp_path / "image.onnx", "-d", tmp_path / "events.npy", "-o", tmp_path / "a.json"
        )
        assert done.exit_code == 0, done.output
        assert "data: " in done.output
        assert done.output.count("none differs") == 3
    assert (
        "(channel, row, column) of the file, (2, 8, 8), is (position, channel) here, (64, 2), "
        "row after row"
    ) in done.output


def test_files_that_hold_no_events_are_one_line(tmp_path) -> None:
    onnx.save(quantize_linear(), tmp_path / "net.onnx")
    for name in ("empty.npy", "empty.npz", "empty.txt"):
        (tmp_path / name).touch()
    (tmp_path / "blank.csv").write_text("\n\n")
    np.save(tmp_path / "whole.npy", np.zeros((50, 8)))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "whole.npy").read_bytes()[:900])
    np.savez(tmp_path / "whole.npz", np.zeros((50, 8)))
    (tmp_path / "cut.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:300])
    np.savez(tmp_path / "none.npz")
    np.save(tmp_path / "none.npy", np.zeros((0, 8)))
    for name, said in {
        "empty.npy": "is empty",
        "empty.npz": "is empty",
        "empty.txt": "is empty",
        "blank.csv": "holds no events",
        "cut.npy": "cannot be read as numbers",
        "cut.npz": "cannot be read as numbers",
        "none.npz": "holds no array",
        "none.npy": "there are no events",
        ".": "is a folder",
    }.items():
        done = run(tmp_path / "net.onnx", "-d", tmp_path / name, "-o", tmp_path / "a.json")
        assert isinstance(done.exception, PulsefrontError), (name, done.output)
        assert done.exception.exit_code == 2
        assert str(done.exception).startswith(f"{tmp_path / name}: ")
        assert said in str(done.exception)
    assert not (tmp_path / "a.json").exists()


def test_the_only_array_of_an_archive_is_taken_and_named(tmp_path) -> None:
    onnx.save(quantize_linear(), tmp_path / "net.onnx")
    for name, told in (("charges", True), ("in_1", False)):
        np.savez(tmp_path / "events.npz", **{name: np.ones((5, 8))})
        done = run(tmp_path / "net.onnx", "-d", tmp_path / "events.npz", "-o", tmp_path / "a.json")
        assert done.exit_code == 0, done.output
        assert ("its only array, charges, is taken for the input in_1" in done.stderr) == told
    np.savez(tmp_path / "events.npz", a=np.ones((5, 8)), b=np.ones((5, 8)))
    done = run(tmp_path / "net.onnx", "-d", tmp_path / "events.npz", "-o", tmp_path / "a.json")
    assert "events.npz: in_1: the data lack an input (got ('a', 'b'))" in str(done.exception)


def test_tensors_to_end_at_are_listed_and_each_of_them_is_one(tmp_path) -> None:
    model, logits = in_floats()
    onnx.save(model, tmp_path / "net.onnx")
    np.save(tmp_path / "events.npy", np.random.default_rng(0).integers(0, 4096, (50, 2, 10)))
    given = ("-d", tmp_path / "events.npy", "-o", tmp_path / "a.json")
    for wrong in ("nope", "in"):
        error = run(tmp_path / "net.onnx", "--output", wrong, *given).exception
        assert isinstance(error, DataError)
    listed = str(error).rpartition("one of ")[2].split(", ")
    assert listed[-1] == logits
    assert "in" not in listed
    for name in listed:
        done = run(tmp_path / "net.onnx", "--output", name, *given)
        assert done.exit_code == 0, (name, done.output)


def test_a_folder_is_said_to_be_one_whatever_would_be_written(tmp_path) -> None:
    (tmp_path / "model.json").write_text("{}")
    done = run(tmp_path, "-o", tmp_path / "model.json")
    assert str(done.exception) == f"{tmp_path}: is a folder; name the file in it"
