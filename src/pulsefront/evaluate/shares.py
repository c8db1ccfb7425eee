"""Shares of cases with their score intervals, of independent cases and of groups of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.errors import DataError
from pulsefront.evaluate.intervals import Interval

__all__ = ["clustered_share", "design_effect_of", "wilson_interval"]

Float = NDArray[np.float64]


def wilson_interval(events: int, cases: int, confidence: float = 0.95) -> Interval:
    """Return a share with its score interval (Wilson 1927), which stays within 0 … 1.

    Raises
    ------
    DataError
        No cases, or more events than cases.
    """
    from scipy import stats

    if not 0 <= events <= cases or cases == 0:
        raise DataError("must be 0 ≤ events ≤ cases, and cases", value=(events, cases))
    ends = stats.binomtest(events, cases).proportion_ci(confidence, "wilson")
    return Interval(events / cases, float(ends.low), float(ends.high), confidence)


def clustered_share(
    events: ArrayLike,
    cases: ArrayLike,
    confidence: float = 0.95,
    *,
    design_effect: float | None = None,
) -> Interval:
    """Return a share over groups of cases that go together, with its score interval.

    Cases count for as many independent ones as the scatter of the groups about the share says
    (Korn and Graubard 1998, Survey Methodology 24, 193); the interval is Wilson's (1927) with
    Student's t of the groups.

    Parameters
    ----------
    events, cases
        (group,) of each group.
    design_effect
        How many cases count for one where all agree and no group scatters, as `design_effect_of`
        has it of more cases; without it a group counts for one.

    Raises
    ------
    DataError
        No cases, or more events than cases.
    """
    from scipy import stats

    hits, sizes = _groups(events, cases)
    groups, total = len(sizes), float(sizes.sum())
    share = float(hits.sum()) / total
    effect = design_effect_of(hits, sizes)
    if effect is None:
        effect = max(design_effect or total / groups, 1.0)
    effective = total / effect
    tail = (1 + confidence) / 2
    z = float(stats.t.ppf(tail, groups - 1) if groups > 1 else stats.norm.ppf(tail))
    within = 1 + z**2 / effective
    middle = (share + z**2 / (2 * effective)) / within
    half = z / within * np.sqrt(share * (1 - share) / effective + z**2 / (4 * effective**2))
    low, high = max(0.0, middle - float(half)), min(1.0, middle + float(half))
    return Interval(share, low, high, confidence)


def design_effect_of(events: ArrayLike, cases: ArrayLike) -> float | None:
    """Return how many cases count for one independent case, at least 1; None of one group.

    The variance of the share as the scatter of the groups has it, over that of as many independent
    cases (Kish 1965); None, too, where all cases agree.

    Parameters
    ----------
    events, cases
        (group,) of each group.

    Raises
    ------
    DataError
        No cases, or more events than cases.
    """
    hits, sizes = _groups(events, cases)
    groups, total = len(sizes), float(sizes.sum())
    share = float(hits.sum()) / total
    if groups < 2 or not 0 < share < 1:
        return None
    scatter = float(((hits - share * sizes) ** 2).sum()) * groups / (groups - 1) / total
    return max(scatter / (share * (1 - share)), 1.0)


def _groups(events: ArrayLike, cases: ArrayLike) -> tuple[Float, Float]:
    hits, sizes = np.asarray(events, np.float64), np.asarray(cases, np.float64)
    if hits.shape != sizes.shape or not sizes.sum() > 0 or not (hits <= sizes).all():
        raise DataError("must be 0 ≤ events ≤ cases, and cases", value=(hits.sum(), sizes.sum()))
    return hits, sizes
