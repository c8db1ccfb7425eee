"""Classical estimators of position behind ``fit`` and ``predict``; see `pulsefront.estimators`."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from pulsefront.errors import ConfigError
from pulsefront.estimators.position.anger import fit_anger
from pulsefront.estimators.position.folded import FoldedEstimator, better_of, fold_events
from pulsefront.estimators.position.light_response import Extent, fit_light_response
from pulsefront.estimators.position.neighbours import fit_nearest_neighbours
from pulsefront.evaluate.metrics import median_error
from pulsefront.fixed_point.fold import Mirrors
from pulsefront.learn.arrays import counts, groups_of, labels, selection_events
from pulsefront.learn.base import PositionRegressor

__all__ = ["AngerPosition", "LightResponsePosition", "NearestNeighbourPosition"]

MOST_JUDGED = 10_000
"""Selection events, evenly among them, on which the two ways are compared."""

Parts = tuple[NDArray[Any], NDArray[np.float64], NDArray[Any], NDArray[np.float64]]


class _TunedPosition(PositionRegressor):
    """A classical estimator: fitted on training events, tuned on those of other groups.

    After ``fit`` the tuned estimator is ``estimator_``, the chosen values ``parameters_``. With
    ``fold``, such as a scan's ``mirrors``, it is tuned on events as they are and on events that are
    turned into one part of the block, and does as it errs less on selection events.
    """

    fold: Mirrors | None
    selection_fraction: float
    seed: int

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:  # noqa: N803
        """Fit and tune on charges (event, photosensor) and positions (event, 2) or (event, 3), mm.

        Parameters
        ----------
        groups
            (event,) or (event, column) labels of what events share, such as the stage position:
            whole groups are kept for tuning.

        Raises
        ------
        DataError
            Shapes do not fit, or values are not finite.
        """
        charges = counts(X, self.axes)
        position = labels(y, len(charges))
        train, selection = selection_events(
            len(charges), groups_of(groups, len(charges)), self.selection_fraction, self.seed
        )
        parts = (charges[train], position[train], charges[selection], position[selection])
        self.estimator_ = self._tuned(parts) if self.fold is None else self._both_ways(parts)
        self.parameters_ = self.estimator_.parameters
        self.n_features_in_ = charges.shape[1]
        return self

    def _tuned(self, parts: Parts) -> Any:
        raise NotImplementedError

    def _both_ways(self, parts: Parts) -> FoldedEstimator:
        """Tune on events as they are and on folded ones, and take what errs less on selection."""
        assert self.fold is not None
        charges, position, selection, known = parts
        folded = (
            *fold_events(self.fold, charges, position),
            *fold_events(self.fold, selection, known),
        )

        judged = np.unique(
            np.linspace(0, len(known) - 1, min(len(known), MOST_JUDGED)).astype(np.intp)
        )

        def error(found: FoldedEstimator) -> float:
            return median_error(found.estimate(selection[judged]) - known[judged])

        return better_of(self.fold, self._tuned, parts, folded, error)

    def predict(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """Return positions, (event, axis), in mm."""
        self._require_fitted()
        return np.asarray(self.estimator_.estimate(counts(X, self.axes)), np.float64)


class AngerPosition(_TunedPosition):
    """Anger logic with a fitted linearity correction; depth from the spread of the light.

    Parameters
    ----------
    sensor_position_mm
        (photosensor, 2) centres, such as ``load_detector(…).sensors.centres_mm``.
    fold
        Mirrors of the block; see `fixed_point.fold.Mirrors`.
    selection_fraction
        Share of the groups that power, threshold and degree are chosen on.
    seed
        Of that choice.
    """

    def __init__(
        self,
        sensor_position_mm: Any = None,
        *,
        fold: Mirrors | None = None,
        selection_fraction: float = 0.3,
        seed: int = 0,
    ) -> None:
        self.sensor_position_mm = sensor_position_mm
        self.fold = fold
        self.selection_fraction = selection_fraction
        self.seed = seed

    def _tuned(self, parts: Parts) -> Any:
        if self.sensor_position_mm is None:
            raise ConfigError(
                "Anger logic needs the centres of the photosensors",
                field="sensor_position_mm",
                remedy="give (photosensor, 2), such as load_detector(NAME).sensors.centres_mm",
            )
        return fit_anger(*parts, self.sensor_position_mm, seed=self.seed)


class NearestNeighbourPosition(_TunedPosition):
    """k nearest neighbours among training events; k and the light pattern are chosen.

    Parameters
    ----------
    most_references
        Training events that are searched, at most.
    """

    def __init__(
        self,
        *,
        most_references: int = 50_000,
        fold: Mirrors | None = None,
        selection_fraction: float = 0.3,
        seed: int = 0,
    ) -> None:
        self.fold = fold
        self.most_references = most_references
        self.selection_fraction = selection_fraction
        self.seed = seed

    def _tuned(self, parts: Parts) -> Any:
        return fit_nearest_neighbours(*parts, most_references=self.most_references, seed=self.seed)


class LightResponsePosition(_TunedPosition):
    """Maximum likelihood with the fitted light response of every photosensor; it iterates.

    Labels need a depth.

    Parameters
    ----------
    extent_mm
        ((x low, x high), (y …), (z …)) within which positions are sought; that of the training
        positions where left out.
    """

    def __init__(
        self,
        extent_mm: Extent | None = None,
        *,
        fold: Mirrors | None = None,
        selection_fraction: float = 0.3,
        seed: int = 0,
    ) -> None:
        self.fold = fold
        self.extent_mm = extent_mm
        self.selection_fraction = selection_fraction
        self.seed = seed

    def _tuned(self, parts: Parts) -> Any:
        return fit_light_response(*parts, extent_mm=self.extent_mm, seed=self.seed)
