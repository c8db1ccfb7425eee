"""Export folders: complete, whole or absent, reproducible; verified; and defects found."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from pulsefront.errors import ExportError, OverflowPossible, ToolMissing, VerificationFailed
from pulsefront.firmware import export_model, verify_export
from pulsefront.firmware.checksums import write_checksums
from pulsefront.fixed_point import (
    Assignment,
    FixedPointFormat,
    FixedPointModel,
    Relu,
)
from toys_firmware import flip_one_weight_bit, small_model


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "tiny"
    data = np.random.default_rng(3).integers(0, 1024, (500, 6)).astype(np.uint16)
    export_model(small_model(), folder, data_vectors=data, provenance={"study": "unit test"})
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def copy_of(exported: Path, tmp_path: Path, *, without_hls4ml: bool = True) -> Path:
    folder = tmp_path / "copy"
    shutil.copytree(exported, folder)
    if without_hls4ml:
        shutil.rmtree(folder / "hls4ml_vitis")
        write_checksums(folder)
    return folder


def test_every_executor_agrees_and_the_export_is_not_touched(exported):
    before = content(exported)
    extra = np.random.default_rng(5).integers(0, 1024, (2000, 6))
    result = verify_export(exported, extra_inputs=extra)
    result.raise_on_failure()
    assert result.passed
    assert {row.backend for row in result.rows} == {"emulator", "onnxruntime", "hls4ml Vitis"}
    assert {row.vector_set for row in result.rows} == {"extremes", "random", "data", "extra"}
    assert sum(row.vectors for row in result.rows if row.backend == "hls4ml Vitis") > 3000
    assert all(row.integers == 2 * row.vectors for row in result.rows)
    assert content(exported) == before
    assert "hls4ml Vitis" in result.table()
    assert json.loads(json.dumps(result.to_json()))["mismatches"] == 0


def test_an_export_is_complete_and_its_checksums_fit_sha256sum(exported):
    names = set(content(exported))
    assert {
        "README.md",
        "SHA256SUMS",
        "model.json",
        "model.onnx",
        "provenance.json",
        "vectors/vectors.npz",
        "vectors/inputs_adc.txt",
        "vectors/expected_position.txt",
        "hls4ml_vitis/firmware/tiny.cpp",
        "hls4ml_vitis/build_lib.sh",
    } <= names
    done = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=exported, check=False)
    assert done.returncode == 0


def test_no_precision_is_left_to_auto_and_no_path_or_stamp_is_left(exported):
    for name, text in content(exported).items():
        if "nnet_utils" in name or "ap_types" in name:
            continue
        assert str(exported.parent).encode() not in text, name
        if name.endswith((".yml", "defines.h", "parameters.h")):
            assert b"auto" not in text, name


def test_the_same_model_gives_the_same_bytes(exported, tmp_path):
    data = np.random.default_rng(3).integers(0, 1024, (500, 6)).astype(np.uint16)
    export_model(
        small_model(), tmp_path / "again", data_vectors=data, provenance={"study": "unit test"}
    )
    assert content(tmp_path / "again") == content(exported)


def test_a_flipped_weight_bit_in_the_model_is_found_and_named(exported, tmp_path):
    folder = copy_of(exported, tmp_path)
    flip_one_weight_bit(folder)
    result = verify_export(folder)
    assert not result.passed
    with pytest.raises(VerificationFailed) as caught:
        result.raise_on_failure()
    error = caught.value
    assert error.backend == "emulator"
    assert error.output.startswith("position[")
    assert error.expected != error.got
    for part in ("emulator", f"vector {error.vector}", "position[", str(error.expected)):
        assert part in str(error)


def test_a_flipped_weight_bit_in_the_onnx_file_is_found_and_named(exported, tmp_path):
    import onnx
    from onnx import numpy_helper

    folder = copy_of(exported, tmp_path)
    proto = onnx.load(folder / "model.onnx")
    weights = next(one for one in proto.graph.initializer if list(one.dims) == [6, 4])
    array = numpy_helper.to_array(weights).copy()
    array[0, 0] = int(array[0, 0]) ^ 1
    weights.CopyFrom(numpy_helper.from_array(array, weights.name))
    onnx.save(proto, folder / "model.onnx")
    with pytest.raises(VerificationFailed) as caught:
        verify_export(folder).raise_on_failure()
    assert caught.value.backend == "onnxruntime"


def test_a_flipped_weight_bit_in_the_hls4ml_project_is_found_and_named(exported, tmp_path):
    folder = copy_of(exported, tmp_path, without_hls4ml=False)
    weights = folder / "hls4ml_vitis" / "firmware" / "weights"
    numbers = (weights / "w2.txt").read_text().split(", ")
    numbers[3] = f"{float(numbers[3]) + 2**-4:.4f}"
    (weights / "w2.txt").write_text(", ".join(numbers))
    with pytest.raises(ExportError, match=r"w2\.txt: was changed|w2\.h: differs"):
        verify_export(folder).raise_on_failure()
    header = (weights / "w2.h").read_text()
    start = header.index("= {") + 3  # the first brace is the namespace's
    end = header.index("}", start)
    (weights / "w2.h").write_text(header[:start] + ", ".join(numbers) + header[end:])
    write_checksums(folder)
    with pytest.raises(VerificationFailed) as caught:
        verify_export(folder).raise_on_failure()
    assert caught.value.backend == "hls4ml Vitis"


@pytest.mark.parametrize(
    ("name", "backend"),
    [
        ("vectors/expected_position.txt", "vectors .txt"),
        ("vectors/inputs_adc.txt", "vectors .txt"),
        ("vectors/expected_position.hex", "vectors .hex"),
        ("vectors/inputs_adc.hex", "vectors .hex"),
    ],
)
def test_one_corrupted_value_of_a_text_form_is_named_also_with_fresh_checksums(
    exported, tmp_path, name, backend
):
    folder = copy_of(exported, tmp_path)
    path = folder / name
    lines = path.read_text().splitlines()
    if path.suffix == ".hex":
        lines[70] = f"{int(lines[70], 16) ^ 1:0{len(lines[70])}x}"
    else:
        first, *rest = lines[70].split()
        lines[70] = " ".join([str(int(first) ^ 1), *rest])
    path.write_text("\n".join(lines) + "\n")
    write_checksums(folder)
    result = verify_export(folder)
    port = path.stem.split("_", 1)[1]
    with pytest.raises(VerificationFailed, match=rf"^{backend} differs .* output {port}\[0\]"):
        result.raise_on_failure()
    assert sum(row.mismatches for row in result.rows) == 1


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("expected_position.txt", "1 2 3\n", "vector 0: 3 numbers instead of 2"),
        ("expected_position.txt", "1 2\n", "holds 1 vectors instead of"),
        ("expected_position.hex", "xyz\n", "vector 0: invalid literal"),
        ("expected_position.hex", "f" * 99 + "\n", "vector 0: a word longer than its port"),
        ("sets.txt", "extremes many\n", "is no list of sets .got 'extremes many'"),
    ],
)
def test_a_text_form_that_cannot_be_read_is_an_error(exported, tmp_path, name, text, problem):
    folder = copy_of(exported, tmp_path)
    (folder / "vectors" / name).write_text(text)
    write_checksums(folder)
    with pytest.raises(ExportError, match=rf"{name}: {problem}"):
        verify_export(folder).raise_on_failure()


@pytest.mark.parametrize("name", ["README.md", "vectors/expected_position.txt", "model.onnx"])
def test_one_changed_byte_is_an_error_that_names_the_file(exported, tmp_path, name):
    folder = copy_of(exported, tmp_path)
    text = bytearray((folder / name).read_bytes())
    text[len(text) // 2] ^= 0x10
    (folder / name).write_bytes(bytes(text))
    with pytest.raises(ExportError):
        verify_export(folder).raise_on_failure()
    assert verify_export(folder).changed_files == {name: "changed"}


@pytest.mark.parametrize("name", ["model.json", "vectors/vectors.npz"])
def test_a_destroyed_file_is_an_error_that_names_the_file(exported, tmp_path, name):
    folder = copy_of(exported, tmp_path)
    (folder / name).write_bytes(b"nothing")
    with pytest.raises(ExportError, match=f"{name}: was changed after the export"):
        verify_export(folder)


def test_missing_and_added_files_are_found(exported, tmp_path):
    folder = copy_of(exported, tmp_path)
    (folder / "README.md").unlink()
    (folder / "more.txt").write_text("?")
    result = verify_export(folder)
    assert result.changed_files == {"README.md": "missing", "more.txt": "added"}
    with pytest.raises(ExportError, match="was missing after the export"):
        result.raise_on_failure()


def test_damaged_checksums_are_an_error_that_names_the_line(exported, tmp_path):
    folder = copy_of(exported, tmp_path)
    text = (folder / "SHA256SUMS").read_text()
    (folder / "SHA256SUMS").write_text(text[:3] + "X" + text[4:])
    with pytest.raises(ExportError, match="SHA256SUMS: line 1 is no checksum"):
        verify_export(folder)


def test_a_folder_that_is_no_export_is_refused(tmp_path):
    with pytest.raises(ExportError, match="no such folder"):
        verify_export(tmp_path / "absent")
    with pytest.raises(ExportError, match="has no SHA256SUMS"):
        verify_export(tmp_path)


def test_without_a_compiler_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing, match=r"g\+\+ is needed .* apt-get install g\+\+"):
        export_model(small_model(), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    export_model(small_model(), tmp_path / "out", targets=["onnx"])
    verify_export(tmp_path / "out").raise_on_failure()


def test_without_a_compiler_verification_says_so(exported, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissing):
        verify_export(exported)


def test_distributed_arithmetic_without_da4ml_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ToolMissing, match="da4ml is needed for the strategy"):
        export_model(small_model(), tmp_path / "out", strategy="distributed_arithmetic")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_target_is_refused(tmp_path):
    with pytest.raises(ExportError, match="unknown target"):
        export_model(small_model(), tmp_path / "out", targets=["vhdl"])


def test_a_possible_wrap_is_refused_unless_it_is_asked_for_by_name(tmp_path):
    model = small_model()
    wrapping = Relu("act", ("hidden",), Assignment(FixedPointFormat(6, 8, signed=False)))
    model = FixedPointModel(
        "wraps", model.inputs, (model.layers[0], wrapping, model.layers[2]), model.outputs
    )
    with pytest.raises(OverflowPossible, match="layer 'act' can reach") as caught:
        export_model(model, tmp_path / "out", targets=["onnx"])
    assert caught.value.missing_bits > 0
    assert not (tmp_path / "out").exists()
    export_model(model, tmp_path / "out", targets=["onnx"], allow_wrap=["act"])
    verify_export(tmp_path / "out").raise_on_failure()


def test_units_and_provenance_reach_readme_and_onnx_metadata(tmp_path):
    import onnx

    units = {"adc": "ADC counts", "position": "mm"}
    provenance = {"training_sha256": "abc", "seeds": [1, 2]}
    export_model(
        small_model(), tmp_path / "out", targets=["onnx"], units=units, provenance=provenance
    )
    text = (tmp_path / "out" / "README.md").read_text()
    assert "| position | out | 2 | fixed<16,12> | -32768 … 32767 | 2^-4 mm |" in text
    properties = {
        one.key: one.value for one in onnx.load(tmp_path / "out" / "model.onnx").metadata_props
    }
    assert properties["pulsefront.training_sha256"] == "abc"
    assert json.loads(properties["pulsefront.seeds"]) == [1, 2]
    assert json.loads(properties["pulsefront.units"]) == units
    assert len(properties["pulsefront.vectors_sha256"]) == 64
    with pytest.raises(ExportError, match="charge: is no input or output"):
        export_model(small_model(), tmp_path / "no", targets=["onnx"], units={"charge": "pC"})


def test_an_interrupted_export_leaves_the_old_one(exported, tmp_path, monkeypatch):
    folder = copy_of(exported, tmp_path)
    before = content(folder)

    def fail(*_: object, **__: object) -> None:
        raise ExportError("stopped")

    monkeypatch.setattr("pulsefront.firmware.export.write_onnx", fail)
    with pytest.raises(ExportError, match="stopped"):
        export_model(small_model(), folder, targets=["onnx"])
    assert content(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["copy"]


def test_a_folder_with_other_content_is_not_replaced(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ExportError, match="exists and is no earlier export"):
        export_model(small_model(), tmp_path, targets=["onnx"])
    assert (tmp_path / "thesis.tex").read_text() == "years of work"
