"""Networks of Brevitas, QONNX and HGQ2 keep every integer; ten architectures of each.

``pip install brevitas onnxoptimizer qonnx hgq2`` adds what is compared with.
"""

from __future__ import annotations

import os

import numpy as np
import pytest
from onnx import helper

from pulsefront.firmware import export_model, verify_export
from pulsefront.imports import from_keras, from_onnx, from_torch
from toys_onnx import quantized_convolution, quantized_image, quantized_mlp

torch = pytest.importorskip("torch")
os.environ.setdefault("KERAS_BACKEND", "torch")
pytestmark = [pytest.mark.peer, pytest.mark.filterwarnings("ignore")]
OLD = {"ir_version": 8}
EVENTS = 5000
SEEDS = range(10)


def drawn(imported, seed: int):
    rng = np.random.default_rng(seed)
    return {
        one.name: rng.integers(one.format.minimum, one.format.maximum + 1, (EVENTS, *one.shape))
        for one in imported.model.inputs
    }


def verified(imported, seed: int, folder) -> None:
    """Export, run every executor that is here, and expect no difference."""
    integers = drawn(imported, seed)
    (difference,) = imported.check(integers)
    wraps = [one.layer.name for one in imported.model.steps if one.layer.assignment]
    export_model(
        imported.model, folder / "out", targets=["onnx", "c99", "hls4ml"],
        data_vectors=integers, allow_wrap=wraps,
    )  # fmt: skip
    result = verify_export(folder / "out")
    result.raise_on_failure()
    print(f"{difference}; {sum(row.integers for row in result.exact_rows):,} in executors")  # noqa: T201


@pytest.mark.parametrize("seed", SEEDS)
def test_brevitas(seed: int, tmp_path) -> None:
    qnn = pytest.importorskip("brevitas.nn")
    pytest.importorskip("onnxoptimizer")
    from brevitas.quant import (
        Int8ActPerTensorFixedPoint,
        Int8WeightPerTensorFixedPoint,
        Uint8ActPerTensorFixedPoint,
    )

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    bits = rng.integers(3, 9, 6)
    widths = [int(one) for one in rng.integers(4, 20, 3)]

    def linear(into: int, out: int, width: int):
        return qnn.QuantLinear(
            into, out, bias=True, weight_quant=Int8WeightPerTensorFixedPoint,
            weight_bit_width=int(width), weight_scaling_per_output_channel=bool(seed % 2),
        )  # fmt: skip

    def cast(kind, quantizer, width: int):
        return kind(act_quant=quantizer, bit_width=int(width))

    layers = [
        cast(qnn.QuantIdentity, Int8ActPerTensorFixedPoint, bits[0]),
        linear(widths[0], widths[1], bits[1]),
        cast(qnn.QuantReLU, Uint8ActPerTensorFixedPoint, bits[2]),
        linear(widths[1], widths[2], bits[3]),
        cast(qnn.QuantReLU, Uint8ActPerTensorFixedPoint, bits[4]),
        linear(widths[2], 2, bits[5]),
        cast(qnn.QuantIdentity, Int8ActPerTensorFixedPoint, 10),
    ]
    module = torch.nn.Sequential(*layers)
    example = rng.normal(0, 2, (400, widths[0])).astype(np.float32)
    module.train()
    module(torch.as_tensor(example))
    verified(from_torch(module, example[:1], name=f"brevitas_{seed}"), seed, tmp_path)


