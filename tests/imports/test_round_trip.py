"""What an export says in QONNX, an import reads back: the identical model."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import UnsupportedLayer
from pulsefront.firmware.onnx.qonnx import write_qonnx
from pulsefront.fixed_point import Rounding
from pulsefront.imports import from_onnx
from strategies_fixed_point import random_inputs
from toys_onnx import Builder
from toys_qonnx import qonnx_model


@pytest.mark.parametrize("seed", range(15))
def test_the_identical_model_comes_back(tmp_path, seed: int) -> None:
    model = qonnx_model(seed)
    write_qonnx(model, tmp_path / "model_qonnx.onnx")
    imported = from_onnx(tmp_path / "model_qonnx.onnx", name=model.name)
    assert imported.model.to_json() == model.to_json()
    assert imported.changes == ()
    differences = imported.check(random_inputs(model, 200, seed))
    assert all(one.off_grid == 0 for one in differences)


def half_step(mode: str, added: float, **given):
    b = Builder()
    x = b.node("Add", b.quant("in", 0.25, 6), b.constant(np.float32(added)))
    return b.model([4], b.quant(x, 1.0, 4, mode=mode, **given), [4])


@pytest.mark.parametrize(
    ("mode", "added", "rounding"), [("FLOOR", 0.5, Rounding.RND), ("CEIL", -0.5, "RND_MIN_INF")]
)
def test_half_a_step_before_a_quantizer_is_its_rounding(mode, added, rounding) -> None:
    imported = from_onnx(half_step(mode, added))
    (layer,) = imported.model.layers
    assert layer.to.rounding == rounding
    every = np.arange(-32, 32).reshape(-1, 4)
    imported.check(every)


def test_another_number_before_a_quantizer_is_a_bias() -> None:
    imported = from_onnx(half_step("FLOOR", 0.75))
    assert [one.kind for one in imported.model.layers] == ["dense"]
    imported.check(np.arange(-32, 32).reshape(-1, 4))
    with pytest.raises(UnsupportedLayer, match="rounding CEIL"):
        from_onnx(half_step("CEIL", 0.5))
