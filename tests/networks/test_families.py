"""Every family trains, quantizes, lowers and equals the emulator on every vector."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from pulsefront.fixed_point.format import FixedPointFormat
from pulsefront.networks import (
    Candidate,
    Convolution,
    FrontEnd,
    LossSettings,
    MlpSettings,
    TrainingData,
    TrainingSettings,
    initial_candidate,
    lower,
    predict,
    prepare,
    row_column_sums,
    split_inputs,
    train,
    window_sums,
)
from strategies_networks import coincidences, light_and_energy, light_response

ADC = FixedPointFormat(12, 12, signed=False)
OUT = FixedPointFormat(16, 6)
WIDE_OUT = FixedPointFormat(20, 11)
"""Millimetres and keV alike, in steps of 1/512."""


@dataclass(frozen=True)
class Family:
    """A shape on its data: what it learns from, and by how much it must beat knowing nothing."""

    data: TrainingData
    shape: MlpSettings
    raw: NDArray[np.integer]  # (event, n_raw), what the lowered model takes
    remaining: float  # most of the targets' spread that may be left after training
    front_end: FrontEnd | None = None
    output_format: FixedPointFormat = OUT
    groups: tuple[tuple[int, ...], ...] | None = None


def multi_output() -> Family:
    counts, targets = light_and_energy(6000)
    data = prepare(counts, targets, ADC, LossSettings())
    return Family(data, MlpSettings(hidden=(24, 12), per_channel=True), counts, 0.5, None, WIDE_OUT)


def row_column() -> Family:
    counts, position = light_response(6000)
    sums = row_column_sums(8, 8)
    data = prepare(sums.apply(counts), position, sums.sum_format(ADC), LossSettings())
    return Family(data, MlpSettings(hidden=(16, 8)), counts, 0.4, sums)


def row_column_split() -> Family:
    family = row_column()
    return Family(
        family.data,
        family.shape,
        family.raw,
        0.4,
        family.front_end,
        groups=(tuple(range(8)), tuple(range(8, 16))),
    )


def siamese(shape: MlpSettings, front_end: FrontEnd | None = None) -> Family:
    events = coincidences(8000)
    windows = front_end.apply(events.windows) if front_end else events.windows
    data = prepare(
        windows,
        events.known_ns,
        front_end.sum_format(ADC) if front_end else ADC,
        LossSettings(kind="coincidence", huber=0.3),
        coarse=events.coarse_ns,
        common_scale=shape.convolution is not None,
    )
    return Family(data, shape, events.windows.reshape(-1, 12), 0.4, front_end)


FAMILIES: dict[str, Callable[[], Family]] = {
    "x, y, depth and energy": multi_output,
    "row and column sums": row_column,
    "row and column sums, split": row_column_split,
    "Siamese pair": lambda: siamese(MlpSettings(hidden=(10, 5))),
    "Siamese pair, 1D-CNN": lambda: siamese(
        MlpSettings(hidden=(8,), convolution=Convolution(kernel=4, channels=4, stride=2))
    ),
    "Siamese pair, window sums": lambda: siamese(
        MlpSettings(hidden=(10, 5)), window_sums(12, 3, 1)
    ),
}


def trained(family: Family) -> Candidate:
    """Train the family float, then through its quantizers."""
    n_in = family.data.inputs.shape[-1]
    start = initial_candidate(family.shape, n_in, family.data.targets.shape[1], seed=0)
    if family.groups is not None:
        start = split_inputs(start, family.groups)
    full = train([start], family.data, TrainingSettings(epochs=16, batch=128), seed=1)[0]
    layers = len(full.weights)
    coarse = full.with_bits(
        weight_bits=(8,) * layers,
        bias_bits=(16,) * layers,
        activation_bits=(10,) * (layers - 1),
        per_channel=family.shape.per_channel,
    )
    gentle = TrainingSettings(epochs=4, batch=128, learning_rate=2e-3)
    return train([coarse], family.data, gentle, seed=2)[0]


def remaining_spread(family: Family, candidate: Candidate) -> NDArray[np.float64]:
    """Return per output the spread left, relative to that of the targets, by the emulator."""
    raw, model = lowered(family, candidate)
    outputs = model.output_formats.popitem()[1].values(model.run(raw))
    scaling = family.data.scaling
    goal = family.data.targets.numpy() * scaling.output_scale
    if family.data.loss.kind == "coincidence":
        left = outputs.reshape(-1, 2)[:, :1] - outputs.reshape(-1, 2)[:, 1:] - goal
    else:
        left = outputs - (goal + scaling.output_mean)
    return np.sqrt((left**2).mean(0) / goal.std(0) ** 2)


def lowered(family: Family, candidate: Candidate, extra: NDArray[np.integer] | None = None):  # type: ignore[no-untyped-def]
    """Return the raw vectors as the model takes them, and the model."""
    model = lower(
        candidate,
        family.data.scaling,
        ADC,
        family.output_format,
        name="net",
        front_end=family.front_end,
    )
    raw = family.raw if extra is None else extra
    return (raw[..., None] if candidate.convolution else raw), model


@pytest.mark.parametrize("name", FAMILIES)
def test_the_family_learns_and_its_lowered_model_gives_the_same_integers(name: str) -> None:
    family = FAMILIES[name]()
    candidate = trained(family)
    assert (remaining_spread(family, candidate) < family.remaining).all()
    random = np.random.default_rng(3)
    corners = random.choice([0, 1, 4094, 4095], (3000, family.raw.shape[1]))
    for vectors in (family.raw, corners):
        raw, model = lowered(family, candidate, vectors)
        network_format = family.front_end.sum_format(ADC) if family.front_end else ADC
        sums = family.front_end.apply(vectors) if family.front_end else vectors
        expected = predict(
            candidate, family.data.scaling, sums, network_format, family.output_format
        )
        assert np.array_equal(family.output_format.values(model.run(raw)), expected)


def test_a_split_network_keeps_its_branches_apart_to_the_last_hidden_layer() -> None:
    family = row_column_split()
    candidate = trained(family)
    vectors = np.random.default_rng(0).integers(0, 9000, (50, 16))
    other = vectors.copy()
    other[:, 8:] = np.random.default_rng(1).integers(0, 9000, (50, 8))

    def hidden(sums: NDArray[np.integer]) -> NDArray[np.float64]:
        value = (sums - family.data.scaling.input_mean) / family.data.scaling.input_scale
        for weight, bias in zip(candidate.weights[:-1], candidate.biases[:-1], strict=True):
            value = np.maximum(value @ weight.astype(np.float64) + bias, 0.0)
        return value

    before, after = hidden(vectors), hidden(other)
    assert np.array_equal(before[:, :4], after[:, :4])
    assert not np.array_equal(before[:, 4:], after[:, 4:])


def test_a_pair_does_not_see_which_detector_is_first() -> None:
    family = FAMILIES["Siamese pair"]()
    candidate = trained(family)
    pair = family.raw.reshape(-1, 2, 12)

    def difference(windows: NDArray[np.integer]) -> NDArray[np.float64]:
        times = predict(candidate, family.data.scaling, windows.reshape(-1, 12), ADC, OUT)
        return times.reshape(-1, 2) @ np.array([1.0, -1.0])

    assert np.array_equal(difference(pair), -difference(pair[:, ::-1]))
