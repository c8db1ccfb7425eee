"""Many quantities checked again and again against one reference: which have moved, since when?

At every check each quantity has an estimate of its shift from the reference, with a known variance.
The newest check alone, and the means of the last 6, 24 and 168 checks, are compared with zero: a
large shift is found at once, a small one when enough checks have seen it. The chance of a false
alarm is shared among all comparisons of a check (Bonferroni), so the expected number of checks with
a false alarm is bounded whatever depends on what; nothing is assumed of the correlations.

The reference itself was measured once, with an error that all checks share. It does not average
out over checks, so it stands as a term of its own in every variance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.stats import norm, t

__all__ = ["WINDOWS", "ShiftEstimate", "Verdict", "judge", "limit_in_sigmas"]

WINDOWS = (1, 6, 24, 168)
"""Checks that are averaged: of hourly ones the last, a quarter of a day, a day, a week."""

BACK_WITHIN, AWAY_BY = 2.0, 3.0
"""A quantity that had moved is back where a check lies within so many standard errors of the
reference, and by so many away from where it had moved to: its means begin anew there."""


@dataclass(frozen=True)
class ShiftEstimate:
    """The shift of one quantity from its reference, at one check.

    Attributes
    ----------
    shift
        In the quantity's own unit.
    variance
        Of this check alone.
    reference_variance
        What the reference leaves open; the same error at every check.
    degrees_of_freedom
        Of the estimate of both variances; None where they are as good as known.
    """

    shift: float
    variance: float
    reference_variance: float = 0.0
    degrees_of_freedom: int | None = None


@dataclass(frozen=True)
class Verdict:
    """What the checks say of one quantity.

    ``sigmas`` is the ratio of shift to standard error in the window, of ``window`` checks, in which
    the quantity stands out most. Where that is beyond the limit, ``since`` is the index of the
    check at which the shift began: the most likely place of one step. ``shift`` and ``error`` (one
    standard error) are then of all checks since, else of the window.
    """

    name: str
    shift: float
    error: float
    sigmas: float
    limit_sigmas: float
    window: int
    since: int | None

    @property
    def moved(self) -> bool:
        """Whether the shift is beyond what chance gives."""
        return self.since is not None


def limit_in_sigmas(
    comparisons: int, checks_between_false_alarms: float, degrees_of_freedom: int | None = None
) -> float:
    """Return the limit of one of *comparisons* two-sided tests of a check.

    All together are beyond their limits by chance in one check of *checks_between_false_alarms* at
    most, in expectation.
    """
    level = 1.0 / (2.0 * checks_between_false_alarms * comparisons)
    found = norm.isf(level) if degrees_of_freedom is None else t.isf(level, degrees_of_freedom)
    return float(found)


def judge(
    history: Mapping[str, Sequence[ShiftEstimate | None]],
    checks_between_false_alarms: float = 720.0,
    comparisons: int | None = None,
) -> list[Verdict]:
    """Say of every quantity whether it has moved by the newest check.

    Parameters
    ----------
    history
        Quantity → its estimate at every check, oldest first; None where it could not be told.
    checks_between_false_alarms
        720 hourly checks are a month.
    comparisons
        Quantities that share the false alarms; those of *history* where left out.

    Returns
    -------
    One verdict for each quantity that has an estimate at the newest check, in the order given.
    """
    count = (comparisons or max(len(history), 1)) * len(WINDOWS)
    found = []
    for name, series in history.items():
        if not series or series[-1] is None:
            continue
        limit = limit_in_sigmas(count, checks_between_false_alarms, series[-1].degrees_of_freedom)
        found.append(_judged(name, series, limit))
    return found


def _judged(name: str, series: Sequence[ShiftEstimate | None], limit: float) -> Verdict:
    """Go through the checks in turn: a quantity that came back begins anew."""
    known = [(index, estimate) for index, estimate in enumerate(series) if estimate is not None]
    weights = np.array([1.0 / estimate.variance for _, estimate in known])
    shifts = np.array([estimate.shift for _, estimate in known])
    sums = np.concatenate([[0.0], np.cumsum(weights)])
    products = np.concatenate([[0.0], np.cumsum(weights * shifts)])
    start, shift, error, window = 0, 0.0, 1.0, 1
    for end, (_, newest) in enumerate(known, start=1):
        if abs(shift) > limit * error and _is_back(newest, shift):
            start = end - 1
        found = []
        for checks in WINDOWS:
            first = max(start, end - checks)
            weight = sums[end] - sums[first]
            mean = (products[end] - products[first]) / weight
            found.append((mean, sqrt(1.0 / weight + newest.reference_variance), end - first))
        shift, error, window = max(found, key=lambda one: abs(one[0]) / one[1])
    sigmas = shift / error
    if abs(sigmas) <= limit:
        return Verdict(name, float(shift), error, sigmas, limit, window, None)
    # From each check to the last: how much of the squares one step from zero there explains.
    began = start + int(
        np.argmax((products[-1] - products[start:-1]) ** 2 / (sums[-1] - sums[start:-1]))
    )
    weight = sums[-1] - sums[began]
    mean = float((products[-1] - products[began]) / weight)
    error = sqrt(1.0 / weight + known[-1][1].reference_variance)
    return Verdict(name, mean, error, sigmas, limit, window, known[began][0])


def _is_back(newest: ShiftEstimate, moved_to: float) -> bool:
    error = sqrt(newest.variance + newest.reference_variance)
    near = abs(newest.shift) <= BACK_WITHIN * error
    return near and abs(newest.shift - moved_to) >= AWAY_BY * error
