"""Front-end sums: right, exact, and part of the lowered network."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import ConfigError
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks import (
    FrontEnd,
    LossSettings,
    MlpSettings,
    TrainingSettings,
    cost_of,
    deploy,
    initial_candidate,
    lower,
    prepare,
    row_column_sums,
    run_float64,
    train,
    window_sums,
)
from pulsefront.search.moves import drop_inputs
from strategies_networks import light_response

ADC = FixedPointFormat(12, 12, signed=False)
OUT = FixedPointFormat(16, 6)


def test_row_and_column_sums_are_those_of_the_array() -> None:
    counts = np.random.default_rng(0).integers(0, 4096, (50, 3, 4))
    sums = row_column_sums(3, 4).apply(counts.reshape(50, 12))
    assert np.array_equal(sums[:, :3], counts.sum(2))
    assert np.array_equal(sums[:, 3:], counts.sum(1))


def test_window_sums_follow_size_and_stride() -> None:
    samples = np.arange(10)[None]
    front_end = window_sums(10, 4, 3)
    assert front_end.apply(samples).tolist() == [[6, 18, 30]]
    assert front_end.names == ("samples_0_to_3", "samples_3_to_6", "samples_6_to_9")


def test_the_format_of_sums_holds_the_largest_sum_and_no_more() -> None:
    front_end = row_column_sums(8, 8)
    target = front_end.sum_format(ADC)
    largest = front_end.apply(np.full((1, 64), ADC.maximum)).max()
    assert target.holds(0, int(largest))
    assert int(largest).bit_length() == target.width


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: window_sums(4, 5), "no window of 5 samples"),
        (lambda: FrontEnd(np.zeros((3, 1), np.int8), ("a",)), "every sum needs an input"),
        (lambda: FrontEnd(np.full((3, 1), 2, np.int8), ("a",)), "0 and 1"),
        (lambda: row_column_sums(64, 64).sum_format(FixedPointFormat(20, 20)), "more than 24"),
    ],
)
def test_front_ends_that_cannot_be_are_refused(make: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make()  # type: ignore[operator]


def test_a_network_behind_sums_takes_raw_counts_and_equals_the_emulator() -> None:
    counts, position = light_response(4000)
    front_end = row_column_sums(8, 8)
    sums = front_end.apply(counts)
    target = front_end.sum_format(ADC)
    data = prepare(sums, position, target, LossSettings())
    start = initial_candidate(MlpSettings(hidden=(8, 6)), 16, 3, seed=0).with_bits(
        weight_bits=(7, 7, 7), bias_bits=(14, 12, 12), activation_bits=(9, 9)
    )
    whole = train([start], data, TrainingSettings(epochs=1), seed=0)[0]
    # only three rows and one column are left: some raw inputs are not needed at all
    part = drop_inputs(whole, np.array([1, 2, 5, 12]))
    random = np.random.default_rng(1)
    corners = random.choice([0, 4095], (500, 64))
    vectors = np.concatenate([counts, corners])
    for candidate, raw_count in ((whole, 64), (part, 8 * 3 + 5)):
        model = lower(candidate, data.scaling, ADC, OUT, name="net", front_end=front_end)
        network = deploy(candidate, data.scaling, target, OUT)
        raw = front_end.raw_inputs(candidate.kept_inputs)
        assert len(raw) == raw_count
        expected = run_float64(network, front_end.apply(vectors))
        assert np.array_equal(model.run(vectors[:, raw]), expected)
        price = cost_of(candidate, data.scaling, ADC, OUT, front_end)
        assert price.weight_bytes == model.cost().weight_bytes
        assert price.macs == model.cost().macs
