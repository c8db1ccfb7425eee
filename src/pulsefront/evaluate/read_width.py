"""Widths that are read from a histogram, and the chance and bias of such a reading.

The highest bin stands out by chance, so that a FWHM comes out small, and where a curve is hollow
straight lines between bins make a width large. Resampled events have both once more. A bootstrap
that is to know them draws from a smooth curve (Efron 1982, section 5.2; Silverman and Young 1987),
whose own width is known: how far readings of drawn events lie from that width is how far the
reading of the events at hand lies from the width that is sought.

The curve is a Gaussian kernel estimate of arsinh(value / c), c half of the width at hand, which is
straight within that width and logarithmic beyond: a kernel that leaves the peak its shape is there
wide enough for the few events of the tails.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from pulsefront.evaluate import metrics

__all__ = ["PointSpreadWidth", "ReadWidth"]

Float = NDArray[np.float64]

WIDER = 1.75
"""Than Silverman's rule (1986, eq. 3.31), which is for the curve itself and leaves it wavy; chosen
on seed 20262017 of `pulsefront.evaluate.coverage`."""

GRID = 1024
FINE = 16
"""Points of the curve for each bin, of which its own width is read."""


@dataclass(frozen=True)
class ReadWidth:
    """The width of a histogram at a level as a statistic; see `statistics.fwhm_statistic`.

    Attributes
    ----------
    values
        (event,) of all events.
    """

    values: Float
    binning: metrics.Binning
    level: float

    @cached_property
    def _index(self) -> NDArray[np.int64]:
        return self.binning.index(self.values)

    def __call__(self, weights: Float) -> float:
        """Return the width of events that weigh so much."""
        return self._read(self._index, weights)

    def _read(self, index: NDArray[np.int64], weights: Float | None = None) -> float:
        counts = np.bincount(index, weights, minlength=self.binning.count)
        return metrics.profile_width(counts, self.binning.width, self.level)

    @cached_property
    def _middle(self) -> float:
        return float(np.median(self.values))

    @cached_property
    def _scale(self) -> float:
        return 0.5 * self._read(self._index)

    @cached_property
    def _bent(self) -> Float:
        return np.asarray(np.arcsinh((self.values - self._middle) / self._scale))

    @cached_property
    def _kernel(self) -> float:
        bent = self._bent
        low, high = np.quantile(bent, [0.25, 0.75])
        spread = min(float(bent.std()), float(high - low) / 1.349, _bent_normal(self.level))
        return float(WIDER * 0.9 * spread * len(bent) ** -0.2)

    @cached_property
    def own_width(self) -> float:
        """Width of the smooth curve, read from as fine a grid as it needs."""
        step = self.binning.width / FINE
        return metrics.profile_width(self._curve(step, FINE * self.binning.count), step, self.level)

    def _curve(self, step: float, points: int) -> Float:
        """Return the curve at the middles of *points* steps over the bins."""
        bent, kernel = self._bent, self._kernel
        low, high = bent.min() - 4 * kernel, bent.max() + 4 * kernel
        pitch = (high - low) / GRID
        held = np.minimum((bent - low) / pitch, GRID - 1).astype(np.int64)
        reach = min(int(np.ceil(4 * kernel / pitch)), GRID // 2 - 1)
        bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) * pitch / kernel) ** 2)
        smooth = np.convolve(np.bincount(held, minlength=GRID), bell / bell.sum(), mode="same")
        first = self.binning.first_centre - 0.5 * self.binning.width - self._middle
        away = first + (np.arange(points) + 0.5) * step
        middles = low + (np.arange(GRID) + 0.5) * pitch
        found = np.interp(np.arcsinh(away / self._scale), middles, smooth, left=0, right=0)
        return np.asarray(found / np.hypot(away, self._scale))

    def redrawn(self, random: np.random.Generator, replicates: int) -> Float:
        """Return readings of as many events drawn from the curve, (replicate,)."""
        curve = self._curve(self.binning.width / FINE, FINE * self.binning.count)
        shares = curve.reshape(self.binning.count, FINE).sum(axis=1)
        drawn = random.multinomial(len(self.values), shares / shares.sum(), size=replicates)
        return metrics.profile_widths(drawn, self.binning.width, self.level)

    def moved(self, random: np.random.Generator, events: NDArray[np.int64]) -> float:
        """Return the reading of *events* (indices), each moved as the curve is smooth."""
        bent = self._bent[events] + self._kernel * random.standard_normal(len(events))
        return self._read(self.binning.index(self._middle + self._scale * np.sinh(bent)))


@cache
def _bent_normal(level: float) -> float:
    """Return the standard deviation of a normal deviate bent at half of its width at *level*."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    bent = np.arcsinh(nodes / np.sqrt(-2.0 * np.log(level)))
    return float(np.sqrt(weights @ bent**2 / weights.sum()))


@dataclass(frozen=True)
class PointSpreadWidth:
    """The mean of the widths along both axes; see `statistics.point_spread_statistic`.

    Attributes
    ----------
    within
        For each axis which events its profile holds, (event,).
    widths
        Of these.
    """

    within: tuple[NDArray[np.bool_], ...]
    widths: tuple[ReadWidth, ...]

    def __call__(self, weights: Float) -> float:
        """Return the width of events that weigh so much."""
        parts = zip(self.within, self.widths, strict=True)
        return float(np.mean([width(weights[inside]) for inside, width in parts]))

    @property
    def own_width(self) -> float:
        """Mean width of the smooth curves."""
        return float(np.mean([width.own_width for width in self.widths]))

    @cached_property
    def _numbers(self) -> tuple[NDArray[np.int64], ...]:
        return tuple(np.where(inside, np.cumsum(inside) - 1, -1) for inside in self.within)

    def redrawn(self, random: np.random.Generator, replicates: int) -> Float:
        """Return readings of as many events drawn from the curves, (replicate,)."""
        events = len(self.within[0])
        drawn = (random.integers(0, events, events) for _ in range(replicates))
        return np.array([self.moved(random, some) for some in drawn])

    def moved(self, random: np.random.Generator, events: NDArray[np.int64]) -> float:
        """Return the reading of *events* (indices), each moved as the curves are smooth."""
        found = []
        for numbers, width in zip(self._numbers, self.widths, strict=True):
            own = numbers[events]
            found.append(width.moved(random, own[own >= 0]))
        return float(np.mean(found))
