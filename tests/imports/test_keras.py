"""Keras 3 and HGQ2: every integer of a quantized model is kept, one in floats is calibrated."""

from __future__ import annotations

import os

import numpy as np
import pytest

pytest.importorskip("torch")
os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")

from pulsefront.errors import DataError, PrecisionError, UnsupportedLayer  # noqa: E402
from pulsefront.imports import Widths, from_keras  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # of Keras and HGQ2 about their own code
RNG = np.random.default_rng(0)


def learned(build, shape, seed: int, overflow: str):
    """Return an HGQ2 model after three epochs, so that its bits differ, and what it saw."""
    hgq = pytest.importorskip("hgq")
    from hgq.config import LayerConfigScope, QuantizerConfigScope
    from hgq.utils import trace_minmax

    assert hgq
    keras.utils.set_random_seed(seed)
    x = RNG.normal(0, 1, (800, *shape)).astype(np.float32)
    with (
        QuantizerConfigScope(place="all", default_q_type="kbi", overflow_mode="SAT_SYM"),
        QuantizerConfigScope(
            place="datalane", default_q_type="kif", overflow_mode=overflow, i0=3, f0=3,
            heterogeneous_axis=(-1,), homogeneous_axis=None,
        ),
        LayerConfigScope(enable_ebops=True, beta0=1e-4),
    ):  # fmt: skip
        model = build()
    model.compile(loss="mse", optimizer=keras.optimizers.Adam(1e-2))
    target = x.reshape(len(x), -1)[:, :2] * x.reshape(len(x), -1)[:, 2:4]
    model.fit(x, target, epochs=3, batch_size=100, verbose=0)
    trace_minmax(model, x, verbose=0)
    return model, x


def dense():
    from hgq.layers import QDense

    return keras.Sequential(
        [
            keras.Input((12,)),
            QDense(8, activation="relu"),
            QDense(6, activation="relu"),
            QDense(2, enable_oq=True),
        ]
    )


def convolution():
    from hgq.layers import QAdd, QConv1D, QDense

    source = keras.Input((10, 3))
    x = QConv1D(4, 3, padding="same", activation="relu")(source)
    y = QConv1D(4, 3, padding="causal", strides=1, dilation_rate=2)(x)
    x = keras.layers.MaxPooling1D(2)(QAdd()([x, y]))
    x = QDense(2)(keras.layers.Flatten()(QConv1D(3, 2, strides=2)(x)))
    return keras.Model(source, x)


def images():
    from hgq.layers import QAdd, QConv2D, QDense

    source = keras.Input((6, 7, 2))
    x = QConv2D(3, (3, 2), padding="same", activation="relu")(source)
    x = QAdd()([x, QConv2D(3, 3, padding="same")(x)])
    x = keras.layers.AveragePooling2D(2)(keras.layers.MaxPooling2D((1, 2), strides=1)(x))
    return keras.Model(source, QDense(2)(keras.layers.Flatten()(x)))


SHAPES = {dense: (12,), convolution: (10, 3), images: (6, 7, 2)}


@pytest.mark.parametrize("overflow", ["WRAP", "SAT"])
@pytest.mark.parametrize("build", SHAPES)
def test_an_hgq2_model_keeps_every_integer(build, overflow: str) -> None:
    model, seen = learned(build, SHAPES[build], seed=3, overflow=overflow)
    imported = from_keras(model)
    assert not imported.calibrated
    (difference,) = imported.check(imported.integers(seen))
    assert difference.integers == 2 * len(seen)
    drawn = {
        one.name: RNG.integers(one.format.minimum, one.format.maximum + 1, (500, *one.shape))
        for one in imported.model.inputs
    }
    imported.check(drawn)


@pytest.mark.parametrize("as_layer", [False, True])
def test_a_model_in_floats_is_calibrated(as_layer: bool) -> None:
    keras.utils.set_random_seed(1)
    source = keras.Input((16, 2))
    x = keras.layers.Conv1D(4, 3, strides=2, padding="same")(source)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    x = keras.layers.Concatenate()([x, keras.layers.Conv1D(2, 1)(x)])
    x = keras.layers.GlobalAveragePooling1D()(x)
    if as_layer:
        x = keras.layers.Softmax()(keras.layers.Dense(3)(keras.layers.Dropout(0.1)(x)))
    else:
        x = keras.layers.Dense(3, activation="softmax")(keras.layers.Dropout(0.1)(x))
    model = keras.Model(source, x)
    data = RNG.normal(0, 1, (1000, 16, 2)).astype(np.float32)
    imported = from_keras(model, data=data, widths=Widths(12, 12))
    (said,) = imported.changes
    assert "the softmax at the end is left out: the largest of its inputs tells the class" in said
    (difference,) = imported.compare(imported.integers(data))
    assert difference.relative_rms < 0.01
    name = imported.model.inputs[0].name
    found = imported.origin({name: data})[0]
    expected = keras.ops.convert_to_numpy(model(data))
    exponents = np.exp(found)
    assert np.allclose(exponents / exponents.sum(axis=1, keepdims=True), expected, atol=1e-5)


def test_a_model_of_images_in_floats_is_calibrated() -> None:
    keras.utils.set_random_seed(2)
    source = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(4, 3, strides=(2, 1), padding="same", dilation_rate=1)(source)
    x = keras.layers.LeakyReLU(0.25)(keras.layers.BatchNormalization()(x))
    x = keras.layers.Add()([x, keras.layers.Conv2D(4, 1, activation="tanh")(x)])
    x = keras.layers.ELU()(keras.layers.MaxPooling2D(2)(x))
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(source, keras.layers.Dense(2, activation="sigmoid")(x))
    data = RNG.normal(0, 1, (500, 8, 8, 1)).astype(np.float32)
    imported = from_keras(model, data=data, widths=Widths(10, 10))
    kinds = [one.kind for one in imported.model.layers]
    assert kinds.count("table") == 4
    assert kinds.count("image_windows") == 2
    (difference,) = imported.compare_data(data)
    assert difference.relative_rms < 0.005
    with pytest.raises(PrecisionError, match=r"needs \(event, 8, 8, 1\), the network's own order"):
        imported.integers(np.moveaxis(data, -1, 1))


