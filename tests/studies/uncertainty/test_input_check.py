"""Integer tests of inputs: the model flags what the words say, and what was never trained on."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import DataError, PrecisionError
from pulsefront.fixed_point import FixedPointFormat, Input
from pulsefront.fixed_point.input_check import InputTests, input_check
from pulsefront.studies.uncertainty.inputs import learn_tests

RATE = 0.005


def light(events: int, seed: int) -> np.ndarray:
    """Return charges (event, 16) of a spot of light on a row of sensors, counted."""
    random = np.random.default_rng(seed)
    place = random.uniform(0, 15, (events, 1))
    shares = 1 / (1 + np.square(np.arange(16) - place) / 16)
    shares /= shares.sum(axis=1, keepdims=True)
    return np.minimum(random.poisson(3000 * shares), 1023).astype(np.int64)


def pulses(events: int, seed: int) -> np.ndarray:
    """Return ten samples, signed, of pulses of one shape and many heights."""
    random = np.random.default_rng(seed)
    shape = np.array([0, 0, 0.1, 0.4, 0.8, 1.0, 0.95, 0.85, 0.75, 0.65])
    height = random.uniform(200, 400, (events, 1))
    return np.rint(height * shape + random.normal(0, 2, (events, 10))).astype(np.int64)


@pytest.mark.parametrize(
    ("made", "form"),
    [(light, FixedPointFormat(10, 10, signed=False)), (pulses, FixedPointFormat(11, 11))],
)
def test_the_model_flags_what_the_words_say_at_every_input(made, form: FixedPointFormat) -> None:
    train, selection = made(3000, 1), made(2000, 2)
    tests = learn_tests(train, selection, RATE, (form.minimum, form.maximum), 3)
    model = input_check(tests, Input("counts", (train.shape[1],), form), name="check")
    random = np.random.default_rng(4)
    drawn = random.integers(form.minimum, form.maximum + 1, (3000, train.shape[1]))
    ends = random.choice([form.minimum, form.maximum], (500, train.shape[1]))
    low, high = tests.sum_range
    at_rims = np.zeros((4, train.shape[1]), np.int64)
    for row, total in enumerate((low - 1, low, high, high + 1)):
        at_rims[row] = total // train.shape[1]
        at_rims[row, 0] += total - at_rims[row].sum()
    at_rims = np.clip(at_rims, form.minimum, form.maximum)
    for inputs in (made(3000, 5), drawn, ends, at_rims, np.zeros_like(ends[:1])):
        np.testing.assert_array_equal(model.run(inputs) > 0, tests.flags(inputs))
    assert [bool(one) for one in tests.flags(at_rims)[:, 0]] == [True, False, False, True]
    # New events of the same kind: 3,000 of them at a rate of 0.5 % are 15 ± 4 and as much again
    # for the limits, which 2,000 others fixed.
    assert (tests.flags(made(3000, 6)).mean(axis=0) < 3 * RATE).all()


def test_a_dead_channel_less_light_and_another_shape_are_caught() -> None:
    tests = learn_tests(light(3000, 1), light(2000, 2), RATE, (0, 1023), 3)
    dead = light(1000, 7)
    dead[:, 5] = 0
    assert tests.flags(dead)[:, 1].mean() > 0.5
    assert tests.flags(light(1000, 8) * 4 // 5)[:, 0].mean() > 0.9
    shaped = learn_tests(pulses(3000, 1), pulses(2000, 2), RATE, (-1024, 1023), 3)
    piled = pulses(1000, 9)
    piled[:, 5:] += piled[:, :5] // 2
    assert shaped.flags(piled)[:, 2].mean() > 0.9


def test_too_few_events_for_a_rate_are_refused() -> None:
    with pytest.raises(DataError, match=r"false_rate.*give at least 1000, or allow"):
        learn_tests(light(500, 1), light(999, 2), 0.001, (0, 1023), 3)


def test_tests_of_another_number_of_inputs_are_refused() -> None:
    tests = InputTests((0, 9), np.zeros((4, 2), np.int64), 4, 0, np.zeros((1, 4), np.int64), 0)
    port = Input("counts", (5,), FixedPointFormat(8, 8, signed=False))
    with pytest.raises(PrecisionError, match="do not fit one of 5"):
        input_check(tests, port, name="check")
