"""Crossings, filters and trees on pulses whose arrival is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.errors import DataError
from pulsefront.estimators.registry import TIMING, ClassicalEstimator, PulseEvents
from pulsefront.estimators.timing.crossings import _at_baseline, fit_two_thresholds
from pulsefront.estimators.timing.discriminators import fit_leading_edge
from pulsefront.estimators.timing.tuning import Sampling
from pulsefront.evaluate import fwhm
from toys_estimators import pulse_pairs

SETTINGS = Sampling(sample_interval_ns=0.5)
TRAIN = pulse_pairs(3_000, seed=10, spread=0.2)
TEST = pulse_pairs(3_000, seed=11, spread=0.2)
BY_NAME = {entry.name: entry for entry in TIMING}
WALKING = {"leading edge"}
"""A fixed threshold walks with the amplitude, and is not corrected for it."""
CORRECTED = ("multi-threshold fit, walk-corrected", "first photons, walk-corrected")
FITTED: dict[str, Any] = {}


def fitted(name: str) -> Any:
    if name not in FITTED:
        FITTED[name] = BY_NAME[name].fit(PulseEvents(*TRAIN, SETTINGS, 1))
    return FITTED[name]


def test_every_estimator_has_a_name_of_its_own() -> None:
    assert len(BY_NAME) == len(TIMING) == 10


@pytest.mark.parametrize("name", BY_NAME)
def test_every_estimator_is_unbiased_at_every_offset_of_fresh_events(name: str) -> None:
    waveforms, known = TEST
    residual = fitted(name).estimate(waveforms) - known
    good = np.isfinite(residual)
    assert good.mean() > 0.99
    for offset in np.unique(known):
        here = residual[(known == offset) & good]
        assert abs(here.mean()) < 4 * here.std() / np.sqrt(len(here)) + 0.01


@pytest.mark.parametrize("name", BY_NAME)
def test_the_resolution_is_near_the_jitter_that_was_put_in(name: str) -> None:
    residual = fitted(name).estimate(TEST[0]) - TEST[1]
    ctr_ps = 1000 * fwhm(residual[np.isfinite(residual)])
    # 118 ps FWHM of jitter.
    assert 105 < ctr_ps < (330 if name in WALKING else 160)


@pytest.mark.parametrize("name", BY_NAME)
def test_the_best_of_the_table_is_taken_and_named(name: str) -> None:
    model = fitted(name)
    scores = [row.ctr_fwhm_ps for row in model.table]
    best = model.table[int(np.nanargmin([np.inf if s is None else s for s in scores]))]
    for parameter, value in best.parameters.items():
        if parameter in model.parameters:
            assert model.parameters[parameter] == value


@pytest.mark.parametrize("name", BY_NAME)
def test_a_cable_in_one_channel_changes_no_resolution(name: str) -> None:
    """The delay is learned from training events and taken out of the estimates."""
    late = 6

    def shifted(waveforms: np.ndarray) -> np.ndarray:
        changed = waveforms.copy()
        changed[:, 0, late:] = waveforms[:, 0, :-late]
        return changed

    few = slice(0, 1500)
    events = PulseEvents(shifted(TRAIN[0][few]), TRAIN[1][few], SETTINGS, 1)
    residual = BY_NAME[name].fit(events).estimate(shifted(TEST[0])) - TEST[1]
    residual = residual[np.isfinite(residual)]
    assert abs(np.median(residual)) < 0.02
    assert 1000 * fwhm(residual) < (350 if name in WALKING else 180)


@pytest.mark.parametrize("name", BY_NAME)
def test_two_fits_to_the_same_events_are_equal(name: str) -> None:
    few = slice(0, 800)
    events = PulseEvents(TRAIN[0][few], TRAIN[1][few], SETTINGS, 1)
    one, other = (BY_NAME[name].fit(events).estimate(TEST[0][:300]) for _ in range(2))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", BY_NAME)
def test_unusable_training_sets_raise(name: str) -> None:
    waveforms, known = TRAIN
    fit: Callable[[PulseEvents], Any] = BY_NAME[name].fit
    with pytest.raises(DataError, match="event, 2, sample"):
        fit(PulseEvents(waveforms[:, 0], known, SETTINGS, 1))
    with pytest.raises(DataError, match="one per event"):
        fit(PulseEvents(waveforms, known[:-1], SETTINGS, 1))
    with pytest.raises(DataError):
        fit(PulseEvents(np.full((200, 2, 96), 100, np.uint16), np.zeros(200), SETTINGS, 1))


def test_an_event_without_a_pulse_has_no_time() -> None:
    waveforms = TEST[0][:20].copy()
    waveforms[0, 1] = 100
    for name in BY_NAME:
        found = fitted(name).estimate(waveforms)
        assert np.isnan(found[0]), name
        assert np.isfinite(found[1:]).all(), name


@pytest.mark.parametrize("name", CORRECTED)
def test_amplitudes_correct_the_walk_of_crossings(name: str) -> None:
    """Amplitudes that spread by 40 % walk; what is left does not follow them."""
    train, (waveforms, known) = (pulse_pairs(4_000, seed, spread=0.4) for seed in (20, 21))
    model = BY_NAME[name].fit(PulseEvents(*train, SETTINGS, 1))
    assert len(model.walk_ns) == 6
    corrected, raw = (
        one.estimate(waveforms) - known for one in (model, replace(model, walk_ns=()))
    )
    height = waveforms.max(axis=2).astype(float) - 100
    ratio = np.log(height[:, 0] / height[:, 1])
    good = np.isfinite(corrected)
    assert good.mean() > 0.99
    # 4 standard errors of a correlation of 4,000 events.
    assert abs(np.corrcoef(ratio[good], corrected[good])[0, 1]) < 0.065
    assert abs(np.corrcoef(ratio[good], raw[good])[0, 1]) > 0.5
    assert fwhm(corrected[good]) < 0.7 * fwhm(raw[good])


def weaker(waveforms: np.ndarray) -> np.ndarray:
    """Return the pairs with 0.6 of the gain in channel 1."""
    changed = waveforms.astype(float)
    changed[:, 1] = 100 + 0.6 * (changed[:, 1] - 100)
    return np.rint(changed).astype(np.uint16)


def slower(waveforms: np.ndarray) -> np.ndarray:
    """Return the pairs with channel 1 behind a filter of six samples: another rise, and later."""
    changed = weaker(waveforms).astype(float)
    kernel = np.full(6, 1 / 6)
    smooth = [np.convolve(row - 100, kernel)[: row.size] for row in changed[:, 1]]
    changed[:, 1] = 100 + np.array(smooth)
    return np.rint(changed).astype(np.uint16)


@pytest.mark.parametrize("change", [weaker, slower])
@pytest.mark.parametrize("name", BY_NAME)
def test_unequal_detectors_bias_no_offset(
    name: str, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    model = BY_NAME[name].fit(PulseEvents(change(TRAIN[0]), TRAIN[1], SETTINGS, 1))
    waveforms, known = change(TEST[0]), TEST[1]
    residual = model.estimate(waveforms) - known
    good = np.isfinite(residual)
    assert good.mean() > 0.99
    for offset in np.unique(known):
        here = residual[(known == offset) & good]
        assert abs(np.median(here)) < 5 * here.std() / np.sqrt(len(here)) + 0.01
    assert 1000 * fwhm(residual[good]) < (400 if name in WALKING else 180)


def test_rise_time_corrects_the_walk_of_slow_light() -> None:
    """Pulses whose rise differs walk at a fixed threshold; the second threshold sees the rise."""
    random = np.random.default_rng(8)
    known = random.choice(np.linspace(-0.6, 0.6, 7), 6_000)
    arrival = 20 + random.uniform(0, 0.5, 6_000)
    arrival = np.column_stack([arrival + known / 2, arrival - known / 2])
    rise = random.uniform(1.0, 6.0, (6_000, 2, 1))
    since = np.maximum(np.arange(128) * 0.5 - arrival[:, :, None], 0)
    pulses = 2000 * (1 - np.exp(-since / rise)) * np.exp(-since / 40.0)
    waves = np.rint(100 + pulses + random.normal(0, 2, pulses.shape)).astype(np.uint16)
    train, test = slice(0, 3_000), slice(3_000, 6_000)
    widths = [
        fwhm(fit(waves[train], known[train], SETTINGS).estimate(waves[test]) - known[test])
        for fit in (fit_two_thresholds, fit_leading_edge)
    ]
    assert widths[0] < 0.6 * widths[1]


def test_trees_do_not_lean_towards_the_training_offsets() -> None:
    """Trained at −0.6 and 0.6 ns alone; what lies between must come out between."""
    waveforms, known = TRAIN
    ends = np.abs(known) > 0.5
    model = BY_NAME["boosted trees"].fit(PulseEvents(waveforms[ends], known[ends], SETTINGS, 1))
    inside = np.abs(TEST[1]) < 0.5
    found = model.estimate(TEST[0][inside])
    slope = np.polyfit(TEST[1][inside], found, 1)[0]
    assert slope == pytest.approx(1.0, abs=0.05)


@settings(max_examples=50, deadline=None)
@given(
    thresholds=st.lists(st.floats(1.0, 1e3), min_size=2, max_size=8, unique=True),
    start=st.floats(-50.0, 50.0),
    per_count=st.floats(0.0, 0.1),
)
def test_the_weights_of_crossings_follow_a_line_down_to_the_baseline(
    thresholds: list[float], start: float, per_count: float
) -> None:
    levels = np.sort(thresholds)
    if np.ptp(levels) < 1e-3 * levels.max():
        return
    weights = _at_baseline(levels)
    assert weights.sum() == pytest.approx(1.0)
    assert weights @ (start + per_count * levels) == pytest.approx(start, abs=1e-6)
    assert weights @ levels == pytest.approx(0.0, abs=1e-6 * levels.max())


def test_entries_are_frozen() -> None:
    entry = TIMING[0]
    assert isinstance(entry, ClassicalEstimator)
    with pytest.raises(AttributeError):
        entry.name = "other"  # type: ignore[misc]
