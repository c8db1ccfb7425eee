"""Reuse factors, one or by layer: the Resource strategy gives the emulator's integers."""

from __future__ import annotations

import pytest

from pulsefront.errors import ConfigError, ExportError
from pulsefront.firmware import export_model, verify_export
from pulsefront.firmware.board import load_board
from pulsefront.firmware.hls4ml.project import write_hls4ml
from pulsefront.firmware.hls4ml.settings import HlsSettings
from pulsefront.fixed_point import (
    estimate_resources,
)
from toys_firmware import compare, conv_model, mlp


@pytest.mark.parametrize("backend", ["Vitis", pytest.param("Vivado", marks=pytest.mark.slow)])
def test_a_reuse_factor_above_kernel_times_channels_is_clamped_and_right(tmp_path, backend):
    model = conv_model()
    settings = HlsSettings(backend, "Resource", 42)
    reuse = write_hls4ml(model, tmp_path / "p", board=load_board(), settings=settings)
    assert reuse == {"slide": 3 * 2, "out": 42}
    compare(model, tmp_path / "p", 300)


def test_reuse_factors_by_layer_are_exported_and_simulated_bit_for_bit(tmp_path):
    asked = {"slide": 3, "out": 14}
    found = export_model(
        conv_model(), tmp_path / "out", targets=["hls4ml"], strategy="Resource", reuse_factor=asked
    )
    (project,) = found.contents.projects
    assert project.reuse_factors == asked
    text = (tmp_path / "out" / "README.md").read_text()
    assert "Reuse factors: slide 3, out 14; the largest" in text
    parameters = (tmp_path / "out" / "hls4ml_vitis" / "firmware" / "parameters.h").read_text()
    assert parameters.count("reuse_factor = 3;") >= 1
    assert parameters.count("reuse_factor = 14;") >= 1
    result = verify_export(tmp_path / "out")
    result.raise_on_failure()
    assert sum(row.vectors for row in result.rows if row.backend == "hls4ml Vitis") > 1000


def test_what_is_estimated_has_the_reuse_factor_of_each_layer():
    model = mlp(8, 8, 4)
    by_layer = estimate_resources(
        model, strategy="Resource", reuse_factor={"dense0": 8, "dense1": 2}
    )
    eight, two = (
        {
            one.layer: one
            for one in estimate_resources(model, strategy="Resource", reuse_factor=r).layers
        }
        for r in (8, 2)
    )
    found = {one.layer: one for one in by_layer.layers}
    assert (found["dense0"], found["dense1"]) == (eight["dense0"], two["dense1"])
    assert by_layer.interval_cycles == 8


def test_a_reuse_factor_of_no_layer_is_refused(tmp_path):
    with pytest.raises(
        ExportError, match=r"reuse_factors\.relu0: is no layer with weights; .*dense0"
    ):
        export_model(mlp(4, 3, 2), tmp_path / "out", reuse_factor={"relu0": 2})
    with pytest.raises(ExportError, match=r"reuse_factors\.dense0: is at least 1"):
        HlsSettings(reuse_factors={"dense0": 0})
    with pytest.raises(ConfigError, match="reuse_factor"):
        estimate_resources(mlp(4, 3, 2), reuse_factor={"dense0": 0})
