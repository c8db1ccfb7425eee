"""Regions that hold a stated share of events: split conformal prediction in exact arithmetic.

A network gives with every event a scale, a positive integer in steps of its output format. The
region of an event has the radius factor · scale, and the factor is fixed on events that no
training has seen: of the ratios error / scale there it is the ⌈(n + 1) · share⌉-th smallest
(Papadopoulos et al. 2002; Lei et al. 2018, algorithm 2). Events drawn as those then lie inside with
at least the stated probability, however good or bad the scale is.

Where the scale is good for some events and bad for others, one factor is too large for the ones and
too small for the others. So events are parted by their scale, and each part has a factor of its own
(Mondrian conformal prediction, Vovk et al. 2005): the region then holds its share in every part,
which is to say that what it says is what is found.

A factor is an integer over a power of two, so that hardware forms the radius by one product and a
shift, and whether an event of the calibration lies inside is decided without rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.errors import DataError

__all__ = [
    "FACTOR_BITS",
    "ConformalFactor",
    "ConformalRegion",
    "conformal_factor",
    "conformal_rank",
    "conformal_region",
    "least_events",
]

FACTOR_BITS = 10
"""Fraction bits of a factor: steps of a thousandth, far finer than any interval of a share."""


@dataclass(frozen=True)
class ConformalFactor:
    """The radius is ``numerator`` · scale / 2^``fraction_bits``, for a *share* of events.

    ``events`` is how many it was fixed on.
    """

    share: float
    numerator: int
    events: int
    fraction_bits: int = FACTOR_BITS

    @property
    def value(self) -> float:
        """The factor."""
        return math.ldexp(self.numerator, -self.fraction_bits)

    def inside(self, errors: ArrayLike, scales: ArrayLike, step: float) -> NDArray[np.bool_]:
        """Return whether each event's error is within its radius, (event,).

        Parameters
        ----------
        errors
            (event,) not negative.
        scales
            (event,) integers from 1 on.
        step
            What a scale of 1 stands for in the unit of the errors, a power of two.
        """
        # Both sides are exact: a power of two only moves the error's binary point, and the product
        # of two integers has less than 53 bits.
        left = np.ldexp(np.asarray(errors, np.float64), self.fraction_bits) / step
        return np.asarray(left <= np.asarray(scales, np.int64) * float(self.numerator))


@dataclass(frozen=True)
class ConformalRegion:
    """A factor for every part of the events, parted by their scales.

    An event belongs to the part whose number is how many of the ascending *edges* its scale
    exceeds; there is one factor more than there are edges.
    """

    edges: tuple[int, ...]
    factors: tuple[ConformalFactor, ...]

    def parts(self, scales: ArrayLike) -> NDArray[np.intp]:
        """Return the part of every event, (event,)."""
        return np.asarray(np.searchsorted(self.edges, np.asarray(scales), side="left"))

    def inside(self, errors: ArrayLike, scales: ArrayLike, step: float) -> NDArray[np.bool_]:
        """Return whether each event's error is within its radius; as `ConformalFactor.inside`."""
        wrong, whole = np.asarray(errors, np.float64), np.asarray(scales, np.int64)
        found = np.zeros(len(wrong), np.bool_)
        part = self.parts(whole)
        for number, factor in enumerate(self.factors):
            rows = part == number
            found[rows] = factor.inside(wrong[rows], whole[rows], step)
        return found

    def radii(self, scales: ArrayLike, step: float) -> NDArray[np.float64]:
        """Return the radius of every event in the unit of *step*, (event,)."""
        values = np.array([factor.value for factor in self.factors])
        return np.asarray(values[self.parts(scales)] * np.asarray(scales) * step)


def conformal_region(
    errors: ArrayLike, scales: ArrayLike, step: float, share: float, parts: int
) -> ConformalRegion:
    """Return factors for as many *parts* of equal size as these events allow.

    Raises
    ------
    DataError
        As `conformal_factor`.
    """
    wrong, whole = np.asarray(errors, np.float64), np.asarray(scales, np.int64)
    least = least_events(share) if 0 < share < 1 else 1
    ordered = np.sort(whole)
    edges: list[int] = []
    begun, wanted = 0, min(parts, len(whole) // max(least, 1))
    for number in range(1, wanted):
        edge = int(ordered[number * len(ordered) // wanted - 1])
        # Equal scales stay together; a part that they leave too small joins the next.
        end = int(np.searchsorted(ordered, edge, side="right"))
        if end - begun >= least and len(ordered) - end >= least:
            edges.append(edge)
            begun = end
    part = np.searchsorted(edges, whole, side="left")
    return ConformalRegion(
        tuple(edges),
        tuple(
            conformal_factor(wrong[part == k], whole[part == k], step, share)
            for k in range(len(edges) + 1)
        ),
    )


def least_events(share: float) -> int:
    """Return how many events a factor for *share* needs at least: below, no event is outside."""
    found = math.ceil(share / (1 - share))
    # ⌈(n + 1) · share⌉ ≤ n, with the rounding of a division like 0.95 / 0.05 seen to.
    while math.ceil((found + 1) * share - 1e-9) > found:
        found += 1
    return found


def conformal_rank(count: int, share: float) -> int:
    """Return which of *count* scores in ascending order, from 1 on, bounds a region for *share*.

    Raises
    ------
    DataError
        The share is not between 0 and 1, or there are too few events for it.
    """
    if not 0 < share < 1:
        raise DataError("lies between 0 and 1", field="share", value=share)
    if count < least_events(share):
        raise DataError(
            f"{count} selection events are too few for a region that holds {share:g} of all events",
            field="uncertainty.shares",
            value=share,
            remedy=f"give at least {least_events(share)} selection events, or a smaller share",
        )
    return math.ceil((count + 1) * share - 1e-9)


def conformal_factor(
    errors: ArrayLike, scales: ArrayLike, step: float, share: float
) -> ConformalFactor:
    """Return the smallest factor with which enough of these events lie inside.

    Parameters
    ----------
    errors, scales, step
        As `ConformalFactor.inside`, of events that no training has seen.
    share
        Of events that are to lie inside, between 0 and 1.

    Raises
    ------
    DataError
        The share is not between 0 and 1, or there are too few events for it.
    """
    wrong, whole = np.asarray(errors, np.float64), np.asarray(scales, np.int64)
    wanted = conformal_rank(len(wrong), share)
    ratios = np.partition(wrong / (whole * step), wanted - 1)
    numerator = max(math.ceil(math.ldexp(float(ratios[wanted - 1]), FACTOR_BITS)) - 2, 0)
    # The division above rounds; what decides is the exact comparison.
    while True:
        found = ConformalFactor(share, numerator, len(wrong))
        if int(found.inside(wrong, whole, step).sum()) >= wanted:
            return found
        numerator += 1
