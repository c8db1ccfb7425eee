"""Windows are cut by integer arithmetic, where a plain loop says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pulsefront.errors import ConfigError
from pulsefront.estimators.pulses.windows import leading_edge_windows


def plain(row: list[int], threshold: int, before: int, after: int) -> tuple[int, list[int]]:
    baseline = sum(row[:4]) // 4
    for index in range(4, len(row)):
        if row[index] - baseline >= threshold:
            if index - before < 0 or index + after > len(row):
                return -1, [0] * (before + after)
            return index, [x - baseline for x in row[index - before : index + after]]
    return -1, [0] * (before + after)


@settings(deadline=None, max_examples=200)
@given(
    rows=st.lists(
        st.lists(st.integers(0, 65535), min_size=16, max_size=16), min_size=1, max_size=5
    ),
    threshold=st.integers(1, 70000),
    before=st.integers(0, 6),
    after=st.integers(1, 6),
)
def test_windows_equal_the_plain_loop(
    rows: list[list[int]], threshold: int, before: int, after: int
) -> None:
    windows = leading_edge_windows(
        np.array(rows, np.uint16),
        baseline_samples=4,
        threshold_adc=threshold,
        before=before,
        after=after,
    )
    for row, samples, trigger in zip(rows, windows.samples, windows.trigger_sample, strict=True):
        expected_trigger, expected = plain(row, threshold, before, after)
        assert trigger == expected_trigger
        assert samples.tolist() == expected


def test_hand_written_pulse() -> None:
    pulse = np.array([[10, 11, 10, 10, 10, 12, 30, 80, 90, 70, 40, 20]], np.uint16)
    windows = leading_edge_windows(pulse, baseline_samples=4, threshold_adc=20, before=2, after=3)
    assert windows.trigger_sample.tolist() == [6]
    assert windows.samples.tolist() == [[0, 2, 20, 70, 80]]
    assert windows.usable.tolist() == [True]


@pytest.mark.parametrize(
    "wrong",
    [
        {"baseline_samples": 3},
        {"threshold_adc": 0},
        {"before": 20},
        {"after": 0},
        {"before": -1},
    ],
)
def test_bad_parameters_are_named(wrong: dict[str, int]) -> None:
    good = {"baseline_samples": 4, "threshold_adc": 5, "before": 1, "after": 2}
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        leading_edge_windows(np.zeros((1, 12), np.uint16), **(good | wrong))
