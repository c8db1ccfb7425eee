"""ONNX networks keep their integers: QONNX, QuantizeLinear, and calibrated ones."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from pulsefront.errors import DataError, PrecisionError, UnsupportedLayer, VerificationFailed
from pulsefront.fixed_point import Add, AveragePool, Conv1d, Dense, FixedPointFormat, MaxPool, Relu
from pulsefront.imports import Widths, from_onnx
from toys_onnx import (
    Builder,
    any_scales,
    in_floats,
    quantize_linear,
    quantized_convolution,
    quantized_mlp,
)

EVENTS = 3000


def drawn(imported, seed: int = 7, events: int = EVENTS):
    """Return random integers of every input; the first events hold both ends."""
    rng = np.random.default_rng(seed)
    found = {}
    for one in imported.model.inputs:
        form = one.format
        array = rng.integers(form.minimum, form.maximum, (events, *one.shape), endpoint=True)
        array[0], array[1] = form.minimum, form.maximum
        ends = rng.choice([form.minimum, form.maximum], (events // 4, *one.shape))
        array[2 : 2 + len(ends)] = ends
        found[one.name] = array
    return found


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("mode", ["ROUND", "FLOOR", "ROUND_TO_ZERO", "HALF_UP", "HALF_DOWN"])
def test_a_qonnx_network_keeps_every_integer(seed: int, mode: str) -> None:
    imported = from_onnx(quantized_mlp(seed, mode=mode))
    (difference,) = imported.check(drawn(imported))
    assert difference.integers == 3 * EVENTS
    assert not imported.calibrated
    assert [type(one) for one in imported.model.layers] == [Dense, Relu, Dense]
    assert len(imported.changes) == 2
    assert all("which changes no integer" in one for one in imported.changes)


@pytest.mark.parametrize("seed", range(5))
def test_convolutions_keep_every_integer_in_the_order_of_the_file(seed: int) -> None:
    imported = from_onnx(quantized_convolution(seed))
    (difference,) = imported.check(drawn(imported))
    assert difference.integers == 2 * EVENTS
    kinds = [type(one) for one in imported.model.layers]
    assert (kinds.count(Conv1d), kinds.count(Add)) == (2, 1)
    assert {MaxPool, AveragePool} <= set(kinds)
    assert imported.model.inputs[0].shape == (16, 3)
    assert imported.turned == {imported.model.inputs[0].name}


@pytest.mark.parametrize("seed", range(5))
def test_quantize_linear_keeps_every_integer(seed: int) -> None:
    imported = from_onnx(quantize_linear(seed))
    imported.check(drawn(imported))
    assert imported.changes == ()
    assert imported.model.inputs[0].format == FixedPointFormat(8, 3)


def test_a_zero_point_becomes_limits() -> None:
    imported = from_onnx(quantize_linear(zero=4))
    imported.check(drawn(imported))
    form = imported.model.inputs[0].format
    assert (form.minimum, form.maximum) == (-256, 255)


@pytest.mark.parametrize("mode", ["FLOOR", "HALF_UP", "ROUND_TO_ZERO"])
def test_real_data_are_rounded_as_the_origin_rounds(mode: str) -> None:
    imported = from_onnx(quantized_mlp(5, mode=mode))
    data = np.random.default_rng(1).normal(0, 3, (500, 10)).astype(np.float32)
    name = imported.model.inputs[0].name
    step = imported.model.output_formats[imported.model.outputs[0]].step
    found = imported.model.run(imported.integers(data)[name]) * step
    assert np.array_equal(found, imported.origin({name: data})[0])


def test_tensors_of_two_values_keep_every_integer() -> None:
    b = Builder(2)
    scale = b.constant(np.float32(0.5))
    kind = {"domain": "qonnx.custom_op.general"}
    x = b.node("BipolarQuant", "in", scale, **kind)
    x = b.node("Gemm", x, b.node("BipolarQuant", b.weights(6, 5), scale, **kind))
    x = b.node("BipolarQuant", x, scale, **kind)
    x = b.node("Gemm", x, b.quant(b.weights(5, 3), 0.125, 3), b.weights(3))
    imported = from_onnx(b.model([6], b.quant(x, 0.25, 6), [3]))
    rng = np.random.default_rng(0)
    imported.check(imported.integers(rng.normal(0, 1, (EVENTS, 6))))
    assert [type(one) for one in imported.model.layers] == [Dense, Dense]
    assert imported.model.inputs[0].format.width == 1


def test_an_image_that_is_flattened_first_is_flat_from_the_start() -> None:
    b = Builder(3)
    shape = b.node("Shape", "in")
    events = b.node("Gather", shape, b.constant(np.array(0)), axis=0)
    events = b.node("Unsqueeze", events, b.constant(np.array([0])))
    target = b.node("Concat", events, b.constant(np.array([-1])), axis=0)
    x = b.quant(b.node("Reshape", "in", target), 0.25, 5)
    x = b.node("MatMul", x, b.quant(b.weights(24, 3), 0.125, 4))
    imported = from_onnx(b.model([2, 3, 4], b.quant(x, 0.5, 8), [3]))
    assert imported.model.inputs[0].shape == (24,)
    images = np.random.default_rng(0).normal(0, 2, (EVENTS, 2, 3, 4))
    imported.check(imported.integers(images))


@pytest.mark.parametrize("events", ["n", 789])
def test_an_input_with_positions_first_stays_as_it_is(events) -> None:
    b = Builder(4)
    x = b.node("Transpose", b.quant("in", 0.25, 6), perm=[0, 2, 1])
    x = b.node("Conv", x, b.quant(b.weights(3, 2, 3), 0.125, 4))
    x = b.node("Transpose", b.quant(x, 0.5, 6), perm=[0, 2, 1])
    x = b.node("Gemm", b.node("Flatten", x), b.quant(b.weights(24, 2), 0.125, 4), b.weights(2))
    model = b.model([10, 2], x, [2])
    if events != "n":
        for port in (model.graph.input[0], model.graph.output[0]):
            port.type.tensor_type.shape.dim[0].dim_value = events
    imported = from_onnx(model)
    assert not imported.turned
    assert imported.model.inputs[0].shape == (10, 2)
    (difference,) = imported.compare(drawn(imported))
    # What enters has few bits; the bias of the output is in floats, which the origin adds in.
    assert difference.relative_rms < 1e-6


def test_domains_that_a_file_does_not_state_are_known() -> None:
    model = quantized_mlp(1)
    del model.opset_import[1:]
    imported = from_onnx(model)
    imported.check(drawn(imported))


def test_real_data_become_the_integers_that_the_origin_rounds_to() -> None:
    imported = from_onnx(quantized_mlp(3))
    data = np.random.default_rng(1).normal(0, 3, (500, 10))
    integers = imported.integers(data)
    name = imported.model.inputs[0].name
    assert np.array_equal(integers[name], np.clip(np.rint(data * 16), -64, 63))
    expected = imported.origin({name: data})[0]
    step = imported.model.output_formats[imported.model.outputs[0]].step
    assert np.array_equal(imported.model.run(integers[name]) * step, expected)


def test_a_wrong_integer_is_found() -> None:
    imported = from_onnx(quantized_mlp(0))
    other = from_onnx(quantized_mlp(1))
    wrong = type(imported)(imported.model, other.origin, calibrated=False)
    (difference,) = wrong.compare(drawn(wrong))
    assert difference.different > EVENTS
    assert "differ, by up to" in str(difference)
    with pytest.raises(VerificationFailed, match="differs from the network it was made of") as said:
        wrong.check(drawn(wrong))
    assert "build" not in str(said.value)


def test_a_check_of_a_calibrated_network_says_that_formats_were_chosen() -> None:
    model, logits = in_floats()
    data = np.random.default_rng(2).integers(0, 4096, (200, 2, 10))
    imported = from_onnx(model, data=data, outputs=[logits])
    integers = imported.integers(data)
    (difference,) = imported.compare(integers)
    assert difference.different
    with pytest.raises(PrecisionError, match="by construction") as said:
        imported.check(integers)
    assert f"{difference.output} {100 * difference.relative_rms:.2g} %" in str(said.value)


def test_a_network_in_floats_is_calibrated() -> None:
    model, logits = in_floats()
    rng = np.random.default_rng(2)
    data = rng.integers(0, 4096, (2000, 2, 10))
    imported = from_onnx(model, data=data, outputs=[logits], widths=Widths(10, 10))
    assert imported.calibrated
    (source,) = imported.model.inputs
    assert source.format == FixedPointFormat(12, 12, signed=False)
    assert np.array_equal(imported.integers(data)[source.name], data.swapaxes(1, 2))
    fresh = rng.integers(0, 4096, (2000, 2, 10))
    (fine,) = imported.compare(imported.integers(fresh))
    assert fine.relative_rms < 0.02
    coarse = from_onnx(model, data=data, outputs=[logits], widths=Widths(3, 4))
    (difference,) = coarse.compare(coarse.integers(fresh))
    assert difference.relative_rms > 3 * fine.relative_rms


def test_real_data_give_the_input_a_format() -> None:
    model, logits = in_floats(4)
    data = np.random.default_rng(3).normal(0, 300, (1000, 2, 10))
    imported = from_onnx(model, data=data, outputs=[logits])
    assert imported.model.inputs[0].format.width == 12
    assert imported.compare(imported.integers(data))[0].relative_rms < 0.05


@pytest.mark.parametrize("kind", ["Softmax", "LogSoftmax"])
def test_a_softmax_at_the_end_is_left_out_and_the_class_is_the_same(kind: str) -> None:
    b = Builder(6)
    x = b.node("Gemm", b.quant("in", 0.25, 5), b.quant(b.weights(6, 4), 0.125, 4))
    logits = b.quant(x, 0.25, 8)
    model = b.model([6], b.node(kind, logits, axis=1), [4])
    imported = from_onnx(model)
    (said,) = imported.changes
    assert "the softmax at the end is left out" in said
    assert logits in said
    data = np.random.default_rng(0).normal(0, 2, (EVENTS, 6)).astype(np.float32)
    integers = imported.integers(data)
    imported.check(integers)
    alone = Builder()
    session = onnx.reference.ReferenceEvaluator(
        alone.model([4], alone.node(kind, "in", axis=1), [4])
    )
    found = imported.model.run(integers[imported.model.inputs[0].name])
    probable = session.run(None, {"in": found.astype(np.float32) * np.float32(0.25)})[0]
    # Equal logits are equal probabilities, of which either names the first.
    assert np.array_equal(np.argmax(found, axis=1), np.argmax(probable, axis=1))
    assert len(set(np.argmax(found, axis=1))) == 4


@pytest.mark.parametrize("shape", [(4,), (4, 6)])
def test_slopes_by_channel_keep_every_integer(shape: tuple[int, ...]) -> None:
    b = Builder(8)
    slopes = np.array([0.25, -0.5, 0.0, 1.5], np.float32).reshape(4, *[1] * (len(shape) - 1))
    x = b.quant("in", 0.25, 6)
    if len(shape) == 2:
        x = b.node("Conv", x, b.quant(b.weights(4, 4, 1), 0.125, 4))
    x = b.node("PRelu", b.quant(x, 0.25, 7), b.constant(slopes))
    imported = from_onnx(b.model(shape, b.quant(x, 0.125, 9), shape))
    imported.check(drawn(imported))
    assert [one.kind for one in imported.model.layers].count("relu") == 2


def refused(error: type[Exception], text: str, model, **given) -> None:
    with pytest.raises(error, match=text):
        from_onnx(model, **given)


def test_a_scale_that_is_no_power_of_two_is_refused_or_replaced() -> None:
    model = quantize_linear(scale=0.03)
    refused(PrecisionError, r"n\d+: the scale is no power of two \(got 0.0", model)
    imported = from_onnx(model, scales="nearest")
    assert any("the scale 0.03 became 0.03125" in one for one in imported.changes)
    (difference,) = imported.compare(drawn(imported))
    assert difference.different > 0
    assert difference.relative_rms < 0.1


@pytest.mark.parametrize("seed", range(5))
def test_kept_scales_keep_the_integers_of_tensors(seed: int) -> None:
    model = any_scales(seed)
    refused(PrecisionError, "no power of two", model)
    imported = from_onnx(model, scales="keep")
    (difference,) = imported.compare(drawn(imported))
    # Weights of 18 bits decide a rounding in a thousand otherwise than real numbers, by a step.
    assert difference.different < 3e-3 * difference.integers
    assert difference.largest_steps <= 1
    assert "its numbers are those of the file over" in imported.changes[0]
    rough = from_onnx(model, scales="keep", widths=Widths(factors=8))
    assert rough.compare(drawn(rough))[0].different > 10 * difference.different
    data = np.random.default_rng(seed).normal(0, 2, (500, 8)).astype(np.float32)
    name = imported.model.inputs[0].name
    integers = imported.integers(data)[name]
    nearest = np.rint(data / (imported.steps[name] * imported.model.inputs[0].format.step))
    assert np.array_equal(integers, np.clip(nearest, -32, 31))


def test_what_has_no_counterpart_is_named_with_what_to_use() -> None:
    model, logits = in_floats()
    b = Builder()
    x = b.node("Mish", "in")
    refused(UnsupportedLayer, "Mish.*or end before it: the output in", b.model([4], x, [4]))
    b = Builder()
    x = b.node("Relu", b.node("Softmax", "in", axis=1))
    refused(UnsupportedLayer, "Softmax is not bit-exact.*compare the linear", b.model([4], x, [4]))
    refused(PrecisionError, "not quantized.*give data", model, outputs=[logits])
    b = Builder()
    refused(UnsupportedLayer, "Mish", b.model([4], b.node("Mish", "in"), [4]))
    b = Builder()
    x = b.node("Conv", "in", b.weights(1, 1, 2, 2, 2))
    refused(
        UnsupportedLayer, "a convolution of 3 dimensions", b.model([1, 4, 4, 4], x, [1, 3, 3, 3])
    )
    b = Builder()
    refused(UnsupportedLayer, r"\('n', '\?'\)", b.model([""], b.node("Relu", "in"), [4]))
    b = Builder()
    x = b.quant("in", 0.5, 4, mode="CEIL")
    refused(UnsupportedLayer, "rounding CEIL", b.model([4], x, [4]))
    b = Builder()
    x = b.node("Reshape", b.quant("in", 0.5, 4), b.constant(np.array([-1, 2, 2])))
    refused(UnsupportedLayer, "reshape", b.model([4], x, [2, 2]))
    b = Builder()
    x = b.node("MatMul", b.quant("in", 0.5, 4), b.constant(np.full((4, 2), np.nan, np.float32)))
    refused(PrecisionError, "weights: is not finite", b.model([4], x, [2]))
    b = Builder()
    x = b.node("MatMul", "in", b.constant(np.ones((4, 2), np.float32)))
    refused(PrecisionError, "no format", b.model([4], b.quant(x, 0.5, 4), [2]))


def test_data_beyond_the_format_of_an_input_do_not_come_out_equal() -> None:
    b = Builder()
    x = b.node("MatMul", "in", b.constant(np.ones((4, 2), np.float32)))
    imported = from_onnx(b.model([4], b.quant(x, 0.5, 9), [2]), input_format=FixedPointFormat(8, 4))
    data = np.random.default_rng(0).normal(0, 40, (300, 4))
    assert not imported.compare(imported.integers(data))[0].different
    (difference,) = imported.compare_data(data)
    assert difference.different > 500


def test_an_output_that_the_origin_does_not_cast_is_said_to_lie_between_steps() -> None:
    b = Builder()
    x = b.node("Gemm", b.quant("in", 0.5, 4), b.quant(b.weights(4, 3), 0.125, 4))
    # 0.1 in float64 lies on no grid of 24 bits: the bias is put on steps, and nothing is cast.
    x = b.node("Add", x, b.constant(np.array([0.1, 0.2, 0.3])))
    imported = from_onnx(b.model([4], x, [3]), run=lambda feeds: [added(feeds["in"], b)])
    (difference,) = imported.compare(drawn(imported))
    assert not difference.different
    assert difference.off_grid > 0.1
    assert "these lie between steps" in str(difference)
    (cast,) = from_onnx(quantized_mlp()).compare(drawn(from_onnx(quantized_mlp())))
    assert cast.off_grid == 0
    assert str(cast).endswith("none differs")


def added(values, b: Builder):
    """Return what the network above gives, in float64."""
    constants = {one.name: onnx.numpy_helper.to_array(one) for one in b.constants}
    raw = next(one for one in constants.values() if one.shape == (4, 3))
    weights = np.clip(np.rint(raw / 0.125), -8, 7) * 0.125
    return np.clip(np.rint(values / 0.5), -8, 7) * 0.5 @ weights + [0.1, 0.2, 0.3]


def test_parameters_with_an_axis_of_one_are_numbers() -> None:
    model = quantized_mlp(2)
    for one in model.graph.initializer:
        if not one.dims:
            one.dims.append(1)
    imported = from_onnx(model)
    imported.check(drawn(imported))


def test_data_of_another_shape_are_not_read_as_more_events() -> None:
    imported = from_onnx(quantized_mlp())
    with pytest.raises(PrecisionError, match=r"needs \(event, 10\), the network"):
        imported.integers(np.zeros((3, 20)))


@pytest.mark.parametrize("scale", [-0.25, 0.0])
def test_scales_that_are_not_above_zero_are_refused(scale: float) -> None:
    b = Builder()
    model = b.model([4], b.quant("in", scale, 4), [4])
    for ways in ("refuse", "nearest", "keep"):
        refused(PrecisionError, "scale is not above zero", model, scales=ways)


def test_casts_to_integers_and_parts_of_bits_are_refused() -> None:
    b = Builder()
    x = b.node("Cast", b.quant("in", 0.5, 4), to=onnx.TensorProto.INT32)
    refused(UnsupportedLayer, "a cast to integers", b.model([4], x, [4]))
    b = Builder()
    for bits in (2.5, 0, -3, 300):
        b = Builder()
        text = rf"n\d+.*{bits} bits.*whole bits, 1 to 62"
        refused(UnsupportedLayer, text, b.model([4], b.quant("in", 0.5, bits), [4]))
    b = Builder()
    x = b.node("GlobalMaxPool", b.quant("in", 0.5, 4))
    refused(UnsupportedLayer, "without positions", b.model([4], x, [4]))


def test_the_format_of_an_input_can_be_given() -> None:
    b = Builder()
    x = b.node("MatMul", "in", b.constant(np.ones((4, 2), np.float32)))
    model = b.model([4], b.quant(x, 0.5, 9), [2])
    imported = from_onnx(model, input_format=FixedPointFormat(5, 3))
    imported.check(drawn(imported))
    assert imported.model.inputs[0].format == FixedPointFormat(5, 3)


def test_files_that_are_none_are_one_line(tmp_path) -> None:
    refused(DataError, "no such file", tmp_path / "absent.onnx")
    (tmp_path / "text.onnx").write_text("weights")
    refused(DataError, "no ONNX file", tmp_path / "text.onnx")
    onnx.save(quantized_mlp(), tmp_path / "net.onnx")
    assert from_onnx(tmp_path / "net.onnx").model.name == "net"
    refused(DataError, "is no tensor", tmp_path / "net.onnx", outputs=["nowhere"])


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        (("Softmax", "Identity"), "n3: the softmax at the end is left out"),
        (("Softmax", "ArgMax"), "n3: the softmax and the ArgMax at the end are left out"),
        (("ArgMax",), "n3: the ArgMax at the end is left out"),
    ],
)
def test_what_only_tells_the_largest_is_left_out(kinds: tuple[str, ...], said: str) -> None:
    b = Builder()
    tensor = linear = b.node("MatMul", "in", b.weights(4, 3))
    for kind in kinds:
        tensor = b.node(kind, tensor, **({"axis": 1} if kind == "ArgMax" else {}))
    events = np.random.default_rng(0).integers(0, 100, (100, 4))
    imported = from_onnx(b.model([4], tensor, [3]), data=events)
    assert imported.changes == (f"{said}: the largest of its inputs, {linear}, tells the class",)


def test_a_softmax_over_events_and_words_for_numbers_are_one_line() -> None:
    b = Builder()
    tensor = b.node("Softmax", b.node("MatMul", "in", b.weights(4, 3)), axis=0)
    with pytest.raises(UnsupportedLayer, match="Softmax"):
        from_onnx(b.model([4], tensor, [3]), data=np.ones((5, 4)))
    with pytest.raises(PrecisionError, match="holds no real numbers"):
        from_onnx(b.model([4], tensor, [3]), data=np.full((5, 4), "1"), outputs=("t2",))


def test_an_origin_that_rounds_counts_to_the_nearest_of_several_is_said() -> None:
    for mode, changes in (("ROUND", 1), ("FLOOR", 0)):
        b = Builder()
        x = b.quant("in", 8.0, 9, signed=0, mode=mode)
        x = b.node("MatMul", x, b.quant(b.weights(6, 2), 0.25, 4))
        imported = from_onnx(b.model([6], x, [2]))
        assert len(imported.changes) == changes
        assert all("steps of 8 by RND_CONV" in one for one in imported.changes)
