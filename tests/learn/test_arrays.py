"""Arrays of notebooks: what is taken, what is refused, and that groups stay whole."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulsefront.errors import ConfigError, DataError
from pulsefront.learn.arrays import counts, groups_of, labels, selection_events


def test_frames_lists_and_whole_floats_are_counts() -> None:
    expected = np.array([[1, 2], [3, 4]])
    for given_as in (expected, expected.tolist(), pd.DataFrame(expected), expected.astype(float)):
        found = counts(given_as, 2)
        assert found.dtype.kind == "i"
        np.testing.assert_array_equal(found, expected)


def test_awkward_arrays_are_counts() -> None:
    awkward = pytest.importorskip("awkward")
    np.testing.assert_array_equal(counts(awkward.Array([[1, 2], [3, 4]]), 2), [[1, 2], [3, 4]])
    with pytest.raises(DataError, match="no regular array"):
        counts(awkward.Array([[1, 2], [3]]), 2)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([[0.5, 1.0]], "whole numbers"),
        ([[1.0, 1.0], [np.nan, 1.0]], r"1 of 4 values are not finite, the first at \[1, 0\]"),
        ([1, 2], "must be"),
        (np.zeros((0, 3), int), "must be"),
        ([[1, 2], [3]], "no regular array"),
        ([["a"]], "whole numbers"),
    ],
)
def test_what_is_no_count_is_refused(values: object, told: str) -> None:
    with pytest.raises(DataError, match=told):
        counts(values, 2)


def test_labels_are_finite_and_one_for_each_event() -> None:
    assert labels(pd.Series([1, 2]), 2).tolist() == [1.0, 2.0]
    with pytest.raises(DataError, match="there are 3 events"):
        labels([1.0, 2.0], 3)
    with pytest.raises(
        DataError, match=r"1 of 2 values are not finite, the first at \[1\] \(got inf\); select"
    ):
        labels([1.0, np.inf], 2)


def test_groups_may_have_several_columns() -> None:
    assert groups_of(None, 3) is None
    found = groups_of([(0, 1), (0, 2), (0, 1)], 3)
    assert found is not None
    assert found[0] == found[2] != found[1]


@given(st.lists(st.integers(0, 9), min_size=2, max_size=60), st.integers(0, 5))
def test_no_group_is_in_both_parts(groups: list[int], seed: int) -> None:
    of_event = np.array(groups)
    names = len(set(groups))
    if not 0 < round(0.3 * names) < names:
        with pytest.raises(DataError, match="give no two parts"):
            selection_events(len(groups), of_event, 0.3, seed)
        return
    train, selection = selection_events(len(groups), of_event, 0.3, seed)
    assert sorted([*train, *selection]) == list(range(len(groups)))
    assert not set(of_event[train]) & set(of_event[selection])


def test_a_fraction_is_a_number() -> None:
    with pytest.raises(ConfigError, match="selection_fraction: needs a number"):
        selection_events(5, None, "x", 0)
