"""Reuse factors that are chosen are those that hls4ml builds, and their exports are exact."""

from __future__ import annotations

import json

import pytest

from pulsefront.firmware.export import export_model
from pulsefront.firmware.fit import fit
from pulsefront.firmware.fit.hls import reuse_factors_of
from pulsefront.firmware.verify import verify_export
from pulsefront.fixed_point.layers.matrix import MatrixLayer
from toys_firmware import conv_model, small_model


@pytest.mark.parametrize("make", [small_model, conv_model])
def test_the_factors_are_those_of_hls4ml(make):
    pytest.importorskip("hls4ml")
    from hls4ml.backends import get_backend

    backend = get_backend("Vitis")
    for step in make().steps:
        if not isinstance(step.layer, MatrixLayer):
            continue
        n_in, n_out = step.layer.weights.size // step.layer.n_out, step.layer.n_out
        theirs = backend.get_valid_reuse_factors(n_in, n_out)
        ours = reuse_factors_of(step, "Resource")
        assert set(ours) <= set(theirs)
        assert [one for one in theirs if one <= max(ours)] == ours


@pytest.mark.slow
def test_what_is_chosen_is_exported_with_the_factors_chosen_and_simulated_bit_for_bit(tmp_path):
    model = conv_model()
    chosen = fit(model, "arty_a7_100", 1e6, routes=["hls4ml Resource"])
    reuse = chosen.design.reuse_factors
    assert max(reuse.values()) > 1
    found = export_model(
        model,
        tmp_path / "out",
        targets=["hls4ml"],
        board="arty_a7_100",
        strategy="Resource",
        reuse_factor=reuse,
    )
    (project,) = found.contents.projects
    assert project.reuse_factors == reuse
    verify_export(tmp_path / "out").raise_on_failure()
    assert json.dumps(chosen.to_json())
