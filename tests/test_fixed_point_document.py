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
        (lambda d: d.update(schema="1"), "schema"),
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
    with pytest.raises(UnsupportedLayer, match=r"sigmoid is not bit-exact .* use HardTanh"):
        FixedPointModel.load(path)


@pytest.mark.parametrize(
    ("weights", "problem"),
    [
        ([[1.5]], "something other than 64-bit integers"),
        ([[1], [1, 2]], "rows differ in length"),
        ([[10**30]], "something other than 64-bit integers"),
        ([[]], "something other than"),
    ],
)
def test_bad_weights_are_refused(tmp_path, weights, problem):
    def edit(document):
        next(one for one in document["layers"] if one["kind"] == "dense")["weights"] = weights

    model = next(
        m for m in map(random_model, range(99)) if any(i.kind == "dense" for i in m.layers)
    )
    with pytest.raises(PrecisionError, match=problem):
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
