"""The paired comparison of two timing studies, `tests/benchmarks/paired_widths.py`."""

from __future__ import annotations

import numpy as np
import pytest
from paired_widths import RESIDUAL, SAME, differences, residuals

from pulsefront.errors import DataError


def judged(residual: np.ndarray) -> dict[str, np.ndarray]:
    known = np.arange(len(residual)) % 4 * 33.0
    return {RESIDUAL: residual, **dict.fromkeys(SAME, known)}


def test_what_both_networks_have_in_common_cancels() -> None:
    rng = np.random.default_rng(5)
    light, own = rng.normal(0, 100, 4000), rng.normal(0, 5, 4000)
    found = differences(judged(light), judged(1.05 * light + own), replicates=200, seed=1)
    (central,) = (one for one in found if one.width == "central width")
    assert central.second / central.first == pytest.approx(1.05, abs=0.01)
    assert 0 < central.low < central.second - central.first < central.high
    # Of two separate samples the difference would be known to about 17 ps.
    assert central.high - central.low < 6
    assert "%" in str(central)


def test_other_coincidences_are_refused(tmp_path) -> None:
    one = judged(np.random.default_rng(1).normal(0, 100, 400))
    other = {**one, SAME[0]: one[SAME[0]] + 1}
    with pytest.raises(DataError, match="different coincidences"):
        differences(one, other, replicates=10, seed=1)
    with pytest.raises(DataError, match="no finished study"):
        residuals(tmp_path)