@pytest.mark.parametrize("seed", SEEDS)
def test_brevitas_images(seed: int, tmp_path) -> None:
    """Convolutions of a small image with a residual sum, a pool, and a sigmoid at the end."""
    qnn = pytest.importorskip("brevitas.nn")
    pytest.importorskip("onnxoptimizer")
    from brevitas.quant import (
        Int8ActPerTensorFixedPoint,
        Int8WeightPerTensorFixedPoint,
        Uint8ActPerTensorFixedPoint,
    )

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    channels, bits = int(rng.integers(2, 5)), [int(one) for one in rng.integers(4, 8, 4)]

    def weighted(kind, *sizes: int, **options):
        return kind(
            *sizes, bias=True, weight_quant=Int8WeightPerTensorFixedPoint,
            weight_bit_width=bits[0], **options,
        )  # fmt: skip

    class Picture(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.given = qnn.QuantIdentity(act_quant=Int8ActPerTensorFixedPoint, bit_width=bits[1])
            self.first = weighted(qnn.QuantConv2d, 1, channels, 3, padding=seed % 2)
            self.bent = qnn.QuantReLU(act_quant=Uint8ActPerTensorFixedPoint, bit_width=bits[2])
            self.second = weighted(qnn.QuantConv2d, channels, channels, 3, padding=1)
            self.cast = qnn.QuantIdentity(act_quant=Int8ActPerTensorFixedPoint, bit_width=bits[2])
            self.sum = qnn.QuantIdentity(act_quant=Int8ActPerTensorFixedPoint, bit_width=bits[3])
            side = 4 if seed % 2 else 3
            self.dense = weighted(qnn.QuantLinear, channels * side * side, 2)
            self.narrow = qnn.QuantIdentity(act_quant=Int8ActPerTensorFixedPoint, bit_width=8)
            self.last = qnn.QuantIdentity(act_quant=Uint8ActPerTensorFixedPoint, bit_width=9)

        def forward(self, x):
            x = self.bent(self.first(self.given(x)))
            x = self.sum(x + self.cast(self.second(x)))
            x = torch.nn.functional.max_pool2d(x, 2)
            return self.last(torch.sigmoid(self.narrow(self.dense(torch.flatten(x, 1)))))

    module = Picture()
    example = rng.normal(0, 1, (200, 1, 8, 8)).astype(np.float32)
    module.train()
    module(torch.as_tensor(example))
    verified(from_torch(module, example[:1], name=f"brevitas_image_{seed}"), seed, tmp_path)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("build", [quantized_mlp, quantized_convolution, quantized_image])
def test_qonnx_itself_gives_the_same(build, seed: int, monkeypatch) -> None:
    pytest.importorskip("qonnx")
    made = helper.make_model
    # ONNX Runtime may read no files of the newest form that onnx writes.
    monkeypatch.setattr(helper, "make_model", lambda *a, **given: made(*a, **{**given, **OLD}))
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    source = build(seed)
    for port in (*source.graph.input, *source.graph.output):
        # QONNX runs graphs of fixed shapes only.
        port.type.tensor_type.shape.dim[0].dim_value = 1
    wrapped = ModelWrapper(source).transform(InferShapes())
    (output,) = [one.name for one in source.graph.output]

    def run(feeds):
        rows = [
            execute_onnx(wrapped, {k: one[i : i + 1] for k, one in feeds.items()})[output]
            for i in range(len(next(iter(feeds.values()))))
        ]
        return [np.concatenate(rows)]

    imported = from_onnx(source, run=run, name=f"qonnx_{seed}")
    small = {name: one[:300] for name, one in drawn(imported, seed).items()}
    (difference,) = imported.check(small)
    print(f"\n{difference}")  # noqa: T201


@pytest.mark.parametrize("seed", SEEDS)
def test_hgq2(seed: int, tmp_path) -> None:
    pytest.importorskip("hgq")
    keras = pytest.importorskip("keras")
    from hgq.config import LayerConfigScope, QuantizerConfigScope
    from hgq.layers import QDense
    from hgq.utils import trace_minmax

    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    sizes = [int(one) for one in rng.integers(4, 20, 3)]
    x = rng.normal(0, 1, (1000, sizes[0])).astype(np.float32)
    with (
        QuantizerConfigScope(place="all", default_q_type="kbi", overflow_mode="SAT_SYM"),
        QuantizerConfigScope(
            place="datalane", default_q_type="kif", overflow_mode=["WRAP", "SAT"][seed % 2]
        ),
        LayerConfigScope(enable_ebops=True, beta0=1e-4),
    ):
        layers = [QDense(size, activation="relu") for size in sizes[1:]]
        model = keras.Sequential([keras.Input((sizes[0],)), *layers, QDense(2)])
    model.compile(loss="mse", optimizer=keras.optimizers.Adam(5e-3))
    model.fit(x, x[:, :2] * x[:, 2:4], epochs=3, batch_size=100, verbose=0)
    trace_minmax(model, x, verbose=0)
    verified(from_keras(model, name=f"hgq_{seed}"), seed, tmp_path)
