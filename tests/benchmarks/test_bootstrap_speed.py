"""How fast a bootstrap of 50,000 events is; its value is checked before it is timed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pulsefront.evaluate import metrics
from pulsefront.evaluate.intervals import (
    bootstrap,
    fwhm_statistic,
    median_statistic,
)

VALUES = np.random.default_rng(0).normal(size=50_000)
GROUPS = np.arange(50_000) // 100


@pytest.mark.parametrize("grouped", [False, True], ids=["events", "groups"])
@pytest.mark.parametrize("name", ["fwhm", "median"])
def test_a_thousand_replicates(benchmark: Any, name: str, grouped: bool) -> None:
    make, plain = {
        "fwhm": (fwhm_statistic, metrics.fwhm),
        "median": (median_statistic, np.median),
    }[name]
    statistic = make(VALUES)
    assert statistic(np.ones(len(VALUES))) == pytest.approx(plain(VALUES), abs=1e-3)
    groups = GROUPS if grouped else None
    benchmark.pedantic(bootstrap, (statistic, len(VALUES)), {"groups": groups}, rounds=3)
