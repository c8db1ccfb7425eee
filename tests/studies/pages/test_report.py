"""What the first page says of the network beside the best classical estimator."""

from __future__ import annotations

import pytest

from pulsefront.evaluate import Interval
from pulsefront.studies.pages.report import _verdict
from pulsefront.studies.records import Gain


@pytest.mark.parametrize(
    ("low", "value", "high", "words"),
    [
        (1.0, 2.7, 4.0, "2.7 % [1.0, 4.0] below"),
        (-4.0, -2.7, -1.0, "2.7 % [1.0, 4.0] above"),
        (-1.0, 2.7, 6.0, "2.7 % [-1.0, 6.0] (not shown to differ) below"),
        (-6.0, -2.7, 1.0, "2.7 % [-1.0, 6.0] (not shown to differ) above"),
    ],
)
def test_a_size_reads_upward_whoever_is_better(
    low: float, value: float, high: float, words: str
) -> None:
    percent = Interval(value, low, high, 0.95)
    gain = Gain(
        baseline="leading edge",
        improvement=percent,
        gain_percent=percent,
        excludes_zero=low > 0,
    )
    expected = f"The network's CTR is {words} that of leading edge, the best."
    assert _verdict(gain, "CTR", "the best") == expected
