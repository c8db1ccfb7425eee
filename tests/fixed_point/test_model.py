"""The model: names, inputs and outputs."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from pulsefront.errors import PrecisionError
from pulsefront.fixed_point import (
    Assignment,
    Concatenate,
    Dense,
    FixedPointFormat,
    FixedPointModel,
    Input,
    Quantize,
    Relu,
)

ADC = FixedPointFormat(12, 12, signed=False)


def model(**changes) -> FixedPointModel:
    arguments = {
        "name": "net",
        "inputs": (Input("x", (3,), ADC),),
        "layers": (
            Dense("d", ("x",), np.array([[1, 2], [3, -4], [5, 6]]), FixedPointFormat(4, 4)),
            Relu("r", ("d",)),
        ),
        "outputs": ("r",),
    }
    return FixedPointModel(**{**arguments, **changes})


def test_a_hand_computed_event():
    assert model().run(np.array([[10, 20, 30]])).tolist() == [[220, 120]]


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.int32, np.int64, np.uint64])
def test_adc_counts_are_taken_in_any_integer_type(kind):
    assert model().run(np.array([[10, 20, 30]], dtype=kind)).tolist() == [[220, 120]]


def test_counts_beyond_the_input_format_are_an_error_that_names_the_place():
    counts = np.zeros((5, 3), dtype=np.uint16)
    counts[3, 1] = 4096
    with pytest.raises(PrecisionError, match=r"'x' at \(3, 1\) lies outside ufixed<12,12>.*4096"):
        model().run(counts)


def test_real_numbers_and_wrong_shapes_are_refused():
    with pytest.raises(PrecisionError, match="input 'x' takes raw integers"):
        model().run(np.zeros((2, 3)))
    with pytest.raises(PrecisionError, match=r"has the shape \(event, 3\) \(got \(2, 4\)\)"):
        model().run(np.zeros((2, 4), dtype=int))


@pytest.mark.parametrize("name", ["2nd", "my net", "a__b", "ä", ""])
def test_a_name_that_is_no_identifier_is_refused(name):
    with pytest.raises(PrecisionError, match="identifier in C and VHDL"):
        model(name=name)


def test_outputs_must_be_layers():
    with pytest.raises(PrecisionError, match="output 'x' is no layer"):
        model(outputs=("x",))
    with pytest.raises(PrecisionError, match="names an output twice"):
        model(outputs=("r", "r"))
    with pytest.raises(PrecisionError, match="needs an input, a layer and an output"):
        model(outputs=())


def test_what_leads_nowhere_is_refused():
    with pytest.raises(PrecisionError, match="layer 'r' leads to no output"):
        model(outputs=("d",))
    with pytest.raises(PrecisionError, match="no layer of model 'net' reads input 'y'"):
        model(inputs=(Input("x", (3,), ADC), Input("y", (1,), ADC)))


def test_several_inputs_and_outputs_go_by_name():
    inputs = (Input("charge", (2,), ADC), Input("time", (1,), FixedPointFormat(6, 2)))
    layers = (Concatenate("both", ("charge", "time")), Relu("positive", ("both",)))
    net = FixedPointModel("two", inputs, layers, ("both", "positive"))
    data = {"charge": np.array([[1, 2]]), "time": np.array([[-5]])}
    results = net.run(data)
    # Charges move to the fraction of the times: 4 bits.
    assert results["both"].tolist() == [[16, 32, -5]]
    assert results["positive"].tolist() == [[16, 32, 0]]
    with pytest.raises(PrecisionError, match="pass a mapping with the keys charge, time"):
        net.run(np.array([[1, 2]]))
    with pytest.raises(PrecisionError, match="has the inputs charge, time"):
        net.run({"charge": data["charge"]})
    with pytest.raises(PrecisionError, match="differ in their number of events"):
        net.run({"charge": np.zeros((3, 2), int), "time": data["time"]})
    with pytest.raises(PrecisionError, match="one input and one output"):
        net.run_one(np.array([1, 2]))


def test_a_model_that_has_run_can_be_pickled_and_copied():
    net = model()
    counts = np.array([[10, 20, 30]])
    expected = net.run(counts).tolist()
    net.audit(counts)
    for again in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net)):
        assert again.run(counts).tolist() == expected
        assert again.to_json() == net.to_json()


def test_output_formats_are_stated():
    to = Assignment(FixedPointFormat(9, 12), "RND", "SAT")
    net = model(layers=(*model().layers, Quantize("q", ("r",), to)), outputs=("q",))
    assert net.output_formats == {"q": FixedPointFormat(9, 12)}


def test_counts_that_are_too_large_for_a_step_of_several_are_to_be_shifted() -> None:
    source = Input("x", (2,), FixedPointFormat(9, 12, signed=False))
    dense = Dense("y", ("x",), np.eye(2, dtype=np.int64), FixedPointFormat(2, 2))
    model = FixedPointModel("net", (source,), (dense,), ("y",))
    with pytest.raises(PrecisionError, match=r"a step is 2\^3 ADC counts: shift them right by 3$"):
        model.run(np.array([[1, 4000]]))
    with pytest.raises(PrecisionError, match="shift them right by 3, and clip"):
        model.run(np.array([[1, 40000]]))


def test_samples_of_a_single_channel_come_with_or_without_its_axis() -> None:
    first = FixedPointModel(
        "net",
        (Input("x", (4, 1), ADC),),
        (Quantize("cut", ("x",), to=Assignment(FixedPointFormat(8, 12, signed=False))),),
        ("cut",),
    )
    raw = np.random.default_rng(1).integers(0, 4096, (300, 4))
    np.testing.assert_array_equal(first.run(raw), first.run(raw[..., None]))
    for wrong in (raw[:, :3], raw[:, None]):
        with pytest.raises(PrecisionError, match="has the shape"):
            first.run(wrong)
