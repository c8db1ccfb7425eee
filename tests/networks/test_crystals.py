"""Candidate crystals: gathered right, labelled right, picked by integers with a rule for ties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.errors import DataError
from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks import (
    NO_CRYSTAL,
    CandidateCrystals,
    LossSettings,
    MlpSettings,
    TrainingSettings,
    brightest_crystals,
    crystal_window,
    deploy,
    initial_candidate,
    lower,
    prepare,
    run_float64,
    train,
)
from strategies_networks import scattered_array

ADC = FixedPointFormat(12, 12, signed=False)
SCORES = FixedPointFormat(12, 6)


def test_a_window_is_centred_on_the_brightest_and_empty_beyond_the_edge() -> None:
    counts = np.zeros((2, 12), int)
    counts[0, 5] = 9  # row 1, column 1 of 3 × 4
    counts[0, 6] = 4
    counts[1, 3] = 7  # row 0, column 3: a corner
    window = crystal_window(counts, 3, 4)
    assert window.crystals[0].tolist() == [0, 1, 2, 4, 5, 6, 8, 9, 10]
    assert window.inputs[0].tolist() == [0, 0, 0, 0, 9, 4, 0, 0, 0]
    no = NO_CRYSTAL
    assert window.crystals[1].tolist() == [no, no, no, 2, 3, no, 6, 7, no]
    assert window.inputs[1].tolist() == [0, 0, 0, 0, 7, 0, 0, 0, 0]
    assert window.names[0] == "charge_-1_-1"
    assert window.names[5] == "charge_+0_+1"
    assert window.labels(np.array([6, 0])).tolist() == [5, no]


def test_the_brightest_come_first_with_their_distances() -> None:
    counts = np.zeros((3, 12), int)
    counts[0, [1, 10]] = 3, 8
    counts[1, 4] = 5
    counts[2, [2, 7]] = 6, 6
    two = brightest_crystals(counts, 3, 4)
    assert two.crystals.tolist() == [[10, 1], [4, NO_CRYSTAL], [2, 7]]
    assert two.inputs.tolist() == [[8, 3, 2, 1], [5, 0, 0, 0], [6, 6, 1, 1]]
    assert two.names == ("charge_1", "charge_2", "rows_to_2", "columns_to_2")
    assert brightest_crystals(counts, 3, 4, threshold=4).crystals[0].tolist() == [10, NO_CRYSTAL]


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    rows=st.integers(1, 5),
    columns=st.integers(1, 5),
    reach=st.integers(0, 2),
)
def test_gathering_agrees_with_loops_over_the_array(
    seed: int, rows: int, columns: int, reach: int
) -> None:
    random = np.random.default_rng(seed)
    counts = random.integers(0, 9, (20, rows * columns))
    size = 2 * reach + 1
    window = crystal_window(counts, rows, columns, size=size)
    listed = brightest_crystals(counts, rows, columns, candidates=1 + (seed % (rows * columns)))
    for event, own in enumerate(counts):
        row, column = divmod(int(np.argmax(own)), columns)
        for place in range(size * size):
            r, c = row + place // size - reach, column + place % size - reach
            inside = 0 <= r < rows and 0 <= c < columns
            number = r * columns + c if inside else NO_CRYSTAL
            assert window.crystals[event, place] == number
            assert window.inputs[event, place] == (own[number] if inside else 0)
        order = sorted(range(len(own)), key=lambda n: (-own[n], n))[: listed.crystals.shape[1]]
        kept = [n if own[n] > 0 else NO_CRYSTAL for n in order]
        assert listed.crystals[event].tolist() == kept


def test_ties_go_to_the_first_candidate_and_missing_ones_never_win() -> None:
    crystals = np.array([[7, 3, 5], [NO_CRYSTAL, 3, 5], [4, NO_CRYSTAL, 6], [NO_CRYSTAL] * 3])
    candidates = CandidateCrystals(crystals, np.zeros((4, 3), np.int64), ("a", "b", "c"))
    scores = np.array([[2, 9, 9], [8, -3, -3], [-7, 5, -7], [1, 2, 3]])
    assert candidates.pick(scores).tolist() == [3, 3, 4, NO_CRYSTAL]
    with pytest.raises(DataError, match="one score per candidate"):
        candidates.pick(scores[:, :2])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: crystal_window(np.zeros((2, 7), int), 2, 4), "2×4 crystals"),
        (lambda: crystal_window(np.zeros((2, 8)), 2, 4), "raw integers"),
        (lambda: crystal_window(np.full((2, 8), -1), 2, 4), "not negative.*clipping"),
        (lambda: crystal_window(np.zeros((2, 8), int), 2, 4, size=2), "odd size"),
        (lambda: brightest_crystals(np.zeros((2, 8), int), 2, 4, candidates=9), "no such number"),
    ],
)
def test_what_does_not_fit_the_array_is_refused(make: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        make()  # type: ignore[operator]


@pytest.mark.parametrize("kind", ["window", "brightest"])
def test_the_head_finds_the_first_crystal_more_often_than_the_brightest_does_and_is_exact(
    kind: str,
) -> None:
    counts, first = scattered_array(24_000)
    if kind == "window":
        candidates = crystal_window(counts, 8, 8)
        shape = MlpSettings(hidden=(12,))
    else:
        candidates = brightest_crystals(counts, 8, 8, candidates=2, threshold=80)
        shape = MlpSettings(hidden=(8,))
    labels = candidates.labels(first)
    fit = np.flatnonzero(labels[:16_000] != NO_CRYSTAL)
    data = prepare(candidates.inputs[fit], labels[fit], ADC, LossSettings(kind="classification"))
    n_in, n_out = candidates.inputs.shape[1], candidates.crystals.shape[1]
    start = initial_candidate(shape, n_in, n_out, seed=0)
    full = train([start], data, TrainingSettings(epochs=16, batch=128), seed=1)[0]
    coarse = full.with_bits(weight_bits=(7, 7), bias_bits=(12, 10), activation_bits=(8,))
    quantized = train(
        [coarse], data, TrainingSettings(epochs=6, batch=128, learning_rate=2e-3), seed=2
    )[0]
    model = lower(quantized, data.scaling, ADC, SCORES, name="first_crystal")
    scores = model.run(candidates.inputs)
    network = deploy(quantized, data.scaling, ADC, SCORES)
    assert np.array_equal(run_float64(network, candidates.inputs), scores)
    corners = np.random.default_rng(5).choice([0, 1, 4094, 4095], (2000, n_in))
    assert np.array_equal(run_float64(network, corners), model.run(corners))
    test = slice(16_000, None)
    right = (candidates.pick(scores) == first)[test]
    brightest = (counts.argmax(1) == first)[test]
    gained = right.astype(float) - brightest
    # paired, four standard errors: with 8,000 events this is no accident
    assert gained.mean() > 4 * gained.std() / np.sqrt(len(gained))
