"""The committed reference export is what the code writes today, byte for byte."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from pulsefront.files import firmware_export_directory
from pulsefront.firmware import export_model, verify_export
from pulsefront.firmware.checksums import write_checksums
from pulsefront.fixed_point import FixedPointModel

REFERENCE = firmware_export_directory() / "reference"
# hls4ml's own files are not committed; every project gets them from the installed package.
OF_HLS4ML = (
    "hls4ml_vitis/build_lib.sh",
    "hls4ml_vitis/build_prj.tcl",
    "hls4ml_vitis/firmware/ap_types/",
    "hls4ml_vitis/firmware/nnet_utils/",
    "hls4ml_vitis/vivado_synth.tcl",
)


def names(folder: Path) -> set[str]:
    found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    return {name for name in found if not name.startswith(OF_HLS4ML)}


@pytest.fixture(scope="module")
def regenerated(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("reference") / "reference"
    provenance = json.loads((REFERENCE / "provenance.json").read_text())
    model = FixedPointModel.load(REFERENCE / "model.json")
    export_model(model, folder, provenance=provenance)
    return folder


def test_it_is_regenerated_byte_for_byte(regenerated):
    assert names(regenerated) == names(REFERENCE)
    for name in sorted(names(REFERENCE)):
        assert (regenerated / name).read_bytes() == (REFERENCE / name).read_bytes(), name


def test_the_committed_model_and_graph_give_the_committed_vectors(tmp_path):
    # The project is the regenerated one byte for byte; others like it are compiled elsewhere.
    folder = tmp_path / "reference"
    shutil.copytree(REFERENCE, folder, ignore=shutil.ignore_patterns("hls4ml_vitis"))
    write_checksums(folder)
    result = verify_export(folder)
    result.raise_on_failure()
    assert {row.backend for row in result.rows} == {"emulator", "onnxruntime"}
