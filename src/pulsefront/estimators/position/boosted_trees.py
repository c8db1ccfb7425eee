"""Position by gradient-boosted trees on what Anger logic leaves over.

Trees cut positions into steps; on top of the smooth polynomial of Anger logic they only have to
learn what it gets wrong. They see sums of rows and columns and three centroids of the light
(Müller et al. 2018 give theirs such features), one model per axis. The loss is chosen per axis on
selection events: squares average over the events of a position, absolute deviations forget the
gamma rays that scattered first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pulsefront.estimators.position.anger import AngerLogic
from pulsefront.estimators.position.patterns import (
    PositionTrial,
    check_charges,
    check_events,
    light_shares,
    same_axes,
    same_sensors,
)
from pulsefront.estimators.trees import fit_trees
from pulsefront.evaluate.spread import spread_over

__all__ = ["BoostedPositions", "fit_boosted_positions"]

Float = NDArray[np.float64]

LOSSES = ("squared_error", "absolute_error")
SHARES = (0.0, 0.5, 1.0)
"""Of the trees' correction that is applied: where Anger logic is right, they add noise."""
POWERS = (1, 2, 4)
AXES = ("x", "y", "depth")


@dataclass(frozen=True)
class BoostedPositions:
    """Anger logic, corrected by trees.

    ``models`` holds one per axis, fitted with ``losses``, of whose correction ``shares`` is used.
    """

    anger: AngerLogic
    losses: tuple[str, ...]
    shares: tuple[float, ...]
    trees: int
    leaves: int
    table: tuple[PositionTrial, ...] = field(repr=False)
    models: tuple[Any, ...] = field(repr=False)

    @property
    def parameters(self) -> dict[str, float | str]:
        """Tuned parameters, for a table."""
        losses = {f"loss_{axis}": loss for axis, loss in zip(AXES, self.losses, strict=False)}
        shares = {f"share_{axis}": share for axis, share in zip(AXES, self.shares, strict=False)}
        return {**losses, **shares, "trees": self.trees, "leaves": self.leaves}

    def estimate(self, charges: ArrayLike) -> Float:
        """Return the axes that were fitted in mm, (event, axis), from (event, photosensor) charges.

        Raises
        ------
        DataError
            Charges of another number of photosensors, or not finite.
        """
        light = check_charges(charges)
        start = self.anger.estimate(light)
        seen = _features(light, self.anger.sensor_position_mm, start)
        left = np.column_stack([model.predict(seen) for model in self.models])
        return np.asarray(start + left * np.array(self.shares), np.float64)


def fit_boosted_positions(
    charges: ArrayLike,
    position_mm: ArrayLike,
    selection_charges: ArrayLike,
    selection_position_mm: ArrayLike,
    anger: AngerLogic,
    *,
    trees: int = 100,
    leaves: int = 31,
    most_training: int = 40_000,
    seed: int = 0,
) -> BoostedPositions:
    """Fit trees to the residuals of *anger* on training events; the rest on selection events.

    Parameters
    ----------
    charges, position_mm
        Training: (event, photosensor), (event, 3) x, y, depth, or (event, 2) without depth.
    selection_charges, selection_position_mm
        Events of other positions; per axis the loss and share of the smallest median absolute error
        are kept.
    anger
        Fitted to the same training events.
    most_training
        So many training events are used at most, spread evenly.

    Raises
    ------
    DataError
        Shapes do not fit, there are no events, or values are not finite.
    """
    light, position = check_events(charges, position_mm, "training")
    other, other_position = check_events(selection_charges, selection_position_mm, "selection")
    same_axes(position, other_position)
    for each in (light, other):
        same_sensors(each, len(anger.sensor_position_mm))
    few = spread_over(len(light), most_training)
    start, other_start = anger.estimate(light[few]), anger.estimate(other)
    seen = _features(light[few], anger.sensor_position_mm, start)
    other_seen = _features(other, anger.sensor_position_mm, other_start)
    left, other_left = position[few] - start, other_position - other_start
    table, chosen = [], []
    for axis in range(position.shape[1]):
        tried = []
        for loss in LOSSES:
            model = fit_trees(seen, left[:, axis], trees, leaves, seed, loss=loss)
            correction = model.predict(other_seen)
            for share in SHARES:
                error = float(np.median(np.abs(share * correction - other_left[:, axis])))
                parameters = {"axis": AXES[axis], "loss": loss, "share": share}
                table.append(PositionTrial(parameters, error))
                tried.append((error, loss, share, model))
        chosen.append(min(tried, key=lambda candidate: candidate[0])[1:])
    losses, shares, models = zip(*chosen, strict=True)
    return BoostedPositions(anger, losses, shares, trees, leaves, tuple(table), models)


def _features(
    light: NDArray[np.float32], sensors_mm: Float, start_mm: Float
) -> NDArray[np.float32]:
    """Return (event, feature): row and column sums, centroids, concentration, first estimate."""
    share = light_shares(np.maximum(light, 0))
    sums = [
        share[:, np.isclose(sensors_mm[:, axis], at)].sum(axis=1)
        for axis in (0, 1)
        for at in np.unique(np.round(sensors_mm[:, axis], 6))
    ]
    centroids = []
    for power in POWERS:
        weight = share**power
        centroids.append(weight @ sensors_mm / weight.sum(axis=1, keepdims=True))
    concentration = [(share**2).sum(axis=1), share.max(axis=1)]
    return np.column_stack([*sums, *centroids, *concentration, start_mm]).astype(np.float32)
