"""Golden vectors: extremes, round trip, text."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import ExportError, PrecisionError
from pulsefront.firmware.vector_files import read_vectors, write_vectors
from pulsefront.firmware.vectors import drawn_vectors, golden_vectors
from toys_firmware import small_model


def test_the_extremes_reach_both_ends_of_every_input_and_every_first_node():
    model = small_model()
    extremes = golden_vectors(model)[0].inputs["adc"]
    np.testing.assert_array_equal(extremes.min(axis=0), 0)
    np.testing.assert_array_equal(extremes.max(axis=0), 1023)
    hidden = extremes @ model.layers[0].weights
    step = model.steps[0]
    scale = 2 ** (step.exact.format.fraction - 4)
    bias = model.layers[0].bias * 2 ** (step.exact.format.fraction - 2)
    np.testing.assert_array_equal((hidden * scale + bias).max(axis=0), step.exact.high)
    np.testing.assert_array_equal((hidden * scale + bias).min(axis=0), step.exact.low)


def test_there_are_at_least_a_thousand_without_data_and_data_is_spread():
    model = small_model()
    assert sum(len(one) for one in golden_vectors(model)) > 1000
    data = np.repeat(np.arange(1000)[:, None], 6, axis=1)
    sets = {one.name: one for one in golden_vectors(model, np.tile(data, (5, 1)))}
    assert len(sets["data"]) == 1000
    few = {one.name: one for one in golden_vectors(model, data[:7])}
    np.testing.assert_array_equal(few["data"].inputs["adc"], data[:7])


def test_data_outside_the_input_format_is_refused():
    with pytest.raises(PrecisionError, match=r"lies outside ufixed<10,10>"):
        golden_vectors(small_model(), np.full((2, 6), 1024))


def test_the_round_trip_is_exact_and_the_text_is_the_same(tmp_path):
    model = small_model()
    sets = golden_vectors(model)
    write_vectors(sets, tmp_path, model)
    again = read_vectors(tmp_path / "vectors.npz")
    assert [one.name for one in again] == [one.name for one in sets]
    for one, other in zip(sets, again, strict=True):
        np.testing.assert_array_equal(one.inputs["adc"], other.inputs["adc"])
        np.testing.assert_array_equal(one.outputs["position"], other.outputs["position"])
    text = np.loadtxt(tmp_path / "inputs_adc.txt", dtype=int)
    np.testing.assert_array_equal(model.run(text), np.loadtxt(tmp_path / "expected_position.txt"))
    lines = (tmp_path / "expected_position.hex").read_text().split()
    for line, expected in zip(lines, model.run(text), strict=True):
        assert len(line) == 8
        assert [int(line[4:], 16), int(line[:4], 16)] == [int(n) & 0xFFFF for n in expected]
    counts = dict(line.split() for line in (tmp_path / "sets.txt").read_text().splitlines())
    assert counts == {one.name: str(len(one)) for one in sets}


@pytest.mark.parametrize("content", [b"", b"no archive"])
def test_a_damaged_archive_is_an_error(tmp_path, content):
    (tmp_path / "vectors.npz").write_bytes(content)
    with pytest.raises(ExportError, match="cannot be read as golden vectors"):
        read_vectors(tmp_path / "vectors.npz")
    with pytest.raises(ExportError, match="no such file"):
        read_vectors(tmp_path / "absent.npz")


def test_drawn_vectors_reach_the_ends_of_every_input_and_follow_their_seed():
    model = small_model()
    drawn = drawn_vectors(model, 400, 3)
    (port,) = model.inputs
    array = drawn.inputs[port.name]
    assert len(drawn) == 400
    assert (array.min(0) == port.format.minimum).all()
    assert (array.max(0) == port.format.maximum).all()
    # of a vector with extremes, most inputs are; of the others, hardly any
    ends = np.isin(array, [port.format.minimum, port.format.maximum, 0]).mean(axis=1)
    assert ends[::2].mean() > 0.6
    assert ends[1::2].mean() < 0.2
    np.testing.assert_array_equal(array, drawn_vectors(model, 400, 3).inputs[port.name])
    assert (array != drawn_vectors(model, 400, 4).inputs[port.name]).any()
