"""A layer that the package does not know, added here alone, goes through every room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from pulsefront.errors import OverflowPossible, PrecisionError, UnsupportedLayer
from pulsefront.firmware import export_model
from pulsefront.firmware.hls4ml.stage import stage_code
from pulsefront.firmware.onnx.exact import run_onnx, write_onnx
from pulsefront.firmware.onnx.exact_layers import exact_nodes
from pulsefront.firmware.onnx.graph import GraphBuilder
from pulsefront.firmware.onnx.real import write_real_onnx
from pulsefront.fixed_point import (
    Assignment,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Input,
    Layer,
    LayerStep,
    estimate_resources,
    register_layer,
)
from pulsefront.fixed_point.circuits import Build, Circuit
from pulsefront.fixed_point.document import dumps
from pulsefront.fixed_point.layers.base import Bounds, Operation
from pulsefront.fixed_point.tensors import Tensor


@register_layer
@dataclass(frozen=True, eq=False)
class Weighted(Layer):
    """The weighted sum of two tensors of one format: factor · a − b."""

    factor: int
    to: Assignment | None = None
    kind: ClassVar[str] = "weighted"
    reads: ClassVar[int | None] = 2

    def bounds(self, sources: tuple[Tensor, ...]) -> Bounds:
        a, b = sources
        low = np.minimum(self.factor * a.low, self.factor * a.high) - b.high
        high = np.maximum(self.factor * a.low, self.factor * a.high) - b.low
        magnitude = abs(self.factor) * a.magnitude + b.magnitude
        return Bounds(low, high, a.format.fraction, magnitude)

    def operation(self, step: LayerStep) -> Operation:
        return lambda a, b: self.factor * a.astype(np.int64) - b.astype(np.int64)

    def circuit(self, step: LayerStep, build: Build) -> Circuit | None:
        return Circuit(step.exact.size * step.exact.format.width, depth=1)


@exact_nodes.register
def weighted_nodes(layer: Weighted, step: LayerStep, graph: GraphBuilder) -> str:
    a, b = (graph.value(name) for name in layer.inputs)
    return graph.node("Sub", [graph.node("Mul", [a, graph.number(layer.factor)]), b])


INPUT = FixedPointFormat(6, 6)
TO = Assignment(FixedPointFormat(7, 8), "RND", "WRAP")


def model(to: Assignment | None = TO) -> FixedPointModel:
    ones = np.arange(6).reshape(2, 3)
    layers = (
        Weighted("w", ("x", "y"), -3, to),
        Dense("d", ("w",), ones, FixedPointFormat(4, 4)),
    )
    return FixedPointModel("net", (Input("x", (2,), INPUT), Input("y", (2,), INPUT)), layers, "d")


def inputs() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    arrays = {name: rng.integers(-32, 32, (500, 2)) for name in ("x", "y")}
    for name, rows in {"x": [-32, 31, -32, 31], "y": [-32, -32, 31, 31]}.items():
        arrays[name][:4] = np.array(rows)[:, None]
    return arrays


def test_the_emulator_runs_it_and_its_bounds_are_reached():
    arrays = inputs()
    exact = -3 * arrays["x"] - arrays["y"]
    free = model(to=None)
    step = free.steps[0]
    assert step.exact.interval == (-3 * 31 - 31, 3 * 32 + 32) == (exact.min(), exact.max())
    weights = np.arange(6).reshape(2, 3)
    np.testing.assert_array_equal(free.run(arrays), exact @ weights)
    # <7,8> has a step of 2: round half up, then wrap in 7 bits
    wrapped = (np.floor(exact / 2 + 0.5).astype(int) + 64) % 128 - 64
    np.testing.assert_array_equal(model().run(arrays), wrapped @ weights)


def test_the_audit_proves_it_and_sees_the_data():
    row = model().audit(inputs()).rows[0]
    assert (row.layer, row.kind) == ("w", "weighted")
    assert row.proven == (-62, 64)
    assert row.seen == (-62, 64)
    assert row.missing_bits == 1
    with pytest.raises(OverflowPossible, match="layer 'w' can reach"):
        model().audit().refuse_wrap()


def test_it_has_a_cost_and_resources():
    cost = model().cost().layers[0]
    assert (cost.kind, cost.activation_bits, cost.macs) == ("weighted", 2 * 7, 0)
    built = estimate_resources(model(), strategy="Resource").layers[0]
    exact = 2 * 9  # two elements of −124 … 128
    assert (built.lut, built.latency_cycles) == (exact + 2 * 7, 1)


def test_the_document_holds_it(tmp_path):
    model().save(tmp_path / "model.json")
    again = FixedPointModel.load(tmp_path / "model.json")
    assert dumps(again) == dumps(model())
    np.testing.assert_array_equal(again.run(inputs()), model().run(inputs()))


def test_onnx_computes_it(tmp_path):
    write_onnx(model(), tmp_path / "net.onnx")
    found = run_onnx(tmp_path / "net.onnx", inputs())
    np.testing.assert_array_equal(found["d"], model().run(inputs()))


def test_a_writer_without_a_function_for_it_says_so(tmp_path):
    with pytest.raises(UnsupportedLayer, match=r"layer 'w': weighted is not written to hls4ml"):
        stage_code(model().steps[0], "w")
    with pytest.raises(UnsupportedLayer, match=r"layer 'w': weighted is not written to ONNX of"):
        write_real_onnx(model(), tmp_path / "net.onnx", int8=False)
    with pytest.raises(UnsupportedLayer, match=r"layer 'w': .*; leave this target out"):
        export_model(model(), tmp_path / "out", targets=["hls4ml"], allow_wrap=["w"])
    assert not (tmp_path / "out").exists()


def test_a_kind_is_one_class():
    with pytest.raises(PrecisionError, match="the layer kind 'weighted' is taken"):
        register_layer(type("Other", (Weighted,), {}))


def test_a_field_that_no_document_holds_is_named(tmp_path):
    @register_layer
    @dataclass(frozen=True, eq=False)
    class Odd(Weighted):
        share: float = 0.5
        kind: ClassVar[str] = "odd"

    whole = FixedPointModel("net", model().inputs, (Odd("w", ("x", "y"), 2),), ("w",))
    whole.save(tmp_path / "model.json")
    with pytest.raises(PrecisionError, match="share of Odd: documents hold no <class 'float'>"):
        FixedPointModel.load(tmp_path / "model.json")


def test_it_reads_as_many_tensors_as_its_kind_says():
    with pytest.raises(PrecisionError, match=r"layer 'w': weighted reads 2 tensors .*\('x',\)"):
        Weighted("w", ("x",), 1)
