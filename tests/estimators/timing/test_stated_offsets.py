"""Times over stated offsets: what is wrong with a bench is named, what is right passes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.estimators.timing.stated_offsets import (
    channel_delay,
    check_offsets,
    choose_time,
)
from pulsefront.estimators.timing.tuning import Sampling
from toys_estimators import pulse_pairs

SAMPLING = Sampling(sample_interval_ns=0.5)
WAVEFORMS, KNOWN = pulse_pairs(3_000, seed=4, spread=0.1)
Float = NDArray[np.float64]


def gaussian(slope: float, delay_ns: float, seed: int = 0) -> tuple[Float, Float]:
    """Return (event,) differences and stated differences of nine offsets."""
    random = np.random.default_rng(seed)
    known = np.repeat(np.linspace(-0.4, 0.4, 9), 300)
    return slope * known + delay_ns + random.normal(0, 0.1, len(known)), known


def unequal(waveforms: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Return the pairs with detector 1 at 0.6 of the gain, on another baseline."""
    changed = waveforms.astype(np.float64)
    changed[:, 1] = 140 + 0.6 * (changed[:, 1] - 100)
    return np.rint(changed).astype(np.uint16)


@pytest.mark.parametrize("change", [lambda w: w, unequal], ids=["equal", "unequal"])
def test_pulses_of_a_sound_bench_have_the_slope_1(change: object) -> None:
    waveforms = change(WAVEFORMS)
    time = choose_time(waveforms, KNOWN, SAMPLING)
    found = check_offsets(time.differences_ns(waveforms, SAMPLING), KNOWN)
    assert found is not None
    assert found.findings == ()
    assert found.tells
    assert found.slope == pytest.approx(1.0, abs=0.02)


def test_amplitude_walk_does_not_move_the_line() -> None:
    waveforms, known = pulse_pairs(4_000, seed=5, spread=0.6)
    found = check_offsets(
        choose_time(waveforms, known, SAMPLING).differences_ns(waveforms, SAMPLING), known
    )
    assert found is not None
    assert found.findings == ()
    assert abs(found.intercept_ns) < 0.01


@pytest.mark.parametrize("delay_ns", [-5.0, -0.05, 1.0, 5.0])
@pytest.mark.parametrize("change", [lambda w: w, unequal], ids=["equal", "unequal"])
def test_the_delay_of_a_cable_is_found(delay_ns: float, change: object) -> None:
    """Whole samples are shifted; the rest of a delay stands in the stated difference."""
    whole = round(delay_ns / SAMPLING.sample_interval_ns)
    waveforms = change(WAVEFORMS).copy()
    # The channel that is earlier has the samples before its pulse at its end.
    late = 0 if whole > 0 else 1
    waveforms[:, late, abs(whole) :] = waveforms[:, late, : waveforms.shape[2] - abs(whole)]
    stated = KNOWN - (delay_ns - whole * SAMPLING.sample_interval_ns)
    difference = choose_time(waveforms, stated, SAMPLING).differences_ns(waveforms, SAMPLING)
    found = channel_delay(difference, stated)
    assert found.removed_ns == pytest.approx(delay_ns, abs=0.01)
    assert found.removed_ns == round(found.measured_ns, 3)


def test_no_delay_is_removed_where_there_is_none() -> None:
    found = channel_delay(*gaussian(1.0, 0.0))
    assert found.removed_ns == 0.0
    assert found.measured_ns != 0.0


@pytest.mark.parametrize(
    ("slope", "words"),
    [
        (-1.0, "sign swapped"),
        (-1.0, "channels exchanged"),
        (2.0, "half the true"),
        (0.5, "the stated offsets are twice the true"),
        (-2.0, "sign swapped or channels exchanged, and the stated offsets are half"),
        (0.0, "do not follow"),
        (10.0, "in cm"),
        (3.2, "fits no single mistake"),
    ],
)
def test_a_wrong_slope_is_named(slope: float, words: str) -> None:
    found = check_offsets(*gaussian(slope, 0.7))
    assert found is not None
    assert words in found.findings[0]
    assert found.slope == pytest.approx(slope, abs=3 * found.slope_error)


