"""Planted gains and time offsets of channels are found again."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import ConfigError, DataError
from pulsefront.estimators.energy import channels
from pulsefront.estimators.energy.channels import PairDifference


def test_gains_bring_channels_together() -> None:
    random = np.random.default_rng(0)
    true = random.uniform(0.7, 1.3, 16)
    charges = random.exponential(100, (20_000, 16)) / true
    found = channels.channel_gains(charges)
    np.testing.assert_allclose(found / found.mean(), true / true.mean(), rtol=0.05)
    charges[:, 3] = 0
    with pytest.raises(DataError, match="channel 3"):
        channels.channel_gains(charges)


def test_gains_from_the_photopeak_do_not_mistake_position_for_gain() -> None:
    random = np.random.default_rng(8)
    events, true = 30_000, random.uniform(0.8, 1.2, 8)
    position = random.normal(3.5, 1.5, events)  # more light in the middle
    light = np.exp(-0.5 * ((position[:, None] - np.arange(8)) / 1.2) ** 2)
    peak = random.random(events) < 0.5
    energy = np.where(peak, 511, random.uniform(30, 340, events))
    share = light / light.sum(axis=1, keepdims=True)
    charges = random.poisson(4 * energy[:, None] * share) / true
    fitted = channels.photopeak_gains(charges)
    np.testing.assert_allclose(fitted / fitted.mean(), true / true.mean(), rtol=0.03)
    upper = channels.channel_gains(charges)
    assert np.abs(upper / upper.mean() / true * true.mean() - 1).max() > 0.1
    charges[:, 3] = 0
    with pytest.raises(DataError, match="channel 3"):
        channels.photopeak_gains(charges)


def test_offsets_come_from_pairs() -> None:
    true = np.array([0.3, -0.2, 0.1, -0.2])
    pairs = [(0, 1), (1, 2), (2, 0), (2, 3)]
    measured = [PairDifference(i, j, float(true[i] - true[j]), 0.01) for i, j in pairs]
    found = channels.channel_time_offsets(measured, 5)
    np.testing.assert_allclose(found[:4], true - true.mean(), atol=1e-9)
    assert np.isnan(found[4])
    for bad in ((0, 9, 0.0, 0.1), (0, 0, 0.0, 0.1), (0, 1, 0.0, 0.0)):
        with pytest.raises(ConfigError):
            channels.channel_time_offsets([PairDifference(*bad)], 5)
