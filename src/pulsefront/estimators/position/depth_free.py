"""The light-response likelihood where no label says the depth.

Depth shows in the light itself: near the photosensors it gathers on few of them. The depths of
the training events are found together with the response, in turns (as for calibration by light
sharing without depth references, van Dam et al. 2011):

1. the events of a position are ranked by how much their light gathers, and given the depths that
   gamma rays of that number would have, by the law of attenuation;
2. the response is fitted to positions and these depths;
3. each event gets the depth at which the response fits its light best, at its known x and y; the
   ranks of these depths are laid on the law of attenuation again, and 2 and 3 are repeated.

Only x and y are estimated: the scale of depth is that of the assumed law, not measured.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.estimators.position.light_response import (
    Extent,
    LightResponse,
    fit_light_response,
    fit_response,
)
from pulsefront.estimators.position.patterns import (
    PositionTrial,
    check_charges,
    check_events,
    light_shares,
    root_shares,
)
from pulsefront.evaluate.spread import spread_over

__all__ = ["DepthFreeResponse", "fit_depth_free_response"]

Float = NDArray[np.float64]

TURNS = 3
DEPTHS = 12
"""Depths at which the light of an event is compared with the response."""
INTERVALS, PENALTY, KEPT_SHARE = (10, 10, 5), 1e-3, 0.7
"""Of the response while depths are sought; the final one is tuned."""
MOST_EVENTS = 30_000
CHUNK = 8192


@dataclass(frozen=True)
class DepthFreeResponse:
    """A light response whose depths came from the light; it tells x and y."""

    response: LightResponse

    @property
    def parameters(self) -> dict[str, float | str]:
        """Tuned parameters, for a table."""
        return {**self.response.parameters, "depths": "from the light"}

    @property
    def table(self) -> tuple[PositionTrial, ...]:
        """Every candidate tried."""
        return self.response.table

    def estimate(self, charges: ArrayLike) -> Float:
        """Return x and y in mm, (event, 2), from (event, photosensor) charges.

        Raises
        ------
        DataError
            Charges of another number of photosensors, or not finite.
        """
        return self.response.estimate(charges)[:, :2]


def fit_depth_free_response(
    charges: ArrayLike,
    position_mm: ArrayLike,
    selection_charges: ArrayLike,
    selection_position_mm: ArrayLike,
    *,
    extent_mm: Extent,
    attenuation_per_mm: float,
) -> DepthFreeResponse:
    """Fit response and depths on training events; choose the smoothness on selection events.

    Parameters
    ----------
    charges, position_mm
        Training: (event, photosensor), (event, 2) x, y.
    selection_charges, selection_position_mm
        Events of other positions; the candidate of the smallest median 2-D error is kept.
    extent_mm
        Faces of the crystal, ((x low, x high), (y …), (depth …)); the photosensors are at the
        largest depth.
    attenuation_per_mm
        Of the gamma rays in the crystal, which sets how many interact at which depth.

    Raises
    ------
    DataError
        Shapes do not fit, there are no events, values are not finite, or training positions lie
        outside the extent.
    """
    light, xy = check_events(charges, position_mm, "training", axes=(2,))
    few = spread_over(len(light), MOST_EVENTS)
    depth_of = _Attenuation(*extent_mm[2], attenuation_per_mm)
    roots, places = root_shares(light[few]), xy[few]
    depth = depth_of.ranked(_gathering_rank(light[few], places))
    for _ in range(TURNS):
        model = fit_response(
            roots, np.column_stack([places, depth]), extent_mm, INTERVALS, PENALTY, KEPT_SHARE
        )
        depth = depth_of.ranked(_rank(_best_depth(light[few], places, model)))
    labelled = np.column_stack([xy, depth_of.ranked(_rank(_best_depth(light, xy, model)))])
    return DepthFreeResponse(
        fit_light_response(
            light, labelled, selection_charges, selection_position_mm, extent_mm=extent_mm
        )
    )


@dataclass(frozen=True)
class _Attenuation:
    """The depths of interaction of gamma rays that enter at ``low_mm``."""

    low_mm: float
    high_mm: float
    per_mm: float

    def ranked(self, rank: Float) -> Float:
        """Return the depth of the share *rank* (0 … 1) of all interactions, (event,)."""
        whole = 1 - math.exp(-self.per_mm * (self.high_mm - self.low_mm))
        return np.asarray(self.low_mm - np.log1p(-rank * whole) / self.per_mm)


def _rank(values: Float) -> Float:
    """Return where each value stands among all, within 0 … 1."""
    from scipy.stats import rankdata

    return np.asarray((rankdata(values, method="ordinal") - 0.5) / len(values))


def _gathering_rank(light: NDArray[np.float32], xy: Float) -> Float:
    """Return the rank, among the events of a position, of how much the light gathers."""
    gathering = (light_shares(np.maximum(light, 0)).astype(np.float64) ** 2).sum(axis=1)
    _, place = np.unique(xy, axis=0, return_inverse=True)
    rank = np.empty(len(light))
    for events in np.split(
        np.argsort(place.reshape(-1), kind="stable"),
        np.cumsum(np.bincount(place.reshape(-1)))[:-1],
    ):
        rank[events] = _rank(gathering[events])
    return rank


def _best_depth(light: NDArray[np.float32], xy: Float, model: LightResponse) -> Float:
    """Return the depth at which the response fits each event best at its x and y, (event,)."""
    depths = np.linspace(*model.extent_mm[2], DEPTHS)
    found = np.empty(len(light))
    for start in range(0, len(light), CHUNK):
        part = slice(start, start + CHUNK)
        roots = root_shares(check_charges(light[part]))
        misfit = np.column_stack(
            [
                ((roots - model.response(_at_depth(xy[part], depth))) ** 2) @ (1 / model.variance)
                for depth in depths
            ]
        )
        found[part] = _least(misfit, depths)
    return found


def _at_depth(xy: Float, depth: float) -> Float:
    return np.column_stack([xy, np.full(len(xy), depth)])


def _least(misfit: Float, depths: Float) -> Float:
    """Return where a parabola through the three least misfits of each row is least."""
    middle = np.clip(misfit.argmin(axis=1), 1, len(depths) - 2)
    rows = np.arange(len(misfit))
    before, least, after = (misfit[rows, middle + step] for step in (-1, 0, 1))
    curve = before - 2 * least + after
    step = np.divide(0.5 * (before - after), curve, out=np.zeros(len(rows)), where=curve > 0)
    return np.asarray(depths[middle] + np.clip(step, -1.0, 1.0) * (depths[1] - depths[0]))
