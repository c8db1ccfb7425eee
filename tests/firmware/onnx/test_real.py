"""The graphs for generic runtimes: real values, valid, and their difference measured."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import onnx
import pytest

from pulsefront.firmware import export_model, verify_export
from pulsefront.firmware.onnx.real import measure_difference, write_real_onnx
from pulsefront.firmware.onnx.session import onnx_session
from pulsefront.fixed_point import Dense, FixedPointFormat, FixedPointModel, Input
from reference_fixed_point import values_of
from strategies_fixed_point import random_inputs, random_model
from toys_firmware import small_model


@pytest.mark.parametrize("int8", [False, True])
@pytest.mark.parametrize("seed", range(15))
def test_every_layer_has_a_valid_graph(tmp_path, seed, int8):
    model = random_model(seed)
    write_real_onnx(model, tmp_path / "net.onnx", int8=int8)
    inputs = random_inputs(model, 20, seed)
    found = measure_difference(tmp_path / "net.onnx", model, inputs, model.emulator.run(inputs))
    assert {one.output for one in found} == set(model.outputs)
    assert all(np.isfinite(one.rms_steps) for one in found)


def test_without_rounding_the_float_graph_gives_the_integers(tmp_path):
    rng = np.random.default_rng(0)
    layer = Dense(
        "y",
        ("x",),
        rng.integers(-8, 8, (5, 3)),
        FixedPointFormat(4, 1),
        np.arange(3),
        FixedPointFormat(4, 2),
    )
    model = FixedPointModel("net", (Input("x", (5,), FixedPointFormat(6, 3)),), (layer,), ("y",))
    write_real_onnx(model, tmp_path / "net.onnx", int8=False)
    inputs = random_inputs(model, 50, 1)
    (found,) = measure_difference(tmp_path / "net.onnx", model, inputs, {"y": model.run(inputs)})
    assert (found.equal_fraction, found.largest_steps, found.vectors) == (1.0, 0.0, 50)
    value = values_of(inputs["x"][0], model.inputs[0].format) @ values_of(
        layer.weights, layer.weight_format
    )
    bias = values_of(layer.bias, layer.bias_format)
    step = Fraction(1, 2 ** model.tensors["y"].format.fraction)
    assert [int(one / step) for one in value + bias] == model.run(inputs)[0].tolist()


def test_a_deliberate_error_is_measured_in_steps(tmp_path):
    model = small_model()
    write_real_onnx(model, tmp_path / "net.onnx", int8=False)
    inputs = random_inputs(model, 100, 2)
    exact = model.emulator.run(inputs)
    (found,) = measure_difference(tmp_path / "net.onnx", model, inputs, exact)
    shifted = {"position": exact["position"] + 1000}
    (wrong,) = measure_difference(tmp_path / "net.onnx", model, inputs, shifted)
    assert wrong.largest_steps > 900 > found.largest_steps
    assert wrong.equal_fraction == 0


def test_the_int8_graph_holds_int8_weights_and_power_of_two_scales(tmp_path):
    write_real_onnx(small_model(), tmp_path / "net.onnx", int8=True)
    proto = onnx.load(tmp_path / "net.onnx")
    operators = [node.op_type for node in proto.graph.node]
    # Two of weights, one each of the input and of the hidden activations.
    assert (operators.count("QuantizeLinear"), operators.count("DequantizeLinear")) == (2, 4)
    tensors = {one.name: onnx.numpy_helper.to_array(one) for one in proto.graph.initializer}
    assert sum(one.dtype == np.int8 and one.ndim == 2 for one in tensors.values()) == 2
    for node in proto.graph.node:
        if node.op_type == "QuantizeLinear":
            mantissa, _ = np.frexp(tensors[node.input[1]])
            assert mantissa == 0.5


def test_an_export_states_the_difference_and_verification_does_not_call_it_equal(tmp_path):
    export_model(small_model(), tmp_path / "out", targets=["onnx", "onnx_float", "onnx_qdq"])
    text = (tmp_path / "out" / "README.md").read_text()
    assert "It is **not** bit-exact" in text
    assert text.count("position: ") == 4
    result = verify_export(tmp_path / "out")
    result.raise_on_failure()
    status = {row.backend: row.status for row in result.rows}
    assert status["onnxruntime"] == "equal"
    assert status["model_float.onnx"].startswith("approximate: within")
    assert status["model_int8_qdq.onnx"].startswith("approximate: within")
    (tmp_path / "out" / "model_float.onnx").write_bytes(b"broken")
    assert "model_float.onnx" in verify_export(tmp_path / "out").broken_backends


def test_what_the_export_knows_of_its_origin_is_in_every_graph(tmp_path):
    targets = ["onnx", "onnx_float", "onnx_qdq"]
    export_model(
        small_model(),
        tmp_path / "out",
        targets=targets,
        provenance={"training_sha256": "abc"},
        units={"position": "mm"},
    )
    for name in ("model.onnx", "model_float.onnx", "model_int8_qdq.onnx"):
        properties = {
            one.key: one.value for one in onnx.load(tmp_path / "out" / name).metadata_props
        }
        assert properties["pulsefront.training_sha256"] == "abc"
        assert properties["pulsefront.units"] == '{"position":"mm"}'
        assert len(properties["pulsefront.vectors_sha256"]) == 64
        assert ("not bit-exact" in properties["pulsefront.semantics"]) == (name != "model.onnx")


def test_differences_of_approximate_files_are_not_counted_as_mismatches(tmp_path):
    export_model(small_model(), tmp_path / "out", targets=["onnx", "onnx_qdq"])
    result = verify_export(tmp_path / "out")
    assert sum(row.mismatches for row in result.rows) > 0
    document = result.to_json()
    assert (document["passed"], document["mismatches"]) == (True, 0)
    exact = [row for row in result.rows if row.backend in ("emulator", "onnxruntime")]
    assert document["integers_compared"] == sum(row.integers for row in exact)


@pytest.mark.parametrize("int8", [False, True])
def test_counts_lose_their_lowest_bits_where_a_step_is_several(tmp_path, int8):
    source = Input("x", (2,), FixedPointFormat(8, 11, signed=False))
    eye = Dense("y", ("x",), np.eye(2, dtype=np.int64), FixedPointFormat(2, 2))
    write_real_onnx(
        FixedPointModel("net", (source,), (eye,), ("y",)), tmp_path / "net.onnx", int8=int8
    )
    counts = np.arange(2048).reshape(-1, 2)
    with onnx_session(tmp_path / "net.onnx") as session:
        (found,) = session.run(None, {"x": counts.astype(np.float32)})
    np.testing.assert_array_equal(found, counts >> 3 << 3)
