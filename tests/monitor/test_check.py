"""A check: nothing found where nothing changed, and what changed is named."""

from dataclasses import replace

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.monitor import WatchedEvents, check, make_profile
from pulsefront.monitor.shares import count_estimates
from strategies_monitor import anger, batch, folded_batch, narrow_charges, profile


@pytest.fixture(scope="module")
def known():
    return profile()


def gains(**changed):
    found = np.ones(16)
    for key, value in changed.items():
        found[int(key[1:])] = value
    return found


def names(found):
    return [one.name for one in found.moved]


@pytest.mark.slow
def test_checks_with_a_false_alarm_are_as_rare_as_stated():
    # 2 references of 25 checks each at one false alarm in 3: 17 are the bound, fewer are expected.
    alarms = 0
    for repetition in range(2):
        known = profile(5000, seed=1000 + repetition)
        for k in range(25):
            fresh = batch(1000, seed=2000 + 100 * repetition + k)
            alarms += bool(check(known, fresh, None, 3.0).moved)
    assert 1 <= alarms <= 17 + 2 * np.sqrt(17 * 2 / 3)


def test_a_gain_of_two_percent_is_found_and_named(known):
    found = check(known, batch(10_000, 11, gains=gains(c5=0.98)))
    assert names(found)[0] == "gain of channel 5"
    (moved,) = [one for one in found.moved if one.name == "gain of channel 5"]
    assert moved.shift == pytest.approx(-0.02, abs=3 * moved.error)


@pytest.mark.parametrize("channel", [0, 6, 15])
def test_a_dead_channel_is_found_among_its_neighbours(known, channel):
    found = check(known, batch(seed=12, gains=gains(**{f"c{channel}": 0.0})))
    moved = [one for one in found.moved if one.name.startswith("gain")]
    assert [one.name for one in moved] == [f"gain of channel {channel}"]
    assert moved[0].shift < -0.9


def test_two_changed_inputs_are_told_apart(known):
    found = check(known, batch(seed=13, gains=gains(c0=0.0, c10=1.1)))
    moved = {one.name: one.shift for one in found.moved if one.name.startswith("gain")}
    assert set(moved) == {"gain of channel 0", "gain of channel 10"}
    assert moved["gain of channel 10"] == pytest.approx(0.1, abs=0.03)


def test_light_moves_the_photopeak_and_no_gain(known):
    found = check(known, batch(10_000, 14, light=0.95))
    assert names(found)[0] == "photopeak, position"
    assert not [name for name in names(found) if name.startswith("gain")]


def test_new_gains_of_all_inputs_are_too_many_to_tell_apart(known):
    spread = np.random.default_rng(5).normal(1, 0.1, 16)
    assert check(known, batch(seed=15, gains=spread)).many


def test_flagged_events_and_the_rate_are_compared(known):
    assert "flagged events" in names(check(known, batch(seed=16, flagged=40)))
    timed = replace(known, reference=replace(known.reference, duration_s=20.0))
    fast = replace(batch(seed=17), duration_s=4.0)
    estimate = count_estimates(timed.reference, fast)["event rate"]
    assert estimate is not None
    assert estimate.shift == pytest.approx(np.log(1.25))
    assert "event rate" in names(check(timed, fast))


def test_a_small_change_is_found_over_many_checks(known):
    past, first = {}, None
    for k in range(10):
        found = check(known, batch(2000, 100 + k, gains=gains(c9=0.985)), past)
        past = {name: [*past.get(name, ()), one] for name, one in found.estimates.items()}
        if first is None and found.moved:
            first = k
    assert first is not None
    assert first > 0
    assert names(found)[0] == "gain of channel 9"


def test_what_does_not_fit_the_network_is_refused(known):
    with pytest.raises(DataError, match="holds 15 inputs for a network that reads 16"):
        check(known, WatchedEvents(batch().inputs[:, :15]))
    with pytest.raises(DataError, match="outside the network's input format"):
        check(known, WatchedEvents(batch().inputs - 5000))
    with pytest.raises(DataError, match="too few vectors"):
        WatchedEvents(batch().inputs[:100])
    with pytest.raises(DataError, match="integers"):
        WatchedEvents(batch().inputs * 0.5)


@pytest.fixture(scope="module")
def folded():
    places = tuple(f"place {k}" for k in range(16))
    return make_profile(anger(), folded_batch(20_000, 0), input_names=places)


def test_of_folded_events_the_channel_is_named_and_no_place(folded):
    for changed, found in ((0.98, folded_batch(10_000, 11, gains=gains(c5=0.98))), (
        0.0, folded_batch(seed=12, gains=gains(c5=0.0)))):  # fmt: skip
        moved = [one for one in check(folded, found).moved if one.name.startswith("gain")]
        assert [one.name for one in moved] == ["gain of channel 5"]
        assert moved[0].shift == pytest.approx(changed - 1, abs=max(3 * moved[0].error, 0.1))


def test_what_all_channels_lose_is_seen_though_inputs_of_one_sum_stay(folded):
    dim = folded_batch(10_000, 14, light=0.98)
    # The inputs hold nothing of it: their sums are what they were.
    sums = [one.inputs.sum(axis=1).mean() for one in (folded.reference, dim)]
    assert sums[1] == pytest.approx(sums[0], rel=1e-4)
    found = check(folded, dim)
    assert names(found)[0] == "photopeak, position"
    assert not [name for name in names(found) if name.startswith("gain")]


def test_of_inputs_alone_the_places_are_compared(folded):
    found = check(folded, WatchedEvents(folded_batch(seed=18).inputs))
    told = {one.name for one in found.verdicts if one.name.startswith("gain")}
    assert told == {f"gain of place {k}" for k in range(16)}
    assert "photopeak, position" in found.untold


def test_charges_of_another_detector_are_refused(folded):
    fresh = folded_batch()
    other = replace(fresh, charges=fresh.charges[:, :15])
    with pytest.raises(DataError, match="holds 15 channels, the reference 16"):
        check(folded, other)


def test_an_input_that_never_varied_is_passed_over():
    still = batch()
    still.inputs[:, 3] = 0
    known = profile()
    quiet = replace(
        known, reference=WatchedEvents(np.where(np.arange(16) == 3, 0, known.reference.inputs))
    )
    found = check(quiet, WatchedEvents(still.inputs))
    assert "gain of channel 3" not in [one.name for one in found.verdicts]
    assert not found.moved


@pytest.mark.parametrize("gain", [0.5, 0.9, 0.98, 1.8])
def test_narrow_light_puts_the_blame_on_the_right_input(gain):
    known = make_profile(anger(), WatchedEvents(narrow_charges(20_000, 0)))
    fresh = WatchedEvents(narrow_charges(5000, 7, gains(c5=gain)))
    moved = [one for one in check(known, fresh).moved if one.name.startswith("gain")]
    assert [one.name for one in moved] == ["gain of input 5"]
    assert moved[0].shift == pytest.approx(gain - 1, abs=4 * moved[0].error)


def test_two_dead_neighbours_are_both_told_and_no_third():
    known = make_profile(anger(), WatchedEvents(narrow_charges(20_000, 0)))
    fresh = WatchedEvents(narrow_charges(5000, 8, gains(c5=0.0, c6=0.0)))
    moved = [one for one in check(known, fresh).moved if one.name.startswith("gain")]
    assert {one.name for one in moved} == {"gain of input 5", "gain of input 6"}
    assert all(one.shift == pytest.approx(-1.0) for one in moved)
