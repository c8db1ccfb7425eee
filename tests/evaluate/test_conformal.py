"""Regions of a stated share: exact factors, the share that they hold, too few events."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import numpy as np
import pytest

from pulsefront.errors import DataError
from pulsefront.evaluate.conformal import conformal_factor, least_events

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
