"""How fast a bootstrap of 50,000 events is; its value is checked before it is timed."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from machine import cpu_seconds
from pulsefront.evaluate import metrics
from pulsefront.evaluate.intervals import bootstrap, fwhm_statistic, median_statistic

EVENTS, REPLICATES = 50_000, 1000
VALUES = np.random.default_rng(0).normal(size=EVENTS)
GROUPS = np.arange(EVENTS) // 100
MOST = {("fwhm", True): 7, ("median", True): 11, ("fwhm", False): 13, ("median", False): 17}
"""Times a thousand weighted histograms of NumPy, which the FWHM of groups needs at least."""


def histograms() -> None:
    weights = np.ones(EVENTS)
    bins = np.clip(np.rint(10 * VALUES) + 50, 0, 99).astype(np.int64)
    for _ in range(REPLICATES):
        np.bincount(bins, weights, minlength=100)


@pytest.mark.parametrize("grouped", [False, True], ids=["events", "groups"])
@pytest.mark.parametrize("name", ["fwhm", "median"])
def test_a_thousand_replicates(name: str, grouped: bool) -> None:
    make, plain = {
        "fwhm": (fwhm_statistic, metrics.fwhm),
        "median": (median_statistic, np.median),
    }[name]
    statistic = make(VALUES)
    assert statistic(np.ones(EVENTS)) == pytest.approx(plain(VALUES), abs=1e-3)
    groups = GROUPS if grouped else None
    seconds = cpu_seconds(
        lambda: bootstrap(statistic, EVENTS, groups=groups, replicates=REPLICATES), rounds=3
    )
    share = seconds / cpu_seconds(histograms, rounds=3)
    sys.stdout.write(
        f"\n{name} of {'groups' if grouped else 'events'}: {seconds:.2f} s, "
        f"{share:.1f} times the histograms\n"
    )
    assert share < MOST[name, grouped]
