"""Gains of all channels at once: those that were put in come out, to the stated error."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.monitor import recalibrate
from pulsefront.monitor.recalibrate import channel_gains
from strategies_spots import spots


def peak(charges: np.ndarray) -> np.ndarray:
    sums = charges.sum(axis=1, dtype=int)
    return charges[sums > 0.9 * np.quantile(sums, 0.7)]


@pytest.fixture(scope="module")
def reference() -> np.ndarray:
    return peak(spots(60_000, 1)[0])


def drawn(seed: int, spread: float) -> np.ndarray:
    gains = np.random.default_rng(seed).normal(1, spread, 64)
    return gains / gains.mean()


@pytest.mark.parametrize(("spread", "light"), [(0.05, 1.0), (0.15, 0.7), (0.0, 1.0)])
def test_gains_that_were_put_in_come_out(
    reference: np.ndarray, spread: float, light: float
) -> None:
    wanted = drawn(2, spread)
    found = channel_gains(reference, peak(spots(16_000, 3, gains=wanted, light=light)[0]))
    off = found.gains / found.gains.mean() - wanted
    # As large as it is said to be, and much smaller than what was put in.
    assert 0.6 < np.std(off / found.errors) < 1.5
    assert np.abs(off).max() < 0.04
    assert np.median(found.errors) < 0.015
    assert len(found.untold) == 0


def test_a_dead_channel_is_told_and_spoils_no_other(reference: np.ndarray) -> None:
    charges = peak(spots(16_000, 4)[0])
    charges[:, 27] = 0
    found = channel_gains(reference, charges)
    assert found.untold.tolist() == [27]
    assert found.gains[27] == 1.0
    others = np.delete(found.gains, 27)
    assert np.abs(others / others.mean() - 1).max() < 0.05


def test_too_few_events_are_refused_with_how_many_would_do(
    reference: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match="1,500 photopeak events are too few for 64 gains"):
        channel_gains(reference, reference[:1500])
    monkeypatch.setattr(recalibrate, "MOST_ERROR", 0.01)
    few = reference[:2500]
    with pytest.raises(DataError, match=r"its 2,500 events tell a gain to ±.* at best") as caught:
        channel_gains(few, reference)
    assert caught.value.field == "profile"
    with pytest.raises(
        DataError, match=r"2,500 photopeak events tell a gain to ±.* only"
    ) as caught:
        channel_gains(reference, few)
    # As many as it asks for are enough.
    needed = int(re.sub(r"\D", "", caught.value.remedy))
    assert 2500 < needed < len(reference)
    channel_gains(reference, reference[:needed])


def test_events_of_other_places_are_refused(reference: np.ndarray) -> None:
    channel_gains(reference, peak(spots(16_000, 5, half_mm=21.5)[0]))
    with pytest.raises(DataError, match=r"lie elsewhere .* \d+ % of them"):
        channel_gains(reference, peak(spots(16_000, 5, half_mm=20.0)[0]))


def test_other_channels_are_refused(reference: np.ndarray) -> None:
    with pytest.raises(DataError, match="holds 63 channels, the reference 64"):
        channel_gains(reference, reference[:, :63])
