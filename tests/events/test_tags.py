"""What the trigger tags of a file tell of their clock, and what is said of it."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.events.readers.base import DataWarning
from pulsefront.events.tags import TagClock

PERIOD = 1 << 31


def told(clock: TagClock, tags: np.ndarray, counters: np.ndarray) -> tuple[np.ndarray, list[str]]:
    unwrap = clock.unwrapper()
    times = unwrap(tags, counters)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        unwrap.tell()
    assert all(issubclass(one.category, DataWarning) for one in said)
    return times, [str(one.message) for one in said]


@settings(deadline=None)
@given(
    st.lists(st.integers(1, PERIOD // 2 - 1), min_size=40, max_size=80),
    st.integers(0, PERIOD - 1),
    st.integers(1, 30),
)
def test_a_flag_that_stays_set_is_no_part_of_the_tag(
    steps: list[int], start: int, chunk: int
) -> None:
    true = start + np.concatenate([[0], np.cumsum(steps)])
    tags = true % PERIOD | (true >= PERIOD).astype(np.int64) << 31
    falls = np.count_nonzero(np.diff(tags) < 0)
    clock = TagClock.of_tags((tags[i : i + chunk] for i in range(0, len(tags), chunk)), "x")
    assert clock.flagged == (falls >= 2)
    if clock.flagged:
        times, said = told(clock, tags, np.arange(len(tags)))
        np.testing.assert_array_equal(times, true)
        assert len(said) == 1
        assert "roll-over flag" in said[0]


@settings(deadline=None)
@given(st.lists(st.integers(1, 2 * PERIOD // 3), min_size=40, max_size=80))
def test_thirty_two_bits_are_a_tag(steps: list[int]) -> None:
    true = np.cumsum(steps)
    tags = true % (2 * PERIOD)
    clock = TagClock.of_tags([tags], "x")
    assert not clock.flagged
    if clock.seen_bits == 32:
        np.testing.assert_array_equal(told(clock, tags, np.arange(len(tags)))[0], true)


@pytest.mark.parametrize(
    ("tags", "counters", "says"),
    [
        (np.full(40, 7), np.arange(40), "39 events have the trigger tag of the one before"),
        (np.arange(40) * 3 * PERIOD // 4 % PERIOD, np.zeros(40, int), "goes back 29 times"),
    ],
)
def test_a_tag_that_tells_no_time_is_said(
    tags: np.ndarray, counters: np.ndarray, says: str
) -> None:
    _, said = told(TagClock.of_tags([tags], "x"), tags, counters)
    assert says in said[-1]
