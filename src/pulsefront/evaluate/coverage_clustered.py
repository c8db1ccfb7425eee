"""Coverage cases of events that share a scanner, and of what shuffling an input costs.

Figures of quality control come from a few scanners, and what fails together is told together: the
truth is what as many scanners show on the long run, and each scanner has a way of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pulsefront.evaluate.classification import pr_auc_statistic, reliability
from pulsefront.evaluate.coverage import REPLICATES, CoverageCase
from pulsefront.evaluate.importance import (
    InputImportance,
    occlusion_importance,
    permutation_importance,
)
from pulsefront.evaluate.intervals import (
    Interval,
    Statistic,
    bootstrap,
    fwhm_statistic,
    mean_statistic,
    median_statistic,
    relative_gain,
)

__all__ = ["CLUSTERED_CASES", "QC_METHOD"]

Random = np.random.Generator
Float = NDArray[np.float64]
Units = NDArray[np.int64]

QC_METHOD = "expanded"
"""Of every bootstrap over scanners."""

SCANNERS = 24
FOUND, FOUND_BY_CHART, RIGHT = 0.6, 0.45, 0.7
LEAD_DAYS = 9.0


def _over_scanners(random: Random, statistic: Statistic, unit: Units) -> Interval:
    return bootstrap(
        statistic,
        len(unit),
        groups=unit,
        replicates=REPLICATES,
        seed=int(random.integers(2**31)),
        method=QC_METHOD,
    )


def _members(random: Random, mean: float) -> Units:
    """Draw how many of something each scanner has, and return the scanner of each."""
    return np.repeat(np.arange(SCANNERS), random.poisson(mean, SCANNERS))


def _share(name: str, share: float, mean: float, spread: float) -> CoverageCase:
    """Return a share whose chance differs between scanners by a beta of that standard deviation."""
    sum_of_counts = share * (1 - share) / spread**2 - 1

    def interval(random: Random) -> Interval:
        chance = random.beta(share * sum_of_counts, (1 - share) * sum_of_counts, SCANNERS)
        unit = _members(random, mean)
        hit = (random.random(len(unit)) < chance[unit]).astype(np.float64)
        return _over_scanners(random, mean_statistic(hit), unit)

    return CoverageCase(f"{name}, {SCANNERS} scanners", share, interval)


def _gain_in_recall(random: Random) -> Interval:
    unit = _members(random, 3.0)
    ease = random.normal(0.0, 0.5, SCANNERS)[unit] + random.normal(size=len(unit))
    ours, chart = (
        (ease + random.normal(size=len(unit)) < np.sqrt(2.25) * stats.norm.ppf(share))
        for share in (FOUND, FOUND_BY_CHART)
    )
    gain = ours.astype(np.float64) - chart
    return _over_scanners(random, mean_statistic(gain), unit)


def _lead_days(random: Random) -> Interval:
    unit = _members(random, 3.0)
    scale = np.exp(random.normal(0.0, 0.3, SCANNERS))[unit]
    lead = LEAD_DAYS * scale * np.exp(random.normal(0.0, 0.7, len(unit)))
    return _over_scanners(random, median_statistic(lead), unit)


def _false_alerts(random: Random) -> Interval:
    counts = random.poisson(random.gamma(2.0, 0.5, SCANNERS)).astype(np.float64)
    return _over_scanners(random, mean_statistic(counts), np.arange(SCANNERS))


def _promised(random: Random) -> Interval:
    """Draw failures over those promised; some scanners fail more often than anything tells."""
    unit = np.repeat(np.arange(SCANNERS), 40)
    promised = random.beta(1.0, 12.0, len(unit))
    failed = random.random(len(unit)) < promised * random.gamma(8.0, 1 / 8.0, SCANNERS)[unit]

    def ratio(weight: Float) -> float:
        return float((weight @ failed) / max(float(weight @ promised), 1e-12))

    return _over_scanners(random, ratio, unit)


ROWS_OF_A_FAILURE = 8


def _rows(random: Random, scanners: int) -> tuple[Float, NDArray[np.int64], Units]:
    """Draw score, outcome and scanner of daily rows; those before one failure go together."""
    failures = random.poisson(2.0, scanners)
    before = np.repeat(np.arange(scanners), failures * ROWS_OF_A_FAILURE)
    quiet = np.repeat(np.arange(scanners), 80)
    told = np.repeat(random.normal(1.5, 1.0, failures.sum()), ROWS_OF_A_FAILURE)
    own = random.normal(0.0, 0.5, scanners)
    unit = np.concatenate([before, quiet])
    score = np.concatenate([told, np.zeros(len(quiet))]) + own[unit]
    score += random.normal(0.0, 0.7, len(unit))
    label = np.concatenate([np.ones(len(before), np.int64), np.zeros(len(quiet), np.int64)])
    return score, label, unit


def _true_precision() -> float:
    score, label, _ = _rows(np.random.default_rng(4), 20_000)
    return float(pr_auc_statistic(score, label)(np.ones(len(score))))


def _average_precision(random: Random) -> Interval:
    score, label, unit = _rows(random, SCANNERS)
    return _over_scanners(random, pr_auc_statistic(score, label), unit)


LIMITS = (-0.5, 1.0, 2.0)
"""Ends of two bins: of few failures, and of many."""


def _bin(score: Float) -> NDArray[np.int64]:
    return np.searchsorted(np.array(LIMITS), score, side="right").astype(np.int64)


def _true_share(number: int) -> float:
    score, label, _ = _rows(np.random.default_rng(5), 20_000)
    return float(label[_bin(score) == number].mean())


def _of_bin(number: int) -> Callable[[Random], Interval]:
    def interval(random: Random) -> Interval:
        score, label, unit = _rows(random, SCANNERS)
        inside = _bin(score) == number
        (found,) = reliability(
            np.full(int(inside.sum()), 0.5), label[inside], bins=1, groups=unit[inside]
        )
        return found.observed

    return interval


SHUFFLED, COVERED = (float(np.sqrt(2 / np.pi)) * (spread - 0.5) for spread in (1.5, 1.25**0.5))
"""Mean |x′ − x − e| and |x + e| less that of |e|: normal, of these spreads and of 0.5."""


def _linear(random: Random) -> tuple[Float, Callable[[NDArray[np.generic]], Float]]:
    x = random.normal(size=(1000, 2))
    y = x[:, 0] + 0.5 * random.normal(size=1000)
    return x, lambda estimate: np.abs(np.asarray(estimate, np.float64) - y)


def _of_first(found: Sequence[InputImportance]) -> Interval:
    return next(one.growth for one in found if one.name == "first")


def _shuffled(random: Random) -> Interval:
    x, loss = _linear(random)
    seed = int(random.integers(2**31))
    columns = {"first": [0]}
    return _of_first(permutation_importance(lambda v: v[:, 0], x, loss, columns, seed=seed))


def _covered(random: Random) -> Interval:
    x, loss = _linear(random)
    seed = int(random.integers(2**31))
    columns = {"first": [0]}
    return _of_first(occlusion_importance(lambda v: v[:, 0], x, loss, columns, seed=seed))


def _residuals(random: Random, events: int) -> tuple[Float, Float]:
    """Draw what two networks have on the same events: the first is better by 0.2."""
    shared, one, other = random.normal(size=(3, events))
    return 0.8 * (0.8 * shared + 0.6 * one), 0.8 * shared + 0.6 * other


def _paired_medians(random: Random) -> Interval:
    position = np.repeat(np.arange(16), 100)
    common = np.exp(random.normal(0.0, 0.2, 16))[position]
    one, other = (np.abs(common * each) for each in _residuals(random, len(position)))
    gain = relative_gain(median_statistic(one), median_statistic(other))
    return _over_scanners(random, gain, position)


def _paired_widths(random: Random) -> Interval:
    one, other = _residuals(random, 4000)
    gain = relative_gain(fwhm_statistic(one), fwhm_statistic(other))
    return _over_scanners(random, gain, np.arange(4000))


CLUSTERED_CASES: Sequence[CoverageCase] = (
    _share("recall of failures", FOUND, 3.0, 0.15),
    _share("precision of alerts", RIGHT, 4.0, 0.15),
    CoverageCase(f"gain in recall, {SCANNERS} scanners", FOUND - FOUND_BY_CHART, _gain_in_recall),
    CoverageCase(f"average precision, {SCANNERS} scanners", _true_precision(), _average_precision),
    CoverageCase(f"median lead time, {SCANNERS} scanners", LEAD_DAYS, _lead_days),
    CoverageCase(f"false alerts per year, {SCANNERS} scanners", 1.0, _false_alerts),
    CoverageCase(f"failures over promised, {SCANNERS} scanners", 1.0, _promised),
    CoverageCase("share in a bin of few failures", _true_share(1), _of_bin(1)),
    CoverageCase("share in a bin of many failures", _true_share(2), _of_bin(2)),
    CoverageCase("growth by shuffling, 1,000 events", SHUFFLED, _shuffled, conservative=True),
    CoverageCase("growth by covering, 1,000 events", COVERED, _covered),
    CoverageCase("compare: paired medians, 16 positions", 0.2, _paired_medians),
    CoverageCase("compare: paired FWHM, 4,000 events", 0.2, _paired_widths, conservative=True),
)
