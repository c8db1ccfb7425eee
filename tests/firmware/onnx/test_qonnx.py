"""QONNX of a model: the model's integers, whatever the rounding, and one line where it has none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest

from pulsefront.errors import ExportError, UnsupportedLayer
from pulsefront.firmware import export_model, verify_export
from pulsefront.firmware.onnx.qonnx import build_qonnx, exact_in, run_qonnx, write_qonnx
from pulsefront.fixed_point import (
    Assignment,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    FunctionTable,
    ImageWindows,
    Input,
    Overflow,
    Quantize,
    Relu,
    Rounding,
    function_table,
)
from pulsefront.imports import from_onnx
from pulsefront.onnx_reference import reference_evaluator
from strategies_fixed_point import random_inputs, random_model
from toys_qonnx import qonnx_model

FORM = FixedPointFormat(6, 3)
EIGHT = FixedPointFormat(8, 5)
SAT = Assignment(FORM, Rounding.RND, Overflow.SAT)


def equal(model: FixedPointModel, path, events: int = 400) -> int:
    write_qonnx(model, path)
    inputs = random_inputs(model, events, 1)
    expected = model.emulator.run(inputs)
    found = run_qonnx(path, model, inputs)
    assert set(found) == set(expected)
    for name, integers in expected.items():
        np.testing.assert_array_equal(found[name], integers, err_msg=name)
    return sum(one.size for one in expected.values())


@pytest.mark.parametrize("seed", range(9))
def test_models_of_vectors_waveforms_and_images_give_the_same_integers(tmp_path, seed) -> None:
    assert equal(qonnx_model(seed), tmp_path / "m.onnx") >= 800


def test_any_random_model_gives_the_same_integers_or_a_line_that_names_a_layer(tmp_path) -> None:
    written, lines = 0, []
    for seed in range(120):
        model = random_model(seed)
        try:
            written += equal(model, tmp_path / "m.onnx", 100) > 0
        except UnsupportedLayer as error:
            lines.append(str(error))
    assert written > 15
    assert len(lines) > 15
    assert all("net_" in one and "leave this target out" in one for one in lines)


@pytest.mark.parametrize("rounding", list(Rounding))
@pytest.mark.parametrize("overflow", [Overflow.SAT, Overflow.SAT_SYM])
def test_every_rounding_at_every_tie(tmp_path, rounding: str, overflow: str) -> None:
    source = Input("x", (2,), FixedPointFormat(8, 5))
    layer = Quantize("q", ("x",), Assignment(FixedPointFormat(5, 4), rounding, overflow))
    model = FixedPointModel("ties", (source,), (layer,), ("q",))
    write_qonnx(model, tmp_path / "m.onnx")
    every = np.arange(-128, 128).repeat(2).reshape(-1, 2)
    found = run_qonnx(tmp_path / "m.onnx", model, {"x": every})["q"]
    np.testing.assert_array_equal(found, model.run(every))


def chain(*layers, shape=(2,), form=EIGHT) -> FixedPointModel:
    return FixedPointModel("chain", (Input("x", shape, form),), layers, (layers[-1].name,))


def quantized(*formats: FixedPointFormat, overflow: str = "SAT", shape=(2,)) -> FixedPointModel:
    one = formats[0] if len(formats) == 1 else formats
    return chain(Quantize("q", ("x",), Assignment(one, "TRN", overflow)), shape=shape)


WEIGHTS = np.array([[1, 2], [3, -4]])
DENSE = Dense("d", ("x",), WEIGHTS, FixedPointFormat(4, 2))
NARROW = Assignment(FixedPointFormat(8, 6), "TRN", "WRAP")
REFUSED = {
    "'q': QONNX's quantizer saturates, and this one can overflow by WRAP": quantized(
        FORM, overflow="WRAP"
    ),
    "'q': QONNX's quantizer saturates, and this one can overflow by SAT_ZERO": quantized(
        FORM, overflow="SAT_ZERO"
    ),
    "signed for all channels or for none": quantized(FORM, replace(FORM, signed=False)),
    "has one width, and channels of other widths": quantized(FORM, FixedPointFormat(5, 3)),
    "one signed bit as −1 and 1": quantized(FixedPointFormat(1, 1)),
    "'d': QONNX has no accumulator that loses bits": chain(replace(DENSE, accumulator=NARROW)),
    "'d': constants of 30 bits": chain(replace(DENSE, weight_format=FixedPointFormat(30, 2))),
    "'w': windows of an image have no QONNX counterpart": chain(
        ImageWindows("w", ("x",), (2, 2), (2, 1)), Relu("r", ("w",)), shape=(4, 1)
    ),
    "'t': QONNX has no tables, and a table of drawn": chain(
        FunctionTable("t", ("x",), "drawn", np.arange(256) % 9, FixedPointFormat(8, 5), FORM)
    ),
    "'t': its entries are not the values of tanh": chain(
        FunctionTable("t", ("x",), "tanh", np.arange(256) % 9, FixedPointFormat(8, 5), FORM)
    ),
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_qonnx_cannot_say_names_the_layer_and_what_to_use(said: str) -> None:
    with pytest.raises(UnsupportedLayer) as error:
        build_qonnx(REFUSED[said])
    assert said in str(error.value)
    assert "leave this target out" in str(error.value)


def test_an_overflow_that_cannot_happen_is_written(tmp_path) -> None:
    assert equal(quantized(FixedPointFormat(9, 6), overflow="WRAP"), tmp_path / "m.onnx")


def test_a_table_whose_values_lie_on_the_edge_of_rounding_is_refused() -> None:
    reads = FixedPointFormat(4, 2)
    # sigmoid(0) is one half: a tie where the steps are whole.
    table = function_table("t", "x", "sigmoid", reads, Assignment(FixedPointFormat(3, 3), "RND"))
    with pytest.raises(UnsupportedLayer, match="edge of rounding"):
        build_qonnx(chain(table, form=reads))


def test_the_file_says_in_which_numbers_it_is_exact(tmp_path) -> None:
    wide = Input("x", (4,), FixedPointFormat(20, 20))
    weights = np.full((4, 1), 127)
    layers = (Dense("d", ("x",), weights, FixedPointFormat(8, 1), to=SAT),)
    model = FixedPointModel("wide", (wide,), layers, ("d",))
    properties = {one.key: one.value for one in build_qonnx(model).metadata_props}
    assert properties["pulsefront.exact_in"] == "float64"
    assert equal(model, tmp_path / "m.onnx")
    small = {one.key: one.value for one in build_qonnx(qonnx_model(0)).metadata_props}
    assert small["pulsefront.exact_in"] == "float32"
    widest = replace(layers[0], weight_format=FixedPointFormat(8, 1), to=None)
    source = Input("x", (4,), FixedPointFormat(50, 50))
    model = FixedPointModel("widest", (source,), (widest,), ("d",))
    assert exact_in(model) is np.int64
    with pytest.raises(ExportError, match="more than the 53 bits"):
        build_qonnx(model)


def test_verify_runs_it_and_finds_a_changed_weight(tmp_path) -> None:
    model = qonnx_model(1)
    export = export_model(model, tmp_path / "out", targets=["qonnx"])
    assert "model_qonnx.onnx" in export.table()
    told = (tmp_path / "out" / "README.md").read_text()
    assert "in\n  float32 every sum of it is exact" in told
    result = verify_export(tmp_path / "out")
    result.raise_on_failure()
    rows = [row for row in result.exact_rows if row.backend == "qonnx"]
    assert sum(row.integers for row in rows) > 1000
    path = tmp_path / "out" / "model_qonnx.onnx"
    proto = onnx.load(path)
    weights = next(one for one in proto.graph.initializer if len(one.dims) == 3)
    array = onnx.numpy_helper.to_array(weights).copy()
    array.flat[0] += 1
    weights.CopyFrom(onnx.numpy_helper.from_array(array, weights.name))
    onnx.save(proto, path)
    rows = [row for row in verify_export(tmp_path / "out").rows if row.backend == "qonnx"]
    assert any(row.mismatches for row in rows)


def test_a_file_that_is_none_is_one_line(tmp_path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(b"nothing of this kind")
    model = qonnx_model(0)
    with pytest.raises(ExportError, match="cannot be run"):
        run_qonnx(path, model, random_inputs(model, 3, 0))
    with pytest.raises(ExportError, match="cannot be read"):
        run_qonnx(tmp_path / "none.onnx", model, random_inputs(model, 3, 0))


def test_counts_lose_their_lowest_bits_where_a_step_is_several_as_in_training(tmp_path) -> None:
    source = Input("x", (2,), FixedPointFormat(9, 12, signed=False))
    model = FixedPointModel("dropped", (source,), (DENSE,), ("d",))
    write_qonnx(model, tmp_path / "m.onnx")
    counts = np.arange(4096).reshape(-1, 2)
    (found,) = reference_evaluator(onnx.load(tmp_path / "m.onnx")).run(
        None, {"x": counts.astype(np.float32)}
    )
    np.testing.assert_array_equal(found / model.output_formats["d"].step, model.run(counts >> 3))
    imported = from_onnx(tmp_path / "m.onnx", name=model.name)
    assert imported.changes == ()
    assert [one.format for one in imported.model.inputs] == [source.format]
    np.testing.assert_array_equal(imported.integers(counts)["x_1"], counts >> 3)
