"""The bit-exact ONNX graph against the emulator."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from hypothesis import given, settings

from pulsefront.errors import ExportError
from pulsefront.firmware.onnx.exact import build_onnx, run_onnx, write_onnx
from pulsefront.fixed_point import (
    Assignment,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Input,
    Overflow,
    Quantize,
    Rounding,
)
from pulsefront.fixed_point.document import from_json
from strategies_fixed_point import models, random_inputs, random_model


def compare(model: FixedPointModel, path, events: int = 300, seed: int = 0) -> None:
    write_onnx(model, path)
    inputs = random_inputs(model, events, seed)
    expected = model.emulator.run(inputs)
    found = run_onnx(path, inputs)
    assert set(found) == set(expected)
    for name, integers in expected.items():
        np.testing.assert_array_equal(found[name], integers, err_msg=name)


@given(models())
@settings(max_examples=40, deadline=None)
def test_every_random_model_gives_the_same_integers(tmp_path_factory, model):
    compare(model, tmp_path_factory.getbasetemp() / "random.onnx")


@pytest.mark.parametrize("seed", range(12))
def test_a_deterministic_dozen(tmp_path, seed):
    compare(random_model(1000 + seed), tmp_path / "net.onnx", 1000, seed)


def wide_model(rounding: str, overflow: str, bits: int) -> FixedPointModel:
    """Return a model whose sums need about *bits* bits."""
    rng = np.random.default_rng(bits)
    weight_format = FixedPointFormat(bits // 2, 3)
    weights = rng.integers(weight_format.minimum, weight_format.maximum, (5, 3), endpoint=True)
    layers = (
        Dense("d", ("x",), weights, weight_format, np.array([3, -4, 5]), FixedPointFormat(4, 2)),
        Quantize("q", ("d",), Assignment(FixedPointFormat(11, bits // 2), rounding, overflow)),
    )
    source = Input("x", (5,), FixedPointFormat(bits // 2 - 4, bits // 2 - 4))
    return FixedPointModel("wide", (source,), layers, ("q", "d"))


@pytest.mark.parametrize(("bits", "kind"), [(20, "float32"), (40, "float64"), (58, "int64")])
@pytest.mark.parametrize("overflow", Overflow)
@pytest.mark.parametrize("rounding", Rounding)
def test_every_mode_in_every_number_type(tmp_path, rounding, overflow, bits, kind):
    model = wide_model(rounding, overflow, bits)
    properties = {one.key: one.value for one in build_onnx(model).metadata_props}
    assert properties["pulsefront.number_type"] == kind
    compare(model, tmp_path / "wide.onnx")


@pytest.mark.parametrize("overflow", ["WRAP", "SAT", "SAT_SYM", "SAT_ZERO"])
def test_narrow_accumulators_follow_product_and_sum(tmp_path, overflow):
    rng = np.random.default_rng(1)
    narrow = Assignment(FixedPointFormat(6, 5), "RND", overflow)
    layer = Dense(
        "d", ("x",), rng.integers(-8, 8, (7, 4)), FixedPointFormat(4, 1), accumulator=narrow
    )
    source = Input("x", (7,), FixedPointFormat(5, 4))
    compare(FixedPointModel("narrow", (source,), (layer,), ("d",)), tmp_path / "n.onnx")


def test_the_file_carries_the_specification_and_the_origin(tmp_path):
    model = random_model(3)
    write_onnx(model, tmp_path / "net.onnx", {"pulsefront.training_sha256": "abc"})
    proto = onnx.load(tmp_path / "net.onnx")
    onnx.checker.check_model(proto, full_check=True)
    properties = {one.key: one.value for one in proto.metadata_props}
    document = json.loads(properties["pulsefront.specification"])
    assert document == model.to_json()
    assert from_json(FixedPointModel, document).name == model.name
    assert properties["pulsefront.training_sha256"] == "abc"
    assert len(properties["pulsefront.model_sha256"]) == 64


def test_the_same_model_gives_the_same_bytes(tmp_path):
    write_onnx(random_model(4), tmp_path / "a.onnx")
    write_onnx(random_model(4), tmp_path / "b.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_no_quantize_operators_are_used():
    for seed in range(20):
        operators = {node.op_type for node in build_onnx(random_model(seed)).graph.node}
        assert not any("Quantize" in one for one in operators)


def test_a_file_that_is_no_onnx_is_an_error(tmp_path):
    (tmp_path / "net.onnx").write_bytes(b"no")
    with pytest.raises(ExportError, match="ONNX Runtime cannot run it"):
        run_onnx(tmp_path / "net.onnx", {"x": np.zeros((1, 2), dtype=int)})
    with pytest.raises(ExportError, match="cannot be read"):
        run_onnx(tmp_path / "absent.onnx", {"x": np.zeros((1, 2), dtype=int)})
