"""Networks of tables: codes hold the data, integers are what was trained, sums are learned."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from pulsefront.fixed_point import FixedPointFormat, InputTables
from pulsefront.networks.data import prepare
from pulsefront.networks.settings import LossSettings
from pulsefront.networks.tables.codes import codes_of
from pulsefront.networks.tables.lower import lower_tables, output_step
from pulsefront.networks.tables.network import TableNetwork
from pulsefront.networks.tables.settings import TableNetworkSettings, TableTraining
from pulsefront.networks.tables.training import TableData, train_tables

COUNTS, OUTPUT = FixedPointFormat(13, 13), FixedPointFormat(16, 6)
LOSS = LossSettings(kind="regression", huber=0.1)


def events(count: int, seed: int = 5) -> np.ndarray:
    """Return samples as of an edge: noise, a steep part, and far from zero."""
    rng = np.random.default_rng(seed)
    spread = rng.normal(0.0, 1.0, (count, 3))
    return np.rint(spread * [3.0, 90.0, 120.0] + [0.0, 300.0, 1500.0]).astype(np.int64)


def data_of(inputs: np.ndarray, targets: np.ndarray) -> TableData:
    return TableData(inputs, COUNTS, OUTPUT, prepare(inputs, targets, COUNTS, LOSS))


def test_codes_hold_nearly_all_events_at_the_finest_step_that_does():
    raw = events(20_000)
    codes = codes_of(raw, 7, COUNTS)
    assert [one.width for one in codes.formats][1:] == [7, 7]
    assert codes.formats[0].signed  # noise of a few counts
    assert codes.formats[0].width < 7
    assert codes.offsets[2] > 0  # far from zero
    found = codes.apply(raw, 0)
    steps = np.array([2.0**-one.fraction for one in codes.formats])
    back = found * steps + codes.offsets
    off = np.abs(back + steps / 2 - raw) > steps / 2
    assert off.mean(0).max() < 0.003
    # at half the step, no window of as many codes would do
    spans = np.quantile(raw, 0.999, axis=0) - np.quantile(raw, 0.001, axis=0)
    assert np.all(spans[1:] > 127 * steps[1:] / 2 * 0.75)


@pytest.mark.parametrize("fan_in", [1, 2])
def test_torch_and_integers_say_the_same_at_random_and_at_the_extremes(fan_in):
    raw = events(4000)
    settings = TableNetworkSettings(fan_in=fan_in, sample_bits=6 if fan_in > 1 else 7)
    codes = codes_of(raw, settings.sample_bits, COUNTS)
    spread = np.array([0.5, 0.8])
    step = output_step(spread, settings.output_bits)
    network = TableNetwork(settings, codes, 3, spread / step, seed=7)
    model = lower_tables(network, codes, np.array([0.0, 0.0]), step, COUNTS, OUTPUT, name="net")
    ends = np.array([[low, high] * 3 for low, high in ((-4096, 4095), (0, -1))])[:, :3]
    given = np.concatenate([raw, ends])
    with torch.no_grad():
        whole = torch.from_numpy(codes.apply(given, 0))
        wanted = network(whole, whole=True).numpy() * step
    found = OUTPUT.values(model.run(given))
    np.testing.assert_array_equal(found, np.rint(wanted * 1024) / 1024)
    assert np.abs(np.diff(found, axis=0)).max() > 0


def test_a_sum_of_bent_functions_is_learned_to_the_step_of_the_codes():
    raw = events(6000)
    wanted = 0.5 * np.tanh((raw[:, 1] - 300) / 60.0) + 0.3 * np.abs(raw[:, 2] - 1500) / 120.0
    training = TableTraining(epochs=12, batch=256)
    settings = TableNetworkSettings(nodes=(2,), training=training)
    given = data_of(raw[:5000], wanted[:5000, None])
    model = train_tables(given, settings, 2, 3, name="net")
    assert model is not None
    error = OUTPUT.values(model.run(raw[5000:]))[:, 0] - wanted[5000:]
    straight = np.linalg.lstsq(np.c_[raw[:5000], np.ones(5000)], wanted[:5000], rcond=None)[0]
    best_line = np.c_[raw[5000:], np.ones(1000)] @ straight - wanted[5000:]
    assert error.std() < 0.04
    assert best_line.std() > 0.15
    assert [one.kind for one in model.layers] == [
        "dense", "quantize", "tables", "window_sum", "tables", "window_sum", "flatten",
    ]  # fmt: skip


def test_the_same_seed_gives_the_same_integers_and_another_one_others():
    raw = events(1000)
    given = data_of(raw, raw[:, 1:2] / 100.0)
    settings = TableNetworkSettings(training=TableTraining(epochs=1, batch=100))
    first, again, other = (
        [
            one.entries
            for one in train_tables(given, settings, 2, seed, name="net").layers
            if isinstance(one, InputTables)
        ]
        for seed in (1, 1, 2)
    )
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    assert any(a.shape != b.shape or np.any(a != b) for a, b in zip(first, other, strict=True))


def test_a_loss_that_is_no_number_is_told():
    raw = events(500)
    given = data_of(raw, raw[:, 1:2] / 100.0)
    wild = TableTraining(epochs=20, batch=100, learning_rate=1e30)
    assert train_tables(given, TableNetworkSettings(training=wild), 2, 1, name="net") is None


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"fan_in": 2, "sample_bits": 7}, r"2\^14 entries, and the most is 4096; take fewer"),
        ({"nodes": [2, 2]}, "names a number twice"),
        ({"nodes": [0]}, "greater than or equal to 1"),
        ({"sample_bits": 13}, r"2\^13 entries"),
    ],
)
def test_tables_that_no_part_could_hold_are_refused(content, told):
    with pytest.raises(ValidationError, match=told):
        TableNetworkSettings(**content)
