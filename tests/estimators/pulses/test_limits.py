"""What is unusual of a pulse is found from the data: planted faults are flagged, and no others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.estimators.pulses.chain import Measurement, measure_pulses
from pulsefront.estimators.pulses.limits import code_step
from pulsefront.estimators.pulses.polarity import find_polarities
from pulsefront.estimators.pulses.settings import PulseSettings
from pulsefront.events.container import Status

SAMPLES = 240
NOISE_ADC = 2.0
SEEDS = st.integers(0, 2**31)
"""Faults are found whatever the noise does: every test below holds for any seed."""


def shape(onset: float = 100.3, decay: float = 25.0) -> np.ndarray:
    since = np.arange(SAMPLES) - onset
    pulse = np.where(since > 0, np.exp(-since / decay) - np.exp(-since / 3.0), 0.0)
    return pulse / pulse.max()


def made(
    events: int, seed: int, *, level: float = 800.0, noise: float = NOISE_ADC
) -> tuple[np.ndarray, np.ndarray]:
    """Return waveforms before they are digitized, and their amplitudes of 200 to 2,500."""
    random = np.random.default_rng(seed)
    heights = random.uniform(200, 2500, events)
    return level + random.normal(0, noise, (events, SAMPLES)) + heights[:, None] * shape(), heights


def digitized(waves: np.ndarray, *, negative: bool = False, bits: int = 12) -> np.ndarray:
    top = 2**bits - 1
    waves = top - waves if negative else waves
    return np.clip(np.rint(waves), 0, top).astype(np.uint16)


def flagged(found: Measurement, flag: Status) -> np.ndarray:
    return (found.status & np.uint16(flag)) != 0


def others(found: Measurement, flag: Status) -> int:
    return int(np.count_nonzero(found.status & np.uint16(~flag & 0xFFFF)))


@settings(deadline=None, max_examples=25)
@given(SEEDS, st.booleans(), st.sampled_from([1, 2, 4]))
def test_pulses_without_a_fault_have_no_flag(seed: int, negative: bool, step: int) -> None:
    waves, _ = made(200, seed, noise=2.0 * step, level=1000)
    words = digitized(waves, negative=negative) // step * step
    found = measure_pulses(words, PulseSettings())
    assert np.count_nonzero(found.status) <= 1
    assert found.settings.limits[0].code_step_adc == step


@settings(deadline=None, max_examples=25)
@given(SEEDS, st.booleans(), st.floats(1200, 2100), st.booleans())
def test_samples_that_pile_up_are_saturation(
    seed: int, negative: bool, most: float, on_floor: bool
) -> None:
    """At either end of the range, wherever it lies; as the level that was found."""
    waves, heights = made(200, seed)
    level = np.rint(800 + most) if not on_floor else None
    if on_floor:
        # The range of the converter ends: a high baseline leaves no room.
        waves, level = waves + 4095 - 800 - np.rint(most), 4095.0
    words = digitized(np.minimum(waves, level), negative=negative)
    found = measure_pulses(words, PulseSettings())
    cut = (words == (4095 - level if negative else level)).any(axis=1)
    assert cut.sum() > 5
    np.testing.assert_array_equal(flagged(found, Status.SATURATED), cut)
    limits = found.settings.limits[0]
    ends = (limits.saturation_low_adc, limits.saturation_high_adc)
    assert ends == ((4095 - level, None) if negative else (None, level))
    assert others(found, Status.SATURATED) <= 1
    assert heights[cut].min() > most - 20


@pytest.mark.parametrize("noise", [0.6, 1.5, 6.0])
def test_tops_that_an_amplifier_limits_below_the_noise_are_saturation(noise: float) -> None:
    """No code holds more samples than its neighbours there."""
    random = np.random.default_rng(11)
    whole = 300 + random.uniform(200, 3400, 300)[:, None] * shape()
    cut = np.count_nonzero(whole > 2800, axis=1)
    waves = np.minimum(whole, 2800) + random.normal(0, noise, whole.shape)
    found = measure_pulses(digitized(waves, negative=True), PulseSettings())
    saturated = flagged(found, Status.SATURATED)
    assert saturated[cut > 3].all()
    assert (cut > 3).sum() > 30
    assert np.count_nonzero(saturated[cut == 0]) <= 2
    # The next events have the same level, though their noise goes beyond it.
    again = measure_pulses(digitized(waves[:40], negative=True), found.settings)
    assert again.settings.limits == found.settings.limits


@pytest.mark.parametrize("square", [False, True])
def test_a_line_narrower_than_the_noise_is_no_saturation(square: bool) -> None:
    """Nor is a test pulse with a flat top: neither stays at its top for longer or shorter."""
    random = np.random.default_rng(12)
    heights = np.where(random.random(300) < 0.4, random.normal(3000, 2, 300), 0.0)
    pulser = np.where(np.abs(np.arange(SAMPLES) - 120) < 20, 1.0, 0.0) if square else shape()
    waves = 300 + heights[:, None] * pulser
    waves += np.where(heights == 0, random.uniform(200, 2900, 300), 0)[:, None] * shape()
    found = measure_pulses(digitized(waves + random.normal(0, 3, waves.shape)), PulseSettings())
    assert not flagged(found, Status.SATURATED).any()


def test_a_limit_that_is_given_is_the_limit() -> None:
    waves, heights = made(100, 1)
    words = digitized(waves)
    found = measure_pulses(words, PulseSettings(saturation_high_adc=2000))
    np.testing.assert_array_equal(flagged(found, Status.SATURATED), (words >= 2000).any(axis=1))
    clipped = np.minimum(words, 2000)
    off = measure_pulses(clipped, PulseSettings(find_saturation=False))
    assert not flagged(off, Status.SATURATED).any()
    assert heights.max() > 1200


def test_a_level_that_the_first_chunk_shows_holds_for_the_next() -> None:
    words = np.minimum(digitized(made(400, 2)[0]), 2500)
    first = measure_pulses(words[:300], PulseSettings())
    # So few could not tell by themselves.
    few = words[300:][(words[300:] == 2500).any(axis=1)][:2]
    again = measure_pulses(few, first.settings)
    assert flagged(again, Status.SATURATED).all()


@settings(deadline=None, max_examples=25)
@given(SEEDS, st.booleans(), st.floats(40, 400), st.floats(30, 200), st.integers(3, 5))
def test_the_tail_of_an_earlier_pulse_in_the_gate_is_a_bad_baseline(
    seed: int, negative: bool, height: float, decay: float, every: int
) -> None:
    waves, _ = made(200, seed)
    earlier = np.zeros(200, np.bool_)
    earlier[::every] = True
    waves[earlier] += height * np.exp(-np.arange(SAMPLES) / decay)
    found = measure_pulses(digitized(waves, negative=negative), PulseSettings())
    assert flagged(found, Status.BAD_BASELINE)[earlier].all()
    assert np.count_nonzero(found.status[~earlier]) <= 1


@pytest.mark.parametrize("negative", [False, True])
@pytest.mark.parametrize(
    ("height", "decay", "noise"), [(150, 60, 2), (150, 2000, 2), (150, 60, 15)]
)
def test_tails_in_every_second_event_do_not_say_what_is_usual(
    negative: bool, height: float, decay: float, noise: float
) -> None:
    """The middle of two equal halves lay in either: the half without tails was flagged."""
    waves, _ = made(300, 8, noise=noise)
    tailed = np.arange(300) % 2 == 0
    waves[tailed] += height * np.exp(-np.arange(SAMPLES) / decay)
    found = measure_pulses(digitized(waves, negative=negative), PulseSettings())
    np.testing.assert_array_equal(flagged(found, Status.BAD_BASELINE), tailed)


@settings(deadline=None, max_examples=25)
@given(SEEDS, st.booleans(), st.integers(5, 60))
def test_a_pulse_in_the_gate_is_a_bad_baseline(seed: int, negative: bool, onset: int) -> None:
    waves, heights = made(200, seed)
    early = np.zeros(200, np.bool_)
    early[::5] = True
    moved = 800 + np.random.default_rng(seed).normal(0, NOISE_ADC, (200, SAMPLES))
    waves[early] = (moved + heights[:, None] * shape(onset))[early]
    found = measure_pulses(digitized(waves, negative=negative), PulseSettings(baseline_stop=80))
    assert flagged(found, Status.BAD_BASELINE)[early].all()
    assert np.count_nonzero(found.status[~early]) <= 1


@settings(deadline=None, max_examples=25)
@given(SEEDS, st.sampled_from([0.05, 0.1, 5.0, 20.0]))
def test_a_noise_far_from_that_of_the_channel_is_a_bad_baseline(seed: int, times: float) -> None:
    waves, _ = made(200, seed, noise=6.0)
    odd = np.zeros(200, np.bool_)
    odd[::7] = True
    quiet, _ = made(200, seed, noise=6.0 * times)
    waves[odd] = quiet[odd]
    found = measure_pulses(digitized(waves), PulseSettings(pile_up_fraction=0.0))
    assert flagged(found, Status.BAD_BASELINE)[odd].all()
    assert np.count_nonzero(found.status[~odd]) <= 1
    off = measure_pulses(digitized(waves), PulseSettings(check_baseline=False, pile_up_fraction=0))
    assert not flagged(off, Status.BAD_BASELINE).any()


@settings(deadline=None, max_examples=25)
@given(SEEDS, st.booleans(), st.floats(0.15, 0.9), st.integers(15, 80))
def test_a_second_pulse_is_pile_up(seed: int, negative: bool, share: float, later: int) -> None:
    waves, heights = made(200, seed)
    second = np.zeros(200, np.bool_)
    second[::3] = True
    # On a tail that falls faster than it rises, a second pulse is no rise.
    share = max(share, 0.3 if later < 40 else share)
    waves[second] += (share * heights[:, None] * shape(100.3 + later))[second]
    found = measure_pulses(digitized(waves, negative=negative), PulseSettings())
    assert flagged(found, Status.PILE_UP)[second].mean() > 0.97
    assert np.count_nonzero(found.status[~second]) <= 1


@pytest.mark.parametrize("share", [1.5, 2.5])
def test_second_pulses_that_are_the_higher_ones_do_not_say_what_is_usual(share: float) -> None:
    waves, heights = made(100, 3)
    waves += 600.0 * shape()
    waves[::2] += (share * (heights[:, None] + 600.0) * shape(125.3))[::2]
    found = measure_pulses(digitized(waves, bits=14), PulseSettings())
    np.testing.assert_array_equal(flagged(found, Status.PILE_UP), np.arange(100) % 2 == 0)


def test_a_reflection_that_small_pulses_hide_in_their_noise_is_no_second_pulse() -> None:
    random = np.random.default_rng(4)
    heights = random.uniform(300, 1500, 200)[:, None]
    waves = 800 + random.normal(0, 10.0, (200, SAMPLES)) + heights * shape()
    found = measure_pulses(digitized(waves + 0.12 * heights * shape(180.3)), PulseSettings())
    assert np.count_nonzero(flagged(found, Status.PILE_UP)) <= 2


@settings(deadline=None, max_examples=20)
@given(SEEDS, st.integers(2, 40), st.sampled_from(["mean", "robust"]), st.sampled_from([0.4, 1, 5]))
def test_few_samples_of_a_baseline_are_no_fault(
    seed: int, stop: int, method: str, noise: float
) -> None:
    """Medians lie on codes, and the noise of few samples is often little: neither is a flag."""
    waves, _ = made(300, seed, noise=noise)
    chosen = PulseSettings(baseline_stop=stop, baseline_method=method)
    found = measure_pulses(digitized(waves), chosen)
    assert np.count_nonzero(flagged(found, Status.BAD_BASELINE)) <= 3
    assert np.count_nonzero(flagged(found, Status.PILE_UP)) <= (3 if stop > 3 else 30)
    assert not flagged(found, Status.SATURATED).any()


def test_events_that_are_filled_up_do_not_say_what_is_usual() -> None:
    waves, _ = made(100, 5)
    words = digitized(waves)
    words[60:] = 0
    usable = np.arange(100) < 60
    found = measure_pulses(words, PulseSettings(), usable)
    alone = measure_pulses(words[:60], PulseSettings())
    assert found.settings == alone.settings
    np.testing.assert_array_equal(found.status[:60], alone.status)


@pytest.mark.parametrize("side", [1, -1])
def test_bipolar_pulses_have_the_side_and_the_charge_of_their_first_lobe(side: int) -> None:
    random = np.random.default_rng(8)
    heights = random.uniform(200, 900, (150, 1))
    first, second = shape(100.0, 8.0), shape(125.0, 12.0)
    waves = 2000 + side * heights * (first - 0.8 * second) + random.normal(0, 2, (150, SAMPLES))
    words = digitized(waves)
    assert find_polarities(words) == ("positive" if side > 0 else "negative",)
    found = measure_pulses(words, PulseSettings())
    assert found.settings.limits[0].bipolar
    charge = found.columns["charge_adc_samples"]
    lobe = (heights * np.maximum(first - 0.8 * second, 0)).sum(axis=1)
    np.testing.assert_allclose(charge, lobe, rtol=0.06)
    whole = measure_pulses(words, PulseSettings(charge_lobe="whole")).columns["charge_adc_samples"]
    assert np.abs(np.median(whole / lobe)) < 0.5


def test_the_step_of_a_converter_is_seen() -> None:
    random = np.random.default_rng(0)
    counts = random.integers(0, 200, (50, 60))
    assert code_step(counts) == 1
    assert code_step((counts * 256).astype(np.int32)) == 256
    assert code_step(counts * np.float32(0.00122)) == pytest.approx(0.00122, rel=1e-3)
    assert code_step(random.normal(0, 1, (50, 60))) == 0
    assert code_step(np.full((3, 4), 7)) == 1