@settings(max_examples=60, deadline=None)
@given(
    slope=st.floats(-3.0, 3.0),
    delay_ns=st.floats(-20.0, 20.0),
    seed=st.integers(0, 10_000),
)
def test_only_a_slope_beyond_the_tolerance_is_an_error(
    slope: float, delay_ns: float, seed: int
) -> None:
    found = check_offsets(*gaussian(slope, delay_ns, seed))
    assert found is not None
    assert bool(found.findings) == (abs(found.slope - 1.0) > found.tolerance)
    assert found.slope == pytest.approx(slope, abs=6 * found.slope_error)
    assert found.intercept_ns == pytest.approx(delay_ns, abs=0.03)


@settings(max_examples=30, deadline=None)
@given(factor=st.floats(0.1, 10.0), shift_ns=st.floats(-5.0, 5.0))
def test_the_slope_scales_with_the_times_and_not_with_their_zero(
    factor: float, shift_ns: float
) -> None:
    difference, known = gaussian(1.0, 0.0)
    first, other = (
        check_offsets(difference, known),
        check_offsets(factor * difference + shift_ns, known),
    )
    assert first is not None
    assert other is not None
    assert other.slope == pytest.approx(factor * first.slope, rel=1e-6)


@pytest.mark.parametrize(
    ("mirror", "words"),
    [
        (lambda k, d, delay: -k - delay, "channels exchanged in this scan"),
        (lambda k, d, delay: -k + delay, "sign swapped in this scan"),
        (lambda k, d, delay: d + 0.3, "where the others say"),
    ],
)
def test_one_wrong_scan_among_many_is_named(mirror: object, words: str) -> None:
    delay = 0.9
    difference, known = gaussian(1.0, delay)
    scan = np.repeat(np.arange(9), 300)
    wrong = scan == 7
    noise = difference[wrong] - known[wrong] - delay
    difference[wrong] = mirror(known[wrong], difference[wrong], delay) + (
        noise if "others" not in words else 0.0
    )
    found = check_offsets(difference, known, scan)
    assert found is not None
    (text,) = found.findings
    assert words in text
    assert "300 ps" in text
    assert found.slope == pytest.approx(1.0, abs=0.05)


def test_short_offsets_tell_nothing_and_are_no_error() -> None:
    random = np.random.default_rng(3)
    known = np.repeat([-0.001, 0.001], 50)
    found = check_offsets(known + random.normal(0, 0.2, 100), known)
    assert found is not None
    assert not found.tells


def test_one_offset_has_no_slope() -> None:
    assert check_offsets(np.random.default_rng(1).normal(size=100), np.zeros(100)) is None


def test_events_without_a_time_are_left_out() -> None:
    difference, known = gaussian(1.0, 0.2)
    holes = difference.copy()
    holes[::3] = np.nan
    found = check_offsets(holes, known)
    assert found is not None
    with_time = np.isfinite(holes).sum()
    assert 0.98 * with_time < sum(p.events for p in found.scans) <= with_time
    assert found.slope == pytest.approx(1.0, abs=0.05)


def test_unusable_sets_raise() -> None:
    with pytest.raises(DataError, match="one known difference per event"):
        check_offsets(np.zeros(4), np.zeros(3))
    with pytest.raises(DataError, match="no source offset has ten events"):
        channel_delay(np.full(100, np.nan), np.zeros(100))
    with pytest.raises(DataError, match="90 % of the pulses"):
        choose_time(np.full((200, 2, 96), 100, np.uint16), np.zeros(200), SAMPLING)


@settings(max_examples=25, deadline=None)
@given(delay_ns=st.floats(-30.0, 30.0), seed=st.integers(0, 1000))
def test_what_is_left_after_the_delay_is_within_its_error(delay_ns: float, seed: int) -> None:
    difference, known = gaussian(1.0, delay_ns, seed)
    found = channel_delay(difference, known)
    left = abs(delay_ns - found.removed_ns)
    assert left < 6 * found.error_ns + 0.001
