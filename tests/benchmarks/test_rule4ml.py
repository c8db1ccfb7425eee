"""The errors of rule4ml that docs/estimates.md tells, where rule4ml is installed."""

from __future__ import annotations

import numpy as np
import pytest
from rule4ml_error import absent, factors

MEDIANS = {"LUT": 4.19, "FF": 8.4, "DSP": 20.4, "CYCLES": 10.7}


@pytest.mark.skipif(absent() is not None, reason=str(absent()))
def test_the_medians_are_those_that_are_told() -> None:
    found = factors()
    for name, told in MEDIANS.items():
        assert np.median(found[name]) == pytest.approx(told, rel=0.05), name
