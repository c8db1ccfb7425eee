"""The committed reference export is what the code writes today, byte for byte."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from pulsefront.files import firmware_export_directory
from pulsefront.firmware import export_model, verify_export
from pulsefront.firmware.checksums import write_checksums
from pulsefront.firmware.hls4ml.complete import OF_HLS4ML
from pulsefront.fixed_point import FixedPointModel

REFERENCE = firmware_export_directory() / "reference"


def committed(folder: Path) -> Path:
    """Take out of an export what hls4ml copies into every project, as the repository does."""
    project = folder / "hls4ml_vitis"
    for path in sorted(project.rglob("*")):
        name = path.relative_to(project).as_posix()
        if path.is_file() and name.startswith(OF_HLS4ML) and path.name != "nnet_code_gen.h":
            path.unlink()
    write_checksums(folder)
    return folder


def names(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def regenerated(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("reference") / "reference"
    provenance = json.loads((REFERENCE / "provenance.json").read_text())
    model = FixedPointModel.load(REFERENCE / "model.json")
    export_model(model, folder, provenance=provenance)
    return committed(folder)


def test_it_is_regenerated_byte_for_byte(regenerated):
    assert names(regenerated) == names(REFERENCE)
    for name in sorted(names(REFERENCE)):
        ours, kept = (folder / name for folder in (regenerated, REFERENCE))
        if ours.suffix == ".npz":
            # What holds the arrays differs between builds of NumPy and zlib.
            with np.load(ours) as first, np.load(kept) as second:
                assert sorted(first.files) == sorted(second.files)
                assert all(np.array_equal(first[key], second[key]) for key in first.files), name
        elif name.endswith("SHA256SUMS"):
            first, second = (
                [line for line in file.read_text().splitlines() if not line.endswith(".npz")]
                for file in (ours, kept)
            )
            assert first == second
        else:
            assert ours.read_bytes() == kept.read_bytes(), name


def test_it_verifies_as_it_lies_in_a_clone_with_its_c_simulation_and_test_bench():
    before = names(REFERENCE)
    result = verify_export(REFERENCE)
    result.raise_on_failure()
    assert {row.backend for row in result.exact_rows} == {
        "emulator",
        "onnxruntime",
        "hls4ml Vitis",
    }
    assert names(REFERENCE) == before


def test_its_checksums_fit_sha256sum():
    done = subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=REFERENCE, check=False)
    assert done.returncode == 0


def test_without_hls4ml_its_files_are_named_as_missing_and_the_rest_is_compared(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "hls4ml" else found(name)
    )
    result = verify_export(REFERENCE)
    (row,) = (row for row in result.rows if row.backend == "hls4ml Vitis")
    assert row.status.startswith("not run: hls4ml is needed for the files")
    assert "pip install 'pulsefront[firmware]'" in row.status
