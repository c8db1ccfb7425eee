"""Planted walks are found in pairs of pulses and taken out."""

from __future__ import annotations

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.estimators.timing import walk


def pairs(events: int = 4000, *, seed: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return times (event, 2) with walk and outliers, heights (event, 2), and which are none."""
    random = np.random.default_rng(seed)
    heights = random.uniform(50, 500, (events, 2))
    times = random.normal(0, 0.05, (events, 2))
    times += np.column_stack([2.0 / np.sqrt(heights[:, 0] / 200), 1.0 * 200 / heights[:, 1]])
    outliers = random.random(events) < 0.02
    times[outliers, 0] += 20
    return times, heights, ~outliers


def test_walks_of_two_channels_are_recovered_and_taken_out() -> None:
    times, heights, good = pairs()
    channel = np.tile([0, 1], (len(times), 1))
    found = walk.fit_walks(times[:, 0] - times[:, 1], channel, heights, 2)
    late = np.column_stack([one.walk(heights[:, k]) for k, one in enumerate(found)])
    corrected = times - late
    assert np.std((corrected[:, 0] - corrected[:, 1])[good]) < 0.075
    assert np.std((times[:, 0] - times[:, 1])[good]) > 0.3
    # The first channel alone: 2 √(200/A) from 50 to 500 falls by 2 (2 − √0.4) = 2.735.
    assert found[0].span == pytest.approx(2.735, abs=0.1)
    assert walk.WalkCorrection.model_validate(found[0].model_dump(mode="json")) == found[0]


def test_the_fit_is_plain_least_squares_where_there_are_no_outliers() -> None:
    times, heights, good = pairs()
    times, heights = times[good], heights[good]
    difference = times[:, 0] - times[:, 1]
    # Within four deviations nothing is left out.
    near = np.abs(difference - np.median(difference)) < 1.0
    difference, heights = difference[near], heights[near]
    found = walk.fit_walks(difference, np.tile([0, 1], (len(heights), 1)), heights, 2)
    scales = np.median(heights, axis=0)
    root = np.sqrt(scales / heights)
    design = np.column_stack(
        [root[:, 0], root[:, 0] ** 2, -root[:, 1], -(root[:, 1] ** 2), np.ones(len(root))]
    )
    keep = np.ones(len(root), bool)
    for _ in range(10):
        best = np.linalg.lstsq(design[keep], difference[keep], rcond=None)[0]
        residual = difference - design @ best
        middle = np.median(residual[keep])
        width = 1.4826 * np.median(np.abs(residual[keep] - middle))
        now = np.abs(residual - middle) <= 4 * width
        if (now == keep).all():
            break
        keep = now
    coefficients = [c for one in found for c in one.coefficients]
    np.testing.assert_allclose(coefficients, best[:4], rtol=1e-6)


def test_walks_of_many_channels_come_from_all_their_pairs() -> None:
    random = np.random.default_rng(5)
    strength = np.array([0.5, 1.0, 2.0, 4.0])
    channel = np.column_stack([random.integers(0, 2, 20_000), random.integers(2, 4, 20_000)])
    heights = random.uniform(100, 400, (20_000, 2))
    times = random.normal(0, 0.02, (20_000, 2)) + strength[channel] * np.sqrt(200 / heights)
    times += np.array([0.3, -0.2, 0.1, 0.0])[channel]
    found = walk.fit_walks(times[:, 0] - times[:, 1], channel, heights, 5)
    assert found[4] is None
    spans = [one.span for one in found[:4]]
    np.testing.assert_allclose(spans, strength * (np.sqrt(2) - np.sqrt(0.5)), rtol=0.03)


def test_walk_beyond_its_range_is_held_and_nonsense_is_nan() -> None:
    times, heights, _ = pairs(500)
    channel = np.tile([0, 1], (500, 1))
    fitted = walk.fit_walks(times[:, 0] - times[:, 1], channel, heights, 2)[0]
    held = fitted.walk(np.array([1.0, fitted.amplitude_low, 0.0, -3.0]))
    assert held[0] == held[1]
    assert np.isnan(held[2:]).all()
    with pytest.raises(DataError, match="too few"):
        walk.fit_walks(np.zeros(20), channel[:20], np.ones((20, 2)), 2)
