"""QONNX's own executor computes the integers of a model from what an export writes.

``pip install qonnx`` adds what is compared with. It runs graphs of one event, in float32.
"""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from pulsefront.firmware.onnx.qonnx import build_qonnx, exact_in
from strategies_fixed_point import random_inputs
from toys_qonnx import qonnx_model

pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore")]

EVENTS = 60


def for_qonnx(proto):
    """Return a graph of one event, of the form of files that ONNX Runtime reads."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.transformation.infer_shapes import InferShapes

    proto.ir_version = 8
    for port in (*proto.graph.input, *proto.graph.output):
        port.type.tensor_type.shape.dim[0].dim_value = 1
    return ModelWrapper(proto).transform(InferShapes())


@pytest.mark.parametrize("seed", range(15))
def test_qonnx_itself_gives_the_models_integers(seed: int, monkeypatch) -> None:
    pytest.importorskip("qonnx")
    from qonnx.core.onnx_exec import execute_onnx

    model = qonnx_model(seed)
    assert exact_in(model) is np.float32
    built = build_qonnx(model)
    made = onnx.helper.make_model
    # ONNX Runtime may read no files of the newest form that onnx writes.
    monkeypatch.setattr(
        onnx.helper, "make_model", lambda *a, **given: made(*a, **{**given, "ir_version": 8})
    )
    wrapped = for_qonnx(built)
    inputs = random_inputs(model, EVENTS, seed)
    expected = model.emulator.run(inputs)
    for event in range(EVENTS):
        feeds = {
            one.name: one.format.values(inputs[one.name][event : event + 1]).astype(np.float32)
            for one in model.inputs
        }
        found = execute_onnx(wrapped, feeds)
        for name, integers in expected.items():
            steps = np.ldexp(found[name], model.tensors[name].format.fraction)
            np.testing.assert_array_equal(steps[0], integers[event], err_msg=name)