def test_what_has_no_counterpart_is_named() -> None:
    with pytest.raises(DataError, match="no functional or sequential"):
        from_keras("model")
    source = keras.Input((4,))
    lstm = keras.Model(source, keras.layers.Dense(2, activation="gelu", name="last")(source))
    with pytest.raises(UnsupportedLayer, match=r"last.*gelu"):
        from_keras(lstm, data=RNG.normal(0, 1, (10, 4)))
    image = keras.Input((8, 8, 8, 1))
    with pytest.raises(UnsupportedLayer, match="an input of the shape"):
        from_keras(keras.Model(image, keras.layers.Flatten()(image)))
    odds = keras.layers.Softmax(name="odds")(source)
    with pytest.raises(UnsupportedLayer, match=r"odds.*compare the linear"):
        from_keras(keras.Model(source, keras.layers.Dense(2)(odds)))


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_a_grouped_convolution_is_the_whole_one_with_zeros(groups: int) -> None:
    keras.utils.set_random_seed(4)
    source = keras.Input((9, 4))
    x = keras.layers.Conv1D(8, 3, groups=groups, dilation_rate=2, name="one")(source)
    model = keras.Model(source, keras.layers.Dense(2)(keras.layers.Flatten()(x)))
    data = RNG.integers(-50, 50, (300, 9, 4)).astype(np.float32)
    imported = from_keras(model, data=data, widths=Widths(14, 14))
    (convolution,) = [one for one in imported.model.layers if one.kind == "conv1d"]
    inside = convolution.weights.reshape(5, groups, 4 // groups, groups, 8 // groups)
    for one in range(groups):
        others = np.delete(inside[:, :, :, one], one, axis=1)
        assert not np.any(others)
    (difference,) = imported.compare_data(data)
    assert difference.relative_rms < 0.002


def test_a_layer_that_is_called_twice_and_a_model_within_a_model() -> None:
    keras.utils.set_random_seed(3)
    shared = keras.layers.Dense(5, activation="relu")
    left, right = keras.Input((4,)), keras.Input((4,))
    both = keras.layers.Concatenate()([shared(left), shared(right)])
    inner = keras.Sequential([keras.Input((10,)), keras.layers.Dense(6, activation="relu")])
    taken = keras.layers.Subtract()([keras.layers.Dense(6)(both), inner(both)])
    model = keras.Model([left, right], {"b": keras.layers.Dense(2)(taken), "a": taken})
    data = {f"keras_tensor_{index}": RNG.normal(0, 1, (500, 4)) for index in range(2)}
    with pytest.raises(PrecisionError, match="the data lack an input") as told:
        from_keras(model, data={"first": data["keras_tensor_0"]})
    names = str(told.value).split("data lack an input")[0]
    imported = from_keras(
        model, data=_by_inputs(model, list(data.values())), widths=Widths(16, 18, outputs=20)
    )
    assert names.split(":")[0] in {one.name for one in imported.model.inputs}
    found = imported.compare_data(_by_inputs(model, list(data.values())))
    assert max(one.relative_rms for one in found) < 1e-3


def _by_inputs(model, arrays) -> dict:
    return {str(one.name): array for one, array in zip(model.inputs, arrays, strict=True)}


def test_shapes_scales_and_depthwise_kernels() -> None:
    keras.utils.set_random_seed(4)
    normal = keras.layers.Normalization()
    normal.adapt(RNG.normal(3, 2, (200, 1)))
    layers = [
        keras.Input((64,)), keras.layers.Rescaling(0.5, offset=0.25),
        keras.layers.Dense(64), keras.layers.GaussianNoise(0.1),
        keras.layers.Dense(5, activation=keras.layers.LeakyReLU(0.25)), keras.layers.Dense(2),
    ]  # fmt: skip
    image = [
        keras.Input((64,)), keras.layers.Reshape((8, 8, 1)), normal,
        keras.layers.DepthwiseConv2D(3, depth_multiplier=3, padding="same", activation="relu"),
        keras.layers.Reshape((64, 3)), keras.layers.Flatten(), keras.layers.Dense(2),
    ]  # fmt: skip
    data = RNG.normal(0, 1, (400, 64))
    for one in (layers, image):
        imported = from_keras(
            keras.Sequential(one), data=data, widths=Widths(16, 12, outputs=20)
        )  # fmt: skip
        (difference,) = imported.compare_data(data)
        assert difference.relative_rms < 2e-3


def relu(x):
    """What bears a name of Keras and is another function."""
    return keras.ops.relu(x) * 2


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (keras.layers.BatchNormalization(axis=1), "axis 1 of BatchNormalization"),
        (keras.layers.Softmax(axis=1), "axis 1 of Softmax"),
        (keras.layers.Flatten(data_format="channels_first"), "channels first"),
        (keras.layers.GlobalMaxPooling1D(data_format="channels_first"), "channels first"),
        (keras.layers.Dense(3, activation=relu), "the activation relu, which is none of Keras"),
    ],
)
def test_other_axes_and_functions_are_refused(layer, said: str) -> None:
    source = keras.Input((4, 4))
    with pytest.raises(UnsupportedLayer, match=said):
        from_keras(keras.Model(source, layer(source)), data=RNG.normal(0, 1, (10, 4, 4)))
