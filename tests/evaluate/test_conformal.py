"""Regions of a stated share: exact factors, the share that they hold, too few events."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.evaluate.conformal import conformal_factor, conformal_region, least_events

STEP = 2.0**-9


def drawn(events: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return errors of a scale that is known only within a factor, and that scale."""
    random = np.random.default_rng(seed)
    scales = random.integers(1, 5000, events)
    errors = scales * STEP * random.uniform(0.5, 2.0, events) * random.rayleigh(1.0, events)
    return errors, scales


@pytest.mark.parametrize("share", [0.5, 0.68, 0.95, 0.99])
def test_the_factor_is_the_smallest_that_holds_enough_events_in_exact_arithmetic(
    share: float,
) -> None:
    errors, scales = drawn(401, 1)
    found = conformal_factor(errors, scales, STEP, share)

    def inside(numerator: int) -> int:
        factor = Fraction(numerator, 2**found.fraction_bits) * Fraction(STEP)
        return sum(
            Fraction(e) <= factor * int(s) for e, s in zip(errors.tolist(), scales, strict=True)
        )

    wanted = ceil(Fraction(402) * Fraction(str(share)))
    assert inside(found.numerator) >= wanted
    assert inside(found.numerator - 1) < wanted
    assert int(found.inside(errors, scales, STEP).sum()) == inside(found.numerator)


@pytest.mark.parametrize("share", [0.68, 0.95])
def test_new_events_lie_inside_as_often_as_stated(share: float) -> None:
    held = []
    for seed in range(300):
        errors, scales = drawn(700, seed)
        found = conformal_factor(errors[:200], scales[:200], STEP, share)
        held.append(found.inside(errors[200:], scales[200:], STEP).mean())
    # Between share and share + 1/(n + 1), and the spread of 300 repetitions.
    error = np.std(held) / np.sqrt(len(held))
    assert share - 3 * error < np.mean(held) < share + 1 / 201 + 3 * error
    assert error < 0.003


@pytest.mark.parametrize("share", [0.5, 0.68, 0.9, 0.95, 0.99, 0.999])
def test_the_fewest_events_are_those_at_which_one_can_lie_outside(share: float) -> None:
    least = least_events(share)
    errors, scales = drawn(least, 3)
    found = conformal_factor(errors, scales, STEP, share)
    assert found.inside(errors, scales, STEP).sum() <= least
    with pytest.raises(DataError, match=f"at least {least} selection events"):
        conformal_factor(errors[:-1], scales[:-1], STEP, share)
    assert Fraction(str(share)) * (least + 1) <= least


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 1.7])
def test_a_share_outside_0_to_1_is_refused(share: float) -> None:
    with pytest.raises(DataError, match="share: lies between 0 and 1"):
        conformal_factor(*drawn(100, 1), STEP, share)


def test_scales_that_say_nothing_still_give_the_stated_share() -> None:
    random = np.random.default_rng(5)
    errors = random.exponential(1.0, 20_000)
    scales = np.ones(20_000, np.int64)
    found = conformal_factor(errors[:10_000], scales[:10_000], STEP, 0.68)
    assert found.inside(errors[10_000:], scales[10_000:], STEP).mean() == pytest.approx(
        0.68, abs=0.015
    )


def test_an_event_without_error_is_inside_and_one_at_the_radius_too() -> None:
    errors, scales = drawn(300, 2)
    found = conformal_factor(errors, scales, STEP, 0.68)
    radius = found.numerator * 40 * STEP / 2**found.fraction_bits
    assert found.inside([0.0, radius], [40, 40], STEP).all()
    assert not found.inside([np.nextafter(radius, np.inf)], [40], STEP).any()


def test_a_region_holds_its_share_of_every_part_where_one_factor_does_not() -> None:
    random = np.random.default_rng(8)
    scales = random.integers(1, 1000, 20_000)
    # Errors grow faster than what is said of them.
    errors = 30.0 * np.square(scales / 300.0) * random.exponential(1.0, 20_000) * STEP
    fixed, fresh = slice(0, 10_000), slice(10_000, None)
    one = conformal_factor(errors[fixed], scales[fixed], STEP, 0.68)
    region = conformal_region(errors[fixed], scales[fixed], STEP, 0.68, 8)
    assert len(region.edges) == 7
    held = {name: [] for name in ("one", "parts")}
    part = region.parts(scales[fresh])
    assert np.bincount(part).min() > 1000
    for number in range(8):
        rows = part == number
        some = errors[fresh][rows], scales[fresh][rows], STEP
        held["one"].append(one.inside(*some).mean())
        held["parts"].append(region.inside(*some).mean())
    assert np.ptp(held["one"]) > 0.5
    # 1,250 new events in a part, and as many that fixed it: ± 1.9 % at one standard deviation.
    assert np.allclose(held["parts"], 0.68, atol=0.06)
    radii = region.radii(scales[fresh], STEP)
    np.testing.assert_array_equal(
        errors[fresh] <= radii, region.inside(errors[fresh], scales[fresh], STEP)
    )


@pytest.mark.parametrize(("events", "parts"), [(18, 0), (19, 1), (40, 2), (5000, 8)])
def test_parts_are_as_many_as_the_events_allow(events: int, parts: int) -> None:
    errors, scales = drawn(events, 4)
    if not parts:
        with pytest.raises(DataError, match="at least 19"):
            conformal_region(errors, scales, STEP, 0.95, 8)
        return
    region = conformal_region(errors, scales, STEP, 0.95, 8)
    assert len(region.factors) == parts
    assert sum(one.events for one in region.factors) == events
    assert min(one.events for one in region.factors) >= least_events(0.95)


def test_equal_scales_stay_in_one_part() -> None:
    errors = np.random.default_rng(1).exponential(1.0, 1000)
    scales = np.repeat([3, 7], [900, 100])
    region = conformal_region(errors, scales, STEP, 0.68, 8)
    assert region.edges == (3,)
    assert [one.events for one in region.factors] == [900, 100]
