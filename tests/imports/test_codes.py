"""Integers of QuantizeLinear: what they stand for is kept, and nothing else is taken for it."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from pulsefront.errors import PrecisionError, UnsupportedLayer
from pulsefront.firmware.vectors import golden_vectors
from pulsefront.fixed_point import FixedPointFormat
from pulsefront.imports import Widths, from_onnx
from toys_onnx import Builder

ZERO = np.int8(0)


def coded(b: Builder, tensor: str, scale, zero=ZERO, back=None, **attributes) -> str:
    """Add QuantizeLinear, and DequantizeLinear by *back*, a scale and zero point of its own."""
    at = [b.constant(np.float32(scale)), *([] if zero is None else [b.constant(zero)])]
    integers = b.node("QuantizeLinear", tensor, *at, **attributes)
    if back is not None:
        at = [b.constant(np.float32(back[0])), b.constant(back[1])]
    axis = {key: value for key, value in attributes.items() if key == "axis"}
    return b.node("DequantizeLinear", integers, *at, **axis)


def ended(b: Builder, tensor: str, shape=(4,), out=(3,)):
    model = b.model(list(shape), coded(b, tensor, 0.25), list(out))
    model.opset_import[0].version = 21
    model.ir_version = 10
    return model


def weights(b: Builder, *shape: int) -> str:
    return b.constant((b.rng.integers(-8, 8, shape) / 8).astype(np.float32))


def differing(model, **given) -> tuple[int, int]:
    imported = from_onnx(model, **given)
    found = [
        one
        for several in golden_vectors(imported.model)
        for one in imported.compare(several.inputs)
    ]
    assert max(one.off_grid for one in found) < 1e-3
    return sum(one.different for one in found), sum(one.integers for one in found)


@pytest.mark.parametrize(
    "back", [(0.25, np.int8(0)), (0.125, np.int8(4)), (0.0625, np.int8(-3)), (0.125, np.int8(0))]
)
def test_another_scale_or_zero_point_behind_is_arithmetic(back) -> None:
    b = Builder()
    x = b.node("MatMul", coded(b, "in", 0.125, back=back), weights(b, 4, 3))
    different, compared = differing(ended(b, x))
    assert (different, compared > 2_000) == (0, True)


def test_a_file_that_ends_in_integers() -> None:
    b = Builder()
    x = b.node("MatMul", coded(b, "in", 0.125), weights(b, 4, 3))
    integers = b.node("QuantizeLinear", x, b.constant(np.float32(0.25)), b.constant(np.int8(3)))
    model = b.model([4], integers, [3])
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.INT8
    assert differing(model)[0] == 0


def test_the_type_of_integers_is_said_without_a_zero_point() -> None:
    b = Builder()
    x = coded(b, "in", 0.125, None, output_dtype=TensorProto.INT8)
    model = ended(b, b.node("MatMul", x, weights(b, 4, 3)))
    assert from_onnx(model).model.inputs[0].format == FixedPointFormat(8, 5)
    assert differing(model)[0] == 0


def test_four_bits_and_scales_by_channel() -> None:
    b = Builder()
    x = coded(b, "in", [0.125, 0.25, 0.5, 0.125], np.zeros(4, np.int8), axis=1)
    y = b.node("MatMul", x, weights(b, 4, 3))
    model = ended(b, y)
    (zero,) = (one for one in model.graph.initializer if one.dims == [4] and one.data_type == 3)
    zero.CopyFrom(helper.make_tensor(zero.name, TensorProto.INT4, [4], [0, 0, 0, 0]))
    assert differing(model)[0] == 0


def test_scales_by_position_blocks_and_floating_point_are_refused() -> None:
    b = Builder()
    x = coded(b, "in", [0.125, 0.25, 0.5, 0.125], np.zeros(4, np.int8), axis=1)
    model = ended(b, b.node("MatMul", x, weights(b, 4, 3)), (4, 4), (4, 3))
    with pytest.raises(UnsupportedLayer, match="use one number, or one for each channel"):
        from_onnx(model)
    b = Builder()
    x = b.node("MatMul", coded(b, "in", 0.125, None, output_dtype=17), weights(b, 4, 3))
    with pytest.raises(UnsupportedLayer, match="FLOAT8E4M3FN have no counterpart"):
        from_onnx(ended(b, x))


def test_integers_that_are_taken_as_numbers_are_refused() -> None:
    b = Builder()
    at = [b.constant(np.float32(0.125)), b.constant(ZERO)]
    x = b.node("Cast", b.node("QuantizeLinear", "in", *at), to=TensorProto.FLOAT)
    with pytest.raises(UnsupportedLayer, match="Cast takes the integers of a QuantizeLinear"):
        from_onnx(ended(b, b.node("MatMul", x, weights(b, 4, 3))))


def test_integers_may_be_chosen_and_ordered_before_they_are_numbers() -> None:
    b = Builder()
    at = [b.constant(np.float32(0.125)), b.constant(np.int8(3))]
    x = b.node("QuantizeLinear", "in", *at)
    x = b.node("Flatten", b.node("MaxPool", x, kernel_shape=[2], strides=[2]))
    x = b.node("MatMul", b.node("DequantizeLinear", x, *at), weights(b, 4, 3))
    model = ended(b, x, (2, 4))
    assert differing(model)[0] == 0
    assert not from_onnx(model).changes  # an odd zero point changes no tie here


@pytest.mark.parametrize("kind", [TensorProto.UINT8, TensorProto.INT16])
def test_an_input_of_integers_has_their_format(kind: int) -> None:
    b = Builder()
    zero = b.constant(np.zeros((), helper.tensor_dtype_to_np_dtype(kind)) + 5)
    x = b.node("DequantizeLinear", "in", b.constant(np.float32(0.25)), zero)
    model = ended(b, b.node("MatMul", x, weights(b, 4, 3)))
    model.graph.input[0].type.tensor_type.elem_type = kind
    assert differing(model)[0] == 0


@pytest.mark.parametrize("kind", [TensorProto.INT32, TensorProto.DOUBLE, TensorProto.FLOAT16])
def test_an_input_of_another_type_is_fed_as_it_is(kind: int) -> None:
    b = Builder()
    x = b.node("Cast", "in", to=TensorProto.FLOAT)
    model = ended(b, b.node("MatMul", x, weights(b, 4, 3)))
    model.graph.input[0].type.tensor_type.elem_type = kind
    assert differing(model, input_format=FixedPointFormat(9, 9))[0] == 0
    if kind == TensorProto.INT32:
        with pytest.raises(PrecisionError, match="takes int32 there, and the format has fraction"):
            from_onnx(model, input_format=FixedPointFormat(9, 6))


def test_what_needs_no_layer_of_its_own() -> None:
    b = Builder()
    read = coded(b, "in", 0.125)
    x = b.node("Gather", read, b.constant(np.array([3, 0, 1])), axis=1)
    low = b.node("Slice", x, *(b.constant(np.array([one])) for one in (0, 2, 1)))
    turned = b.node("Neg", b.node("MatMul", low, weights(b, 2, 3)))
    x = b.node("Max", b.constant(np.float32(-0.5)), turned)
    x = b.node("Sub", b.constant(np.float32(1)), b.node("Min", x, b.constant(np.float32(2))))
    y = b.node("MatMul", read, weights(b, 4, 3))
    different, compared = differing(ended(b, b.node("Sub", x, y)))
    assert (different, compared > 2_000) == (0, True)


def test_a_waveform_pools_as_an_image_of_one_row_and_an_input_is_one_channel() -> None:
    b = Builder()
    x = b.node("Unsqueeze", "in", b.constant(np.array([1])))
    x = b.node("Conv", coded(b, x, 0.125), weights(b, 2, 1, 3), pads=[1, 1])
    x = b.node("Unsqueeze", x, b.constant(np.array([-2])))
    x = b.node("AveragePool", x, kernel_shape=[1, 2], strides=[1, 2])
    x = b.node("Flatten", b.node("Squeeze", x, b.constant(np.array([-2]))))
    model = ended(b, b.node("MatMul", x, weights(b, 8, 3)), (8,))
    assert differing(model)[0] == 0
    assert from_onnx(model).model.inputs[0].shape == (8, 1)


def test_x_times_its_own_sigmoid_is_one_table() -> None:
    b = Builder()
    x = coded(b, "in", 0.125)
    model = ended(b, b.node("Mul", b.node("Sigmoid", x), x), out=(4,))
    assert [one.kind for one in from_onnx(model).model.layers] == ["table"]
    assert differing(model)[0] == 0


def test_weights_of_no_grid_in_a_quantized_network_are_named() -> None:
    b = Builder()
    x = b.node("MatMul", coded(b, "in", 0.125), weights(b, 4, 3))
    parts = [b.constant(np.float32([0.7, 1.1, 0.9])) for _ in range(4)]
    model = ended(b, b.node("BatchNormalization", x, *parts))
    with pytest.raises(PrecisionError, match=r"n\d+: tensors are quantized.*scales keep"):
        from_onnx(model)
    assert differing(model, scales="keep")[0] == 0
    # Of weights above zero alone, 24 bits leave none for a sign.
    for one in model.graph.initializer:
        if list(one.dims) == [4, 3]:
            values = np.abs(numpy_helper.to_array(one)) + np.float32(0.125)
            one.CopyFrom(numpy_helper.from_array(values, one.name))
    assert differing(model, scales="keep", widths=Widths(factors=24))[0] == 0
