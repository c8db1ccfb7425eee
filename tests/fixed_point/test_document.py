"""Models as JSON: exact round trip, refusal of what is not known."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings

from pulsefront.errors import PrecisionError, UnsupportedLayer
from pulsefront.fixed_point import FixedPointModel
from pulsefront.fixed_point.document import dumps, from_json
from strategies_fixed_point import models, random_inputs, random_model


@given(models())
@settings(max_examples=50, deadline=None)
def test_the_round_trip_is_exact(model):
    text = dumps(model)
    again = from_json(FixedPointModel, json.loads(text))
    assert dumps(again) == text
    assert json.loads(text) == model.to_json()
    inputs = random_inputs(model, 5, 0)
    for name, values in model.emulator.run(inputs).items():
        np.testing.assert_array_equal(again.emulator.run(inputs)[name], values)


def change(model: FixedPointModel, path, edit):
    document = model.to_json()
    edit(document)
    path.write_text(json.dumps(document))
    return path


MODEL = random_model(12)


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (lambda d: d.update(schema=2), "schema: is of schema 2, newer than 1"),
        (lambda d: d.update(schema="1"), r"schema: is no schema version \(got '1'\)"),
        (lambda d: d.update(schema=0), r"schema: is no schema version \(got 0\)"),
        (lambda d: d.update(schema=True), r"schema: is no schema version \(got True\)"),
        (lambda d: d["layers"][0].update(kind=["relu"]), "is of an unknown kind"),
        (lambda d: d["inputs"][0]["format"].update(signed="no"), "neither true nor false"),
        (
            lambda d: d["inputs"][0]["format"].update(scale=0.3),
            r"scale: input '\w+', format: the scale is no power of two \(got 0.3\); .* as 0.25",
        ),
        (
            lambda d: d["inputs"][0].update(format={"width": 8, "scale": 0.25, "signed": True}),
            r"format: a format has integer bits instead of a scale .* write \"integer\": 6$",
        ),
        (lambda d: d.update(kind="other"), "is no fixed-point model"),
        (lambda d: d.update(extra=1), "extra: the model has an unknown key"),
        (lambda d: d.pop("outputs"), "outputs: the model lacks a key"),
        (lambda d: d["layers"][0].update(kind="lstm"), "is of an unknown kind"),
        (lambda d: d["layers"][0].update(color="red"), "color: layer .* has an unknown key"),
        (lambda d: d["layers"][0].pop("inputs"), "inputs: layer .* lacks a key"),
        (lambda d: d["layers"][0].update(inputs="x"), "is no list"),
        (lambda d: d["inputs"][0].update(shape=["a"]), "shape is no integer"),
        (lambda d: d["inputs"][0]["format"].update(width="8"), "width of a fixed-point format"),
        (lambda d: d.update(layers=3), "layers is no list"),
        (lambda d: d.update(name=3), "name is no text"),
    ],
)
def test_what_is_not_known_is_refused_with_file_and_field(tmp_path, edit, problem):
    path = change(MODEL, tmp_path / "model.json", edit)
    with pytest.raises(PrecisionError, match=problem) as caught:
        FixedPointModel.load(path)
    assert caught.value.file == path


def test_an_activation_without_bit_exact_firmware_says_what_to_use(tmp_path):
    path = change(MODEL, tmp_path / "m.json", lambda d: d["layers"][0].update(kind="sigmoid"))
    with pytest.raises(UnsupportedLayer, match=r"sigmoid is not bit-exact .* use function_table"):
        FixedPointModel.load(path)


@pytest.mark.parametrize(
    ("weights", "problem"),
    [
        ([[1, 0.3]], r"weights: raw integers .* \(got 0.3\); divide real values by their format"),
        ([[1], [1, 2]], "rows differ in length"),
        ([[10**30]], rf"raw integers of at most 64 bits are needed \(got {10**30}\)"),
        ([[2**63]], rf"raw integers of at most 64 bits are needed \(got {2**63}\)"),
        ([[float("nan")]], r"weights: a number is not finite \(got nan\); train again"),
        ([[3, float("inf")]], r"weights: a number is not finite \(got inf\); train again"),
        ([["7"]], r"raw integers of at most 64 bits are needed \(got '7'\)"),
        ([[True]], r"raw integers of at most 64 bits are needed \(got True\)"),
        ([[]], "raw integers"),
    ],
)
def test_bad_weights_are_refused(tmp_path, weights, problem):
    def edit(document):
        next(one for one in document["layers"] if one["kind"] == "dense")["weights"] = weights

    model = next(
        m for m in map(random_model, range(99)) if any(i.kind == "dense" for i in m.layers)
    )
    with pytest.raises(PrecisionError, match=problem) as caught:
        FixedPointModel.load(change(model, tmp_path / "m.json", edit))
    assert f"layer {dense_name(model)!r}" in str(caught.value)


def dense_name(model: FixedPointModel) -> str:
    return next(one.name for one in model.layers if one.kind == "dense")


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("to", {"format": {}, "rounding": "RND", "overflow": "SAT"}, "lacks a key"),
        ("weight_format", {"width": 70, "integer": 1, "signed": True}, "1 to 62 bits .got 70"),
        ("weight_format", {"width": 5, "scale": 0.3, "signed": True}, "no power of two .got 0.3"),
        (
            "to",
            {
                "format": {"width": 5, "integer": 5, "signed": True},
                "rounding": "NEAREST",
                "overflow": "SAT",
            },
            "unknown rounding mode .got 'NEAREST'",
        ),
    ],
)
def test_an_error_within_a_layer_names_layer_and_field(tmp_path, field, value, problem):
    model = next(
        m for m in map(random_model, range(99)) if any(i.kind == "dense" for i in m.layers)
    )

    def edit(document):
        next(one for one in document["layers"] if one["kind"] == "dense")[field] = value

    place = f"layer '{dense_name(model)}', {field}: "
    with pytest.raises(PrecisionError, match=f"{place}.*{problem}"):
        FixedPointModel.load(change(model, tmp_path / "m.json", edit))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"null"])
def test_a_file_that_is_no_model_is_refused(tmp_path, content):
    path = tmp_path / "model.json"
    path.write_bytes(content)
    with pytest.raises(PrecisionError, match=r"model\.json: is no"):
        FixedPointModel.load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(PrecisionError, match=r"absent\.json: no such file"):
        FixedPointModel.load(tmp_path / "absent.json")
