"""Figures of a whole batch: photopeak, unlike events, outputs, shares and rate.

Each is one number of a batch. How far it scatters follows from the reference, which is cut into
blocks: the variance over blocks, times the events of a block, is that of a single event.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import DataError
from pulsefront.estimators.energy.photopeak import find_photopeak
from pulsefront.evaluate.sequential import ShiftEstimate
from pulsefront.monitor.batch import WatchedEvents

__all__ = [
    "BLOCKS",
    "Figure",
    "count_estimates",
    "figure_estimate",
    "output_figures",
    "peak_figures",
]

Float = NDArray[np.float64]

BLOCKS = 40
"""Of the reference; their variance has one degree of freedom less."""

PEAK_SIGMAS = 2.0
"""Half the window in which the events of a peak are counted, as in studies."""

WINSORIZED = 0.005
"""Beyond these quantiles of the reference, at either end, an output counts as the quantile: a few
wild events shift no mean."""


@dataclass(frozen=True)
class Figure:
    """A number of a batch, and what it is in the reference.

    ``of`` gives it of one array of events; a shift is ``compare(new, reference)``.
    """

    name: str
    reference: Float
    of: Callable[[Float], float]
    relative: bool = False

    def shift(self, new: float, old: float) -> float:
        """Return the shift: the logarithm of the ratio for relative figures, else a difference."""
        return log(new / old) if self.relative else new - old


def figure_estimate(figure: Figure, events: Float) -> ShiftEstimate | None:
    """Return the shift of a figure; None where it cannot be told, such as without a photopeak."""
    try:
        old = figure.of(figure.reference)
        blocks = [figure.of(block) for block in np.array_split(figure.reference, BLOCKS)]
        new = figure.of(events)
        shifts = [figure.shift(block, old) for block in blocks]
        shift = figure.shift(new, old)
    except (DataError, ValueError, ZeroDivisionError):
        return None
    of_one = float(np.var(shifts, ddof=1)) * len(figure.reference) / BLOCKS
    if not of_one > 0:
        return None
    return ShiftEstimate(shift, of_one / len(events), of_one / len(figure.reference), BLOCKS - 1)


def peak_figures(reference: WatchedEvents) -> list[tuple[str, Figure]]:
    """Return (spectrum, figure) for every spectrum: where its peak is, how wide, how much of it.

    The window in which events are counted moves with the peak that is found, and so does the count:
    it scatters more than a share of independent events, which blocks see and a formula would not.
    """
    found = []
    for name, charges in reference.spectra.items():
        values = np.asarray(charges, np.float64)
        found += [
            (name, Figure(f"{name}, position", values, _position, relative=True)),
            (name, Figure(f"{name}, width", values, _width, relative=True)),
            (name, Figure(f"{name}, share of events", values, _share_in_peak)),
        ]
    return found


def _position(charges: Float) -> float:
    return find_photopeak(charges).position


def _width(charges: Float) -> float:
    return find_photopeak(charges).fwhm_fraction


def _share_in_peak(charges: Float) -> float:
    return float(find_photopeak(charges).contains(charges, PEAK_SIGMAS).mean())


def output_figures(name: str, reference: Float) -> list[Figure]:
    """Return mean and spread of an output, (vector,) in its unit."""
    low, high = np.quantile(reference, [WINSORIZED, 1.0 - WINSORIZED])

    def mean(values: Float) -> float:
        return float(np.clip(values, low, high).mean())

    def spread(values: Float) -> float:
        return float(np.clip(values, low, high).std())

    return [
        Figure(f"output {name}, mean", reference, mean),
        Figure(f"output {name}, spread", reference, spread, relative=True),
    ]


def count_estimates(
    reference: WatchedEvents, batch: WatchedEvents
) -> dict[str, ShiftEstimate | None]:
    """Return the shifts of the shares that both batches count, and of the rate."""
    found: dict[str, ShiftEstimate | None] = {}
    for name, (some, of) in reference.counts.items():
        if name in batch.counts:
            found[name] = _share(batch.counts[name], (some, of))
    if reference.duration_s is not None:
        found["event rate"] = _rate(batch, reference)
    return found


def _share(new: tuple[int, int], old: tuple[int, int]) -> ShiftEstimate | None:
    """Return the difference of two shares; variance of the pooled one, with one event more of
    either kind, for a share of none is not known to be exactly zero."""
    if not new[1] or not old[1]:
        return None
    pooled = (new[0] + old[0] + 1) / (new[1] + old[1] + 2)
    of_one = pooled * (1 - pooled)
    return ShiftEstimate(new[0] / new[1] - old[0] / old[1], of_one / new[1], of_one / old[1])


def _rate(new: WatchedEvents, old: WatchedEvents) -> ShiftEstimate | None:
    if new.duration_s is None or old.duration_s is None:
        return None
    ratio = (new.recorded / new.duration_s) / (old.recorded / old.duration_s)
    return ShiftEstimate(log(ratio), 1.0 / new.recorded, 1.0 / old.recorded)
